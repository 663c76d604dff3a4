//! What people do to single jobs: cancel, hold, release, run now, reschedule, reprioritise, reopen.
//!
//! A waiting job is *taken* from wherever it waits and *put* where it belongs, in one transaction; a running job gets an
//! intent that its node reads. Every verb asks the state table whether the move is allowed.
mod intent;
mod place;

use diesel::sql_types::{BigInt, Integer, Nullable, SmallInt, Text, Timestamptz};

pub use intent::{Intent, intents_of_node, stale_intents};
pub use place::{Place, Waiting};

use super::job::JobId;
use super::settle::StateMoves;
use super::state::{Event, JobState};
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};

/// How often a verb looks again when the job moved between two looks.
const LOOKS_MAX: usize = 5;

/// Why a verb was refused.
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

/// Where a waiting job goes.
enum To {
    Ready,
    Scheduled(Time),
    Held(Option<String>),
    Cancelled(Option<String>),
}

/// Cancels a waiting job, or asks the node of a running one to stop it.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn cancel(tx: &mut Tx<'_>, job: JobId, by: &str, reason: Option<String>) -> Result<Cancelled, ControlError> {
    for _ in 0..LOOKS_MAX {
        if let Some(waiting) = place::take(tx, job)? {
            put(tx, job, waiting, By { name: by, verb: "cancelled" }, Event::Cancel, To::Cancelled(reason))?;
            return Ok(Cancelled::Done);
        }
        match place::find(tx, job)? {
            Place::Running => {
                intent::want_cancel(tx, job, by, reason.as_deref())?;
                return Ok(Cancelled::Asked);
            }
            Place::Finished(state) => return Err(ControlError::NotAllowed { job, state, verb: "cancelled" }),
            Place::Nowhere => return Err(ControlError::NotFound(job)),
            Place::Waiting => {} // it moved between the two looks
        }
    }
    Err(ControlError::Moving(job))
}

/// Fulfils a wish whose job was found not running: cancels it where it waits. When it runs again the wish stays; when it has
/// ended the wish is dropped.
///
/// # Errors
/// [`ControlError::Moving`] and [`ControlError::Db`]; the wish stays then.
pub fn fulfil(tx: &mut Tx<'_>, wish: &Intent) -> Result<(), ControlError> {
    if !intent::withdraw(tx, wish.job_id)? {
        return Ok(()); // fulfilled by somebody else, or the job was reopened since
    }
    match cancel(tx, wish.job_id, &wish.wanted_by, wish.reason.clone()) {
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
    move_waiting(tx, job, By { name: by, verb: "held" }, Event::Hold, |_| To::Held(reason.clone()))
}

/// Lets a held job go on: at its time, or at once when that has passed.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn release(tx: &mut Tx<'_>, job: JobId, by: &str, now: Time) -> Result<(), ControlError> {
    move_waiting(tx, job, By { name: by, verb: "released" }, Event::Release, |waiting| match waiting.run_at {
        Some(run_at) if run_at > now => To::Scheduled(run_at),
        _ => To::Ready,
    })
}

/// Makes a job that waits for its time, its backoff or a release ready at once.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn run_now(tx: &mut Tx<'_>, job: JobId, by: &str) -> Result<(), ControlError> {
    move_waiting(tx, job, By { name: by, verb: "started now" }, Event::Due, |_| To::Ready)
}

/// Moves a waiting job to another time.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn reschedule(tx: &mut Tx<'_>, job: JobId, by: &str, run_at: Time) -> Result<(), ControlError> {
    move_waiting(tx, job, By { name: by, verb: "rescheduled" }, Event::Reschedule, |_| To::Scheduled(run_at))
}

/// Gives a waiting job another priority (1 to 5); it goes to the end of that line.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn set_priority(tx: &mut Tx<'_>, job: JobId, priority: i16) -> Result<(), ControlError> {
    let waiting = take_or_refuse(tx, job, "reprioritised")?;
    let moved = Waiting { priority, ..waiting };
    match moved.state {
        JobState::Ready => place::put_ready(tx, job, &moved)?,
        JobState::Held | JobState::Blocked => place::put_back_parked(tx, job, &moved)?,
        _ => place::put_scheduled(tx, job, &moved, moved.run_at, moved.state == JobState::Retrying)?,
    }
    Ok(())
}

