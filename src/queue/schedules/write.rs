//! What a round of firing writes.

use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use super::standing::Due;
use super::values::{Act, BY_RULES, Decision, Outcome, ScheduleId, Why};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement};
use crate::queue::job::JobId;

/// An occurrence as it is written down.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) schedule: ScheduleId,
    pub(super) at: Time,
    pub(super) backfill: i32,
    pub(super) version: i32,
    pub(super) outcome: Outcome,
    pub(super) why: Option<Why>,
    pub(super) run_at: Option<Time>,
    pub(super) until: Option<Time>,
    pub(super) more: u64,
    pub(super) job: Option<JobId>,
    pub(super) finish_by: Option<Time>,
}

impl Row {
    pub(super) fn of(due: &Due, one: &Decision) -> Self {
        let (outcome, why, run_at, finish_by) = match &one.act {
            Act::Enqueue { run_at, why, finish_by, .. } => (Outcome::Enqueued, why.clone(), Some(*run_at), *finish_by),
            Act::Leave(why) => (why.cause.outcome(), Some(why.clone()), None, None),
        };
        let Decision { at, until, more, .. } = *one;
        let (schedule, version) = (due.id, due.version);
        Self { schedule, at, backfill: BY_RULES, version, outcome, why, run_at, until, more, job: None, finish_by }
    }

    /// It gets no job after all.
    pub(super) fn leave(&mut self, why: &Why) {
        (self.outcome, self.why) = (why.cause.outcome(), Some(why.clone()));
        (self.run_at, self.finish_by) = (None, None);
    }
}

