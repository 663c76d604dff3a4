//! A database with templates and, if wanted, an engine: what tests of running jobs begin with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Jsonb, Text};
use millrace::admin::jobs::JobFilter;
use millrace::admin::jobs::query::{Asker, parse};
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::{PgConnection, statement};
use millrace::base::text::NodeName;
use millrace::engine::{Engine, EngineEnd, EngineSettings, Runners, Scaling, SlotBounds};
use millrace::queue::fit::Labels;
use millrace::queue::job::JobId;
use millrace::queue::node::{Incarnation, Introduction, register};
use millrace::queue::sql_jobs::SqlConnections;
use millrace::queue::template::RunnerKind;
use millrace::queue::work::Registry;
use millrace::runners::sql::SqlRunner;
use serde_json::{Value, json};

use super::TestDb;

/// Longest time a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Publishes a template that runs the handler `name`, under the same name, with these defaults on top of quick ones.
pub fn handler_template(conn: &mut PgConnection, name: &str, defaults: Value) {
    let mut all = json!({"queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000,
        "backoff": {"kind": "constant", "base_ms": 20, "jitter": 0.0}});
    if let (Some(all), Some(more)) = (all.as_object_mut(), defaults.as_object()) {
        all.extend(more.clone());
    }
    template(conn, name, json!({"runner": "handler", "handler": {"name": name}, "defaults": all}));
}

/// Publishes a template from its document (without kind and name).
pub fn template(conn: &mut PgConnection, name: &str, spec: Value) {
    const SQL: &str = "WITH t AS (
    INSERT INTO millrace.templates (name, created_by, latest_version) VALUES ($1, 'test', 1) RETURNING id
)
INSERT INTO millrace.template_versions (template_id, version, spec, author, published_at, published_by)
SELECT id, 1, $2, 'test', now(), 'test' FROM t";
    statement(SQL).bind::<Text, _>(name).bind::<Jsonb, _>(spec).run(conn).unwrap();
    const ACTIVATE: &str = "UPDATE millrace.templates SET state = 'active', active_version = 1 WHERE name = $1";
    statement(ACTIVATE).bind::<Text, _>(name).run(conn).unwrap();
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// A query of jobs as somebody asks it now who may see everything; what is not understood fails the test.
pub fn asked(text: &str) -> JobFilter {
    let parsed = parse(text);
    assert_eq!(parsed.problems, [], "{text}");
    let asker = Asker { now: SystemClock.now(), zone: chrono_tz::Tz::UTC, sees_payload: true };
    JobFilter { query: parsed.query, asker }
}

/// Labels of a node.
pub fn labels(all: &[(&str, &str)]) -> Labels {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Enqueues one job through the SQL door.
pub fn enqueue(conn: &mut PgConnection, template: &str, args: Value) -> JobId {
    let row: Option<Id> = statement("SELECT millrace.enqueue($1, $2) AS id")
        .bind::<Text, _>(template)
        .bind::<Jsonb, _>(args)
        .row(conn)
        .unwrap();
    JobId(row.unwrap().id)
}

/// Enqueues `count` jobs of one template at once.
pub fn enqueue_many(conn: &mut PgConnection, template: &str, count: i32) -> Vec<JobId> {
    const SQL: &str = "SELECT id FROM millrace.enqueue_many(
    (SELECT jsonb_agg(jsonb_build_object('template', $1, 'args', jsonb_build_object('n', n))) FROM generate_series(1, $2) AS n)) ORDER BY ord";
    let rows: Vec<Id> = statement(SQL).bind::<Text, _>(template).bind::<Integer, _>(count).rows(conn).unwrap();
    rows.into_iter().map(|row| JobId(row.id)).collect()
}

/// Where a job is: its state's name, as one statement sees it.
pub fn state(conn: &mut PgConnection, job: JobId) -> String {
    const SQL: &str = "SELECT coalesce(
    (SELECT state::text FROM millrace.history WHERE job_id = $1),
    (SELECT 'running' FROM millrace.leases WHERE job_ids @> ARRAY[$1::bigint]),
    (SELECT CASE WHEN retrying THEN 'retrying' ELSE 'scheduled' END FROM millrace.scheduled WHERE job_id = $1),
    (SELECT state::text FROM millrace.parked WHERE job_id = $1),
    (SELECT 'ready' FROM millrace.ready WHERE job_id = $1), (SELECT 'gated' FROM millrace.gated WHERE job_id = $1), 'nowhere') AS text";
    text(conn, SQL, job)
}

