//! The net under the lanes: places that dead nodes left, limits that were raised, times that were promised.

use diesel::sql_types::{Array, Integer, Text};

use super::free::LOCK;
use crate::base::db::{DbError, PgConnection, statement, transaction};

/// Most lanes of one look, and most jobs that it moves.
const LANES_MAX: i32 = 500;
const JOBS_MAX: i32 = 1_000;

/// Moves jobs whose lanes have room, or whose promised time has come, into the line, and tells how many. Forgets what dead
/// nodes used and lanes that nobody has asked for a day.
///
/// # Errors
/// Database failures.
pub fn look(conn: &mut PgConnection) -> Result<usize, DbError> {
    const DEAD: &str = "-- queue::limits::dead_use
DELETE FROM millrace.lane_use u WHERE u.used = 0 OR NOT EXISTS (
    SELECT FROM millrace.nodes n WHERE n.id = u.node_id AND n.epoch = u.epoch AND n.state <> 'down')";
    const LANES: &str = "-- queue::limits::waiting_lanes
WITH RECURSIVE lane(key) AS (
    (SELECT lane FROM millrace.gated ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (SELECT g.lane FROM millrace.gated g WHERE g.lane > lane.key ORDER BY g.lane LIMIT 1) FROM lane WHERE lane.key IS NOT NULL
)
SELECT key FROM lane WHERE key IS NOT NULL LIMIT $1";
    transaction(conn, "queue::limits::dead_use", |tx| statement(DEAD).run(tx))?;
    let lanes: Vec<String> = statement(LANES).bind::<Integer, _>(LANES_MAX).tuples::<Text, String>(conn)?;
    if lanes.is_empty() {
        return Ok(0);
    }
    transaction(conn, "queue::limits::look", |tx| {
        statement(LOCK).bind::<Array<Text>, _>(lanes.clone()).run(tx)?;
        statement(MOVE).bind::<Array<Text>, _>(lanes).bind::<Integer, _>(JOBS_MAX).run(tx)
    })
}

/// A lane without a bound (its limit was taken away) has room for all.
const MOVE: &str = "-- queue::limits::move
WITH next AS MATERIALIZED (
    SELECT g.job_id FROM UNNEST($1::text[]) AS want(key) LEFT JOIN millrace.lanes l ON l.key = want.key
    CROSS JOIN LATERAL (
        SELECT g.job_id FROM millrace.gated g WHERE g.lane = want.key AND (g.not_before IS NULL OR g.not_before <= clock_timestamp())
        ORDER BY g.priority, g.job_id
        LIMIT CASE WHEN l.jobs_max IS NULL THEN $2 ELSE least($2, greatest(l.jobs_max - coalesce((
            SELECT sum(u.used) FROM millrace.lane_use u JOIN millrace.nodes n ON n.id = u.node_id AND n.epoch = u.epoch AND n.state <> 'down'
            WHERE u.key = want.key), 0)::integer, 0)) END FOR UPDATE SKIP LOCKED
    ) AS g LIMIT $2
), moved AS (
    DELETE FROM millrace.gated g USING next WHERE g.job_id = next.job_id RETURNING g.*
), placed AS MATERIALIZED (
    SELECT *, nextval('millrace.job_seq') AS seq FROM (SELECT * FROM moved ORDER BY priority, job_id) AS m
), line AS (
    INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
    SELECT seq, job_id, since, queue_id, template_id, priority, attempt FROM placed
)
INSERT INTO millrace.placements AS p (job_id, queue_id, priority, seq) SELECT job_id, queue_id, priority, seq FROM placed
ON CONFLICT (job_id) DO UPDATE SET queue_id = excluded.queue_id, priority = excluded.priority, seq = excluded.seq";
