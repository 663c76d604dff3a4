//! A console on a free port with one route of each kind, and a person of each role.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::cookie::Key;
use actix_web::dev::ServerHandle;
use actix_web::{HttpRequest, HttpResponse, HttpServer};
use diesel::sql_types::{Array, BigInt, Text};
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::{PgConnection, statement};
use millrace::queue::access::token;
use millrace::queue::actor::{Actor, PersonId};
use millrace::queue::permission::{Permission, Role};
use millrace::web::app::{app, routes};
use millrace::web::blocking::Database;
use millrace::web::error::WebError;
use millrace::web::form::Form;
use millrace::web::guard::Table;
use millrace::web::kit::{Kit, Settings};
use millrace::web::live::{Frame, Hub, Listener, LiveError, Panel};
use millrace::web::request::Hx;
use millrace::web::shell::Shell;
use millrace::web::table::{Access, Route};
use millrace::web::{respond, session};

use crate::support::TestDb;

/// A running console; ends with this value.
pub struct Console {
    pub db: TestDb,
    pub address: String,
    pub hub: Arc<Hub>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Console {
    pub fn start() -> Console {
        let db = TestDb::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
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

    /// Adds a person; signing in as them is `GET /as/{id}`.
    pub fn person(&self, role: Role) -> PersonId {
        const SQL: &str = "INSERT INTO millrace.people (email, name, role) VALUES ($1, $2, $3) RETURNING id";
        let name = role.as_str();
        let row: Option<Id> = statement(SQL)
            .bind::<Text, _>(format!("{name}@example.org"))
            .bind::<Text, _>(format!("The {name}"))
            .bind::<Text, _>(name)
            .row(&mut self.db.connect())
            .unwrap();
        PersonId(row.unwrap().id)
    }

    /// Adds a token of `person` and gives its text.
    pub fn token(&self, person: PersonId, scopes: &[&str]) -> String {
        const SQL: &str = "INSERT INTO millrace.tokens (person_id, name, token_hash, hint, scopes)
            VALUES ($1, 'ci', sha256($2::text::bytea), 'mr_', $3)";
        let text = token::generate();
        statement(SQL)
            .bind::<BigInt, _>(person)
            .bind::<Text, _>(&text)
            .bind::<Array<Text>, _>(scopes)
            .run(&mut self.db.connect())
            .unwrap();
        text
    }

    pub fn run(&self, sql: &'static str) {
        statement(sql).run(&mut self.db.connect()).unwrap();
    }

    /// Reads one number.
    pub fn number(&self, sql: &'static str) -> i64 {
        let row: Option<Id> = statement(sql).row(&mut self.db.connect()).unwrap();
        row.unwrap().id
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

#[derive(diesel::QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

fn kit(db: &TestDb, port: u16) -> Kit {
    let mut all = routes(true);
    all.extend([
        Route::get("/as/{id}", Access::Open, sign_in_as),
        Route::post("/sign-out", Access::SignedIn, sign_out),
        Route::get("/jobs", Access::Needs(Permission::ReadJobs), list),
        Route::post("/jobs/{id}/cancel", Access::Needs(Permission::RepairJobs), cancel),
        Route::get("/people", Access::Needs(Permission::ManagePeople), list),
        Route::get("/broken", Access::Open, broken),
        Route::get("/live/slow", Access::SignedIn, slow),
        Route::get("/live/rare", Access::SignedIn, rare),
        Route::get("/live/shared", Access::SignedIn, shared),
        Route::get("/live/own", Access::SignedIn, own),
        Route::get("/api/v1/jobs", Access::Needs(Permission::ReadJobs), api),
        Route::post("/api/v1/jobs", Access::Needs(Permission::Enqueue), api),
    ]);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Kit {
        db: Database::new(db.pool(4)),
        clock,
        settings: Arc::new(Settings { design: true, ..Settings::loopback(port, Key::from(&[7; 64])) }),
        table: Arc::new(Table::new(all)),
        live: Hub::new(),
        banners: Arc::new(Vec::new),
        open_failures: Arc::new(|| None),
        rates: Arc::default(),
    }
}

/// Stands in for the sign-in page, which is not the kit's.
async fn sign_in_as(id: actix_web::web::Path<i64>, held: actix_session::Session) -> Result<HttpResponse, WebError> {
    session::begin(&held, PersonId(*id), Some("127.0.0.1".into()), None, SystemClock.now())?;
    Ok(respond::see_other("/jobs"))
}

async fn sign_out(held: actix_session::Session) -> HttpResponse {
    session::end(&held);
    respond::see_other("/sign-in")
}

async fn list(shell: Shell) -> Result<HttpResponse, WebError> {
    let shown = millrace::web::design::DesignPage::new(shell);
    respond::page(&Hx::default(), &shown, &[])
}

async fn cancel(
    hx: Hx,
    held: actix_session::Session,
    form: Form,
    id: actix_web::web::Path<i64>,
) -> Result<HttpResponse, WebError> {
    let notice = millrace::web::parts::Notice::done(format!("Job {id} is cancelled: {}.", form.text("reason")));
    respond::done(&hx, &held, "/jobs", &notice, &[])
}

async fn broken() -> Result<HttpResponse, WebError> {
    Err(WebError::fault("column \"secret\" does not exist"))
}

/// A stream whose every look but the first takes longer than anybody should keep lost rights.
async fn slow(listener: Listener) -> Result<HttpResponse, WebError> {
    let looks = AtomicU32::new(0);
    let look = move |_: &mut PgConnection, _: &Actor, _, _| {
        if looks.fetch_add(1, Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_secs(4));
        }
        frame()
    };
    listener.follow("slow", Duration::from_millis(100), look).await
}

/// A stream that looks rarely.
async fn rare(listener: Listener) -> Result<HttpResponse, WebError> {
    listener.follow("rare", Duration::from_secs(5), |_: &mut PgConnection, _: &Actor, _, _| frame()).await
}

/// Two streams that tell for whom they are made: one that people with equal rights share, and one of each person.
async fn shared(listener: Listener) -> Result<HttpResponse, WebError> {
    listener.follow("shared", Duration::from_secs(1), |_: &mut PgConnection, actor: &Actor, _, _| whose(actor)).await
}

async fn own(listener: Listener) -> Result<HttpResponse, WebError> {
    let listener = listener.alone();
    listener.follow("own", Duration::from_secs(1), |_: &mut PgConnection, actor: &Actor, _, _| whose(actor)).await
}

fn whose(actor: &Actor) -> Result<Frame, LiveError> {
    let html = format!("made for {:?}{:?}.", actor.person, actor.name);
    Ok(Frame { panels: vec![Panel { id: "panel-whose".into(), html }], tail: None })
}

fn frame() -> Result<Frame, LiveError> {
    Ok(Frame { panels: vec![Panel { id: "panel-clock".into(), html: "now".into() }], tail: None })
}

async fn api(request: HttpRequest, actor: Actor) -> Result<HttpResponse, WebError> {
    let body = serde_json::json!({"by": actor.name, "path": request.path()});
    respond::json(actix_web::http::StatusCode::OK, &body)
}

/// The schema's clock is the database's; tests of age move rows instead of time.
pub fn age_sessions(conn: &mut PgConnection, minutes: i64) {
    const SQL: &str = "UPDATE millrace.sessions SET seen_at = seen_at - make_interval(mins => $1::int)";
    statement(SQL).bind::<BigInt, _>(minutes).run(conn).unwrap();
}
