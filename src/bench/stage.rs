//! The real thing, as a node runs it: schema, template, engine with its duties, and a handler that does nothing.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use diesel::sql_types::{BigInt, Bool, Jsonb, Text};
use serde_json::{Value, json};

use super::BenchError;
use super::place::{Place, execute};
use crate::base::clock::{Clock, SystemClock};
use crate::base::db::{DbError, PgConnection, statement};
use crate::base::text::NodeName;
use crate::engine::{Duty, Engine, EngineEnd, EngineSettings, Runners, Scaling, SlotBounds};
use crate::queue::counts::Folder;
use crate::queue::fit::Labels;
use crate::queue::job::JobId;
use crate::queue::partitions;
use crate::queue::template::RunnerKind;
use crate::queue::work::{Ended, Handler, JobContext, Outcome, Registry};

/// The template of all measured jobs.
pub(super) const TEMPLATE: &str = "bench.noop";
/// Jobs of one call of `millrace.enqueue_many`.
pub(super) const BULK: u32 = 1_000;
/// Values of the parameter that makes keys.
const LANGUAGES: [&str; 8] = ["it", "de", "fr", "en", "es", "pt", "pl", "nl"];
/// Longest a measured drain may take.
const DONE_WITHIN: Duration = Duration::from_secs(300);

/// What the handler saw.
pub(super) struct Seen {
    started: AtomicU64,
    starts: Sender<(JobId, Instant)>,
    tells: bool,
    /// How long a handler works.
    work: Duration,
}

/// Does nothing but wait if it is told to, and tells when it began if somebody wants to know.
struct Noop(Arc<Seen>);

impl Handler for Noop {
    fn run(&self, job: &JobContext) -> Ended {
        if self.0.tells && self.0.starts.send((job.job(), Instant::now())).is_err() {
            return Ok(Outcome::give_up("nobody measures any more"));
        }
        self.0.started.fetch_add(1, Ordering::Relaxed);
        if !self.0.work.is_zero() {
            std::thread::sleep(self.0.work);
        }
        Ok(Outcome::Done)
    }
}

/// Whether each start of the handler is told with its time, or only counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Starts {
    Counted,
    Told,
}

/// Whether limits hold for the measured jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounds {
    None,
    /// One of each kind, so wide that it stops none.
    All,
}

impl Bounds {
    fn of_template(self) -> Value {
        match self {
            Self::None => json!({}),
            Self::All => json!({ "concurrency": 100_000, "keyed": { "by": ["lang"], "jobs": 100_000 },
                "rate": { "jobs": 100_000, "per_ms": 100, "burst": 100_000 } }),
        }
    }
}

/// A running engine on a fresh database.
pub(super) struct Stage {
    engine: Option<Engine>,
    seen: Arc<Seen>,
    /// Starts of the handler, when they are told.
    pub(super) starts: Receiver<(JobId, Instant)>,
}

impl Stage {
    /// Publishes the template and starts the engine.
    pub(super) fn open(place: &Place, slots: u32, starts: Starts) -> Result<Self, BenchError> {
        Self::open_bounded(place, slots, starts, Bounds::None)
    }

    /// Like [`Self::open`], with a handler that takes its time.
    pub(super) fn open_working(place: &Place, slots: u32, work: Duration) -> Result<Self, BenchError> {
        Self::open_with(place, slots, (Starts::Counted, work), Bounds::None)
    }

    /// Like [`Self::open`], with limits.
    pub(super) fn open_bounded(place: &Place, slots: u32, starts: Starts, bounds: Bounds) -> Result<Self, BenchError> {
        Self::open_with(place, slots, (starts, Duration::ZERO), bounds)
    }

    fn open_with(
        place: &Place,
        slots: u32,
        (starts, work): (Starts, Duration),
        bounds: Bounds,
    ) -> Result<Self, BenchError> {
        publish_bounded(&mut place.connect()?, bounds)?;
        let (sender, receiver) = unbounded();
        let seen = Arc::new(Seen { started: AtomicU64::new(0), starts: sender, tells: starts == Starts::Told, work });
        let handlers = Registry::default().with_handler(TEMPLATE, Noop(Arc::clone(&seen)));
        let runners = Runners::default().with(RunnerKind::Handler, handlers);
        let engine = Engine::start(settings(place, slots)?, Arc::new(SystemClock), runners, duties())?;
        Ok(Self { engine: Some(engine), seen, starts: receiver })
    }

    /// Jobs that began so far.
    pub(super) fn started(&self) -> u64 {
        self.seen.started.load(Ordering::Relaxed)
    }

