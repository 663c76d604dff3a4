//! The last jobs of a template.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Text, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::job::{JobId, TemplateId};
use crate::queue::state::JobState;

/// Rows of history that are looked at.
const HISTORY_LOOK_MAX: i64 = 20_000;

/// How one earlier job of a template went.
#[derive(Debug, Clone, QueryableByName)]
pub struct Run {
    /// The job.
    #[diesel(sql_type = BigInt)]
    pub id: JobId,
    #[diesel(sql_type = Text)]
    pub(super) state: String,
    /// When it ended.
    #[diesel(sql_type = Timestamptz)]
    pub finished_at: Time,
    /// How long its last attempt ran, in milliseconds.
    #[diesel(sql_type = BigInt)]
    pub run_ms: i64,
}

impl Run {
    /// Gives its terminal state.
    pub fn state(&self) -> JobState {
        JobState::parse(&self.state).unwrap_or(JobState::Failed) // the statement gives only names of the enum
    }
}

/// Reads the last `runs_max` jobs of a template that started and ended and that `scope` covers, among the newest 20,000 of all, in the
/// order in which they ended.
///
/// # Errors
/// Database failures.
pub fn recent_runs(
    conn: &mut PgConnection,
    scope: &Scope,
    template: TemplateId,
    runs_max: i64,
) -> Result<Vec<Run>, DbError> {
    const SQL: &str = "-- admin::jobs::recent_runs
SELECT * FROM (
    SELECT job_id AS id, state::text, finished_at, greatest(0, (extract(epoch FROM finished_at - started_at) * 1000)::bigint) AS run_ms
    FROM (SELECT * FROM millrace.history ORDER BY job_id DESC LIMIT $1) AS newest
    WHERE template_id = $2 AND started_at IS NOT NULL AND (($3::text[] = '{}' AND $4::text[] = '{}')
        OR queue_id = ANY (ARRAY(SELECT q.id FROM millrace.queues q WHERE q.name = ANY ($3)))
        OR $4::text[] <> '{}' AND EXISTS (SELECT FROM millrace.jobs j WHERE j.id = newest.job_id AND j.tags && $4))
    ORDER BY job_id DESC LIMIT $5
) AS runs ORDER BY finished_at, id";
    statement(SQL)
        .bind::<BigInt, _>(HISTORY_LOOK_MAX)
        .bind::<Integer, _>(template)
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Array<Text>, _>(&scope.tags)
        .bind::<BigInt, _>(runs_max)
        .rows(conn)
}
