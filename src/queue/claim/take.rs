//! Taking places out of the lines.

use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz};

use super::{Claimed, FittedWant, PRIORITIES, Want};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Statement, Tx, statement};
use crate::queue::job::{JobId, QueueId, TemplateId};
use crate::queue::node::Incarnation;

/// Deletes the first places of the lines, one line after the other, with the parameters of [`bind_wants`]. Rows are locked
/// in the order of the lines and deleted by `ctid`, which cannot be mis-planned.
macro_rules! take {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            "DELETE FROM millrace.ready r WHERE r.ctid = ANY(ARRAY(
    SELECT line.place
    FROM UNNEST($1::integer[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
        AS want(queue_id, jobs_max, above_1, above_2, above_3, above_4, above_5)
    CROSS JOIN LATERAL (
        SELECT step.place
        FROM (VALUES (1::smallint, want.above_1), (2::smallint, want.above_2), (3::smallint, want.above_3),
            (4::smallint, want.above_4), (5::smallint, want.above_5)) AS level(priority, above)
        CROSS JOIN LATERAL (
            SELECT r.ctid AS place FROM millrace.ready r
            WHERE r.queue_id = want.queue_id AND r.priority = level.priority AND r.seq > level.above
            ORDER BY r.seq FOR UPDATE SKIP LOCKED
        ) AS step LIMIT want.jobs_max
    ) AS line LIMIT $8))
RETURNING r.job_id, (r.attempt + 1)::smallint AS attempt, r.seq, r.since, r.queue_id, r.template_id, r.priority",
            $tail
        )
    };
}

const TAKE: &str = take!("-- queue::claim::take\n", "");

/// What follows the taking when everything is done at once, under one lease; `$node` and `$epoch` are parameters.
macro_rules! leased {
    ($node:literal, $epoch:literal) => {
        concat!(
            "
), lease AS (
    INSERT INTO millrace.leases (node_id, epoch, job_ids, attempts)
    SELECT ",
            $node,
            ", ",
            $epoch,
            ", array_agg(job_id), array_agg(attempt) FROM taken HAVING count(*) > 0
    RETURNING id
), counted AS (
    INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
    SELECT queue_id, template_id, 'ready', 'running', count(*) FROM taken GROUP BY queue_id, template_id
)
SELECT t.job_id, lease.id, t.attempt, t.seq, t.since, t.queue_id, t.template_id, t.priority, j.version, j.created_at, j.max_attempts,
    j.timeout_ms, j.deadline, 
    (coalesce(j.deadline < clock_timestamp(), false)::integer + 2 * (j.unique_key IS NOT NULL)::integer + 4 * (j.ordering_key IS NOT NULL)::integer
        + 8 * (j.schedule_id IS NOT NULL)::integer)::smallint, j.limit_keys, j.args
FROM taken t CROSS JOIN lease JOIN millrace.jobs j ON j.id = t.job_id"
        )
    };
}

/// Everything at once, under one lease.
const TAKE_FEW: &str =
    concat!(take!("-- queue::claim::take_few\nWITH taken AS MATERIALIZED (\n", ""), leased!("$9", "$10"));

/// The same out of lanes in which jobs wait for a node with certain labels.
const TAKE_FITTED: &str = concat!(
    "-- queue::claim::take_fitted
WITH taken AS MATERIALIZED (
DELETE FROM millrace.gated g WHERE g.ctid = ANY(ARRAY(
    SELECT line.place FROM UNNEST($1::text[], $2::integer[], $3::smallint[], $4::smallint[]) AS want(lane, jobs_max, highest, lowest)
    CROSS JOIN LATERAL (
        SELECT g.ctid AS place FROM millrace.gated g WHERE g.lane = want.lane AND g.priority >= want.highest AND g.priority <= want.lowest
        ORDER BY g.priority, g.job_id LIMIT want.jobs_max FOR UPDATE SKIP LOCKED
    ) AS line LIMIT $5))
RETURNING g.job_id, (g.attempt + 1)::smallint AS attempt, 0::bigint AS seq, g.since, g.queue_id, g.template_id, g.priority",
    leased!("$6", "$7")
);

type TakenColumns = (BigInt, SmallInt, BigInt, Timestamptz, Integer, Integer, SmallInt);

/// A place that was taken.
#[derive(Debug, Clone, Copy, diesel::Queryable)]
pub(super) struct Taken {
    pub(super) job_id: JobId,
    pub(super) attempt: i16,
    pub(super) seq: i64,
    pub(super) since: Time,
    pub(super) queue_id: QueueId,
    pub(super) template_id: TemplateId,
    pub(super) priority: i16,
}

type ClaimedColumns = (
    BigInt,
    BigInt,
    SmallInt,
    BigInt,
    Timestamptz,
    Integer,
    Integer,
    SmallInt,
    Integer,
    Timestamptz,
    Nullable<SmallInt>,
    Nullable<BigInt>,
    Nullable<Timestamptz>,
    SmallInt,
    Nullable<Array<Text>>,
    Jsonb,
);

/// Takes places, in the order in which they should start.
pub(super) fn many(tx: &mut Tx<'_>, wants: &[Want], jobs_max: u32) -> Result<Vec<Taken>, DbError> {
    let mut taken = bind_wants(statement(TAKE), wants, jobs_max).tuples::<TakenColumns, Taken>(tx)?;
    taken.sort_by_key(|place| (place.priority, place.seq));
    Ok(taken)
}

/// Takes places with the jobs' rows, under one lease.
pub(super) fn few(
    conn: &mut PgConnection,
    who: Incarnation,
    wants: &[Want],
    jobs_max: u32,
) -> Result<Vec<Claimed>, DbError> {
    let take = bind_wants(statement(TAKE_FEW), wants, jobs_max);
    let mut claimed =
        take.bind::<Integer, _>(who.node).bind::<BigInt, _>(who.epoch).tuples::<ClaimedColumns, Claimed>(conn)?;
    claimed.sort_by_key(|job| (job.priority, job.seq));
    Ok(claimed)
}

/// Takes jobs out of lanes, with their rows, under one lease.
pub(super) fn fitted(
    conn: &mut PgConnection,
    who: Incarnation,
    wants: &[FittedWant],
    jobs_max: u32,
) -> Result<Vec<Claimed>, DbError> {
    let mut claimed = statement(TAKE_FITTED)
        .bind::<Array<Text>, _>(wants.iter().map(|want| want.lane.as_str()).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(wants.iter().map(|want| want.jobs_max as i32).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(wants.iter().map(|want| want.priority.unwrap_or(1)).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(
            wants.iter().map(|want| want.priority.unwrap_or(PRIORITIES as i16)).collect::<Vec<_>>(),
        )
        .bind::<Integer, _>(jobs_max as i32)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .tuples::<ClaimedColumns, Claimed>(conn)?;
    claimed.sort_by_key(|job| (job.priority, job.job_id));
    Ok(claimed)
}

fn bind_wants<'a>(mut take: Statement<'a>, wants: &[Want], jobs_max: u32) -> Statement<'a> {
    take = take
        .bind::<Array<Integer>, _>(wants.iter().map(|want| want.queue.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(wants.iter().map(|want| want.jobs_max as i32).collect::<Vec<_>>());
    for level in 0..PRIORITIES {
        take = take.bind::<Array<BigInt>, _>(wants.iter().map(|want| want.above[level]).collect::<Vec<_>>());
    }
    take.bind::<Integer, _>(jobs_max as i32)
}
