//! Settling: how attempts end. One transaction for a batch of results, whatever they are.
//!
//! ```text
//! settle ─▶ alike     plain successes of one kind, all of whose leases are ours: one statement for everything below
//!    else ─▶ release   the jobs leave their leases; what is not ours any more is left out (the fence)
//!        ─▶ history   finished jobs            ─▶ attempts   attempts that did not succeed
//!        ─▶ waiting   retries, snoozes, jobs handed back, jobs held
//!        ─▶ leftovers unique keys, progress, places of finished jobs
//!        ─▶ tally     rollups and state counts of exactly these jobs      ─▶ failures   by fingerprint
//!        ─▶ limits, turns   whoever waited for a place or for the end of one of them goes into the line
//! ```
mod alike;
mod ending;
mod failures;
mod history;
mod release;
mod tally;
mod waiting;

pub use ending::{AttemptOutcome, Ending, Settlement, Trouble, cancelled};
pub(crate) use tally::{StateMoves, array_literal as tally_literal};

use std::collections::HashSet;

use self::failures::Prints;
use super::job::{Fence, JobId, NodeId};
use super::node::Incarnation;
use super::{limits, log, turns};
use crate::base::db::{DbError, PgConnection, Tx, transaction};

/// Most results of one settling transaction.
pub const SETTLE_BATCH_MAX: usize = 1_000;

/// Which results were recorded: those whose lease was still ours.
#[derive(Debug, Default)]
pub struct Settled {
    recorded: usize,
    /// Those that were not; nearly always none.
    dropped: HashSet<(JobId, Fence)>,
    /// Jobs that waited for the places or turns of these are in the line now.
    has_let_in: bool,
}

impl Settled {
    /// Tells whether this one of the results was recorded. If not, somebody else owns the job: drop the result.
    pub fn holds(&self, job: JobId, fence: Fence) -> bool {
        !self.dropped.contains(&(job, fence))
    }

    /// Tells whether jobs that had waited for places or turns of these are in the line now.
    pub fn has_let_in(&self) -> bool {
        self.has_let_in
    }

    /// Tells how many were recorded.
    pub fn count(&self) -> usize {
        self.recorded
    }

    fn of(results: &[Settlement], ours: &[&Settlement]) -> Self {
        let mut dropped = HashSet::new();
        if ours.len() < results.len() {
            dropped.extend(results.iter().map(|result| (result.job, result.fence)));
            for result in ours {
                dropped.remove(&(result.job, result.fence));
            }
        }
        Self { recorded: ours.len(), dropped, has_let_in: false }
    }
}

/// Records results in one transaction.
///
/// # Errors
/// Database failures; nothing is recorded then. After a lost connection at COMMIT the outcome is not known: settle the
/// same results again, what was recorded is left out because its lease is gone.
pub fn settle(conn: &mut PgConnection, who: Incarnation, results: &[Settlement]) -> Result<Settled, DbError> {
    let mut settled = settle_all(conn, who, results)?;
    let freed = results.iter().filter(|result| settled.holds(result.job, result.fence)).map(|result| &result.lanes);
    settled.has_let_in |= limits::let_in_freed(conn, &limits::counted(freed)) > 0;
    Ok(settled)
}

fn settle_all(conn: &mut PgConnection, who: Incarnation, results: &[Settlement]) -> Result<Settled, DbError> {
    if alike::are_alike(results) && alike::settle(conn, who, &release::ordered(results))? {
        return Ok(Settled { recorded: results.len(), dropped: HashSet::new(), has_let_in: false });
    }
    transaction(conn, "queue::settle", |tx| settle_in(tx, who, results))
}

/// Writes results of a node as they stand, without leases, logs and waiting rows: a demo's past, of which the caller writes the
/// rest. What runs must go through [`settle`], whose fence keeps a job from ending twice.
///
/// # Errors
/// Database failures.
pub(crate) fn write_past(tx: &mut Tx<'_>, node: NodeId, results: &[&Settlement]) -> Result<(), DbError> {
    let prints = Prints::of(results);
    history::finish(tx, node, results, &prints)?;
    history::attempts(tx, node, results, &prints)?;
    failures::record(tx, node, results, &prints)?;
    tally::record(tx, node, results)
}

/// What jobs that go on continue from.
fn checkpoints(results: &[Settlement]) -> Vec<log::Sign> {
    let go_on = results.iter().filter(|result| !result.ending.state().is_terminal());
    let sign = |result: &Settlement| {
        let checkpoint = Some(result.checkpoint.clone()?);
        Some(log::Sign { job: result.job, fence: result.fence, progress: None, checkpoint })
    };
    go_on.filter_map(sign).collect()
}

/// Records results within the caller's transaction.
///
/// # Errors
/// As [`settle`].
pub fn settle_in(tx: &mut Tx<'_>, who: Incarnation, results: &[Settlement]) -> Result<Settled, DbError> {
    if results.is_empty() {
        return Ok(Settled::default());
    }
    log::append(tx, who, results.iter().flat_map(|result| &result.last_words))?;
    log::write_signs(tx, who, &checkpoints(results))?;
    let ours = release::release(tx, who, release::ordered(results))?;
    let prints = Prints::of(&ours);
    history::finish(tx, who.node, &ours, &prints)?;
    history::attempts(tx, who.node, &ours, &prints)?;
    waiting::put(tx, &ours)?;
    history::leftovers(tx, &ours)?;
    failures::record(tx, who.node, &ours, &prints)?;
    tally::record(tx, who.node, &ours)?;
    limits::free(tx, who, &ours)?;
    let turns: Vec<JobId> = ours.iter().filter(|result| result.ends_turn()).map(|result| result.job).collect();
    let let_in = turns::end(tx, &turns)?;
    Ok(Settled { has_let_in: let_in > 0, ..Settled::of(results, &ours) })
}
