//! The lanes of pools: jobs take amounts of them, and people change what there is while jobs are decided about.

use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};

use super::free::{JOBS_MAX, into_line, let_in_waiting, stopped_queues};
use super::rules::pool_key;
use crate::base::db::{DbError, Tx, statement};

/// Moves those that wait for these pools, whose lanes are locked, into the line: in their order, as long as there is enough for
/// the next one. After three jobs, the next is one of a lower priority that is overdue, if there is one, and the others wait until
/// there is enough for it. What they were let in for is kept for them until they are decided about. Whoever needs more than a pool
/// has is passed over; jobs of queues from which no node takes go into their lines and need nothing. Tells how many were moved.
pub(super) fn let_in_to_pools(tx: &mut Tx<'_>, lanes: Vec<&str>) -> Result<usize, DbError> {
    const KEEP: &str = concat!("-- queue::limits::keep
WITH ", stopped_queues!(), ", room AS MATERIALIZED (
    SELECT want.lane, p.amount AS most, p.amount - millrace.lane_used(want.lane) - millrace.lane_kept(want.lane) AS free,
        (SELECT l.overdue[1] FROM millrace.lanes l WHERE l.key = want.lane AND l.aged >= 3) AS turn
    FROM UNNEST($1::text[]) AS want(lane) LEFT JOIN millrace.pools p ON p.name = substr(want.lane, 2)
), aged AS MATERIALIZED (
    SELECT room.lane, g.job_id, g.priority, g.amount, g.queue_id FROM room CROSS JOIN LATERAL (
        SELECT g.job_id, g.priority, g.amount, g.queue_id FROM millrace.gated g
        WHERE g.lane = room.lane AND g.priority = room.turn AND g.not_before IS NULL AND g.amount <= room.most ORDER BY g.job_id LIMIT 1
    ) AS g
), head AS MATERIALIZED (
    SELECT line.job_id FROM room CROSS JOIN stopped CROSS JOIN LATERAL (
        SELECT next.job_id, sum(CASE WHEN next.queue_id = ANY (stopped.ids) THEN 0 ELSE next.amount END) OVER (ORDER BY next.place, next.priority, next.job_id) AS needed FROM (
            SELECT 0 AS place, a.job_id, a.priority, a.amount, a.queue_id FROM aged a WHERE a.lane = room.lane
            UNION ALL (
            SELECT 1, g.job_id, g.priority, g.amount, g.queue_id FROM millrace.gated g
            WHERE g.lane = room.lane AND g.lane >= 'p' AND g.lane < 'q' AND g.not_before IS NULL AND g.amount <= coalesce(room.most, 2147483647)
                AND g.job_id <> ALL (ARRAY(SELECT a.job_id FROM aged a WHERE a.lane = room.lane))
            ORDER BY g.priority, g.job_id
            LIMIT CASE WHEN room.most IS NULL OR stopped.ids <> '{}' AND room.free > 0 THEN $2 ELSE least(greatest(room.free, 0), $2) END)
        ) AS next
    ) AS line WHERE room.most IS NULL OR room.free > 0 AND line.needed <= room.free
), free AS MATERIALIZED (
    SELECT g.lane, g.job_id, g.queue_id, g.amount, g.since FROM millrace.gated g WHERE g.job_id = ANY(ARRAY(SELECT job_id FROM head LIMIT $2))
    FOR UPDATE SKIP LOCKED
), turned AS (
    UPDATE millrace.lanes l SET aged = CASE WHEN moved.aged THEN 0 ELSE least(l.aged + moved.jobs, 3) END,
        overdue = CASE WHEN moved.aged THEN l.overdue[2:] || l.overdue[1] ELSE l.overdue END
    FROM (SELECT f.lane, count(*)::integer AS jobs, bool_or(a.job_id IS NOT NULL) AS aged FROM free f LEFT JOIN aged a USING (lane, job_id) GROUP BY f.lane) AS moved
    WHERE l.key = moved.lane AND (moved.aged OR l.aged < 3)
), kept AS (
    INSERT INTO millrace.lane_kept AS k (lane, job_id, queue_id, amount, until)
    SELECT f.lane, f.job_id, f.queue_id, f.amount, clock_timestamp() + least(greatest(clock_timestamp() - f.since, interval '10 s'), interval '1 hour')
    FROM free f CROSS JOIN stopped WHERE f.queue_id <> ALL (stopped.ids)
    ON CONFLICT (lane, job_id) DO UPDATE SET queue_id = excluded.queue_id, amount = excluded.amount, until = excluded.until
)
SELECT job_id FROM free");
    const MOVE: &str = into_line!(
        "-- queue::limits::let_in_to_pools
WITH next AS MATERIALIZED (
    SELECT UNNEST($1::bigint[]) AS job_id
"
    );
    if lanes.is_empty() {
        return Ok(0);
    }
    let kept: Vec<i64> =
        statement(KEEP).bind::<Array<Text>, _>(lanes).bind::<Integer, _>(JOBS_MAX).tuples::<BigInt, i64>(tx)?;
    if kept.is_empty() { Ok(0) } else { statement(MOVE).bind::<Array<BigInt>, _>(kept).run(tx) }
}

/// Tells the lane of a pool what it has (`None` = the pool is gone, and its lane bounds nothing), and moves what has room now into
/// the line, at most 1,000 jobs; the next looks move the rest. What runs keeps what it has. Within the transaction that changes
/// the pool's row.
///
/// # Errors
/// Database failures.
pub fn pool_changed(tx: &mut Tx<'_>, pool: &str, amount: Option<i32>) -> Result<(), DbError> {
    // made when it is not there: its lock keeps whoever decides by the old amount from writing it after us
    const SQL: &str = "-- queue::limits::pool_changed
INSERT INTO millrace.lanes AS l (key, jobs_max) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET jobs_max = excluded.jobs_max, touched_at = clock_timestamp()";
    let key = pool_key(pool);
    statement(SQL).bind::<Text, _>(key.as_str()).bind::<Nullable<Integer>, _>(amount).run(tx)?;
    let_in_waiting(tx, &[key], vec![i64::from(JOBS_MAX)])?;
    Ok(())
}
