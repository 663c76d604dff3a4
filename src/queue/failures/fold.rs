//! Folding what was settled into the groups and their counts.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer};

use crate::base::db::{DbError, Tx, statement};

/// A group that was handled has returned with the first failure after that, of a version from which it should not come any more.
/// The row in force is asked, so that whoever marks it meanwhile is not overruled.
const FOLD: &str = "-- queue::fold::failures
WITH taken AS MATERIALIZED (
    DELETE FROM millrace.failure_deltas WHERE ctid = ANY(ARRAY(SELECT ctid FROM millrace.failure_deltas WHERE id > $1 ORDER BY id LIMIT $2))
    RETURNING id, fingerprint, template_id, hour, version, queue_id, node_id, attempts, jobs_failed, first_at, first_job, last_at, last_job, last_number,
        message, error
), oldest AS (
    SELECT DISTINCT ON (fingerprint) fingerprint, first_at, first_job FROM taken ORDER BY fingerprint, first_at, first_job
), newest AS (
    SELECT DISTINCT ON (fingerprint) fingerprint, template_id, last_at, last_job, last_number, message, error FROM taken
    ORDER BY fingerprint, last_at DESC, last_job DESC
), sums AS (
    SELECT fingerprint, min(version) AS low, max(version) AS high, sum(attempts) AS attempts, sum(jobs_failed) AS jobs_failed FROM taken GROUP BY fingerprint
), groups AS (
    INSERT INTO millrace.failure_groups AS g (fingerprint, template_id, message, error, first_seen, last_seen, first_job, last_job, last_number,
        first_version, last_version, attempts, jobs_failed)
    SELECT s.fingerprint, n.template_id, n.message, n.error, o.first_at, n.last_at, o.first_job, n.last_job, n.last_number, s.low, s.high,
        s.attempts, s.jobs_failed
    FROM sums s JOIN oldest o USING (fingerprint) JOIN newest n USING (fingerprint) ORDER BY s.fingerprint
    ON CONFLICT (fingerprint) DO UPDATE SET
        first_seen = least(g.first_seen, excluded.first_seen),
        first_job = CASE WHEN excluded.first_seen < g.first_seen THEN excluded.first_job ELSE g.first_job END,
        last_seen = greatest(g.last_seen, excluded.last_seen),
        last_job = CASE WHEN excluded.last_seen >= g.last_seen THEN excluded.last_job ELSE g.last_job END,
        last_number = CASE WHEN excluded.last_seen >= g.last_seen THEN excluded.last_number ELSE g.last_number END,
        error = CASE WHEN excluded.last_seen >= g.last_seen THEN excluded.error ELSE g.error END,
        first_version = least(g.first_version, excluded.first_version), last_version = greatest(g.last_version, excluded.last_version),
        attempts = g.attempts + excluded.attempts, jobs_failed = g.jobs_failed + excluded.jobs_failed,
        returned_at = coalesce(g.returned_at, (SELECT min(CASE WHEN t.first_at > g.handled_at THEN t.first_at ELSE t.last_at END) FROM taken t
            WHERE t.fingerprint = g.fingerprint AND t.last_at > g.handled_at AND t.version >= coalesce(g.handled_from, 0)))
    RETURNING g.fingerprint
), counts AS (
    INSERT INTO millrace.failure_counts AS c (fingerprint, hour, version, queue_id, node_id, attempts, jobs_failed)
    SELECT t.fingerprint, t.hour, t.version, t.queue_id, t.node_id, sum(t.attempts), sum(t.jobs_failed)
    FROM taken t JOIN groups USING (fingerprint) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (fingerprint, hour, version, queue_id, node_id) DO UPDATE SET attempts = c.attempts + excluded.attempts,
        jobs_failed = c.jobs_failed + excluded.jobs_failed
)
SELECT count(*)::integer AS folded FROM taken";

/// Folds up to `rows_max` deltas behind `above` and tells how many. The caller holds the lock of folds.
pub(in crate::queue) fn fold(tx: &mut Tx<'_>, above: i64, rows_max: i64) -> Result<usize, DbError> {
    #[derive(QueryableByName)]
    struct Folded {
        #[diesel(sql_type = Integer)]
        folded: i32,
    }
    let row: Option<Folded> = statement(FOLD).bind::<BigInt, _>(above).bind::<BigInt, _>(rows_max).row(tx)?;
    Ok(row.map_or(0, |row| row.folded.unsigned_abs() as usize))
}
