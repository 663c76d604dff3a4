//! Putting jobs back where they wait: retries, snoozes, jobs handed back, jobs held.

use std::time::Duration;

use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};

use super::ending::{Ending, Settlement};
use crate::base::db::{DbError, Tx, statement};
use crate::queue::state::JobState;

const LATER: &str = "-- queue::settle::later
INSERT INTO millrace.scheduled (job_id, run_at, since, seq, queue_id, template_id, priority, attempt, retrying)
SELECT job_id, clock_timestamp() + wait_ms * interval '1 ms', clock_timestamp(), nextval('millrace.job_seq'), queue_id, template_id,
    priority, attempt, retrying
FROM UNNEST($1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::smallint[], $6::smallint[], $7::boolean[])
AS r(job_id, wait_ms, queue_id, template_id, priority, attempt, retrying)";

/// New places at the end of the line; where they are is written down, because they are not the jobs' own ids.
const AGAIN: &str = "-- queue::settle::again
WITH r AS MATERIALIZED (
    SELECT *, nextval('millrace.job_seq') AS seq FROM UNNEST($1::bigint[], $2::integer[], $3::integer[], $4::smallint[], $5::smallint[])
    AS r(job_id, queue_id, template_id, priority, attempt)
), line AS (
    INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
    SELECT seq, job_id, clock_timestamp(), queue_id, template_id, priority, attempt FROM r
)
INSERT INTO millrace.placements AS p (job_id, queue_id, priority, seq) SELECT job_id, queue_id, priority, seq FROM r
ON CONFLICT (job_id) DO UPDATE SET queue_id = excluded.queue_id, priority = excluded.priority, seq = excluded.seq";

const GATE: &str = "-- queue::settle::gate
INSERT INTO millrace.gated (job_id, lane, since, not_before, queue_id, template_id, priority, attempt, amount)
SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::integer[], $6::integer[], $7::smallint[], $8::smallint[], $9::integer[])";

const HOLD: &str = "-- queue::settle::hold
INSERT INTO millrace.parked (job_id, state, since, queue_id, template_id, priority, attempt, parked_by, reason)
SELECT job_id, 'held', clock_timestamp(), queue_id, template_id, priority, attempt, 'millrace', reason
FROM UNNEST($1::bigint[], $2::integer[], $3::integer[], $4::smallint[], $5::smallint[], $6::text[])
AS r(job_id, queue_id, template_id, priority, attempt, reason)";

/// Puts every result whose job goes on into its waiting table.
pub(super) fn put(tx: &mut Tx<'_>, ours: &[&Settlement]) -> Result<(), DbError> {
    let of = |wanted: &[JobState]| -> Vec<&Settlement> {
        ours.iter().copied().filter(|row| wanted.contains(&row.ending.state())).collect()
    };
    later(tx, &of(&[JobState::Scheduled, JobState::Retrying]))?;
    let (stopped, ready): (Vec<_>, Vec<_>) = of(&[JobState::Ready]).into_iter().partition(|row| is_gated(row));
    again(tx, &ready)?;
    gate(tx, &stopped)?;
    hold(tx, &of(&[JobState::Held]))
}

fn column<T>(rows: &[&Settlement], of: impl Fn(&Settlement) -> T) -> Vec<T> {
    rows.iter().map(|row| of(row)).collect()
}

fn later(tx: &mut Tx<'_>, rows: &[&Settlement]) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    statement(LATER)
        .bind::<Array<BigInt>, _>(column(rows, |row| row.job.0))
        .bind::<Array<BigInt>, _>(column(rows, |row| waits(row).as_millis().min(i64::MAX as u128) as i64))
        .bind::<Array<Integer>, _>(column(rows, |row| row.queue.0))
        .bind::<Array<Integer>, _>(column(rows, |row| row.template.0))
        .bind::<Array<SmallInt>, _>(column(rows, |row| row.priority))
        .bind::<Array<SmallInt>, _>(column(rows, Settlement::attempts_counted))
        .bind::<Array<Bool>, _>(column(rows, |row| row.ending.state() == JobState::Retrying))
        .run(tx)?;
    Ok(())
}

fn waits(row: &Settlement) -> Duration {
    row.ending.waits_for().unwrap_or_default()
}

fn again(tx: &mut Tx<'_>, rows: &[&Settlement]) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    statement(AGAIN)
        .bind::<Array<BigInt>, _>(column(rows, |row| row.job.0))
        .bind::<Array<Integer>, _>(column(rows, |row| row.queue.0))
        .bind::<Array<Integer>, _>(column(rows, |row| row.template.0))
        .bind::<Array<SmallInt>, _>(column(rows, |row| row.priority))
        .bind::<Array<SmallInt>, _>(column(rows, Settlement::attempts_counted))
        .run(tx)?;
    Ok(())
}

fn is_gated(row: &Settlement) -> bool {
    matches!(row.ending, Ending::Gated { .. })
}

fn gate(tx: &mut Tx<'_>, rows: &[&Settlement]) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    let wish = |row: &Settlement| match &row.ending {
        Ending::Gated { lane, not_before, amount } => (lane.clone(), *not_before, amount.cast_signed()),
        _ => (String::new(), None, 1),
    };
    statement(GATE)
        .bind::<Array<BigInt>, _>(column(rows, |row| row.job.0))
        .bind::<Array<Text>, _>(column(rows, |row| wish(row).0))
        .bind::<Array<Timestamptz>, _>(column(rows, |row| row.since))
        .bind::<Array<Nullable<Timestamptz>>, _>(column(rows, |row| wish(row).1))
        .bind::<Array<Integer>, _>(column(rows, |row| row.queue.0))
        .bind::<Array<Integer>, _>(column(rows, |row| row.template.0))
        .bind::<Array<SmallInt>, _>(column(rows, |row| row.priority))
        .bind::<Array<SmallInt>, _>(column(rows, Settlement::attempts_counted))
        .bind::<Array<Integer>, _>(column(rows, |row| wish(row).2))
        .run(tx)?;
    Ok(())
}

fn hold(tx: &mut Tx<'_>, rows: &[&Settlement]) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    let reason = |row: &Settlement| match &row.ending {
        Ending::Held(_, reason) => reason.clone(),
        _ => String::new(),
    };
    statement(HOLD)
        .bind::<Array<BigInt>, _>(column(rows, |row| row.job.0))
        .bind::<Array<Integer>, _>(column(rows, |row| row.queue.0))
        .bind::<Array<Integer>, _>(column(rows, |row| row.template.0))
        .bind::<Array<SmallInt>, _>(column(rows, |row| row.priority))
        .bind::<Array<SmallInt>, _>(column(rows, Settlement::attempts_counted))
        .bind::<Array<Text>, _>(column(rows, reason))
        .run(tx)?;
    Ok(())
}
