//! What the tests of the cluster share: a folder with a cluster in it, and questions to ask about it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};
use millrace::cluster::{Cluster, ClusterSettings, DATABASE, SUPERUSER};

use crate::support::{ThrowAway, drop_at_exit};

/// How long anything may take before a test gives up.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// A data folder of its own.
pub struct Stage {
    pub folder: ThrowAway,
    pub settings: ClusterSettings,
}

impl Stage {
    /// A data folder without a cluster.
    pub fn empty() -> Stage {
        let folder = ThrowAway::new();
        let conf = vec![("shared_buffers".into(), "16MB".into())];
        let settings = ClusterSettings { conf, ..ClusterSettings::under(folder.path()).unwrap() };
        Stage { folder, settings }
    }

    /// A data folder with a new cluster that was never used: copied, because `initdb` takes a second.
    pub fn with_cluster() -> Stage {
        static FRESH: OnceLock<PathBuf> = OnceLock::new();
        let stage = Stage::empty();
        let fresh = FRESH.get_or_init(|| {
            let origin = Stage::empty();
            Cluster::start(&origin.settings).unwrap().stop().unwrap();
            let data = origin.settings.data.clone();
            drop_at_exit(origin);
            data
        });
        let copied = Command::new("cp").arg("-a").arg(fresh).arg(&stage.settings.data).status().unwrap();
        assert!(copied.success());
        stage
    }

    /// The number of the running server.
    pub fn server_pid(&self) -> i32 {
        let text = fs::read_to_string(self.settings.data.join("postmaster.pid")).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.settings.data.with_extension("log")).unwrap()
    }
}

impl Drop for Stage {
    /// A cluster that was killed leaves its socket folder, which stands outside ours.
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.settings.socket_dir) {
            Err(problem) if problem.kind() != io::ErrorKind::NotFound => eprintln!("cannot remove a socket: {problem}"),
            _ => {}
        }
    }
}

/// Connects as superuser to the product's database.
pub fn connect(cluster: &Cluster) -> PgConnection {
    PgConnection::establish(&cluster.url(SUPERUSER, DATABASE)).unwrap()
}

/// Writes a row that a later [`kept`] looks for.
pub fn keep(conn: &mut PgConnection) {
    conn.batch_execute("CREATE TABLE kept (n bigint); INSERT INTO kept VALUES (42)").unwrap();
}

/// Tells whether the row of [`keep`] is there.
pub fn kept(conn: &mut PgConnection) -> bool {
    number(conn, "SELECT n AS value FROM kept") == 42
}

pub fn number(conn: &mut PgConnection, query: &str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        value: i64,
    }
    sql_query(query).get_result::<Row>(conn).unwrap().value
}

pub fn text(conn: &mut PgConnection, query: &str) -> String {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        value: String,
    }
    sql_query(query).get_result::<Row>(conn).unwrap().value
}

/// Waits until `condition` holds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + WAIT_MAX;
    while !condition() {
        assert!(Instant::now() < end, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Tells whether a process runs; a zombie does not.
pub fn runs(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !after_name(&stat).starts_with('Z'))
}

/// The process group of `pid`.
pub fn group_of(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    after_name(&stat).split(' ').nth(2).unwrap().parse().unwrap()
}

/// The fields after the program's name, which may hold spaces: state, parent, group (proc(5)).
fn after_name(stat: &str) -> &str {
    stat.rsplit_once(") ").unwrap().1
}

/// Sends `signal` to a process that this test started.
pub fn send(pid: i32, signal: libc::c_int) {
    assert!(pid > 1);
    // SAFETY: kill touches no memory of ours.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

pub fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() == 0 }
}
