//! What schedules did long ago goes, a bounded piece at a time. A duty.

use diesel::sql_types::{BigInt, Double, Integer};

use crate::base::db::{DbError, PgConnection, statement};

/// Rows of one piece.
pub const FORGET_MAX: i64 = 5_000;

/// Forgets jobs that have ended and that nobody would look at for long: those of backfills, and those that should have ended
/// by now of schedules that are not due yet. Tells how many; at most [`FORGET_MAX`].
///
/// # Errors
/// Database failures.
pub fn forget_finished(conn: &mut PgConnection) -> Result<usize, DbError> {
    macro_rules! finished {
        ($which:literal) => {
            concat!(
                "(SELECT l.schedule_id, l.job_id FROM millrace.schedule_jobs l WHERE ((SELECT true FROM millrace.jobs j WHERE j.id = l.job_id) IS NULL
        OR (SELECT true FROM millrace.history h WHERE h.job_id = l.job_id) IS NOT NULL) AND ",
                $which,
                " LIMIT $1)"
            )
        };
    }
    const SQL: &str = concat!(
        "-- queue::schedules::forget_finished
DELETE FROM millrace.schedule_jobs sj USING (SELECT * FROM (",
        finished!("l.backfill_id > 0 ORDER BY l.backfill_id"),
        " UNION ",
        finished!("l.finish_by < (SELECT clock_timestamp()) ORDER BY l.finish_by"),
        ") AS either LIMIT $1) AS old
WHERE sj.schedule_id = old.schedule_id AND sj.job_id = old.job_id"
    );
    statement(SQL).bind::<Integer, _>(i32::try_from(FORGET_MAX).unwrap_or(i32::MAX)).run(conn)
}

/// Removes occurrences that were decided more than `days` ago, and removed schedules of which none is left; 0 days = none ever. Tells how many
/// rows of occurrences went; at most [`FORGET_MAX`]. What is decided stays so: a schedule's row knows up to when.
///
/// # Errors
/// Database failures.
pub fn forget_old(conn: &mut PgConnection, days: u32) -> Result<usize, DbError> {
    // up to when they may be gone is noted in the same statement: what is not known any more is not missing
    const OLD: &str = "-- queue::schedules::forget_old
WITH gone AS (
    DELETE FROM millrace.occurrences o USING (
        SELECT o.schedule_id, o.at, o.backfill_id FROM millrace.occurrences o WHERE o.decided_at < clock_timestamp() - $1 * interval '1 day'
        ORDER BY o.decided_at LIMIT $2
    ) AS old
    WHERE o.schedule_id = old.schedule_id AND o.at = old.at AND o.backfill_id = old.backfill_id
    RETURNING o.at, o.decided_at, o.job_id
), noted AS (
    INSERT INTO millrace.forgotten_occurrences AS f (until)
    SELECT max(greatest(gone.at, gone.decided_at)) FROM gone WHERE gone.job_id IS NOT NULL HAVING count(*) > 0
    ON CONFLICT (one) DO UPDATE SET until = greatest(f.until, excluded.until)
)
SELECT count(*) FROM gone";
    const GONE: &str = "-- queue::schedules::forget_removed
WITH gone AS (
    SELECT s.id FROM millrace.schedules s WHERE s.removed_at < clock_timestamp() - $1 * interval '1 day' ORDER BY s.removed_at LIMIT 20
), occurrences AS (
    DELETE FROM millrace.occurrences o USING gone WHERE o.schedule_id = gone.id AND o.decided_at < clock_timestamp() - $1 * interval '1 day'
), backfills AS (
    DELETE FROM millrace.backfills b USING gone WHERE b.schedule_id = gone.id
), jobs AS (
    DELETE FROM millrace.schedule_jobs sj USING gone WHERE sj.schedule_id = gone.id
), versions AS (
    DELETE FROM millrace.schedule_versions v USING gone WHERE v.schedule_id = gone.id
)
DELETE FROM millrace.schedules s USING gone WHERE s.id = gone.id";
    if days == 0 {
        return Ok(0);
    }
    let removed = statement(OLD)
        .bind::<Double, _>(f64::from(days))
        .bind::<Integer, _>(i32::try_from(FORGET_MAX).unwrap_or(i32::MAX))
        .tuples::<BigInt, i64>(conn)?;
    statement(GONE).bind::<Double, _>(f64::from(days)).run(conn)?;
    Ok(removed.first().map_or(0, |removed| usize::try_from(*removed).unwrap_or_default()))
}
