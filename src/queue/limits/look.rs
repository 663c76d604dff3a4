//! The net under the lanes: times that were promised, places that dead nodes left, limits that were raised. It also notes
//! which priorities wait too long in a lane.

use std::time::Duration;

use diesel::sql_types::{Array, BigInt, Integer, Text};

use super::free::{JOBS_MAX, into_line, let_in_locked, lock};
use super::kept::forget_kept;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::queue::aging::{overdue_lines, whole_ms};

/// Most lanes of one look; the next one goes on behind them.
const LANES_MAX: i32 = 500;
/// Most lanes that are forgotten at once.
pub const FORGET_MAX: i64 = 1_000;

/// Where the next look begins.
#[derive(Debug, Default)]
pub struct Cursor(String);

/// Moves jobs whose promised time has come, or whose lanes have room, into the line, and tells how many. `step` is that of
/// aging.
///
/// # Errors
/// Database failures.
pub fn look(conn: &mut PgConnection, cursor: &mut Cursor, step: Duration) -> Result<usize, DbError> {
    // lanes from "x" on hold jobs for nodes with certain labels, which take them from there (queue::fit); those of rates ("r")
    // hold times only, and turns ("o") are not of limits
    const LANES: &str = "-- queue::limits::waiting_lanes
WITH RECURSIVE lane(key) AS (
    (SELECT lane FROM millrace.gated WHERE lane > $1 AND lane < 'x' ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (SELECT g.lane FROM millrace.gated g
        WHERE g.lane > CASE left(lane.key, 1) WHEN 'o' THEN 'p' WHEN 'r' THEN 's' ELSE lane.key END AND g.lane < 'x' ORDER BY g.lane LIMIT 1)
    FROM lane WHERE lane.key IS NOT NULL
)
SELECT key FROM lane WHERE key IS NOT NULL AND left(key, 1) NOT IN ('o', 'r') LIMIT $2";
    forget_spent_use(conn)?;
    forget_kept(conn)?;
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
    let moved = transaction(conn, "queue::limits::look", |tx| {
        lock(tx, &lanes)?;
        note_overdue(tx, &lanes, step)?;
        let_in_locked(tx, &lanes, all)
    })?;
    Ok(due + moved)
}

/// Notes in lanes, which are locked, the priorities whose turn is overdue; whoever lets jobs in goes by that. What has not
/// changed stays as it stands, because its order says whose turn is next.
fn note_overdue(tx: &mut Tx<'_>, lanes: &[String], step: Duration) -> Result<(), DbError> {
    const SQL: &str = concat!(
        "-- queue::limits::overdue
WITH found AS MATERIALIZED (
    SELECT want.key, ",
        overdue_lines!("want.key", "$1"),
        " AS lines FROM UNNEST($2::text[]) AS want(key)
)
UPDATE millrace.lanes l SET overdue = found.lines FROM found
WHERE l.key = found.key AND NOT (l.overdue @> found.lines AND l.overdue <@ found.lines)"
    );
    statement(SQL).bind::<BigInt, _>(whole_ms(step)).bind::<Array<Text>, _>(lanes).run(tx)?;
    Ok(())
}

/// Removes at most 1,000 rows each of what dead nodes took and of what was given back in full, and tells how many.
/// What is being changed is not waited for: whoever changes it holds locks that we would take in another order.
fn forget_spent_use(conn: &mut PgConnection) -> Result<usize, DbError> {
    const IDLE: &str = "-- queue::limits::idle_use
WITH idle AS MATERIALIZED (
    SELECT u.key, u.node_id, u.epoch FROM millrace.lane_use u
    JOIN millrace.lane_freed f ON f.key = u.key AND f.node_id = u.node_id AND f.epoch = u.epoch
    WHERE u.taken = f.freed LIMIT $1 FOR UPDATE SKIP LOCKED
), freed AS (
    DELETE FROM millrace.lane_freed f USING idle WHERE f.key = idle.key AND f.node_id = idle.node_id AND f.epoch = idle.epoch
)
DELETE FROM millrace.lane_use u USING idle WHERE u.key = idle.key AND u.node_id = idle.node_id AND u.epoch = idle.epoch";
    const DEAD: &str = "-- queue::limits::dead_use
WITH dead AS MATERIALIZED (
    SELECT u.ctid FROM millrace.lane_use u WHERE NOT EXISTS (
        SELECT FROM millrace.nodes n WHERE n.id = u.node_id AND n.epoch = u.epoch AND n.state <> 'down')
    LIMIT $1 FOR UPDATE SKIP LOCKED
), dead_freed AS MATERIALIZED (
    SELECT f.ctid FROM millrace.lane_freed f WHERE NOT EXISTS (
        SELECT FROM millrace.nodes n WHERE n.id = f.node_id AND n.epoch = f.epoch AND n.state <> 'down')
    LIMIT $1 FOR UPDATE SKIP LOCKED
), freed AS (
    DELETE FROM millrace.lane_freed f WHERE f.ctid = ANY(ARRAY(SELECT ctid FROM dead_freed))
)
DELETE FROM millrace.lane_use u WHERE u.ctid = ANY(ARRAY(SELECT ctid FROM dead))";
    let idle =
        transaction(conn, "queue::limits::idle_use", |tx| statement(IDLE).bind::<BigInt, _>(FORGET_MAX).run(tx))?;
    Ok(idle + transaction(conn, "queue::limits::dead_use", |tx| statement(DEAD).bind::<BigInt, _>(FORGET_MAX).run(tx))?)
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
    ORDER BY l.key LIMIT $1 FOR UPDATE SKIP LOCKED))";
    transaction(conn, "queue::limits::forget_lanes", |tx| statement(SQL).bind::<BigInt, _>(FORGET_MAX).run(tx))
}

/// Those whose time has come ask again, wherever their lane stands.
const DUE: &str = into_line!(
    "-- queue::limits::due
WITH next AS MATERIALIZED (
    SELECT job_id FROM millrace.gated WHERE not_before <= (SELECT clock_timestamp()) AND left(lane, 1) <> 'o' ORDER BY not_before, job_id LIMIT $1 FOR UPDATE SKIP LOCKED
"
);