    /// Waits until `jobs` in all have begun and every result is recorded.
    pub(super) fn wait_settled(&self, conn: &mut PgConnection, jobs: u64) -> Result<(), BenchError> {
        let end = Instant::now() + DONE_WITHIN;
        while Instant::now() < end {
            if self.started() >= jobs && is_settled(conn)? {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(BenchError::Stuck { done: self.started(), jobs, seconds: DONE_WITHIN.as_secs() })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.drain(EngineEnd::Drained);
        }
    }
}

fn is_settled(conn: &mut PgConnection) -> Result<bool, DbError> {
    const SQL: &str = "-- bench::settled
SELECT NOT EXISTS (SELECT FROM millrace.leases)";
    Ok(statement(SQL).tuples::<Bool, bool>(conn)?.first().copied().unwrap_or(false))
}

/// With the times that `millrace serve` has unless it is told others.
fn settings(place: &Place, slots: u32) -> Result<EngineSettings, BenchError> {
    let node = NodeName::parse("bench").map_err(|error| DbError::Unavailable(error.to_string()))?;
    Ok(EngineSettings {
        database_url: place.url().to_owned(),
        node,
        slots: SlotBounds { min: slots.min(2), max: slots },
        scaling: Scaling::default(),
        queues: None,
        labels: Labels::new(),
        lease: Duration::from_secs(10),
        heartbeat: Duration::from_secs(3),
        drain: Duration::from_secs(25),
        aging: Duration::from_secs(30),
        poll: Duration::from_secs(1),
    })
}

/// The duties that cost running jobs something; those that clear away what is old find nothing here.
fn duties() -> Vec<Duty> {
    let every = Duration::from_secs(1);
    let statement = Duration::from_secs(30);
    let folder = RefCell::new(Folder::default());
    vec![
        Duty {
            name: "fold",
            every,
            statement,
            run: Box::new(move |conn: &mut PgConnection, _: &dyn Clock| folder.borrow_mut().fold(conn)),
        },
        Duty {
            name: "partitions",
            every: Duration::from_secs(10),
            statement,
            run: Box::new(|conn: &mut PgConnection, _: &dyn Clock| partitions::create_ahead(conn)),
        },
    ]
}

pub(super) fn publish(conn: &mut PgConnection) -> Result<(), DbError> {
    publish_bounded(conn, Bounds::None)
}

fn publish_bounded(conn: &mut PgConnection, bounds: Bounds) -> Result<(), DbError> {
    const VERSION: &str = "-- bench::publish
WITH t AS (INSERT INTO millrace.templates (name, created_by, latest_version) VALUES ($1, 'bench', 1) RETURNING id)
INSERT INTO millrace.template_versions (template_id, version, spec, author, published_at, published_by)
SELECT id, 1, $2, 'bench', now(), 'bench' FROM t";
    const ACTIVATE: &str = "-- bench::activate
UPDATE millrace.templates SET state = 'active', active_version = 1 WHERE name = $1";
    let spec: Value = json!({"runner": "handler", "handler": {"name": TEMPLATE}, "limits": bounds.of_template(),
        "params": {"type": "object", "properties": {"lang": {"type": "string"}}, "additionalProperties": true},
        "defaults": {"queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 60_000}});
    statement(VERSION).bind::<Text, _>(TEMPLATE).bind::<Jsonb, _>(spec).run(conn)?;
    statement(ACTIVATE).bind::<Text, _>(TEMPLATE).run(conn)?;
    if bounds == Bounds::All {
        execute(
            conn,
            "INSERT INTO millrace.queues (name, concurrency) VALUES ('default', 100000) ON CONFLICT (name) DO UPDATE SET concurrency = 100000",
        )?;
    }
    Ok(())
}

/// Arguments of job number `n`, about 90 bytes.
pub(super) fn payload(n: u32) -> Value {
    json!({"to": format!("user-{n:06}@example.org"), "subject": format!("Order {n:06} is confirmed"), "n": n, "lang": LANGUAGES[n as usize % LANGUAGES.len()]})
}

/// Enqueues `jobs` through the SQL door, 1,000 a call and transaction, without waking anybody.
pub(super) fn enqueue_bulk(conn: &mut PgConnection, jobs: u32) -> Result<(), DbError> {
    for first in (0..jobs).step_by(BULK as usize) {
        enqueue_call(conn, first, BULK.min(jobs - first))?;
    }
    Ok(())
}

/// One call for `count` jobs, numbered from `first`.
pub(super) fn enqueue_call(conn: &mut PgConnection, first: u32, count: u32) -> Result<(), DbError> {
    const SQL: &str = "-- bench::enqueue_many
SELECT count(*) FROM millrace.enqueue_many($1, notify => false)";
    let jobs: Vec<Value> = (first..first + count).map(|n| json!({"template": TEMPLATE, "args": payload(n)})).collect();
    statement(SQL).bind::<Jsonb, _>(Value::Array(jobs)).tuples::<BigInt, i64>(conn)?;
    Ok(())
}

/// One job in a transaction of its own.
pub(super) fn enqueue_one(conn: &mut PgConnection, n: u32, notify: bool) -> Result<JobId, DbError> {
    const SQL: &str = "-- bench::enqueue
SELECT millrace.enqueue($1, $2, notify => $3)";
    let ids = statement(SQL)
        .bind::<Text, _>(TEMPLATE)
        .bind::<Jsonb, _>(payload(n))
        .bind::<Bool, _>(notify)
        .tuples::<BigInt, JobId>(conn)?;
    ids.first().copied().ok_or_else(|| DbError::Unavailable("millrace.enqueue gave no id".into()))
}

/// Wakes the engine as a producer does after its commit.
pub(super) fn ring(conn: &mut PgConnection) -> Result<(), DbError> {
    execute(conn, "NOTIFY millrace, 'ready'")
}
