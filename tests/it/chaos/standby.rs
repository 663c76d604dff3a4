//! A second server that has every commit of the first before it is answered.

use std::process::Command;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection};
use millrace::base::db::statement;
use millrace::cluster::{Cluster, ClusterSettings, DATABASE, SUPERUSER};

use crate::support::ThrowAway;

/// By this name the first server knows it.
const NAME: &str = "standby";
/// How long it may take to follow, or to lead.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that follows, then leads.
pub struct Standby {
    cluster: Option<Cluster>,
    settings: ClusterSettings,
    _folder: ThrowAway,
}

impl Standby {
    /// Copies the data of a server that does not run.
    pub fn copy(of: &ClusterSettings) -> Standby {
        let folder = ThrowAway::new();
        let own = ClusterSettings::under(folder.path()).unwrap();
        let conninfo = format!("host={} user={SUPERUSER} application_name={NAME}", of.socket_dir.display());
        let conf = of.conf.iter().cloned().chain([("primary_conninfo".into(), conninfo)]).collect();
        let settings = ClusterSettings { conf, ..own };
        for (from, to) in [("", ""), ("PG_VERSION", "standby.signal")] {
            // with its owner; what stands in the signal does not matter
            let (from, to) = (of.data.join(from), settings.data.join(to));
            assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
        }
        Standby { cluster: None, settings, _folder: folder }
    }

    /// Starts following the first server, which runs, and makes it wait for us.
    pub fn follow(mut self, primary: &str) -> Standby {
        self.cluster = Some(Cluster::start(&self.settings).unwrap());
        let mut conn = PgConnection::establish(primary).unwrap();
        until("the standby follows", || {
            const SQL: &str = "SELECT state FROM pg_stat_replication WHERE application_name = 'standby'";
            statement(SQL).tuples::<Text, String>(&mut conn).unwrap() == ["streaming"]
        });
        let wait = format!("ALTER SYSTEM SET synchronous_standby_names = '{NAME}'");
        conn.batch_execute(&wait).unwrap();
        conn.batch_execute("SELECT pg_reload_conf()").unwrap();
        until("commits wait for the standby", || {
            const SQL: &str = "SELECT sync_state FROM pg_stat_replication WHERE application_name = 'standby'";
            statement(SQL).tuples::<Text, String>(&mut conn).unwrap() == ["sync"]
        });
        self
    }

    fn url(&self) -> String {
        self.cluster.as_ref().unwrap().url(SUPERUSER, DATABASE)
    }

    /// Gives the URL of both servers from that of the first.
    pub fn beside(&self, url: &str) -> String {
        let own = self.url();
        let host = own.split("host=").nth(1).unwrap().split('&').next().unwrap();
        let both = url.replace("&port=5432", &format!(",{host}&port=5432,5432"));
        format!("{both}&target_session_attrs=read-write")
    }

    /// Lets it lead.
    pub fn promote(&self) {
        let mut conn = PgConnection::establish(&self.url()).unwrap();
        let led = statement("SELECT pg_promote(true, 60)::text").tuples::<Text, String>(&mut conn).unwrap();
        assert_eq!(led, ["true"]);
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
