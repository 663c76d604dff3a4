//! A database for one test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use millrace::base::db::{Db, PoolSettings};

use super::shared_cluster::{TEMPLATE, url};

/// A database with the whole schema and no rows, dropped with this value.
pub struct TestDb {
    name: String,
    url: String,
}

impl TestDb {
    pub fn new() -> TestDb {
        TestDb::copy_of(TEMPLATE)
    }

    /// A database without a schema.
    pub fn empty() -> TestDb {
        TestDb::copy_of("template0")
    }

    /// A copy of this one, to which nobody may be connected.
    pub fn copied(&self) -> TestDb {
        TestDb::copy_of(&self.name)
    }

    fn copy_of(template: &str) -> TestDb {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let statement = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY = FILE_COPY");
        administrator().batch_execute(&statement).unwrap();
        let url = url(&name);
        TestDb { name, url }
    }

    /// Logs in as superuser, as which the schema was made.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Logs in as `user`: the tests' cluster trusts whoever reaches its socket.
    pub fn url_of(&self, user: &str) -> String {
        self.url.replace("//millrace@", &format!("//{user}@"))
    }

    /// Cuts every connection and refuses new ones: to a client the database is away.
    pub fn shut_out(&self) {
        let name = &self.name;
        let close = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
        let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        [close, cut].iter().for_each(|statement| administrator().batch_execute(statement).unwrap());
    }

    /// The database is back.
    pub fn let_in(&self) {
        administrator().batch_execute(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name)).unwrap();
    }

    pub fn connect(&self) -> PgConnection {
        PgConnection::establish(&self.url).unwrap()
    }

    /// A pool like the product's, for code that takes connections itself.
    pub fn pool(&self, connections_max: u32) -> Db {
        self.pool_over(&self.url, connections_max)
    }

    /// Such a pool over another way to the same database.
    pub fn pool_over(&self, url: &str, connections_max: u32) -> Db {
        let wait = Duration::from_secs(10);
        let statement = Duration::from_secs(30);
        Db::new(url, PoolSettings { name: "test", connections_max, wait, statement })
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        // A pool of the test may still hold connections.
        let statement = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        if let Err(problem) = administrator().batch_execute(&statement) {
            eprintln!("cannot drop {}: {problem}", self.name);
        }
    }
}

fn administrator() -> PgConnection {
    PgConnection::establish(&url("postgres")).unwrap()
}
