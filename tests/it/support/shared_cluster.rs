//! The cluster that all tests of a process share.
//!
//! It ends with the process: in order at exit, by the kernel when the process is killed. A folder that a killed run
//! left is removed by the next.

use std::sync::OnceLock;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use millrace::base::db::migrate;
use millrace::cluster::{Cluster, ClusterSettings, DATABASE, SUPERUSER};

use super::exit::drop_at_exit;
use super::throw_away::{self, ThrowAway};

/// The database that others are copied from: it holds the schema and nothing else.
pub const TEMPLATE: &str = "migrated";

/// A URL for `database` as superuser. The first call starts the cluster and makes the template.
pub fn url(database: &str) -> String {
    static URL: OnceLock<String> = OnceLock::new();
    let url = URL.get_or_init(|| {
        throw_away::sweep();
        start()
    });
    url.replace(&format!("/{DATABASE}?"), &format!("/{database}?"))
}

/// Gives the URL of the product's database.
fn start() -> String {
    let folder = ThrowAway::new();
    let cluster = Cluster::start(&settings(&folder)).unwrap();
    make_template(&cluster);
    let url = cluster.url(SUPERUSER, DATABASE);
    drop_at_exit((cluster, folder));
    url
}

fn settings(folder: &ThrowAway) -> ClusterSettings {
    let conf = [
        ("shared_buffers", "128MB"),
        ("wal_level", "minimal"), // copies a database without writing it to the log
        ("max_wal_senders", "0"),
        ("max_wal_size", "128MB"),
        ("autovacuum", "off"), // plans and counts change when a test says so, not in between
    ];
    let conf = conf.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    ClusterSettings { durable: false, conf, ..ClusterSettings::under(folder.path()).unwrap() }
}

fn make_template(cluster: &Cluster) {
    let connect = |database| PgConnection::establish(&cluster.url(SUPERUSER, database)).unwrap();
    connect("postgres").batch_execute(&format!("CREATE DATABASE {TEMPLATE}")).unwrap();
    migrate::migrate(&mut connect(TEMPLATE)).unwrap();
}
