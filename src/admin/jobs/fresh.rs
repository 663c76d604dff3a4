//! Jobs that were made a moment ago: what is known of them without looking where they are.

use diesel::sql_types::{Array, BigInt};

use super::Detail;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::job::JobId;

/// Reads jobs that were made in this transaction, in no order, as [`super::detail`] tells them once it is committed and before anything
/// happens to them.
///
/// # Errors
/// Database failures.
pub(super) fn fresh(tx: &mut Tx<'_>, jobs: &[JobId]) -> Result<Vec<Detail>, DbError> {
    const SQL: &str = "-- admin::jobs::fresh
SELECT j.id, CASE WHEN j.run_at > j.created_at THEN 'scheduled' ELSE 'ready' END AS state, t.name AS template, t.id AS template_id, j.version,
    v.spec, q.name AS queue, j.priority, j.args, coalesce(j.tags, '{}') AS tags, 0::smallint AS attempt, j.max_attempts, j.timeout_ms,
    j.created_at, j.enqueued_by, NULL::text AS schedule, j.occurrence, j.run_at AS asked_for, CASE WHEN j.run_at > j.created_at THEN j.run_at END AS run_at, j.created_at AS since,
    j.deadline, j.unique_key, j.ordering_key, j.parent_id AS parent, 0 AS log_bytes, NULL::timestamptz AS started_at,
    NULL::timestamptz AS finished_at, NULL::bigint AS fence, NULL::text AS node, NULL::timestamptz AS heartbeat_at, NULL::text AS error,
    NULL::text AS fingerprint, NULL::jsonb AS output, NULL::integer AS cpu_ms, NULL::bigint AS peak_memory_bytes, NULL::bigint AS read_bytes,
    NULL::bigint AS written_bytes, NULL::text AS ran_as, NULL::integer AS exit_code, NULL::smallint AS http_status, NULL::bigint AS done,
    NULL::bigint AS total, NULL::text AS message, NULL::text AS parked_by, NULL::text AS park_reason, NULL::text AS cancel_by,
    NULL::timestamptz AS cancel_at
FROM millrace.jobs j
JOIN millrace.templates t ON t.id = j.template_id
JOIN millrace.template_versions v ON v.template_id = j.template_id AND v.version = j.version
JOIN millrace.queues q ON q.id = j.queue_id
WHERE j.id = ANY ($1)";
    statement(SQL).bind::<Array<BigInt>, _>(jobs.iter().map(|job| job.0).collect::<Vec<_>>()).rows(tx)
}
