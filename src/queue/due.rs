//! The mover: jobs whose time has come leave `scheduled` and stand at the end of the line, or ask for their turn.

use diesel::QueryableByName;
use diesel::sql_types::{Double, Integer, Nullable};

use crate::base::db::{DbError, PgConnection, statement};

/// Most jobs of one move.
pub const MOVE_BATCH_MAX: i32 = 1_000;

/// The clock is asked in a query of its own: compared directly, it is no bound of the index, and all that waits would be read.
const MOVE: &str = "-- queue::due::move
WITH due AS MATERIALIZED (
    SELECT job_id FROM millrace.scheduled WHERE run_at <= (SELECT clock_timestamp()) ORDER BY run_at, seq LIMIT $1 FOR UPDATE SKIP LOCKED
), moved AS (
    DELETE FROM millrace.scheduled s USING due WHERE s.job_id = due.job_id RETURNING s.*
), placed AS MATERIALIZED (
    SELECT job_id, run_at, queue_id, template_id, priority, attempt, nextval('millrace.job_seq') AS seq
    FROM (SELECT * FROM moved WHERE lane IS NULL ORDER BY run_at, seq) AS in_order
), asking AS (
    INSERT INTO millrace.gated (job_id, lane, since, not_before, queue_id, template_id, priority, attempt)
    SELECT job_id, lane, run_at, clock_timestamp(), queue_id, template_id, priority, attempt FROM moved WHERE lane IS NOT NULL
), line AS (
    INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
    SELECT seq, job_id, run_at, queue_id, template_id, priority, attempt FROM placed
), places AS (
    INSERT INTO millrace.placements AS p (job_id, queue_id, priority, seq) SELECT job_id, queue_id, priority, seq FROM placed
    ON CONFLICT (job_id) DO UPDATE SET queue_id = excluded.queue_id, priority = excluded.priority, seq = excluded.seq
), counted AS (
    INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
    SELECT queue_id, template_id, CASE WHEN retrying THEN 'retrying' ELSE 'scheduled' END::millrace.job_state, 'ready', count(*)
    FROM moved GROUP BY queue_id, template_id, retrying
)
SELECT count(*)::integer AS moved FROM moved";

#[derive(QueryableByName)]
struct Moved {
    #[diesel(sql_type = Integer)]
    moved: i32,
}

/// Moves up to 1,000 due jobs and tells how many. Any node may do it at any time.
///
/// # Errors
/// Database failures.
pub fn move_due(conn: &mut PgConnection) -> Result<u32, DbError> {
    let row: Option<Moved> = statement(MOVE).bind::<Integer, _>(MOVE_BATCH_MAX).row(conn)?;
    Ok(row.map_or(0, |row| row.moved.unsigned_abs()))
}

#[derive(QueryableByName)]
struct Wait {
    #[diesel(sql_type = Nullable<Double>)]
    seconds: Option<f64>,
}

/// Tells after how many seconds the next job is due; `None` when none waits for a time. Negative = overdue.
///
/// # Errors
/// Database failures.
pub fn next_due(conn: &mut PgConnection) -> Result<Option<f64>, DbError> {
    const SQL: &str = "-- queue::due::next
SELECT extract(epoch FROM least(
    (SELECT run_at FROM millrace.scheduled ORDER BY run_at, seq LIMIT 1),
    (SELECT not_before FROM millrace.gated WHERE not_before IS NOT NULL ORDER BY not_before LIMIT 1)) - clock_timestamp())::float8 AS seconds";
    let row: Option<Wait> = statement(SQL).row(conn)?;
    Ok(row.and_then(|row| row.seconds))
}
