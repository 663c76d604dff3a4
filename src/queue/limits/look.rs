//! The net under the lanes: times that were promised, places that dead nodes left, limits that were raised.

use diesel::sql_types::{Integer, Text};

use super::free::{JOBS_MAX, into_line, let_in_waiting};
use crate::base::db::{DbError, PgConnection, statement, transaction};

/// Most lanes of one look; the next one goes on behind them.
const LANES_MAX: i32 = 500;
/// Most lanes that are forgotten at once.
pub const FORGET_MAX: i64 = 1_000;

/// Where the next look begins.
#[derive(Debug, Default)]
pub struct Cursor(String);

/// Moves jobs whose promised time has come, or whose lanes have room, into the line, and tells how many.
///
/// # Errors
/// Database failures.
pub fn look(conn: &mut PgConnection, cursor: &mut Cursor) -> Result<usize, DbError> {
    // lanes from "x" on hold jobs for nodes with certain labels, which take them from there (queue::fit)
    const LANES: &str = "-- queue::limits::waiting_lanes
WITH RECURSIVE lane(key) AS (
    (SELECT lane FROM millrace.gated WHERE lane > $1 AND lane < 'x' ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (SELECT g.lane FROM millrace.gated g
        WHERE g.lane > CASE WHEN left(lane.key, 1) = 'o' THEN 'p' ELSE lane.key END AND g.lane < 'x' ORDER BY g.lane LIMIT 1)
    FROM lane WHERE lane.key IS NOT NULL
)
SELECT key FROM lane WHERE key IS NOT NULL AND left(key, 1) <> 'o' LIMIT $2"; // turns are not of limits
    forget_dead_use(conn)?;
    let due = transaction(conn, "queue::limits::due", |tx| statement(DUE).bind::<Integer, _>(JOBS_MAX).run(tx))?;
    let lanes: Vec<String> = statement(LANES)
        .bind::<Text, _>(cursor.0.as_str())
        .bind::<Integer, _>(LANES_MAX)
        .tuples::<Text, String>(conn)?;
    let is_cut = lanes.len() >= LANES_MAX as usize;
    cursor.0 = lanes.last().filter(|_| is_cut).cloned().unwrap_or_default();
    if lanes.is_empty() {
        return Ok(due);
    }
    let all = vec![i64::from(JOBS_MAX); lanes.len()];
    let moved = transaction(conn, "queue::limits::look", |tx| let_in_waiting(tx, &lanes, all))?;
    Ok(due + moved)
}

/// What is being changed is not waited for: whoever changes it holds locks that we would take in another order.
fn forget_dead_use(conn: &mut PgConnection) -> Result<usize, DbError> {
    const IDLE: &str = "-- queue::limits::idle_use
WITH idle AS MATERIALIZED (
    SELECT u.key, u.node_id, u.epoch FROM millrace.lane_use u
    JOIN millrace.lane_freed f ON f.key = u.key AND f.node_id = u.node_id AND f.epoch = u.epoch
    WHERE u.taken = f.freed LIMIT 1000 FOR UPDATE SKIP LOCKED
), freed AS (
    DELETE FROM millrace.lane_freed f USING idle WHERE f.key = idle.key AND f.node_id = idle.node_id AND f.epoch = idle.epoch
)
DELETE FROM millrace.lane_use u USING idle WHERE u.key = idle.key AND u.node_id = idle.node_id AND u.epoch = idle.epoch";
    const DEAD: &str = "-- queue::limits::dead_use
WITH dead AS MATERIALIZED (
    SELECT u.ctid FROM millrace.lane_use u WHERE NOT EXISTS (
        SELECT FROM millrace.nodes n WHERE n.id = u.node_id AND n.epoch = u.epoch AND n.state <> 'down')
    LIMIT 1000 FOR UPDATE SKIP LOCKED
), dead_freed AS MATERIALIZED (
    SELECT f.ctid FROM millrace.lane_freed f WHERE NOT EXISTS (
        SELECT FROM millrace.nodes n WHERE n.id = f.node_id AND n.epoch = f.epoch AND n.state <> 'down')
    LIMIT 1000 FOR UPDATE SKIP LOCKED
), freed AS (
    DELETE FROM millrace.lane_freed f WHERE f.ctid = ANY(ARRAY(SELECT ctid FROM dead_freed))
)
DELETE FROM millrace.lane_use u WHERE u.ctid = ANY(ARRAY(SELECT ctid FROM dead))";
    let idle = transaction(conn, "queue::limits::idle_use", |tx| statement(IDLE).run(tx))?;
    Ok(idle + transaction(conn, "queue::limits::dead_use", |tx| statement(DEAD).run(tx))?)
}

/// Removes lanes that were not decided about for a day and hold nothing, at most 1,000, and tells how many. Whoever asks for
/// one again makes it again.
///
/// # Errors
/// Database failures.
pub fn forget_lanes(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::limits::forget_lanes
DELETE FROM millrace.lanes WHERE key = ANY(ARRAY(
    SELECT l.key FROM millrace.lanes l
    WHERE l.touched_at < clock_timestamp() - interval '1 day' AND coalesce(l.tat, l.touched_at) < clock_timestamp()
        AND NOT EXISTS (SELECT FROM millrace.gated g WHERE g.lane = l.key)
        AND NOT EXISTS (SELECT FROM millrace.lane_use u WHERE u.key = l.key)
    ORDER BY l.key LIMIT 1000 FOR UPDATE SKIP LOCKED))";
    transaction(conn, "queue::limits::forget_lanes", |tx| statement(SQL).run(tx))
}

/// Those whose time has come ask again, wherever their lane stands.
const DUE: &str = into_line!(
    "-- queue::limits::due
WITH next AS MATERIALIZED (
    SELECT job_id FROM millrace.gated WHERE not_before <= clock_timestamp() AND left(lane, 1) <> 'o' ORDER BY not_before, job_id LIMIT $1 FOR UPDATE SKIP LOCKED
"
);
