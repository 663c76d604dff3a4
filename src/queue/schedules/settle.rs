//! Deciding what is due of one schedule for somebody who is about to change it, within his transaction; and schedules that wait for a clock
//! which was put forward and back.

use diesel::sql_types::{Integer, Text};

use super::decide::Released;
use super::fire::{fire_with, is_away};
use super::plans::Plans;
use super::standing;
use super::values::ScheduleId;
use crate::base::db::{DbError, PgConnection, Tx, statement};

/// Decides what is due of one schedule, which the caller's transaction is about to change. The row stays locked. What the database refuses
/// is left as it was: whoever repairs, pauses or removes a schedule must be able to.
///
/// # Errors
/// The database is away or the transaction met another one.
pub fn settle(
    tx: &mut Tx<'_>,
    plans: &mut Plans,
    draw: &mut dyn FnMut() -> u64,
    id: ScheduleId,
) -> Result<(), DbError> {
    match tx.attempt(|tx| release(tx, plans, draw, id, Vec::new())) {
        Err(error) if !error.is_passing() && !is_away(&error) => {
            tracing::error!(%id, %error, "what was due of a schedule could not be decided before it is changed");
            Ok(())
        }
        settled => settled,
    }
}

/// Decides what is due of one schedule, and lets occurrences that waited run now, as the policies allow. Those that have a row are left alone.
///
/// # Errors
/// Database failures. No later look would decide what was to be released: the change that releases it must not be committed.
pub fn release(
    tx: &mut Tx<'_>,
    plans: &mut Plans,
    draw: &mut dyn FnMut() -> u64,
    id: ScheduleId,
    released: Vec<Released>,
) -> Result<(), DbError> {
    let due = standing::take_one(tx, id)?.map(|due| (due, released));
    fire_with(tx, plans, draw, due.into_iter().collect(), true).map(drop)
}

/// What a schedule says that is decided into the future.
const AHEAD: &str = "the clock was put back: what comes until then is decided already, and nothing runs before. Pause it and resume it, and it goes on from now";
/// Most of them that one look tells of.
const AHEAD_MAX: i32 = 5_000;

/// Tells at schedules that they are decided more than a minute ahead: a clock that was put forward let them decide what was to come. Tells
/// how many. A duty.
///
/// # Errors
/// Database failures.
pub fn note_ahead(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::schedules::note_ahead
WITH ahead AS MATERIALIZED (
    SELECT m.id FROM millrace.schedules m WHERE m.removed_at IS NULL AND m.ended_at IS NULL
        AND m.decided_until > clock_timestamp() + interval '1 minute' AND m.trouble IS DISTINCT FROM $1 ORDER BY m.id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE millrace.schedules s SET trouble = $1 FROM ahead WHERE s.id = ahead.id";
    statement(SQL).bind::<Text, _>(AHEAD).bind::<Integer, _>(AHEAD_MAX).run(conn)
}

/// Lets a schedule that is decided more than a minute ahead go on from now: what was decided of times to come, and has no job, is forgotten.
/// What has a job keeps its row, so it is not made again.
///
/// # Errors
/// Database failures.
pub fn come_back(tx: &mut Tx<'_>, id: ScheduleId) -> Result<(), DbError> {
    const BACK: &str = "-- queue::schedules::come_back
UPDATE millrace.schedules s SET decided_until = clock_timestamp(), due_at = clock_timestamp(), trouble = NULL, stamp = s.stamp + 1
WHERE s.id = $1 AND s.ended_at IS NULL AND s.decided_until > clock_timestamp() + interval '1 minute'";
    const FORGET: &str = "-- queue::schedules::forget_to_come
DELETE FROM millrace.occurrences o WHERE o.schedule_id = $1 AND o.at > clock_timestamp() AND o.backfill_id = 0 AND o.job_id IS NULL";
    if statement(BACK).bind::<Integer, _>(id.0).run(tx)? > 0 {
        statement(FORGET).bind::<Integer, _>(id.0).run(tx)?;
    }
    Ok(())
}
