//! The rows of a list again, wherever their jobs stand now: for lists that stay open while the work goes on.

use diesel::sql_types::{Array, BigInt, Text};

use super::JobRow;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::job::JobId;

/// Most rows read at once.
pub const ROWS_MAX: usize = 200;

/// Reads the present rows of these jobs that `scope` covers, by id. Jobs that are gone are left out; beyond 200 as well.
///
/// # Errors
/// Database failures.
pub fn rows_of(conn: &mut PgConnection, scope: &Scope, jobs: &[JobId]) -> Result<Vec<JobRow>, DbError> {
    const SQL: &str = "-- admin::jobs::rows_of
SELECT j.id AS k, j.id, coalesce(h.state::text, CASE WHEN l.started_at IS NOT NULL THEN 'running' WHEN s.retrying THEN 'retrying'
        WHEN s.job_id IS NOT NULL THEN 'scheduled' END, k.state::text, 'ready') AS state,
    t.name AS template, j.version, q.name AS queue, coalesce(h.priority, s.priority, k.priority, g.priority, p.priority, j.priority) AS priority,
    coalesce(h.attempt, l.attempt, s.attempt, k.attempt, r.attempt, g.attempt, 0::smallint) AS attempt,
    coalesce(j.max_attempts, (v.spec #>> '{defaults,max_attempts}')::integer, h.attempt::integer, 0) AS max_attempts,
    coalesce(h.finished_at, l.started_at, s.since, k.since, r.since, g.since, j.created_at) AS at, coalesce(s.run_at, k.run_at) AS run_at, j.created_at,
    coalesce(n.name, l.node) AS node, coalesce(h.error, a.error) AS error, j.args, v.spec -> 'params' AS params, j.tags, live.done, live.total,
    j.enqueued_by, (extract(epoch FROM CASE WHEN h.started_at IS NOT NULL THEN h.started_at - h.since
        WHEN coalesce(r.since, g.since) IS NOT NULL THEN clock_timestamp() - coalesce(r.since, g.since) END) * 1000)::bigint AS wait_ms,
    (extract(epoch FROM CASE WHEN h.started_at IS NOT NULL THEN h.finished_at - h.started_at
        WHEN h.job_id IS NULL AND l.started_at IS NOT NULL THEN clock_timestamp() - l.started_at END) * 1000)::bigint AS run_ms
FROM millrace.jobs j
JOIN millrace.templates t ON t.id = j.template_id
LEFT JOIN millrace.template_versions v ON v.template_id = j.template_id AND v.version = j.version
LEFT JOIN millrace.history h ON h.job_id = j.id
LEFT JOIN LATERAL (
    SELECT l.started_at, n.name AS node, l.attempts[array_position(l.job_ids, j.id)] AS attempt
    FROM millrace.leases l JOIN millrace.nodes n ON n.id = l.node_id WHERE h.job_id IS NULL AND l.job_ids @> ARRAY[j.id] LIMIT 1
) AS l ON true
LEFT JOIN millrace.scheduled s ON s.job_id = j.id
LEFT JOIN millrace.parked k ON k.job_id = j.id
LEFT JOIN millrace.gated g ON g.job_id = j.id
LEFT JOIN millrace.placements p ON p.job_id = j.id
LEFT JOIN millrace.ready r ON r.queue_id = coalesce(p.queue_id, j.queue_id) AND r.priority = coalesce(p.priority, j.priority)
    AND r.seq = coalesce(p.seq, j.id) AND r.job_id = j.id
JOIN millrace.queues q ON q.id = coalesce(h.queue_id, s.queue_id, k.queue_id, g.queue_id, p.queue_id, j.queue_id)
LEFT JOIN millrace.nodes n ON n.id = h.node_id
LEFT JOIN millrace.live live ON live.job_id = j.id
LEFT JOIN LATERAL (
    SELECT a.error FROM millrace.attempts a WHERE h.job_id IS NULL AND l.started_at IS NULL AND a.job_id = j.id ORDER BY a.fence DESC LIMIT 1
) AS a ON true
WHERE j.id = ANY ($1) AND (($2::text[] = '{}' AND $3::text[] = '{}') OR q.name = ANY ($2) OR j.tags && $3)
ORDER BY j.id DESC LIMIT 200";
    let ids: Vec<i64> = jobs.iter().take(ROWS_MAX).map(|job| job.0).collect();
    statement(SQL)
        .bind::<Array<BigInt>, _>(ids)
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Array<Text>, _>(&scope.tags)
        .rows(conn)
}
