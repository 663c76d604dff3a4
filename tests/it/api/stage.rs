//! A server with every route of the product, and programs that hold tokens.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::cookie::Key;
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Text};
use millrace::admin::health::Here;
use millrace::admin::jobs::gather::Gatherer;
use millrace::base::clock::SystemClock;
use millrace::base::db::{Db, PgConnection, statement};
use millrace::base::text::NodeName;
use millrace::queue::access::token;
use millrace::queue::job::JobId;
use millrace::queue::permission::Role;
use millrace::queue::ring::Ringer;
use millrace::queue::template::TemplateSpec;
use millrace::routes;
use millrace::web::app::app;
use millrace::web::blocking::Database;
use millrace::web::guard::Table;
use millrace::web::kit::{Kit, Settings};
use millrace::web::live::Hub;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

use crate::support::TestDb;
use crate::support::stage::{handler_template, template};

/// A running server; ends with this value.
pub struct Server {
    pub db: TestDb,
    pub address: String,
    pub table: Arc<Table>,
    hub: Arc<Hub>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one with the templates `demo.greet` (a required text `name`, queue `default`) and `demo.any` (takes anything).
    pub fn start() -> Server {
        Server::start_beside(None)
    }

    /// Starts one that reaches its database through `way`.
    pub fn start_through(way: impl FnOnce(&str) -> String) -> Server {
        Server::start_with(None, way)
    }

    /// Starts one beside the engine of a node.
    pub fn start_beside(node: Option<&str>) -> Server {
        Server::start_with(node, str::to_owned)
    }

    fn start_with(node: Option<&str>, way: impl FnOnce(&str) -> String) -> Server {
        let db = TestDb::new();
        publish_templates(&mut db.connect());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let url = way(db.url());
        let kit = kit(db.pool_over(&url, 8), listener.local_addr().unwrap().port());
        let (hub, table) = (Arc::clone(&kit.live), Arc::clone(&kit.table));
        let here = Data::new(Here { node: node.map(|name| NodeName::parse(name).unwrap()) });
        let ringer = Data::new(Ringer::start(db.url()).unwrap());
        let gatherer = Data::new(Gatherer::start(&url).unwrap());
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app =
                    move || app(kit.clone()).app_data(ringer.clone()).app_data(gatherer.clone()).app_data(here.clone());
                let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
                sender.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Server { db, address, table, hub, handle: receiver.recv().unwrap(), thread: Some(thread) }
    }

    /// A program with a token for everything, of somebody with this role.
    pub fn program(&self, role: Role) -> Program {
        self.limited(role, &["all"], (&[], &[]))
    }

    /// A program with these token scopes, of an operator.
    pub fn with_scopes(&self, scopes: &[&str]) -> Program {
        self.limited(Role::Operator, scopes, (&[], &[]))
    }

    /// A program of somebody who is limited to queues and tags.
    pub fn limited(&self, role: Role, scopes: &[&str], (queues, tags): (&[&str], &[&str])) -> Program {
        const PERSON: &str = "INSERT INTO millrace.people (email, name, role, scope_queues, scope_tags)
            VALUES (gen_random_uuid() || '@example.org', 'Ada', $1, $2, $3) RETURNING id";
        const TOKEN: &str = "INSERT INTO millrace.tokens (person_id, name, token_hash, hint, scopes)
            VALUES ($1, 'ci', sha256($2::text::bytea), 'mr_', $3)";
        let conn = &mut self.db.connect();
        let bound = statement(PERSON).bind::<Text, _>(role.as_str()).bind::<Array<Text>, _>(queues);
        let person: Option<Id> = bound.bind::<Array<Text>, _>(tags).row(conn).unwrap();
        let text = token::generate();
        let bound = statement(TOKEN).bind::<BigInt, _>(person.unwrap().id).bind::<Text, _>(&text);
        bound.bind::<Array<Text>, _>(scopes).run(conn).unwrap();
        Program::new(&self.address, Some(text))
    }

    /// A program without a token.
    pub fn stranger(&self) -> Program {
        Program::new(&self.address, None)
    }

    pub fn number(&self, sql: &'static str) -> i64 {
        crate::support::stage::number(&mut self.db.connect(), sql)
    }

    pub fn run(&self, sql: &'static str) {
        statement(sql).run(&mut self.db.connect()).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.hub.close();
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

fn publish_templates(conn: &mut PgConnection) {
    handler_template(conn, "demo.any", json!({}));
    let params = json!({"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
        "name": {"type": "string", "maxLength": 20}, "key": {"type": "string", "secret": true}}});
    let spec = json!({"runner": "handler", "handler": {"name": "demo.greet"}, "params": params});
    let whole: TemplateSpec = serde_json::from_value(spec).unwrap(); // as the product stores it
    template(conn, "demo.greet", serde_json::to_value(whole).unwrap());
}

fn kit(pool: Db, port: u16) -> Kit {
    Kit {
        db: Database::new(pool),
        clock: Arc::new(SystemClock),
        settings: Arc::new(Settings::loopback(port, Key::from(&[7; 64]))),
        table: Arc::new(Table::new(routes::all(false))),
        live: Hub::new(),
        rates: Arc::default(),
        banners: Arc::new(Vec::new),
        open_failures: Arc::new(|| None),
    }
}

/// A program that asks the API. Cheap to clone.
#[derive(Clone)]
pub struct Program {
    agent: Agent,
    origin: String,
    token: Option<String>,
}

/// An answer, read whole.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Fails with the body unless the status is `status`; gives the body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// The first problem of a refusal: its pointer and sentence.
    #[track_caller]
    pub fn refusal(&self, status: u16) -> String {
        let body = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let told = &body["errors"][0];
        match told["pointer"].as_str() {
            Some(pointer) => format!("{pointer}: {}", told["detail"].as_str().unwrap()),
            None => body["detail"].as_str().unwrap().to_owned(),
        }
    }
}

impl Program {
    pub fn new(address: &str, token: Option<String>) -> Program {
        let config = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_secs(30)));
        Program { agent: config.build().into(), origin: format!("http://{address}"), token }
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.origin));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            [] if method == "GET" => self.agent.run(request.body(()).unwrap()),
            body => self.agent.run(request.body(body).unwrap()),
        };
        let (parts, mut body) = answer.unwrap().into_parts();
        let text = body.with_config().limit(64 << 20).read_to_string().unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], &[])
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, body.to_string().as_bytes())
    }

    pub fn post_text(&self, path: &str, body: &[u8]) -> Answer {
        self.send("POST", path, &[("Content-Type", "application/json")], body)
    }

    /// Posts under an Idempotency-Key.
    pub fn post_once(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("Idempotency-Key", key)], body.to_string().as_bytes())
    }

    /// Enqueues a job and gives its id.
    #[track_caller]
    pub fn enqueue(&self, job: &Value) -> JobId {
        JobId(self.post("/api/v1/jobs", job).expect(201)["id"].as_i64().unwrap())
    }
}
