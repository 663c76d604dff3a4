//! A console on a free port with the jobs pages, and persons who sign in by address.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use actix_web::cookie::Key;
use actix_web::dev::ServerHandle;
use actix_web::{HttpResponse, HttpServer};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Text};
use millrace::admin::{jobs, operations};
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::{PgConnection, statement};
use millrace::queue::actor::PersonId;
use millrace::queue::permission::Role;
use millrace::queue::template::TemplateSpec;
use millrace::web::app::{app, routes};
use millrace::web::blocking::Database;
use millrace::web::error::WebError;
use millrace::web::guard::Table;
use millrace::web::kit::{Kit, Settings};
use millrace::web::live::Hub;
use millrace::web::table::{Access, Route};
use millrace::web::{respond, session};

use serde_json::Value;

use crate::support::TestDb;
use crate::support::stage::template;
use crate::web::browser::Browser;

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

impl Console {
    pub fn start() -> Console {
        Console::start_at("127.0.0.1:0")
    }

    pub fn start_at(address: &str) -> Console {
        let db = TestDb::new();
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let kit = kit(&db, listener.local_addr().unwrap().port());
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
        const SQL: &str = "INSERT INTO millrace.people (email, name, role, scope_queues, zone)
            VALUES ($1, $2, $3, $4, 'Europe/Rome') RETURNING id";
        let row: Option<Id> = statement(SQL)
            .bind::<Text, _>(format!("{}{}@example.org", role.as_str(), queues.join("-")))
            .bind::<Text, _>("Giulia Ferrando")
            .bind::<Text, _>(role.as_str())
            .bind::<Array<Text>, _>(queues)
            .row(&mut self.db.connect())
            .unwrap();
        PersonId(row.unwrap().id)
    }

    /// Adds a person who is limited to jobs with one of these tags.
    pub fn person_of_tags(&self, role: Role, tags: &[&str]) -> PersonId {
        const SQL: &str = "INSERT INTO millrace.people (email, name, role, scope_tags, zone)
            VALUES ($1, $2, $3, $4, 'Europe/Rome') RETURNING id";
        let row: Option<Id> = statement(SQL)
            .bind::<Text, _>(format!("{}-{}@example.org", role.as_str(), tags.join("-")))
            .bind::<Text, _>("Giulia Ferrando")
            .bind::<Text, _>(role.as_str())
            .bind::<Array<Text>, _>(tags)
            .row(&mut self.db.connect())
            .unwrap();
        PersonId(row.unwrap().id)
    }

    /// A browser of somebody with this role, signed in.
    pub fn browser(&self, role: Role) -> Browser {
        self.browser_of(self.person(role, &[]))
    }

    pub fn browser_of(&self, person: PersonId) -> Browser {
        let mut browser = Browser::new(&self.address);
        assert_eq!(browser.get(&format!("/as/{person}")).status, 303);
        browser
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

fn kit(db: &TestDb, port: u16) -> Kit {
    let mut all = routes(true);
    all.extend(jobs::page::routes());
    all.extend(operations::page::routes());
    all.push(Route::get("/as/{id}", Access::Open, sign_in_as));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Kit {
        db: Database::new(db.pool(4)),
        clock,
        settings: Arc::new(Settings { design: true, ..Settings::loopback(port, Key::from(&[7; 64])) }),
        table: Arc::new(Table::new(all)),
        live: Hub::new(),
        rates: Arc::default(),
        banners: Arc::new(Vec::new),
        open_failures: Arc::new(|| None),
    }
}

/// Publishes a template as the product stores it, with the queue that it names.
pub fn publish(conn: &mut PgConnection, name: &str, spec: Value) {
    let spec: TemplateSpec = serde_json::from_value(spec).unwrap();
    const QUEUE: &str = "INSERT INTO millrace.queues (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
    statement(QUEUE).bind::<Text, _>(&spec.defaults.queue).run(conn).unwrap();
    template(conn, name, serde_json::to_value(spec).unwrap());
}

/// Stands in for the sign-in page.
async fn sign_in_as(id: actix_web::web::Path<i64>, held: actix_session::Session) -> Result<HttpResponse, WebError> {
    session::begin(&held, PersonId(*id), Some("127.0.0.1".into()), None, SystemClock.now())?;
    Ok(respond::see_other("/jobs"))
}
