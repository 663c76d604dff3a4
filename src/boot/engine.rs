//! `millrace engine`: the child that runs the jobs.

use std::sync::Arc;
use std::time::Duration;

use super::BootError;
use crate::base::clock::{Clock, SystemClock};
use crate::base::db::PgConnection;
use crate::base::signals;
use crate::config::Config;
use crate::engine::{Duty, DutyResult, Engine, EngineEnd, EngineSettings, Runners, SlotBounds};
use crate::queue::template::RunnerKind;
use crate::queue::work::Registry;
use crate::queue::{access, counts};

/// Longest wait for a notification before an engine looks by itself.
const POLL: Duration = Duration::from_secs(1);
/// How the process ends when its name was taken over: its supervisor starts it under a new epoch.
const SUPERSEDED: i32 = 75;

/// Runs jobs until asked to end; gives the exit code. `registry` holds the organisation's own handlers.
///
/// # Errors
/// [`BootError`] when the database cannot be reached.
pub fn engine(config: &Config, registry: Registry, database: &EngineDatabase) -> Result<i32, BootError> {
    signals::listen();
    let settings = settings(config, database);
    let clock = Arc::new(SystemClock);
    let runners = runners(config, registry, database);
    let engine = Engine::start(settings, clock, runners, duties())
        .map_err(|error| BootError::when("the engine cannot register its node", error))?;
    let end = engine.wait(|| signals::asked_to_end() > 0);
    engine.drain(end);
    Ok(if end == EngineEnd::Superseded { SUPERSEDED } else { 0 })
}

/// The URLs that the engine needs.
#[derive(Debug, Clone)]
pub struct EngineDatabase {
    /// For everything at run time.
    pub app: String,
    /// For the statements of `sql` jobs.
    pub sql: String,
}

fn settings(config: &Config, database: &EngineDatabase) -> EngineSettings {
    EngineSettings {
        database_url: database.app.clone(),
        node: config.node.clone(),
        slots: SlotBounds { min: config.slots.min, max: config.slots.max },
        queues: config.queues.as_ref().map(|shares| shares.iter().map(|share| (share.queue.to_string(), share.weight)).collect()),
        labels: serde_json::to_value(&config.labels).unwrap_or_default(), // a map of texts is always JSON
        lease: config.timing.lease,
        heartbeat: config.timing.heartbeat,
        drain: config.timing.drain,
        poll: POLL,
    }
}

fn runners(_config: &Config, registry: Registry, _database: &EngineDatabase) -> Runners {
    Runners::default().with(RunnerKind::Handler, registry)
}

fn duties() -> Vec<Duty> {
    let duty = |name, every, run| Duty { name, every: Duration::from_secs(every), statement: Duration::from_secs(30), run };
    vec![
        duty("fold", 1, fold),
        duty("partitions", 5, partitions),
        duty("idempotency", 300, |conn, _| crate::admin::jobs::idempotency::forget_old(conn)),
        duty("sessions", 300, |conn, clock| access::session::sweep(conn, clock.now())),
        duty("throttle", 300, |conn, clock| access::throttle::sweep(conn, clock.now())),
    ]
}

fn fold(conn: &mut PgConnection, _: &dyn Clock) -> DutyResult {
    counts::fold(conn)
}

fn partitions(conn: &mut PgConnection, _: &dyn Clock) -> DutyResult {
    crate::queue::partitions::create_ahead(conn)
}
