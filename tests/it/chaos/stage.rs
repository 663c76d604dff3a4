//! The database of the chaos: a server of its own that may be stopped, perhaps with a standby, its witness, the work that
//! there is.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection, PgConnection};
use millrace::base::db::{migrate, statement};
use millrace::cluster::{Cluster, ClusterSettings, DATABASE, SUPERUSER};
use millrace::queue::access::token;
use serde_json::{Value, json};

use super::standby::Standby;
use crate::support::ThrowAway;
use crate::support::stage::template;

/// How long the server may take to be there again.
const RESTART_MAX: Duration = Duration::from_secs(60);

/// No server here takes more connections.
const CONNECTIONS_MAX: usize = 300;

/// A running database with everything in it.
pub struct Stage {
    cluster: Option<Cluster>,
    settings: ClusterSettings,
    pub(super) standby: Option<Standby>,
    faked: Option<Faked>,
    /// What follows the user in the server's URL.
    place: String,
    /// The token of somebody who may enqueue, cancel and release.
    pub token: String,
    folder: ThrowAway,
}

impl Stage {
    pub fn new() -> Stage {
        let folder = ThrowAway::new();
        let conf = [("shared_buffers", "64MB"), ("max_wal_size", "256MB"), ("max_connections", "120")];
        let conf = conf.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let settings = ClusterSettings { conf, ..ClusterSettings::under(folder.path()).unwrap() };
        let cluster = Some(Cluster::start(&settings).unwrap());
        let token = token::generate();
        let url = cluster.as_ref().map(|cluster| cluster.url(SUPERUSER, DATABASE)).unwrap();
        let place = url.split_once('@').unwrap().1.to_owned();
        let stage = Stage { cluster, settings, standby: None, faked: None, place, token, folder };
        let mut conn = stage.connect().unwrap();
        migrate::migrate(&mut conn).unwrap();
        conn.batch_execute(include_str!("witness.sql")).unwrap();
        admit(&mut conn, &stage.token);
        File::create(stage.lines()).unwrap();
        fs::set_permissions(stage.lines(), Permissions::from_mode(0o666)).unwrap(); // commands run as nobody
        publish(&mut conn, &stage.lines().display().to_string());
        stage
    }

    /// Where commands leave their effects.
    pub fn lines(&self) -> PathBuf {
        self.folder.path().join("lines")
    }

    /// Leads to the server, or to that of two that takes writes.
    pub fn url_of(&self, user: &str) -> String {
        let url = format!("postgresql://{user}@{}", self.place);
        match &self.standby {
            Some(standby) => standby.beside(&url),
            None => url,
        }
    }

    /// Adds a standby that has every commit before it is answered.
    pub fn with_standby(mut self) -> Stage {
        self.cluster.take().unwrap().stop().unwrap();
        let standby = Standby::copy(&self.settings);
        self.cluster = Some(Cluster::start(&self.settings).unwrap());
        let primary = self.cluster.as_ref().unwrap().url(SUPERUSER, DATABASE);
        self.standby = Some(standby.follow(&primary));
        self
    }

