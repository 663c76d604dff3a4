//! The jobs that a job names: the one it was made from, and whoever has its unique key now.

use diesel::sql_types::{BigInt, Jsonb, Nullable, Text};
use serde_json::Value;

use super::{Detail, JobRow, rows_of};
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::job::{JobId, TemplateId};

/// Jobs that a job names, as far as they are there and may be seen.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// The job it was made from.
    pub parent: Option<JobRow>,
    /// Another job that has its unique key.
    pub key_holder: Option<JobRow>,
}

/// Reads them. Costs nothing for jobs without parent and unique key.
///
/// # Errors
/// Database failures.
pub fn named(conn: &mut PgConnection, scope: &Scope, job: &Detail) -> Result<Named, DbError> {
    let holder = match &job.unique_key {
        Some(key) => holder(conn, key)?.filter(|holder| *holder != job.id),
        None => None,
    };
    let ids: Vec<JobId> = [job.parent, holder].into_iter().flatten().collect();
    if ids.is_empty() {
        return Ok(Named::default());
    }
    let rows = rows_of(conn, scope, &ids)?;
    let row = |id: Option<JobId>| rows.iter().find(|row| Some(row.id) == id).cloned();
    Ok(Named { parent: row(job.parent), key_holder: row(holder) })
}

fn holder(conn: &mut PgConnection, key: &str) -> Result<Option<JobId>, DbError> {
    const SQL: &str = "-- admin::jobs::key_holder
SELECT k.job_id FROM millrace.unique_keys k WHERE k.key = $1 AND (k.until IS NULL OR k.until > (SELECT clock_timestamp()))";
    let rows: Vec<i64> = statement(SQL).bind::<Text, _>(key).tuples::<BigInt, i64>(conn)?;
    Ok(rows.first().copied().map(JobId))
}

/// Whom a new job would meet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Met {
    /// Whoever has the key that its template gives it.
    pub unique: Option<JobId>,
    /// Whoever waits for a quiet time, so that it would take its place.
    pub waiting: Option<JobId>,
}

/// Finds whom a new job of a version would meet with these arguments, now. Who asks later may meet others.
///
/// # Errors
/// Database failures.
pub fn met(conn: &mut PgConnection, (template, version): (TemplateId, i32), args: &Value) -> Result<Met, DbError> {
    const SQL: &str = "-- admin::jobs::met
SELECT (
    SELECT k.job_id FROM millrace.unique_keys k WHERE k.key = millrace.lane_key('u', v.template_id, v.uniqueness -> 'by', $1) AND v.uniqueness IS NOT NULL
        AND (k.until IS NULL OR k.until > (SELECT clock_timestamp()))
        AND (v.uniqueness ->> 'states' IS DISTINCT FROM 'waiting' OR NOT EXISTS (SELECT FROM millrace.history h WHERE h.job_id = k.job_id)
            AND NOT EXISTS (SELECT FROM millrace.leases l WHERE l.job_ids @> ARRAY[k.job_id]))
), (
    SELECT d.job_id FROM millrace.debounces d WHERE d.key = millrace.lane_key('d', v.template_id, v.debounce -> 'by', $1) COLLATE \"C\" AND v.debounce IS NOT NULL
        AND EXISTS (SELECT FROM millrace.scheduled s WHERE s.job_id = d.job_id AND NOT s.retrying)
        AND (v.debounce ->> 'mode' IS DISTINCT FROM 'accumulate' OR EXISTS (SELECT FROM millrace.jobs j WHERE j.id = d.job_id AND j.version = v.version))
) FROM millrace.template_versions v WHERE v.template_id = $2 AND v.version = $3";
    let rows = statement(SQL)
        .bind::<Jsonb, _>(args)
        .bind::<diesel::sql_types::Integer, _>(template)
        .bind::<diesel::sql_types::Integer, _>(version)
        .tuples::<(Nullable<BigInt>, Nullable<BigInt>), (Option<i64>, Option<i64>)>(conn)?;
    let (unique, waiting) = rows.first().copied().unwrap_or_default();
    Ok(Met { unique: unique.map(JobId), waiting: waiting.map(JobId) })
}
