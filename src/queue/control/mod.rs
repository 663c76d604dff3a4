//! What people do to jobs, one or many: cancel, hold, release, retry, reschedule, reprioritise, move, discard.
//!
//! ```text
//! all ─▶ place::take          the waiting jobs that allow it leave wherever they wait ─▶ put where they belong
//!     ─▶ place::take_finished the ended ones that may be reopened                     ─▶ put into the line
//!     ─▶ place::find          what is left: running (an intent that its node reads), refused with its state, gone
//! ```
//! Everything in one transaction, in sets; every wish asks the state table whether the move is allowed.
mod ended;
mod intent;
mod place;
mod put;
mod wish;

use std::collections::BTreeMap;

pub use intent::{Intent, Manner, intents_of_node, stale_intents};
pub use place::{Place, Waiting};
pub use wish::Wish;

use super::job::{JobId, QueueId, TemplateId};
use super::settle::StateMoves;
use super::state::JobState;
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx};

/// How often a wish looks again for jobs that moved between two looks.
const LOOKS_MAX: usize = 5;

/// Why a wish was refused.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such job, or no more.
    #[error("there is no job {0}")]
    NotFound(JobId),
    /// The job's state does not allow it.
    #[error("job {job} is {state}, so it cannot be {verb}")]
    NotAllowed {
        /// The job.
        job: JobId,
        /// Its state.
        state: JobState,
        /// What was asked for, as a participle: "cancelled".
        verb: &'static str,
    },
    /// The job kept moving; try again.
    #[error("job {0} is moving between states, try again")]
    Moving(JobId),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What became of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It was waiting and is cancelled.
    Done,
    /// It is running; its node was told and stops it within 3 s.
    Asked,
}

/// What became of one of many jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It is so now.
    Done,
    /// It is running; its node was told.
    Asked,
    /// Its state does not allow it.
    NotAllowed(JobState),
    /// There is no such job, or no more.
    NotFound,
    /// It kept moving.
    Moving,
}

/// Does `wish` to each of `jobs` for `by`, and tells what became of each, by id. Jobs that do not allow it are left alone.
///
/// # Errors
/// Database failures; the transaction must not be committed then.
pub fn all(tx: &mut Tx<'_>, jobs: &[JobId], wish: &Wish, by: &str) -> Result<BTreeMap<JobId, Came>, DbError> {
    let mut came = BTreeMap::new();
    let mut left: Vec<JobId> = jobs.to_vec();
    left.sort_unstable();
    left.dedup();
    for _ in 0..LOOKS_MAX {
        for job in wait(tx, &left, wish, by)?.into_iter().chain(ended::change(tx, &left, wish, by)?) {
            came.insert(job, Came::Done);
        }
        left.retain(|job| !came.contains_key(job));
        if left.is_empty() {
            return Ok(came);
        }
        let mut running = Vec::new();
        for (job, place) in place::find(tx, &left)? {
            match refused(place, wish) {
                Some(Came::Asked) => running.push(job),
                Some(outcome) => drop(came.insert(job, outcome)),
                None => {} // it moved between the two looks
            }
        }
        intent::want(tx, &running, wish.manner(), by, wish.reason())?;
        came.extend(running.into_iter().map(|job| (job, Came::Asked)));
        left.retain(|job| !came.contains_key(job));
        if left.is_empty() {
            return Ok(came);
        }
    }
    came.extend(left.into_iter().map(|job| (job, Came::Moving)));
    Ok(came)
}

/// Tells what becomes of a job that was neither waiting nor ended as the wish needs it; `None` = look again.
fn refused(place: Place, wish: &Wish) -> Option<Came> {
    match place {
        Place::Running if wish.asks_running() => Some(Came::Asked),
        Place::Running => Some(Came::NotAllowed(JobState::Running)),
        Place::Waiting(state) | Place::Finished(state) if wish.is_allowed(state) => None,
        Place::Waiting(state) | Place::Finished(state) => Some(Came::NotAllowed(state)),
        Place::Nowhere => Some(Came::NotFound),
    }
}

