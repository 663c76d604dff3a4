//! The quick way for what nearly all results are: plain successes of one kind. One statement does everything, or nothing
//! when a lease is not ours as a whole; then the general way finds out what is.

use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};

use super::Settlement;
use super::ending::Ending;
use super::release::{bind_leases, release_sql};
use super::tally::{Sums, array_literal, minute};
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::limits::{bind_freed, counted, freed_sql};
use crate::queue::node::Incarnation;

/// The gate stands at each write: all leases are held, or nothing is written.
const SETTLE: &str = release_sql!(
    "-- queue::settle::alike",
    "(SELECT count(*) FROM held) = cardinality($3::bigint[])",
    ", done AS (
    INSERT INTO millrace.history (job_id, fence, since, started_at, finished_at, template_id, version, queue_id, node_id, state, priority,
        attempt, cpu_ms)
    SELECT r.job_id, r.fence, r.since, r.started_at, r.finished_at, $7, $8, $9, $5, 'succeeded', $10, 1, r.cpu_ms
    FROM UNNEST($1::bigint[], $11::bigint[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::integer[])
        AS r(job_id, fence, since, started_at, finished_at, cpu_ms)
    WHERE (SELECT open FROM gate)
), moved AS (
    INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
    SELECT $9, $7, 'running', 'succeeded', cardinality($1::bigint[]) WHERE (SELECT open FROM gate)
), rolled AS (
    INSERT INTO millrace.rollup_deltas (minute, template_id, queue_id, node_id, succeeded, failed, attempts_failed, wait_us, run_us,
        cpu_ms, peak_memory_bytes, wait_histogram, run_histogram)
    SELECT $16, $7, $9, $5, cardinality($1::bigint[]), 0, 0, $17, $18, $19, 0, $20::text::integer[], $21::text::integer[]
    WHERE (SELECT open FROM gate)
), freed AS (",
    freed_sql!("$22", "$23", "$5", "$6", "(SELECT open FROM gate)"),
    "
)
SELECT open FROM gate"
);

/// Tells whether results are plain first-attempt successes of one template's version, queue, priority and minute.
pub(super) fn are_alike(results: &[Settlement]) -> bool {
    let kind = |result: &Settlement| {
        let minute = result.finished_at.timestamp().div_euclid(60);
        (result.template, result.version, result.queue, result.priority, minute)
    };
    results.first().is_some_and(|first| results.iter().all(|result| is_plain(result) && kind(result) == kind(first)))
}

/// A success that leaves nothing but its row in history.
fn is_plain(result: &Settlement) -> bool {
    let used = &result.resources;
    matches!(result.ending, Ending::Succeeded { output: None })
        && result.started_at.is_some()
        && result.attempt == 1
        && result.seq == result.job.0
        && !result.unique
        && !result.ordered
        && !result.scheduled
        && !result.live
        && result.log_bytes == 0
        && result.last_words.is_empty()
        && used.exit_code.is_none()
        && used.http_status.is_none()
        && used.peak_memory_bytes.is_none()
        && used.read_bytes.is_none()
        && used.written_bytes.is_none()
        && used.ran_as.is_none()
}

/// Records results that [`are_alike`], ordered lease by lease. `false` = nothing was recorded, because one of their leases
/// was not ours or did not name all of them.
pub(super) fn settle(conn: &mut PgConnection, who: Incarnation, ordered: &[&Settlement]) -> Result<bool, DbError> {
    let Some(first) = ordered.first() else { return Ok(true) };
    let mut sums = Sums::default();
    ordered.iter().for_each(|result| sums.add(result));
    let times = |of: fn(&Settlement) -> crate::base::clock::Time| ordered.iter().map(|r| of(r)).collect::<Vec<_>>();
    let freed = counted(ordered.iter().map(|result| &result.lanes));
    let begun = bind_leases(statement(SETTLE), who, ordered)
        .bind::<Integer, _>(first.template)
        .bind::<Integer, _>(first.version)
        .bind::<Integer, _>(first.queue)
        .bind::<SmallInt, _>(first.priority)
        .bind::<Array<BigInt>, _>(ordered.iter().map(|result| result.fence.0).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(times(|result| result.since))
        .bind::<Array<Timestamptz>, _>(times(|result| result.started_at.unwrap_or(result.finished_at)))
        .bind::<Array<Timestamptz>, _>(times(|result| result.finished_at))
        .bind::<Array<Nullable<Integer>>, _>(
            ordered.iter().map(|result| result.resources.cpu_ms.map(|ms| ms as i32)).collect::<Vec<_>>(),
        )
        .bind::<Timestamptz, _>(minute(first.finished_at))
        .bind::<BigInt, _>(sums.wait_us)
        .bind::<BigInt, _>(sums.run_us)
        .bind::<BigInt, _>(sums.cpu_ms)
        .bind::<Text, _>(array_literal(&sums.wait))
        .bind::<Text, _>(array_literal(&sums.run));
    let settled = bind_freed(begun, &freed).tuples::<Bool, bool>(conn)?;
    Ok(settled.first().copied().unwrap_or(false))
}