/// Waits until a job has this state.
pub fn wait_for(conn: &mut PgConnection, job: JobId, wanted: &str) {
    let mut seen = String::new();
    wait_until(|| {
        seen = state(conn, job);
        seen == wanted
    })
    .unwrap_or_else(|()| panic!("job {job} is {seen}, not {wanted}"));
}

/// Waits until something holds.
pub fn wait_until(mut holds: impl FnMut() -> bool) -> Result<(), ()> {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        if Instant::now() > end {
            return Err(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

#[derive(QueryableByName)]
struct OneText {
    #[diesel(sql_type = Text)]
    text: String,
}

/// Gives the column `text` of a query about one job.
pub fn text(conn: &mut PgConnection, sql: &'static str, job: JobId) -> String {
    let row: Option<OneText> = statement(sql).bind::<BigInt, _>(job).row(conn).unwrap();
    row.unwrap().text
}

#[derive(QueryableByName)]
struct OneNumber {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Gives the column `number` of a query.
pub fn number(conn: &mut PgConnection, sql: &'static str) -> i64 {
    let row: Option<OneNumber> = statement(sql).row(conn).unwrap();
    row.unwrap().number
}

/// Registers a node that only claims what the test asks for.
pub fn register_node(conn: &mut PgConnection, name: &str) -> Incarnation {
    let name = NodeName::parse(name).unwrap();
    register(
        conn,
        &Introduction {
            name: &name,
            version: "test",
            labels: &Labels::new(),
            queues: None,
            slots: (1, 1),
            slots_ceiling: 64,
            commands: "",
        },
    )
    .unwrap()
}

/// An engine on a test's database, ended with this value.
pub struct TestEngine(Option<Engine>);

impl TestEngine {
    pub fn start(db: &TestDb, registry: Registry) -> TestEngine {
        TestEngine::start_as(db, "test", registry)
    }

    pub fn start_as(db: &TestDb, node: &str, registry: Registry) -> TestEngine {
        TestEngine::start_with(TestEngine::settings(db.url(), node), Arc::new(SystemClock), registry)
    }

    /// An engine that reaches its database by `url`, through a proxy.
    pub fn start_through(url: &str, registry: Registry) -> TestEngine {
        TestEngine::start_with(TestEngine::settings(url, "test"), Arc::new(SystemClock), registry)
    }

    /// An engine on a machine whose clock is `clock`.
    pub fn start_by(db: &TestDb, clock: impl Clock + 'static, registry: Registry) -> TestEngine {
        TestEngine::start_with(TestEngine::settings(db.url(), "test"), Arc::new(clock), registry)
    }

    /// An engine whose settings are changed before it starts.
    pub fn start_changed(db: &TestDb, registry: Registry, change: impl FnOnce(&mut EngineSettings)) -> TestEngine {
        let mut settings = TestEngine::settings(db.url(), "test");
        change(&mut settings);
        TestEngine::start_with(settings, Arc::new(SystemClock), registry)
    }

    fn settings(url: &str, node: &str) -> EngineSettings {
        EngineSettings {
            database_url: url.to_owned(),
            node: NodeName::parse(node).unwrap(),
            slots: SlotBounds { min: 2, max: 8 },
            scaling: Scaling::default(),
            queues: None,
            labels: Labels::new(),
            lease: Duration::from_secs(3),
            heartbeat: Duration::from_millis(500),
            drain: Duration::from_millis(500),
            aging: Duration::from_secs(30),
            poll: Duration::from_millis(500),
        }
    }

    /// An engine that runs `sql` jobs only.
    pub fn start_sql(db: &TestDb) -> TestEngine {
        let connections = SqlConnections::new(&db.url_of("millrace_sql"));
        let runners =
            Runners::default().with(RunnerKind::Sql, SqlRunner::default().with(SqlRunner::DEFAULT, connections));
        let settings = TestEngine::settings(db.url(), "test");
        TestEngine(Some(Engine::start(settings, Arc::new(SystemClock), runners, Vec::new()).unwrap()))
    }

    fn start_with(settings: EngineSettings, clock: Arc<dyn Clock>, registry: Registry) -> TestEngine {
        let runners = Runners::default().with(RunnerKind::Handler, registry);
        TestEngine(Some(Engine::start(settings, clock, runners, Vec::new()).unwrap()))
    }

    /// Drains it as SIGTERM does.
    pub fn drain(mut self) {
        self.0.take().unwrap().drain(EngineEnd::Drained);
    }
}

impl Drop for TestEngine {
    fn drop(&mut self) {
        if let Some(engine) = self.0.take() {
            engine.drain(EngineEnd::Drained);
        }
    }
}