/// Moves the waiting jobs among `jobs` and tells which they were.
fn wait(tx: &mut Tx<'_>, jobs: &[JobId], wish: &Wish, by: &str) -> Result<Vec<JobId>, DbError> {
    let states = wish.waiting_states();
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let taken = place::take(tx, jobs, &states)?;
    let mut moves = StateMoves::default();
    let mut groups: BTreeMap<JobState, Vec<Waiting>> = BTreeMap::new();
    let done = taken.iter().map(|job| job.id).collect();
    for job in taken {
        let (left, moved) = (job.state, wish.moved(job, by));
        if moved.1.queue == moved.0 {
            moves.add(moved.0, moved.1.template, Some(left), Some(moved.1.state));
        } else {
            moves.shift(moved.1.template, (moved.0, left), (moved.1.queue, moved.1.state));
        }
        groups.entry(moved.1.state).or_default().push(moved.1);
    }
    for (state, jobs) in groups {
        match state {
            JobState::Ready => put::ready(tx, &jobs)?,
            JobState::Scheduled | JobState::Retrying => put::scheduled(tx, &jobs)?,
            JobState::Cancelled => put::cancelled(tx, &jobs, by, wish.reason())?,
            // no wish leads elsewhere
            JobState::Held
            | JobState::Blocked
            | JobState::Running
            | JobState::Succeeded
            | JobState::Failed
            | JobState::Expired => {
                put::parked(tx, &jobs)?;
            }
        }
    }
    moves.record(tx)?;
    Ok(done)
}

/// One job's outcome as the answer to a wish about it alone.
fn one(tx: &mut Tx<'_>, job: JobId, wish: &Wish, by: &str) -> Result<Cancelled, ControlError> {
    match all(tx, &[job], wish, by)?.get(&job) {
        Some(Came::Done) => Ok(Cancelled::Done),
        Some(Came::Asked) => Ok(Cancelled::Asked),
        Some(Came::NotAllowed(state)) => Err(ControlError::NotAllowed { job, state: *state, verb: wish.participle() }),
        Some(Came::NotFound) | None => Err(ControlError::NotFound(job)),
        Some(Came::Moving) => Err(ControlError::Moving(job)),
    }
}

/// Cancels a waiting job, or asks the node of a running one to stop it.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn cancel(tx: &mut Tx<'_>, job: JobId, by: &str, reason: Option<String>) -> Result<Cancelled, ControlError> {
    one(tx, job, &Wish::Cancel(reason), by)
}

/// Fulfils a wish whose job was found not running: cancels it where it waits. When it runs again the wish stays; when it has
/// ended the wish is dropped.
///
/// # Errors
/// [`ControlError::Moving`] and [`ControlError::Db`]; the wish stays then.
pub fn fulfil(tx: &mut Tx<'_>, wish: &Intent) -> Result<(), ControlError> {
    if !intent::withdraw(tx, &[wish.job_id])? {
        return Ok(()); // fulfilled by somebody else, or the job was reopened since
    }
    let wanted = match wish.manner() {
        Manner::Cancel => Wish::Cancel(wish.reason.clone()),
        Manner::Terminate => Wish::Terminate(wish.reason.clone()),
    };
    match one(tx, wish.job_id, &wanted, &wish.wanted_by) {
        Ok(Cancelled::Done | Cancelled::Asked) | Err(ControlError::NotAllowed { .. } | ControlError::NotFound(_)) => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Stops a waiting job until somebody releases it.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn hold(tx: &mut Tx<'_>, job: JobId, by: &str, reason: Option<String>) -> Result<(), ControlError> {
    one(tx, job, &Wish::Hold(reason), by).map(drop)
}

/// Lets a held job go on: at its time, or at once when that has passed.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn release(tx: &mut Tx<'_>, job: JobId, by: &str, now: Time) -> Result<(), ControlError> {
    one(tx, job, &Wish::Release(now), by).map(drop)
}

/// Makes a job that waits for its time, its backoff or a release ready at once.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn run_now(tx: &mut Tx<'_>, job: JobId, by: &str) -> Result<(), ControlError> {
    one(tx, job, &Wish::RunNow, by).map(drop)
}

/// Moves a waiting job to another time.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn reschedule(tx: &mut Tx<'_>, job: JobId, by: &str, run_at: Time) -> Result<(), ControlError> {
    one(tx, job, &Wish::Reschedule(run_at), by).map(drop)
}

/// Gives a waiting job another priority (1 to 5); it goes to the end of that line.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn set_priority(tx: &mut Tx<'_>, job: JobId, priority: i16) -> Result<(), ControlError> {
    one(tx, job, &Wish::Priority(priority), "").map(drop)
}

/// Makes a failed, cancelled or expired job ready again. It gets one more attempt when its attempts are used up.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn reopen(tx: &mut Tx<'_>, job: JobId) -> Result<(), ControlError> {
    one(tx, job, &Wish::Reopen, "").map(drop)
}

/// Adds up what moved within its queue.
fn count(moves: &mut StateMoves, (queue, template): (QueueId, TemplateId), left: JobState, entered: JobState) {
    moves.add(queue, template, Some(left), Some(entered));
}