    /// Starts the server again, with its wall clock moved by as many seconds as `clock` holds.
    pub fn with_clock(mut self, library: &Path, clock: &Path) -> Stage {
        let of_process = |name: &str| PathBuf::from(format!("/proc/{}/{name}", self.server()));
        let (program, owner) =
            (fs::read_link(of_process("exe")).unwrap(), fs::metadata(&self.settings.socket_dir).unwrap());
        let words = |name: &str| {
            let bytes = fs::read(of_process(name)).unwrap();
            bytes.split(|byte| *byte == 0).map(|word| String::from_utf8(word.to_vec()).unwrap()).collect::<Vec<_>>()
        };
        let (arguments, variables) = (words("cmdline"), words("environ"));
        self.cluster.take().unwrap().stop().unwrap();
        fs::create_dir_all(&self.settings.socket_dir).unwrap();
        std::os::unix::fs::chown(&self.settings.socket_dir, Some(owner.uid()), Some(owner.gid())).unwrap();
        fs::set_permissions(&self.settings.socket_dir, owner.permissions()).unwrap();
        let mut command = Command::new(program);
        command.args(arguments[1..].iter().filter(|argument| !argument.is_empty())).env_clear().current_dir("/");
        command.envs(variables.iter().filter_map(|variable| variable.split_once('=')));
        command.env("LD_PRELOAD", library).env("CHAOS_CLOCK", clock).uid(owner.uid()).gid(owner.gid());
        let log = File::create(self.folder.path().join("faked.log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.faked = Some(Faked(child));
        let end = Instant::now() + RESTART_MAX;
        while self.connect().is_none() {
            assert!(Instant::now() < end, "the server does not start: {}", self.folder.path().display());
            std::thread::sleep(Duration::from_millis(20));
        }
        self
    }

    /// Kills the server for good.
    pub fn kill_primary(&mut self) {
        // SAFETY: kill touches no memory of ours; the server is our child and not reaped yet.
        unsafe { libc::kill(self.server(), libc::SIGKILL) };
    }

    fn server(&self) -> i32 {
        let text = fs::read_to_string(self.settings.data.join("postmaster.pid")).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }

    /// Connects as superuser; `None` while there is no database.
    pub fn connect(&self) -> Option<PgConnection> {
        PgConnection::establish(&self.url_of(SUPERUSER)).ok()
    }

    /// Stops the server as a crash does, and starts it again after a while.
    pub fn stop_for(&mut self, pause: Duration) -> bool {
        // SAFETY: as in kill_primary.
        unsafe { libc::kill(self.server(), libc::SIGQUIT) };
        let (end, cluster) = (Instant::now() + RESTART_MAX, self.cluster.as_mut().unwrap());
        while cluster.has_exited().is_none() {
            assert!(Instant::now() < end, "the server does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(pause);
        cluster.restart().unwrap();
        true
    }

    /// Lets the server take no writes for a while. `false` = it was not there.
    pub fn read_only_for(&self, pause: Duration) -> bool {
        const OWN: &str = "SET default_transaction_read_only = off"; // or it could not be switched back
        const ON: &str = "ALTER SYSTEM SET default_transaction_read_only = on";
        const OFF: &str = "ALTER SYSTEM RESET default_transaction_read_only";
        let Some(mut conn) = self.connect() else { return false };
        conn.batch_execute(OWN).unwrap();
        for (how, wait) in [(ON, pause), (OFF, Duration::ZERO)] {
            conn.batch_execute(how).unwrap();
            conn.batch_execute("SELECT pg_reload_conf()").unwrap();
            std::thread::sleep(wait);
        }
        true
    }

    /// Takes every connection that is left for a while. `false` = there was none.
    pub fn crowd_for(&self, pause: Duration) -> bool {
        let crowd: Vec<PgConnection> = std::iter::from_fn(|| self.connect()).take(CONNECTIONS_MAX).collect();
        std::thread::sleep(pause);
        !crowd.is_empty()
    }

    /// Ends one backend of ours, by chance. `false` = there was none, or no server.
    pub fn terminate_one(&self, number: usize) -> bool {
        const SQL: &str = "SELECT pg_terminate_backend(pid)::text FROM (
    SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'millrace%' ORDER BY pid
    OFFSET $1 % greatest(1, (SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'millrace%')) LIMIT 1) AS one";
        let Some(mut conn) = self.connect() else { return false };
        let ended = statement(SQL).bind::<BigInt, _>(number as i64).tuples::<Text, String>(&mut conn);
        ended.is_ok_and(|ended| ended == ["true"])
    }
}

/// A server that nobody looks after; it ends with us.
struct Faked(Child);

impl Drop for Faked {
    fn drop(&mut self) {
        // SAFETY: kill touches no memory of ours; the server is our child and not reaped yet.
        unsafe { libc::kill(self.0.id() as i32, libc::SIGINT) };
        self.0.wait().unwrap();
    }
}

/// Makes the person whose token programs use.
fn admit(conn: &mut PgConnection, token: &str) {
    const SQL: &str = "WITH person AS (
    INSERT INTO millrace.people (email, name, role, scope_queues, scope_tags) VALUES ('chaos@example.org', 'Chaos', 'operator', '{}', '{}') RETURNING id
)
INSERT INTO millrace.tokens (person_id, name, token_hash, hint, scopes) SELECT id, 'chaos', sha256($1::text::bytea), 'mr_', '{all}' FROM person";
    statement(SQL).bind::<Text, _>(token).run(conn).unwrap();
}

fn publish(conn: &mut PgConnection, lines: &str) {
    let handler = |name: &str| json!({ "runner": "handler", "handler": { "name": name } });
    let write = format!("echo $MILLRACE_JOB_ID $MILLRACE_FENCE >> {lines}; sleep 0.5");
    let command = json!({ "runner": "command", "command": { "argv": ["/bin/sh", "-c", write] } });
    let sql = json!({ "runner": "sql", "sql": { "statements": "INSERT INTO app.inserted VALUES ({{ params.n }}); SELECT pg_sleep(0.3)" } });
    let often = json!({ "max_attempts": 20 });
    let twice = json!({ "max_attempts": 2 });
    let limits = json!({ "concurrency": 3 });
    let all: [(&str, Value, &Value, Option<&Value>); 11] = [
        ("noop", handler("diag.noop"), &often, None),
        ("sleep", handler("diag.sleep"), &often, None),
        ("effect", handler("diag.effect"), &often, None),
        ("flaky", handler("diag.fail"), &often, None),
        ("broken", handler("diag.fail"), &twice, None),
        ("slow", handler("diag.sleep"), &json!({ "max_attempts": 2, "timeout_ms": 300 }), None),
        ("steps", handler("diag.progress"), &often, None),
        ("narrow", handler("diag.sleep"), &often, Some(&limits)),
        ("line", command, &often, None),
        ("insert", sql.clone(), &often, None),
        ("narrow.insert", sql, &often, Some(&limits)),
    ];
    for (name, mut spec, defaults, limits) in all {
        let usual = json!({ "queue": "default", "priority": 3, "timeout_ms": 60_000,
            "backoff": { "kind": "constant", "base_ms": 100, "jitter": 0.5 } });
        let mut whole = usual.as_object().unwrap().clone();
        whole.extend(defaults.as_object().unwrap().clone());
        let spec_of = spec.as_object_mut().unwrap();
        spec_of.insert("defaults".into(), Value::Object(whole));
        let params =
            json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "additionalProperties": true });
        spec_of.insert("params".into(), params);
        if let Some(limits) = limits {
            spec_of.insert("limits".into(), limits.clone());
        }
        template(conn, name, spec);
    }
}
