//! The demo's present: work keeps coming in by the rhythm of its past, through the door that applications use.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::args::args;
use super::cast::PARTS;
use super::dice::Dice;
use crate::base::clock::{Clock, Time};
use crate::base::db::{DbError, PgConnection, Tx, transaction};
use crate::queue::enqueue::{EnqueueError, NewJob, enqueue};
use crate::queue::ring;

/// Longest time that is made up for: what lies further back, such as a night without the demo, stays a gap.
const CATCH_UP_MAX: TimeDelta = TimeDelta::minutes(2);
/// How often there is something to look at: a long job that reports its progress.
const LONG_EVERY: Duration = Duration::from_secs(50);

/// The long jobs, one after the other, with who enqueues them.
fn long_jobs() -> [(&'static str, &'static str, Value); 5] {
    [
        ("recommendations.train", "cli:shop-cron", json!({ "epochs": 12 })),
        ("backup.documents", "cli:shop-cron", json!({ "folder": "/usr/share/common-licenses" })),
        ("search.index", "token:catalogue", json!({ "from": 1, "products": 2_500 })),
        ("logs.pack", "cli:shop-cron", json!({ "day": "2026-11-23" })),
        ("report.sales", "cli:shop-cron", json!({ "period": "month" })),
    ]
}

/// Feeds a demo.
pub struct Feeder {
    dice: Dice,
    fed: Time,
    long_at: Time,
    long_nth: usize,
}

impl Feeder {
    /// Starts feeding at `now`; the chances are those of `seed`.
    pub fn starting(now: Time, seed: u64) -> Self {
        Self { dice: Dice::of(seed), fed: now, long_at: now, long_nth: 0 }
    }

    /// Enqueues what has come in since the last call, and tells how many jobs that were. Call it about once a second.
    ///
    /// # Errors
    /// Database failures; what would have come in is then tried again by the next call.
    pub fn feed(&mut self, conn: &mut PgConnection, clock: &dyn Clock) -> Result<usize, DbError> {
        let now = clock.now();
        let jobs = self.arrived(now);
        if jobs.is_empty() {
            self.fed = now;
            return Ok(0);
        }
        transaction(conn, "demo::feed", |tx| put(tx, &jobs))?;
        ring::notify(conn)?;
        self.fed = now;
        Ok(jobs.len())
    }

    fn arrived(&mut self, now: Time) -> Vec<(&'static str, NewJob)> {
        let from = self.fed.max(now - CATCH_UP_MAX);
        let mut jobs = Vec::new();
        for part in &PARTS {
            for at in part.rhythm.arrivals(from, now, &mut self.dice) {
                let args = args(part.template, at, &mut self.dice);
                jobs.push((part.by, NewJob { template: part.template.into(), args, ..NewJob::default() }));
            }
        }
        if now >= self.long_at {
            self.long_at = now + TimeDelta::from_std(LONG_EVERY).unwrap_or_default();
            let (template, by, args) = long_jobs()[self.long_nth % long_jobs().len()].clone();
            self.long_nth += 1;
            jobs.push((by, NewJob { template: template.into(), args, ..NewJob::default() }));
        }
        jobs
    }
}

/// A template that somebody has archived or changed takes nothing more; the others go on.
fn put(tx: &mut Tx<'_>, jobs: &[(&'static str, NewJob)]) -> Result<(), DbError> {
    for (by, job) in jobs {
        match enqueue(tx, by, std::slice::from_ref(job)) {
            Ok(_) => {}
            Err(EnqueueError::Refused(refusals)) => {
                let refusal = refusals.first().map_or("", |refusal| refusal.message.as_str());
                tracing::debug!(template = job.template, refusal, "the demo's feeder was refused");
            }
            Err(EnqueueError::Db(error)) => return Err(error),
        }
    }
    Ok(())
}
