//! A console with every route on a free port, and persons who sign in by address.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::cookie::Key;
use actix_web::dev::ServerHandle;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, HttpServer};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Text};
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::{Db, PoolSettings, statement};
use millrace::queue::access::password::Password;
use millrace::queue::actor::PersonId;
use millrace::queue::permission::Role;
use millrace::routes;
use millrace::web::app::app;
use millrace::web::blocking::Database;
use millrace::web::error::WebError;
use millrace::web::extract::Query;
use millrace::web::guard::Table;
use millrace::web::kit::{Kit, Settings};
use millrace::web::live::Hub;
use millrace::web::table::{Access, Route};
use millrace::web::{respond, session};

use crate::support::TestDb;
use crate::web::browser::Browser;

/// The password of every person here.
pub const PASSWORD: &str = "mild granite otter 42";

/// A running console; ends with this value.
pub struct Console {
    pub db: TestDb,
    pub address: String,
    hub: Arc<Hub>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

#[derive(QueryableByName)]
struct Said {
    #[diesel(sql_type = Text)]
    text: String,
}

impl Console {
    pub fn start() -> Console {
        Console::start_at("127.0.0.1:0")
    }

    pub fn start_at(address: &str) -> Console {
        let db = TestDb::new();
        let pool = db.pool(4);
        Console::start_over(db, pool, address)
    }

    /// One that waits for the database no longer than `most`.
    pub fn start_hasty(most: Duration) -> Console {
        let settings = PoolSettings { name: "test", connections_max: 4, wait: most, statement: most };
        let db = TestDb::new();
        let pool = Db::new(db.url(), settings);
        Console::start_over(db, pool, "127.0.0.1:0")
    }

    /// A console that reaches its database by `pool`.
    pub fn start_over(db: TestDb, pool: Db, address: &str) -> Console {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let kit = kit(pool, listener.local_addr().unwrap().port());
        let (hub, (sender, receiver)) = (Arc::clone(&kit.live), std::sync::mpsc::channel());
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || app(kit.clone())).workers(1).disable_signals();
                let server = server.listen(listener).unwrap().run();
                sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Console { db, address, hub, handle: receiver.recv().unwrap(), thread: Some(thread) }
    }

    /// Adds a person, limited to `queues` unless there are none.
    pub fn person(&self, role: Role, queues: &[&str]) -> PersonId {
        const SQL: &str = "INSERT INTO millrace.people (email, name, role, scope_queues, zone, password_hash)
            VALUES ($1, $2, $3, $4, 'Europe/Rome', $5) RETURNING id";
        let row: Option<Id> = statement(SQL)
            .bind::<Text, _>(format!("{}{}@example.org", role.as_str(), queues.join("-")))
            .bind::<Text, _>("Giulia Ferrando")
            .bind::<Text, _>(role.as_str())
            .bind::<Array<Text>, _>(queues)
            .bind::<Text, _>(Password::choose(PASSWORD, &[]).unwrap().hash().unwrap())
            .row(&mut self.db.connect())
            .unwrap();
        PersonId(row.unwrap().id)
    }

    /// A browser of somebody new with this role, signed in; what they do needs a fresh password.
    pub fn browser(&self, role: Role) -> Browser {
        self.browser_of(self.person(role, &[]))
    }

    pub fn browser_of(&self, person: PersonId) -> Browser {
        let mut browser = Browser::new(&self.address);
        assert_eq!(browser.get(&format!("/as/{person}")).status, 303);
        browser
    }

    /// Reads one number.
    pub fn number(&self, sql: &'static str) -> i64 {
        let row: Option<Id> = statement(sql).row(&mut self.db.connect()).unwrap();
        row.unwrap().id
    }

    /// Reads one text.
    pub fn text(&self, sql: &'static str) -> String {
        let row: Option<Said> = statement(sql).row(&mut self.db.connect()).unwrap();
        row.unwrap().text
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.hub.close();
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn kit(pool: Db, port: u16) -> Kit {
    let mut all = routes::all(false);
    all.push(Route::get("/as/{id}", Access::Open, sign_in_as));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Kit {
        db: Database::new(pool),
        clock,
        settings: Arc::new(Settings::loopback(port, Key::from(&[7; 64]))),
        table: Arc::new(Table::new(all)),
        live: Hub::new(),
        banners: Arc::new(Vec::new),
        open_failures: Arc::new(|| None),
        rates: Arc::default(),
    }
}

/// Stands in for the sign-in page: no password was given, so dangerous acts ask for it.
async fn sign_in_as(
    _: Data<Kit>,
    (id, query, held): (Path<i64>, Query, actix_session::Session),
) -> Result<HttpResponse, WebError> {
    session::begin(&held, PersonId(*id), Some("127.0.0.1".into()), None, SystemClock.now())?;
    let next = query.0.text("next").to_owned();
    Ok(respond::see_other(if next.is_empty() { "/templates" } else { &next }))
}
