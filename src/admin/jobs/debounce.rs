//! Whether a scheduled job waits for a quiet time.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Timestamptz};

use super::Detail;
use super::explain::Reason;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};

#[derive(QueryableByName)]
struct Window {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    latest: Option<Time>,
}

/// Tells that a newer job would take the place of this one, which is due at `run_at`; `None` = none would.
pub(super) fn reason(conn: &mut PgConnection, job: &Detail, run_at: Time) -> Result<Option<Reason>, DbError> {
    const SQL: &str = "-- admin::jobs::debounce
SELECT d.first_at + (v.debounce ->> 'max_wait_ms')::bigint * interval '1 ms' AS latest
FROM millrace.debounces d JOIN millrace.jobs j ON j.id = d.job_id
JOIN millrace.template_versions v ON v.template_id = j.template_id AND v.version = j.version
WHERE d.job_id = $1 LIMIT 1";
    let window: Option<Window> = statement(SQL).bind::<BigInt, _>(job.id).row(conn)?;
    Ok(window.map(|Window { latest }| Reason::Debounced { run_at, latest }))
}
