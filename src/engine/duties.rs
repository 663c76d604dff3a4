//! Duties: periodic, idempotent, without input, each with its own thread, connection and time limit.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Shared, spawn};
use crate::base::clock::Clock;
use crate::base::db::{DbError, Link, PgConnection};

/// What a duty did: how many things it changed.
pub type DutyResult = Result<usize, DbError>;

/// Something that has to be done again and again by whichever node gets to it.
pub struct Duty {
    /// Its name in logs and `pg_stat_activity`.
    pub name: &'static str,
    /// Time between two runs.
    pub every: Duration,
    /// Longest statement.
    pub statement: Duration,
    /// Does it.
    pub run: Run,
}

/// What a duty does; told the time of day.
pub type Run = Box<dyn Fn(&mut PgConnection, &dyn Clock) -> DutyResult + Send>;

pub(crate) fn start(shared: &Arc<Shared>, duties: Vec<Duty>) -> Vec<JoinHandle<()>> {
    duties.into_iter().map(|duty| spawn(duty.name, shared, move |shared| repeat(shared, &duty))).collect()
}

fn repeat(shared: &Shared, duty: &Duty) {
    let mut link = Link::new(&shared.settings.database_url, &format!("duty {}", duty.name), duty.statement);
    loop {
        match link.with(|conn| (duty.run)(conn, shared.clock.as_ref())) {
            Ok(0) => {}
            Ok(changed) => tracing::trace!(duty = duty.name, changed, "duty done"),
            Err(error) if error.is_passing() => {
                tracing::debug!(duty = duty.name, %error, "duty waits for the database")
            }
            Err(error) => tracing::error!(duty = duty.name, %error, "duty failed"),
        }
        if shared.ending.wait(duty.every) {
            return;
        }
    }
}
