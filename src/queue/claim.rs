//! Claiming: ready rows are deleted, one lease row holds the batch, the attempt is counted; all in one durable statement,
//! before any code runs (G3).

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, SmallInt, Timestamptz};
use serde_json::Value;

use super::job::{Fence, JobId, QueueId, TemplateId};
use super::node::Incarnation;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};

/// Most jobs of one claim, over all queues.
pub const CLAIM_BATCH_MAX: u32 = 1_000;

/// What to take from one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// The queue.
    pub queue: QueueId,
    /// At most so many.
    pub jobs_max: u32,
}

/// A job that this node owns now.
#[derive(Debug, Clone, QueryableByName)]
pub struct Claimed {
    /// The job.
    #[diesel(sql_type = BigInt)]
    pub job_id: JobId,
    /// Its lease, the fence of this attempt.
    #[diesel(sql_type = BigInt)]
    pub fence: Fence,
    /// Number of this attempt, from 1.
    #[diesel(sql_type = SmallInt)]
    pub attempt: i16,
    /// Its place in line when it was claimed.
    #[diesel(sql_type = BigInt)]
    pub seq: i64,
    /// Since when it waited for a slot.
    #[diesel(sql_type = Timestamptz)]
    pub since: Time,
    /// Its queue.
    #[diesel(sql_type = Integer)]
    pub queue_id: QueueId,
    /// Its template.
    #[diesel(sql_type = Integer)]
    pub template_id: TemplateId,
    /// The version it is pinned to.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// Its priority.
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    /// When it was enqueued.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: Time,
    /// Its own number of attempts, if it has one.
    #[diesel(sql_type = Nullable<SmallInt>)]
    pub max_attempts: Option<i16>,
    /// Its own timeout, if it has one.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub timeout_ms: Option<i64>,
    /// It expires when not started by then.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub deadline: Option<Time>,
    /// Whether it owns a unique key.
    #[diesel(sql_type = Bool)]
    pub unique: bool,
    /// Its arguments.
    #[diesel(sql_type = Jsonb)]
    pub args: Value,
}

/// The claim. `ctid` of locked rows cannot be mis-planned; the array keeps the order of the picking.
pub(crate) const CLAIM: &str = "-- queue::claim
WITH want AS (
    SELECT * FROM UNNEST($1::integer[], $2::integer[]) AS w(queue_id, jobs_max)
), picked AS MATERIALIZED (
    SELECT line.place FROM want CROSS JOIN LATERAL (
        SELECT r.ctid AS place FROM millrace.ready r
        WHERE r.queue_id = want.queue_id
        ORDER BY r.priority, r.seq LIMIT want.jobs_max FOR UPDATE SKIP LOCKED
    ) AS line LIMIT $3
), taken AS MATERIALIZED (
    DELETE FROM millrace.ready r WHERE r.ctid = ANY(ARRAY(SELECT place FROM picked))
    RETURNING r.job_id, (r.attempt + 1)::smallint AS attempt, r.seq, r.since, r.queue_id, r.template_id, r.priority
), lease AS (
    INSERT INTO millrace.leases (node_id, epoch, job_ids, attempts)
    SELECT $4, $5, array_agg(job_id), array_agg(attempt) FROM taken HAVING count(*) > 0
    RETURNING id
), counted AS (
    INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
    SELECT queue_id, template_id, 'ready', 'running', count(*) FROM taken GROUP BY queue_id, template_id
)
SELECT t.job_id, lease.id AS fence, t.attempt, t.seq, t.since, t.queue_id, t.template_id, j.version, t.priority, j.created_at,
       j.max_attempts, j.timeout_ms, j.deadline, j.unique_key IS NOT NULL AS \"unique\", j.args
FROM taken t CROSS JOIN lease JOIN millrace.jobs j ON j.id = t.job_id
ORDER BY t.priority, t.seq";

/// Claims what `wants` ask for in their order, at most `jobs_max` in all, under one lease. An empty answer means that
/// nothing was there to take.
///
/// # Errors
/// Database failures. After a lost connection the claim may have been committed: the jobs then come back by the sweep.
pub fn claim(
    conn: &mut PgConnection,
    who: Incarnation,
    wants: &[Want],
    jobs_max: u32,
) -> Result<Vec<Claimed>, DbError> {
    statement(CLAIM)
        .bind::<Array<Integer>, _>(wants.iter().map(|want| want.queue.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(wants.iter().map(|want| want.jobs_max as i32).collect::<Vec<_>>())
        .bind::<Integer, _>(jobs_max as i32)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .rows(conn)
}

/// Pins the shape of the claim's plan on this connection: the statistics of a queue table are always wrong, and a plan
/// that scans or sorts the whole line is what makes textbook queues fall over.
///
/// # Errors
/// Database failures.
pub fn pin_plan(conn: &mut PgConnection) -> Result<(), DbError> {
    use diesel::connection::SimpleConnection;
    Ok(conn.batch_execute(
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off",
    )?)
}
