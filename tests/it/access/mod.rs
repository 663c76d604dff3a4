//! Who gets in, as whom, and for how long.
pub mod pages;
mod people;
mod people_pages;
mod session;
mod setup;
mod sign_in;
mod tokens;

use diesel::connection::SimpleConnection;
use diesel::{PgConnection, QueryableByName};
use millrace::admin::people::service::{self, NewPerson, Person};
use millrace::base::clock::{ManualClock, Time};
use millrace::queue::access::email::Email;
use millrace::queue::access::password::Password;
use millrace::queue::actor::{Actor, Scope};
use millrace::queue::permission::Role;

use crate::support::TestDb;

/// A password that nothing is wrong with.
pub const GOOD: &str = "five wet otters sing";

/// A database of its own, a connection with the rights that the program has, and a clock that stands still.
pub struct Stage {
    pub conn: PgConnection,
    pub clock: ManualClock,
    db: TestDb,
}

impl Stage {
    pub fn new() -> Stage {
        let db = TestDb::new();
        let clock = ManualClock::at("2026-11-24T12:00:00Z".parse().unwrap());
        Stage { conn: runtime_connection(&db), clock, db }
    }

    /// A second connection.
    pub fn connect(&self) -> PgConnection {
        runtime_connection(&self.db)
    }

    /// A URL that logs in with the rights that the program has.
    pub fn runtime_url(&self) -> String {
        millrace::base::db::url::as_role(self.db.url(), "millrace_app")
    }

    pub fn now(&self) -> Time {
        millrace::base::clock::Clock::now(&self.clock)
    }

    pub fn wait(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
    }

    /// Adds a person who signs in with [`GOOD`].
    pub fn person(&mut self, email: &str, role: Role) -> Person {
        let new = NewPerson {
            email: Email::parse(email).unwrap(),
            name: email.split('@').next().unwrap().into(),
            role,
            scope: Scope::default(),
            password: Some(Password::choose(GOOD, &[]).unwrap()),
        };
        service::add(&mut self.conn, &self.clock, &cli(), &new).unwrap()
    }

    /// The acts recorded so far, refused ones with a dash before them.
    pub fn acts(&mut self) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            act: String,
        }
        let sql = "SELECT CASE WHEN accepted THEN act ELSE '-' || act END AS act FROM millrace.audit ORDER BY id";
        let rows: Vec<Row> = diesel::RunQueryDsl::load(diesel::sql_query(sql), &mut self.conn).unwrap();
        rows.into_iter().map(|row| row.act).collect()
    }

    /// Runs a statement as the owner of the schema, to set a scene.
    pub fn as_owner(&mut self, sql: &str) {
        self.db.connect().batch_execute(sql).unwrap();
    }
}

fn runtime_connection(db: &TestDb) -> PgConnection {
    let mut conn = db.connect();
    conn.batch_execute("SET ROLE millrace_app; SET timezone = 'UTC'").unwrap();
    conn
}

/// Whoever holds the data folder's key.
pub fn cli() -> Actor {
    Actor::command_line("tester")
}

/// `person` in a browser.
pub fn in_browser(person: &Person) -> Actor {
    Actor {
        person: Some(person.id),
        name: person.email.clone(),
        role: person.role,
        scope: person.scope.clone(),
        via: millrace::queue::actor::Via::Console,
        address: Some("192.0.2.7".into()),
        request: None,
    }
}
