//! Turns: jobs that share an ordering key run one at a time, in the order in which they were committed (G10).
//!
//! ```text
//! enqueue ─▶ turns (its place) and gated, asking ──answer──▶ ready, if it is the first of its lane
//!                                 │ not the first                 ▲
//!                                 ▼                               │
//!                               gated ──── the job before it ends for good
//! ```
//! The first job of a lane has the turn until it ends, whatever becomes of it meanwhile: it may be scheduled, retrying or held.
//! The rules stand in the functions of the schema (`create_turns`), because `sql` jobs complete there; whoever has no ordering
//! key meets none of them.

use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text};

use super::job::JobId;
use crate::base::db::{DbError, PgConnection, Tx, statement};

/// Most jobs that are answered at once.
const ANSWERS_MAX: i32 = 1_000;
/// Most lanes that are looked at when turns are mended.
const MEND_LANES_MAX: i32 = 500;

/// Answers up to 1,000 jobs that ask for their turn and tells how many went into the line. Any node may do it at any time.
///
/// # Errors
/// Database failures.
pub fn answer(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::turns::answer
SELECT millrace.answer_turns($1)";
    Ok(count(&statement(SQL).bind::<Integer, _>(ANSWERS_MAX).tuples::<Integer, i32>(conn)?))
}

/// Ends the turns of jobs that have ended and lets the next in, and tells how many went into the line. Leases and the lanes of
/// limits are locked before.
pub(super) fn end(tx: &mut Tx<'_>, ended: &[JobId]) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::turns::end
SELECT millrace.end_turns($1)";
    if ended.is_empty() {
        return Ok(0);
    }
    let jobs: Vec<i64> = ended.iter().map(|job| job.0).collect();
    Ok(count(&statement(SQL).bind::<Array<BigInt>, _>(jobs).tuples::<Integer, i32>(tx)?))
}

/// Keeps a job's turn as it is until the transaction ends, and names its lane; `None` = it has no ordering key.
pub(super) fn hold(tx: &mut Tx<'_>, job: JobId) -> Result<Option<String>, DbError> {
    const SQL: &str = "-- queue::turns::hold
SELECT millrace.hold_turn($1)";
    Ok(statement(SQL).bind::<BigInt, _>(job).tuples::<Nullable<Text>, Option<String>>(tx)?.pop().flatten())
}

/// Puts a job that had ended behind all others of its key, and names its lane; `None` = it has no ordering key.
pub(super) fn take(tx: &mut Tx<'_>, job: JobId) -> Result<Option<String>, DbError> {
    const SQL: &str = "-- queue::turns::take
SELECT millrace.take_turn($1)";
    Ok(statement(SQL).bind::<BigInt, _>(job).tuples::<Nullable<Text>, Option<String>>(tx)?.pop().flatten())
}

/// Gives jobs without an ordering key one after the fact: they go on as they are, and what is enqueued for it from now on waits until all of
/// them have ended. Nodes that run them know nothing of the key: their results must end turns nevertheless. Before any job is enqueued in
/// this transaction, and once: lanes are locked in the order of their keys.
pub(super) fn join(tx: &mut Tx<'_>, jobs: &[(String, JobId)]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::turns::join
SELECT millrace.join_turns($1, $2) IS NULL";
    if jobs.is_empty() {
        return Ok(());
    }
    let keys: Vec<&str> = jobs.iter().map(|(key, _)| key.as_str()).collect();
    let jobs: Vec<i64> = jobs.iter().map(|(_, job)| job.0).collect();
    let bound = statement(SQL).bind::<Array<Text>, _>(keys).bind::<Array<BigInt>, _>(jobs);
    bound.tuples::<Bool, bool>(tx).map(drop)
}

/// The net under the turns: looks at up to 500 lanes, somewhere, for a first job that has ended or does not know that it is the
/// first, and tells how many there were. There are none unless a node of an older release ended them.
///
/// # Errors
/// Database failures.
pub fn mend(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::turns::mend
SELECT millrace.mend_turns($1)";
    Ok(count(&statement(SQL).bind::<Integer, _>(MEND_LANES_MAX).tuples::<Integer, i32>(conn)?))
}

fn count(rows: &[i32]) -> usize {
    rows.first().map_or(0, |jobs| jobs.unsigned_abs() as usize)
}
