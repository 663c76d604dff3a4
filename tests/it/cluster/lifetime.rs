//! Made, used, found by others, stopped, started again.

use std::process::Command;
use std::thread;

use diesel::connection::SimpleConnection;
use millrace::cluster::Cluster;

use super::stage::{Stage, connect, group_of, is_root, keep, kept, runs, text};

#[test]
fn a_new_cluster_is_made_and_its_data_is_kept_over_a_restart() {
    let stage = Stage::empty();

    let first = Cluster::start(&stage.settings).unwrap();
    keep(&mut connect(&first));
    first.stop().unwrap();
    let second = Cluster::start(&stage.settings).unwrap();

    assert!(kept(&mut connect(&second)));
}

#[test]
fn the_server_is_set_up_as_promised() {
    let stage = Stage::with_cluster();

    let cluster = Cluster::start(&stage.settings).unwrap();

    let mut conn = connect(&cluster);
    let mut show = |name: &str| text(&mut conn, &format!("SELECT current_setting('{name}') AS value"));
    assert_eq!(show("listen_addresses"), "");
    assert_eq!(show("max_connections"), "200");
    assert_eq!(show("fsync"), "on");
    assert_eq!(show("synchronous_commit"), "on");
    assert_eq!(show("full_page_writes"), "on");
    assert_eq!(show("shared_buffers"), "16MB", "settings of the operator win");
    assert_eq!(show("server_encoding"), "UTF8");
    assert_eq!(show("data_checksums"), "on");
    assert_eq!(show("log_min_duration_statement"), "-1");
}

#[test]
fn a_cluster_outlives_the_thread_that_started_it() {
    let stage = Stage::with_cluster();

    let mut cluster = thread::scope(|s| s.spawn(|| Cluster::start(&stage.settings)).join()).unwrap().unwrap();

    let answer = text(&mut connect(&cluster), "SELECT pg_sleep(0.3)::text || 'still here' AS value");
    assert_eq!(answer, "still here");
    assert_eq!(cluster.has_exited(), None);
}

#[test]
fn a_running_cluster_is_found_by_others_and_a_stopped_one_is_not() {
    let stage = Stage::with_cluster();
    let before = Cluster::attach(&stage.settings).map(|_| ());

    let cluster = Cluster::start(&stage.settings).unwrap();
    let running = Cluster::attach(&stage.settings).map(|running| running.url("a", "b"));
    let url = cluster.url("a", "b");
    cluster.stop().unwrap();
    let after = Cluster::attach(&stage.settings).map(|_| ());

    assert_eq!((before, running, after), (None, Some(url), None));
}

#[test]
fn a_stop_is_clean_and_leaves_no_process() {
    let stage = Stage::with_cluster();
    let cluster = Cluster::start(&stage.settings).unwrap();
    let pid = stage.server_pid();
    let mut idle = connect(&cluster);

    cluster.stop().unwrap();

    assert!(!runs(pid));
    assert!(!stage.settings.data.join("postmaster.pid").exists());
    assert!(!stage.settings.socket_dir.exists());
    assert!(stage.log().contains("database system is shut down"), "{}", stage.log());
    assert!(!stage.log().contains("reset by peer"), "our own questions disturb: {}", stage.log());
    assert!(idle.batch_execute("SELECT 1").is_err());
}

#[test]
fn dropping_a_cluster_stops_it() {
    let stage = Stage::with_cluster();
    let cluster = Cluster::start(&stage.settings).unwrap();
    let pid = stage.server_pid();

    drop(cluster);

    assert!(!runs(pid));
}

#[test]
fn ctrl_c_does_not_reach_the_server() {
    let stage = Stage::with_cluster();

    let _cluster = Cluster::start(&stage.settings).unwrap();

    let server = stage.server_pid();
    assert_eq!(group_of(server), server);
    assert_ne!(group_of(server), group_of(std::process::id() as i32));
}

#[test]
#[ignore = "downloads 20 MB of packages"]
fn a_machine_without_postgres_fetches_it() {
    let stage = Stage::empty();
    let cache = stage.folder.path().join("cache");

    let mut owner = super::owner::Owner::spawn_fetching(stage.folder.path(), &cache);

    assert_eq!(owner.wait_ready(), Ok(()));
    let program = std::fs::read_link(format!("/proc/{}/exe", stage.server_pid())).unwrap();
    assert!(program.starts_with(&cache), "{}", program.display());
    owner.finish();
    assert!(!cache.join("apt.new").exists());
    let size = Command::new("du").args(["-sm"]).arg(&cache).output().unwrap();
    println!("cache: {} MB, root: {}", String::from_utf8_lossy(&size.stdout), is_root());
}
