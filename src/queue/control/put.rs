//! Putting jobs where they belong.

use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};

use super::Waiting;
use crate::base::db::{DbError, Statement, Tx, statement};
use crate::queue::job::JobId;
use crate::queue::state::JobState;
use crate::queue::{settle, turns};

fn column<T>(jobs: &[Waiting], of: impl Fn(&Waiting) -> T) -> Vec<T> {
    jobs.iter().map(of).collect()
}

/// Binds what every place knows of a job: id, queue, template, priority, attempts.
fn bound<'a>(sql: &'static str, jobs: &[Waiting]) -> Statement<'a> {
    statement(sql)
        .bind::<Array<BigInt>, _>(column(jobs, |job| job.id.0))
        .bind::<Array<Integer>, _>(column(jobs, |job| job.queue.0))
        .bind::<Array<Integer>, _>(column(jobs, |job| job.template.0))
        .bind::<Array<SmallInt>, _>(column(jobs, |job| job.priority))
        .bind::<Array<SmallInt>, _>(column(jobs, |job| job.attempt))
}

/// Puts jobs at the end of their lines, in this order, or where they ask for their turn.
pub(super) fn ready(tx: &mut Tx<'_>, jobs: &[Waiting]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::put_ready
WITH given AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::smallint[], $5::smallint[]) AS g(job_id, queue_id, template_id, priority, attempt)
), place AS (
    INSERT INTO millrace.placements AS p (job_id, queue_id, priority, seq) SELECT job_id, queue_id, priority, nextval('millrace.job_seq') FROM given
    ON CONFLICT (job_id) DO UPDATE SET queue_id = excluded.queue_id, priority = excluded.priority, seq = excluded.seq
    RETURNING job_id, seq
)
INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
SELECT place.seq, given.job_id, clock_timestamp(), given.queue_id, given.template_id, given.priority, given.attempt FROM given JOIN place USING (job_id)";
    let (asking, free): (Vec<Waiting>, Vec<Waiting>) = jobs.iter().cloned().partition(|job| job.lane.is_some());
    if !free.is_empty() {
        bound(SQL, &free).run(tx)?;
    }
    if asking.is_empty() { Ok(()) } else { ask(tx, &asking) }
}

fn ask(tx: &mut Tx<'_>, jobs: &[Waiting]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::put_asking
INSERT INTO millrace.gated (job_id, lane, since, not_before, queue_id, template_id, priority, attempt)
SELECT job_id, lane, clock_timestamp(), clock_timestamp(), queue_id, template_id, priority, attempt
FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::smallint[], $5::smallint[], $6::text[])
    AS g(job_id, queue_id, template_id, priority, attempt, lane)";
    bound(SQL, jobs).bind::<Array<Nullable<Text>>, _>(column(jobs, |job| job.lane.clone())).run(tx)?;
    Ok(())
}

/// Puts jobs where they wait for their time; without one they are due at once.
pub(super) fn scheduled(tx: &mut Tx<'_>, jobs: &[Waiting]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::put_scheduled
INSERT INTO millrace.scheduled (job_id, run_at, since, seq, queue_id, template_id, priority, attempt, retrying, lane)
SELECT job_id, coalesce(run_at, clock_timestamp()), clock_timestamp(), nextval('millrace.job_seq'), queue_id, template_id, priority, attempt, retrying, lane
FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::boolean[], $8::text[])
    AS g(job_id, queue_id, template_id, priority, attempt, run_at, retrying, lane)";
    bound(SQL, jobs)
        .bind::<Array<Nullable<Timestamptz>>, _>(column(jobs, |job| job.run_at))
        .bind::<Array<Bool>, _>(column(jobs, |job| job.state == JobState::Retrying))
        .bind::<Array<Nullable<Text>>, _>(column(jobs, |job| job.lane.clone()))
        .run(tx)?;
    Ok(())
}

/// Puts held and blocked jobs where they wait for somebody or something.
pub(super) fn parked(tx: &mut Tx<'_>, jobs: &[Waiting]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::put_parked
INSERT INTO millrace.parked (job_id, state, since, run_at, queue_id, template_id, priority, attempt, parked_by, reason)
SELECT job_id, state::millrace.job_state, clock_timestamp(), run_at, queue_id, template_id, priority, attempt, parked_by, reason
FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::smallint[], $5::smallint[], $6::text[], $7::timestamptz[], $8::text[], $9::text[])
    AS g(job_id, queue_id, template_id, priority, attempt, state, run_at, parked_by, reason)";
    bound(SQL, jobs)
        .bind::<Array<Text>, _>(column(jobs, |job| job.state.as_str()))
        .bind::<Array<Nullable<Timestamptz>>, _>(column(jobs, |job| job.run_at))
        .bind::<Array<Text>, _>(column(jobs, |job| job.parked_by.clone().unwrap_or_else(|| "millrace".into())))
        .bind::<Array<Nullable<Text>>, _>(column(jobs, |job| job.reason.clone()))
        .run(tx)?;
    Ok(())
}

/// Ends waiting jobs as cancelled.
pub(super) fn cancelled(tx: &mut Tx<'_>, jobs: &[Waiting], by: &str, reason: Option<&str>) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::finish
WITH given AS (
    SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::smallint[], $5::smallint[], $6::timestamptz[], $7::integer[])
    AS g(job_id, queue_id, template_id, priority, attempt, since, version)
)
INSERT INTO millrace.history (job_id, since, finished_at, template_id, version, queue_id, state, priority, attempt, ended_by, error)
SELECT job_id, since, clock_timestamp(), template_id, version, queue_id, 'cancelled', priority, attempt, $8, $9 FROM given";
    bound(SQL, jobs)
        .bind::<Array<Timestamptz>, _>(column(jobs, |job| job.since))
        .bind::<Array<Integer>, _>(column(jobs, |job| job.version))
        .bind::<Text, _>(by)
        .bind::<Text, _>(settle::cancelled(by, reason))
        .run(tx)?;
    forget(tx, jobs)
}

/// Removes what only unfinished jobs have, and lets whoever waited for their end go on.
fn forget(tx: &mut Tx<'_>, jobs: &[Waiting]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::forget
WITH keys AS (
    DELETE FROM millrace.unique_keys k USING millrace.jobs j WHERE j.id = ANY ($1) AND k.key = j.unique_key AND k.job_id = j.id AND k.until IS NULL
), places AS (
    DELETE FROM millrace.placements WHERE job_id = ANY ($1)
), intents AS (
    DELETE FROM millrace.intents WHERE job_id = ANY ($1)
)
DELETE FROM millrace.live WHERE job_id = ANY ($1)";
    statement(SQL).bind::<Array<BigInt>, _>(column(jobs, |job| job.id.0)).run(tx)?;
    let ended: Vec<JobId> = jobs.iter().filter(|job| job.lane.is_some()).map(|job| job.id).collect();
    turns::end(tx, &ended).map(drop)
}

/// Takes the unique keys of jobs again that are reopened.
///
/// A newer job may own a key by now; the reopened one then runs without it rather than not at all: G11 speaks of the key.
pub(super) fn unique_keys(tx: &mut Tx<'_>, jobs: &[JobId]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::take_unique_key_again
INSERT INTO millrace.unique_keys (key, job_id)
SELECT j.unique_key, j.id FROM millrace.jobs j WHERE j.id = ANY ($1) AND j.unique_key IS NOT NULL ORDER BY j.unique_key, j.id
ON CONFLICT (key) DO NOTHING";
    let ids: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    statement(SQL).bind::<Array<BigInt>, _>(ids).run(tx)?;
    Ok(())
}