/// Writes occurrences, and notes their jobs as not ended.
///
/// # Errors
/// [`DbError::Corrupt`] when one of them had a row already: its job must not be committed then.
pub(super) fn occurrences(tx: &mut Tx<'_>, rows: &[Row]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::schedules::write
WITH given AS MATERIALIZED (
    SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::integer[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
        $9::timestamptz[], $10::bigint[], $11::bigint[], $12::timestamptz[])
        AS g(schedule_id, at, backfill_id, version, outcome, cause, reason, run_at, until, more, job_id, finish_by)
), kept AS (
    INSERT INTO millrace.occurrences (schedule_id, at, backfill_id, version, outcome, cause, reason, run_at, until, more, job_id, finish_by)
    SELECT schedule_id, at, backfill_id, version, outcome, cause, reason, run_at, until, more, job_id, finish_by FROM given
    ON CONFLICT (schedule_id, at, backfill_id) DO NOTHING RETURNING 1
), live AS (
    INSERT INTO millrace.schedule_jobs (schedule_id, job_id, backfill_id, finish_by)
    SELECT schedule_id, job_id, backfill_id, finish_by FROM given WHERE job_id IS NOT NULL
)
SELECT count(*) FROM kept";
    if rows.is_empty() {
        return Ok(());
    }
    let column = |of: fn(&Row) -> Option<Time>| rows.iter().map(of).collect::<Vec<_>>();
    let kept = statement(SQL)
        .bind::<Array<Integer>, _>(rows.iter().map(|row| row.schedule.0).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(rows.iter().map(|row| row.at).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(rows.iter().map(|row| row.backfill).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(rows.iter().map(|row| row.version).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(rows.iter().map(|row| row.outcome.as_str()).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(
            rows.iter().map(|row| Some(row.why.as_ref()?.cause.as_str())).collect::<Vec<_>>(),
        )
        .bind::<Array<Nullable<Text>>, _>(
            rows.iter().map(|row| Some(row.why.as_ref()?.reason.as_str())).collect::<Vec<_>>(),
        )
        .bind::<Array<Nullable<Timestamptz>>, _>(column(|row| row.run_at))
        .bind::<Array<Nullable<Timestamptz>>, _>(column(|row| row.until))
        .bind::<Array<BigInt>, _>(
            rows.iter().map(|row| i64::try_from(row.more).unwrap_or(i64::MAX)).collect::<Vec<_>>(),
        )
        .bind::<Array<Nullable<BigInt>>, _>(rows.iter().map(|row| row.job.map(|job| job.0)).collect::<Vec<_>>())
        .bind::<Array<Nullable<Timestamptz>>, _>(column(|row| row.finish_by))
        .tuples::<BigInt, i64>(tx)?
        .pop();
    match usize::try_from(kept.unwrap_or_default()) {
        Ok(kept) if kept == rows.len() => Ok(()),
        _ => Err(DbError::Corrupt(format!("{} occurrences were to be written, and some were there", rows.len()))),
    }
}

/// Takes jobs that have ended off the list of those that have not.
pub(super) fn forget_ended(tx: &mut Tx<'_>, ended: &[(i32, i64)]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::schedules::forget
DELETE FROM millrace.schedule_jobs sj USING unnest($1::integer[], $2::bigint[]) AS g(schedule_id, job_id)
WHERE sj.schedule_id = g.schedule_id AND sj.job_id = g.job_id -- it may go on by now
    AND ((SELECT true FROM millrace.jobs j WHERE j.id = sj.job_id) IS NULL OR (SELECT true FROM millrace.history h WHERE h.job_id = sj.job_id) IS NOT NULL)";
    if ended.is_empty() {
        return Ok(());
    }
    statement(SQL)
        .bind::<Array<Integer>, _>(ended.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(ended.iter().map(|(_, job)| *job).collect::<Vec<_>>())
        .run(tx)?;
    Ok(())
}

/// Lets a due schedule that nobody holds be looked at so many seconds later, and says why.
pub(super) fn put_off(
    conn: &mut PgConnection,
    id: ScheduleId,
    seconds: i32,
    trouble: Option<&str>,
) -> Result<(), DbError> {
    const SQL: &str = "-- queue::schedules::put_off
WITH mine AS MATERIALIZED (
    SELECT l.id FROM millrace.schedules l WHERE l.id = $1 AND l.due_at <= clock_timestamp() FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE millrace.schedules s SET due_at = clock_timestamp() + $2 * interval '1 second', trouble = coalesce($3, s.trouble) FROM mine WHERE s.id = mine.id";
    statement(SQL).bind::<Integer, _>(id.0).bind::<Integer, _>(seconds).bind::<Nullable<Text>, _>(trouble).run(conn)?;
    Ok(())
}

/// Who a schedule's row says paused it when it paused by itself; the index of those and the dashboard's statement name it, too.
pub(super) const PAUSER: &str = "Millrace";

/// What a schedule's row becomes.
pub(super) struct Change {
    pub(super) id: ScheduleId,
    pub(super) stamp: i32,
    pub(super) until: Time,
    pub(super) due_at: Option<Time>,
    pub(super) next_at: Option<Time>,
    pub(super) made: i64,
    pub(super) ended: bool,
    pub(super) trouble: Option<String>,
    pub(super) keeps_trouble: bool,
    pub(super) pause: Option<String>,
}

/// Moves the rows of schedules on, which are locked and have the stamps that were read.
///
/// # Errors
/// [`DbError::Corrupt`] when one of them has another stamp.
pub(super) fn schedules(tx: &mut Tx<'_>, changes: &[Change]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::schedules::move_on
UPDATE millrace.schedules s SET decided_until = greatest(s.decided_until, g.until), due_at = g.due_at, next_at = g.next_at, jobs = s.jobs + g.made,
    ended_at = CASE WHEN g.ended THEN clock_timestamp() END, trouble = CASE WHEN g.keeps THEN s.trouble ELSE g.trouble END,
    paused_at = CASE WHEN g.pause IS NULL THEN s.paused_at ELSE clock_timestamp() END,
    paused_by = CASE WHEN g.pause IS NULL THEN s.paused_by ELSE own.name END, pause_reason = coalesce(g.pause, s.pause_reason)
FROM unnest($1::integer[], $2::integer[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::boolean[], $8::text[], $9::boolean[],
    $10::text[]) AS g(id, stamp, until, due_at, next_at, made, ended, trouble, keeps, pause) CROSS JOIN (SELECT $11::text AS name) AS own
WHERE s.id = g.id AND s.stamp = g.stamp";
    if changes.is_empty() {
        return Ok(());
    }
    let times = |of: fn(&Change) -> Option<Time>| changes.iter().map(of).collect::<Vec<_>>();
    let texts = |of: fn(&Change) -> &Option<String>| changes.iter().map(|one| of(one).as_deref()).collect::<Vec<_>>();
    let moved = statement(SQL)
        .bind::<Array<Integer>, _>(changes.iter().map(|one| one.id.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(changes.iter().map(|one| one.stamp).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(changes.iter().map(|one| one.until).collect::<Vec<_>>())
        .bind::<Array<Nullable<Timestamptz>>, _>(times(|one| one.due_at))
        .bind::<Array<Nullable<Timestamptz>>, _>(times(|one| one.next_at))
        .bind::<Array<BigInt>, _>(changes.iter().map(|one| one.made).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(changes.iter().map(|one| one.ended).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(texts(|one| &one.trouble))
        .bind::<Array<Bool>, _>(changes.iter().map(|one| one.keeps_trouble).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(texts(|one| &one.pause))
        .bind::<Text, _>(PAUSER)
        .run(tx)?;
    if moved == changes.len() {
        Ok(())
    } else {
        Err(DbError::Corrupt(format!("{moved} schedules of {} were moved on", changes.len())))
    }
}
