//! What nodes decided about the number of their worker threads.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};
use serde::Serialize;

use super::claim::Above;
use super::job::QueueId;
use super::node::Incarnation;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};

/// Waiting jobs are counted up to so many.
pub const WAITING_MAX: i32 = 10_000;
/// Most decisions that are removed at once.
pub const FORGET_MAX: i64 = 1_000;

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, QueryableByName)]
pub struct PoolSize {
    /// When, by the node's clock.
    #[diesel(sql_type = Timestamptz)]
    pub at: Time,
    /// Worker threads before.
    #[diesel(sql_type = Integer)]
    pub slots_before: i32,
    /// Worker threads after.
    #[diesel(sql_type = Integer)]
    pub slots_after: i32,
    /// Those that were at work.
    #[diesel(sql_type = Integer)]
    pub busy: i32,
    /// Jobs that waited for one, at most [`WAITING_MAX`].
    #[diesel(sql_type = Integer)]
    pub waiting: i32,
    /// How long these would take, in milliseconds, if it was known.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub drain_ms: Option<i64>,
    /// Why, for people.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// `false` = a dry run: nothing was changed.
    #[diesel(sql_type = Bool)]
    pub applied: bool,
}

/// Writes decisions of a node, unless it was superseded.
///
/// # Errors
/// Database failures.
pub fn record(conn: &mut PgConnection, who: Incarnation, sizes: &[PoolSize]) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::pool_sizes::record
WITH me AS (SELECT id FROM millrace.nodes WHERE id = $1 AND epoch = $2)
INSERT INTO millrace.pool_sizes (node_id, at, slots_before, slots_after, busy, waiting, drain_ms, reason, applied)
SELECT me.id, d.* FROM me CROSS JOIN UNNEST($3::timestamptz[], $4::integer[], $5::integer[], $6::integer[], $7::integer[], $8::bigint[],
    $9::text[], $10::boolean[]) AS d";
    fn column<T>(sizes: &[PoolSize], of: impl Fn(&PoolSize) -> T) -> Vec<T> {
        sizes.iter().map(of).collect()
    }
    statement(SQL)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .bind::<Array<Timestamptz>, _>(column(sizes, |one| one.at))
        .bind::<Array<Integer>, _>(column(sizes, |one| one.slots_before))
        .bind::<Array<Integer>, _>(column(sizes, |one| one.slots_after))
        .bind::<Array<Integer>, _>(column(sizes, |one| one.busy))
        .bind::<Array<Integer>, _>(column(sizes, |one| one.waiting))
        .bind::<Array<Nullable<BigInt>>, _>(column(sizes, |one| one.drain_ms))
        .bind::<Array<Text>, _>(column(sizes, |one| one.reason.clone()))
        .bind::<Array<Bool>, _>(column(sizes, |one| one.applied))
        .run(conn)
}

/// Reads the last decisions of the node called `node`, newest first.
///
/// # Errors
/// Database failures.
pub fn of_node(conn: &mut PgConnection, node: &str, rows_max: i32) -> Result<Vec<PoolSize>, DbError> {
    const SQL: &str = "-- queue::pool_sizes::of_node
SELECT d.at, d.slots_before, d.slots_after, d.busy, d.waiting, d.drain_ms, d.reason, d.applied
FROM millrace.nodes n JOIN millrace.pool_sizes d ON d.node_id = n.id WHERE n.name = $1 ORDER BY d.id DESC LIMIT $2";
    statement(SQL).bind::<Text, _>(node).bind::<Integer, _>(rows_max).rows(conn)
}

/// Removes decisions older than 7 days, at most 1,000, and tells how many.
///
/// # Errors
/// Database failures.
pub fn forget_old(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::pool_sizes::forget
DELETE FROM millrace.pool_sizes WHERE id = ANY(ARRAY(
    SELECT id FROM millrace.pool_sizes WHERE at < (SELECT clock_timestamp() - interval '7 days') ORDER BY at LIMIT $1))";
    statement(SQL).bind::<BigInt, _>(FORGET_MAX).run(conn)
}

/// Counts the jobs that are ready in these queues behind the places where their lines begin, at most [`WAITING_MAX`].
///
/// # Errors
/// Database failures.
pub fn waiting(conn: &mut PgConnection, queues: &[(QueueId, Above)]) -> Result<u32, DbError> {
    const SQL: &str = "-- queue::pool_sizes::waiting
SELECT count(*)::integer FROM (
    SELECT FROM UNNEST($1::integer[], $2::smallint[], $3::bigint[]) AS line(queue_id, priority, above) CROSS JOIN LATERAL (
        SELECT FROM millrace.ready r WHERE r.queue_id = line.queue_id AND r.priority = line.priority AND r.seq > line.above LIMIT $4
    ) AS places LIMIT $4) AS waiting";
    let lines: Vec<(i32, i16, i64)> = queues
        .iter()
        .flat_map(|(queue, above)| (1..).zip(above).map(|(priority, above)| (queue.0, priority, *above)))
        .collect();
    let counted = statement(SQL)
        .bind::<Array<Integer>, _>(lines.iter().map(|line| line.0).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(lines.iter().map(|line| line.1).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(lines.iter().map(|line| line.2).collect::<Vec<_>>())
        .bind::<Integer, _>(WAITING_MAX)
        .tuples::<Integer, i32>(conn)?;
    Ok(counted.first().map_or(0, |count| count.unsigned_abs()))
}
