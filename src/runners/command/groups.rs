//! A control group (cgroup v2) for each command, where the kernel offers one and lets us: what a command and everything it started
//! use is counted and bounded together, and nothing of it can hide when it is ended.
//!
//! ```text
//! own group ─┬─ millrace.main          we ourselves: a group that shares out controllers may hold no process
//!            └─ millrace-<pid>-<n> ─── <n>   one command each
//! ```
//! A group is ours to divide when we are no root and may write to it, when systemd says `Delegate=`, or when it is the root of what
//! this machine or container sees. Everywhere else commands run as before: `wait4` and `/proc` count, rlimits bound.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::user;
use crate::queue::template::ResourceLimits;

/// Where processes of ours go when their group is divided.
const MAIN: &str = "millrace.main";
/// Folders of engines begin so; their process id follows.
const ENGINE: &str = "millrace-";
/// What is counted and bounded, if the group has it. CPU time is counted in any case.
const WANTED: [&str; 3] = ["memory", "pids", "io"];
/// How often processes are moved out of a group that is to be divided: new ones may come meanwhile.
const MOVES_MAX: usize = 5;
/// How often and how far apart the folder of an ended command is taken away: its dead take a moment to go.
const REMOVALS_MAX: usize = 20;
const REMOVAL_PAUSE: Duration = Duration::from_millis(5);

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Where the commands of one engine get their groups.
#[derive(Debug)]
pub(super) struct Groups {
    folder: PathBuf,
    controllers: Vec<&'static str>,
}

/// What all processes of a command used together; absent = not counted here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// User and system time.
    pub cpu: Option<Duration>,
    pub peak_memory_bytes: Option<u64>,
    pub read_bytes: Option<u64>,
    pub written_bytes: Option<u64>,
    /// The kernel ended it because it used more memory than it may.
    pub ran_out_of_memory: bool,
}

impl Groups {
    /// Divides our own group.
    ///
    /// # Errors
    /// A few words: why commands get no groups here.
    pub(super) fn open() -> Result<Self, String> {
        let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
        let (mount, own) = own_group(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?)
            .ok_or("there is no cgroup v2 hierarchy")?;
        let is_main = own.file_name().is_some_and(|name| name == MAIN);
        let base = if is_main { own.parent().unwrap_or(&own) } else { &own };
        let is_ours = !user::are_root() || base == mount || is_delegated(base);
        if !is_ours {
            return Err(format!("{} is not delegated to us (systemd: Delegate=yes)", base.display()));
        }
        Self::below(base)
    }

    fn below(base: &Path) -> Result<Self, String> {
        clear_dead(base);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = base.join(format!("{ENGINE}{}-{number}", std::process::id()));
        fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let offered = fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
        let mut controllers: Vec<&'static str> = WANTED.into_iter().filter(|name| has(&offered, name)).collect();
        controllers.retain(|name| share(base, name) && share(&folder, name));
        Ok(Self { folder, controllers })
    }

    /// Tells what is counted and bounded.
    pub(super) fn counted(&self) -> String {
        ["cpu"].iter().chain(&self.controllers).copied().collect::<Vec<_>>().join(", ")
    }

    /// Makes the group of a command.
    pub(super) fn make(&self, limits: ResourceLimits) -> io::Result<Group> {
        let folder = self.folder.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
        fs::create_dir(&folder)?;
        let processes =
            OpenOptions::new().write(true).create(true).truncate(false).open(folder.join("cgroup.procs"))?;
        let group = Group { folder, processes };
        let bound = |controller: &str, limit: Option<u64>| limit.filter(|_| self.controllers.contains(&controller));
        if let Some(mib) = bound("memory", limits.memory_mib) {
            group.set("memory.max", &mib.saturating_mul(1024 * 1024).to_string())?;
            group.set("memory.swap.max", "0").or_else(absent_is_fine)?; // a kernel without swap has no such file
            group.set("memory.oom.group", "1")?;
        }
        if let Some(processes) = bound("pids", limits.processes) {
            group.set("pids.max", &processes.to_string())?;
        }
        Ok(group)
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// The group of one command. Whoever is left in it dies with this value.
#[derive(Debug)]
pub(super) struct Group {
    folder: PathBuf,
    processes: File,
}

impl Group {
    fn set(&self, file: &str, value: &str) -> io::Result<()> {
        fs::write(self.folder.join(file), value)
    }

    /// A descriptor: a process that writes [`ENTER`](Self::ENTER) to it goes into the group.
    pub(super) fn door(&self) -> RawFd {
        self.processes.as_raw_fd()
    }

    /// What a process writes that goes in itself.
    pub(super) const ENTER: &'static [u8] = b"0";

    /// Takes a process in that could not go itself, and ended ones not.
    pub(super) fn take_in(&self, pid: libc::pid_t) -> io::Result<()> {
        let inside = fs::read_to_string(self.folder.join("cgroup.procs"))?;
        if inside.lines().any(|line| line == pid.to_string()) {
            return Ok(());
        }
        match (&self.processes).write_all(pid.to_string().as_bytes()) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            done => done,
        }
    }

    /// Kills everything in it.
    pub(super) fn kill(&self) {
        kill(&self.folder);
    }

    /// Tells what was used so far.
    pub(super) fn used(&self) -> Used {
        let read = |file: &str| fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        let (cpu, io, events) = (read("cpu.stat"), read("io.stat"), read("memory.events"));
        let sum = |name: &str| (!io.is_empty()).then(|| sum_of(&io, name));
        Used {
            cpu: value_of(&cpu, "usage_usec").map(Duration::from_micros),
            peak_memory_bytes: read("memory.peak").trim().parse().ok(),
            read_bytes: sum("rbytes="),
            written_bytes: sum("wbytes="),
            ran_out_of_memory: value_of(&events, "oom_kill").is_some_and(|kills| kills > 0),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        remove(&self.folder);
    }
}

/// Gives where the hierarchy is mounted, and our own group in it.
fn own_group(mounts: &str, groups: &str) -> Option<(PathBuf, PathBuf)> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut fields = place.split(' ').skip(3);
        let (root, mount) = (fields.next()?, fields.next()?);
        let below = Path::new(own).strip_prefix(root).ok()?;
        kind.starts_with("cgroup2 ").then(|| (mount.into(), Path::new(mount).join(below)))
    })
}