/// Makes a failed, cancelled or expired job ready again. It gets one more attempt when its attempts are used up.
///
/// # Errors
/// [`ControlError`]; nothing is changed then.
pub fn reopen(tx: &mut Tx<'_>, job: JobId) -> Result<(), ControlError> {
    let state = match place::find(tx, job)? {
        Place::Finished(state) => state,
        Place::Nowhere => return Err(ControlError::NotFound(job)),
        Place::Running => return Err(ControlError::NotAllowed { job, state: JobState::Running, verb: "retried" }),
        Place::Waiting => return Err(ControlError::Moving(job)),
    };
    if state.after(Event::Reopen).is_none() {
        return Err(ControlError::NotAllowed { job, state, verb: "retried" });
    }
    let waiting = place::take_finished(tx, job)?.ok_or(ControlError::Moving(job))?;
    intent::withdraw(tx, job)?; // one that came too late
    place::take_unique_key_again(tx, job)?;
    place::put_ready(tx, job, &waiting)?;
    count(tx, &waiting, state, JobState::Ready)
}

struct By<'a> {
    name: &'a str,
    verb: &'static str,
}

fn take_or_refuse(tx: &mut Tx<'_>, job: JobId, verb: &'static str) -> Result<Waiting, ControlError> {
    for _ in 0..LOOKS_MAX {
        if let Some(waiting) = place::take(tx, job)? {
            return Ok(waiting);
        }
        match place::find(tx, job)? {
            Place::Running => return Err(ControlError::NotAllowed { job, state: JobState::Running, verb }),
            Place::Finished(state) => return Err(ControlError::NotAllowed { job, state, verb }),
            Place::Nowhere => return Err(ControlError::NotFound(job)),
            Place::Waiting => {}
        }
    }
    Err(ControlError::Moving(job))
}

fn move_waiting(
    tx: &mut Tx<'_>,
    job: JobId,
    by: By<'_>,
    event: Event,
    to: impl Fn(&Waiting) -> To,
) -> Result<(), ControlError> {
    let waiting = take_or_refuse(tx, job, by.verb)?;
    let to = to(&waiting);
    put(tx, job, waiting, by, event, to)
}

fn put(tx: &mut Tx<'_>, job: JobId, waiting: Waiting, by: By<'_>, event: Event, to: To) -> Result<(), ControlError> {
    let left = waiting.state;
    if left.after(event).is_none() {
        return Err(ControlError::NotAllowed { job, state: left, verb: by.verb });
    }
    let entered = match to {
        To::Ready => place::put_ready(tx, job, &waiting).map(|()| JobState::Ready),
        To::Scheduled(at) => place::put_scheduled(tx, job, &waiting, Some(at), false).map(|()| JobState::Scheduled),
        To::Held(reason) => place::put_held(tx, job, &waiting, by.name, reason).map(|()| JobState::Held),
        To::Cancelled(reason) => finish(tx, job, &waiting, by.name, reason).map(|()| JobState::Cancelled),
    }?;
    count(tx, &waiting, left, entered)
}

fn count(tx: &mut Tx<'_>, job: &Waiting, left: JobState, entered: JobState) -> Result<(), ControlError> {
    let mut moves = StateMoves::default();
    moves.add(job.queue, job.template, Some(left), Some(entered));
    Ok(moves.record(tx)?)
}

fn finish(tx: &mut Tx<'_>, job: JobId, waiting: &Waiting, by: &str, reason: Option<String>) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::finish
INSERT INTO millrace.history (job_id, since, finished_at, template_id, version, queue_id, state, priority, attempt, ended_by, error)
VALUES ($1, $2, clock_timestamp(), $3, $4, $5, 'cancelled', $6, $7, $8, $9)";
    let error = super::settle::cancelled(by, reason.as_deref());
    statement(SQL)
        .bind::<BigInt, _>(job)
        .bind::<Timestamptz, _>(waiting.since)
        .bind::<Integer, _>(waiting.template)
        .bind::<Integer, _>(waiting.version)
        .bind::<Integer, _>(waiting.queue)
        .bind::<SmallInt, _>(waiting.priority)
        .bind::<SmallInt, _>(waiting.attempt)
        .bind::<Text, _>(by)
        .bind::<Nullable<Text>, _>(error)
        .run(tx)?;
    place::forget(tx, job, waiting)
}
