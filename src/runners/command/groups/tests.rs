//! The protocol on plain folders that stand in for a hierarchy with all controllers, and on the real one where there is one.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::*;

/// A folder that looks like a group with these controllers.
fn fake(controllers: &str) -> tempfile::TempDir {
    let base = tempfile::tempdir().unwrap();
    fs::write(base.path().join("cgroup.controllers"), controllers).unwrap();
    base
}

fn limits(memory_mib: u64, processes: u64) -> ResourceLimits {
    ResourceLimits { memory_mib: Some(memory_mib), processes: Some(processes), ..ResourceLimits::default() }
}

#[test]
fn the_hierarchy_is_found_where_it_is_mounted() {
    let v2 = "29 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw";
    let hybrid = "30 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";
    let container = "29 22 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw";

    assert_eq!(
        own_group(v2, "0::/system.slice/m.service"),
        Some(("/sys/fs/cgroup".into(), "/sys/fs/cgroup/system.slice/m.service".into()))
    );
    assert_eq!(
        own_group(hybrid, "4:memory:/x\n0::/"),
        Some(("/sys/fs/cgroup/unified".into(), "/sys/fs/cgroup/unified".into()))
    );
    assert_eq!(own_group(container, "0::/docker/abc/in"), Some(("/sys/fs/cgroup".into(), "/sys/fs/cgroup/in".into())));
    assert_eq!(own_group("30 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu", "1:cpu:/"), None);
}

#[test]
fn a_command_is_bounded_by_what_the_group_has() {
    let all = fake("cpuset cpu io memory pids");
    let groups = Groups::below(all.path()).unwrap();
    assert_eq!(groups.controllers, ["memory", "pids", "io"]);
    let asked = |folder: &Path| fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap();
    assert_eq!((asked(all.path()), asked(&groups.folder)), ("+io".into(), "+io".into())); // a plain file keeps the last

    let group = groups.make(limits(64, 10)).unwrap();
    let read = |file: &str| fs::read_to_string(group.folder.join(file)).unwrap_or_default();
    assert_eq!(["memory.max", "memory.oom.group", "pids.max"].map(read), ["67108864", "1", "10"]);
    group.kill();
    assert_eq!(read("cgroup.kill"), "1");

    let few = fake("pids");
    let groups = Groups::below(few.path()).unwrap();
    let group = groups.make(limits(64, 10)).unwrap();
    assert!(!group.folder.join("memory.max").exists() && group.folder.join("pids.max").exists());
    assert_eq!(groups.counted(), "cpu, pids");
}

#[test]
fn what_was_used_is_read_from_the_groups_files() {
    let base = fake("io memory");
    let groups = Groups::below(base.path()).unwrap();
    let group = groups.make(ResourceLimits::default()).unwrap();
    assert_eq!(group.used(), Used::default(), "nothing is counted here");

    let say = |file: &str, text: &str| fs::write(group.folder.join(file), text).unwrap();
    say("cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n");
    say("memory.peak", "4096\n");
    say("io.stat", "8:0 rbytes=10 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n8:16 rbytes=5 wbytes=0 rios=1 wios=0\n");
    say("memory.events", "low 0\noom 1\noom_kill 2\noom_group_kill 1\n");

    assert_eq!(
        group.used(),
        Used {
            cpu: Some(Duration::from_micros(1_500)),
            peak_memory_bytes: Some(4_096),
            read_bytes: Some(15),
            written_bytes: Some(20),
            ran_out_of_memory: true
        }
    );
}

#[test]
fn what_a_dead_engine_left_is_taken_away_and_the_living_are_left_alone() {
    let base = fake("");
    let dead = base.path().join(format!("{ENGINE}4194305-1")); // above the largest process id
    let living = base.path().join(format!("{ENGINE}{}-0", std::process::id()));
    fs::create_dir_all(&dead).unwrap();
    fs::create_dir_all(living.join("9")).unwrap();

    let _groups = Groups::below(base.path()).unwrap();

    assert!(!dead.exists() && living.join("9").exists());
}

#[test]
fn processes_of_others_are_told_from_ours() {
    let mut child = Command::new("/bin/sleep").arg("60").spawn().unwrap();

    assert!(is_of_our_program(&child.id().to_string()) && is_of_our_program(&std::process::id().to_string()));
    assert!(!is_of_our_program("2") && !is_of_our_program("4194305"));

    child.kill().unwrap();
    child.wait().unwrap();
}

/// Where this machine lets us: the real thing.
#[test]
fn a_real_group_counts_and_kills_what_left_the_process_group() {
    let groups = match Groups::open() {
        Ok(groups) => groups,
        Err(why) => return eprintln!("not seen here: {why}"),
    };
    let folder = groups.folder.clone();
    let group = groups.make(ResourceLimits::default()).unwrap();
    // a shell with a child in a session of its own
    const SCRIPT: &str = "read go; setsid sleep 60 & i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 60";
    let mut shell = Command::new("/bin/sh").args(["-c", SCRIPT]).stdin(Stdio::piped()).spawn().unwrap();
    group.take_in(shell.id() as libc::pid_t).unwrap();
    shell.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let inside = || fs::read_to_string(group.folder.join("cgroup.procs")).unwrap().lines().count();
    let end = Instant::now() + Duration::from_secs(20);
    while (inside() < 3 || group.used().cpu.is_none_or(|cpu| cpu.is_zero())) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(inside() >= 3 && group.used().cpu.is_some_and(|cpu| !cpu.is_zero()), "{} {:?}", inside(), group.used());

    group.kill();
    shell.wait().unwrap();
    drop(group);
    drop(groups);

    assert!(!folder.exists(), "{folder:?} stays behind");
}