/// Whether systemd has left this group to whoever runs in it.
fn is_delegated(group: &Path) -> bool {
    let Ok(path) = std::ffi::CString::new(group.as_os_str().as_bytes()) else { return false };
    [c"trusted.delegate", c"user.delegate"].iter().any(|name| {
        let mut value = [0_u8; 1];
        // SAFETY: both names are C strings, and one byte may be written to `value`.
        let length = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
        length == 1 && value == *b"1"
    })
}

fn has(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|one| one == word)
}

/// Lets the groups below have a controller; tells whether they do.
fn share(group: &Path, controller: &str) -> bool {
    let file = group.join("cgroup.subtree_control");
    if has(&fs::read_to_string(&file).unwrap_or_default(), controller) {
        return true;
    }
    let ask = || fs::write(&file, format!("+{controller}"));
    let done = match ask() {
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) && move_out(group) => ask(),
        done => done,
    };
    if let Err(error) = &done {
        tracing::debug!(group = %group.display(), controller, %error, "a controller cannot be shared out");
    }
    done.is_ok()
}

/// Moves our own processes into a group below; `false` when others are there, who are left alone.
fn move_out(group: &Path) -> bool {
    let main = group.join(MAIN);
    if fs::create_dir(&main).or_else(|error| if main.is_dir() { Ok(()) } else { Err(error) }).is_err() {
        return false;
    }
    for _ in 0..MOVES_MAX {
        let inside = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        let inside: Vec<&str> = inside.lines().collect();
        if inside.is_empty() {
            return true;
        }
        if !inside.iter().all(|pid| is_of_our_program(pid)) {
            return false;
        }
        for pid in inside {
            // whoever has ended meanwhile needs no place
            fs::write(main.join("cgroup.procs"), pid).unwrap_or_else(|error| tracing::debug!(pid, %error, "not moved"));
        }
    }
    false
}

/// Whether a process or one of its ancestors is our program: the supervisor, its server, and what they started.
fn is_of_our_program(pid: &str) -> bool {
    let program = |pid: &str| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let (ours, mut pid) = (program("self"), pid.to_owned());
    while pid != "0" && pid != "1" {
        if ours.is_some() && program(&pid) == ours {
            return true;
        }
        let Some(parent) = parent_of(&pid) else { return false };
        pid = parent;
    }
    ours.is_some() && program(&pid) == ours
}

fn parent_of(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1).map(str::to_owned)
}

/// Ends what engines have left that are dead.
fn clear_dead(base: &Path) {
    for folder in folders(base) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let pid = name.strip_prefix(ENGINE).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            folders(&folder).for_each(|command| {
                kill(&command);
                remove(&command);
            });
            remove(&folder);
        }
    }
}

fn folders(of: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(of).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir())
}

fn kill(group: &Path) {
    match fs::write(group.join("cgroup.kill"), "1") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {} // before Linux 5.14: process group and marks must do
        Err(error) => tracing::warn!(group = %group.display(), %error, "a control group cannot be killed"),
        Ok(()) => {}
    }
}

fn remove(group: &Path) {
    for _ in 0..REMOVALS_MAX {
        match fs::remove_dir(group) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => std::thread::sleep(REMOVAL_PAUSE),
            Err(error) => return tracing::debug!(group = %group.display(), %error, "a control group stays behind"),
            Ok(()) => return,
        }
    }
    tracing::debug!(group = %group.display(), "a control group stays behind: something in it does not end");
}

fn absent_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// The number after `name` in lines of names and numbers.
fn value_of(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// The sum over all devices.
fn sum_of(text: &str, name: &str) -> u64 {
    text.split_whitespace().filter_map(|word| word.strip_prefix(name)?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests;
