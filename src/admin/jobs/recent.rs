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
/// Blocks of older ones that are looked into.
const BLOCKS_LOOK_MAX: i64 = 8;

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

/// The last jobs of a template, as far as was looked.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    /// Jobs, in the order in which they ended.
    pub runs: Vec<Run>,
    /// There are fewer than were asked for, and older jobs that were not looked at.
    pub may_have_more: bool,
}

/// The rows of one template that `scope` covers, of those in `newest`; then the places of the template, the queues and tags of the
/// scope, and the most.
macro_rules! runs_of {
    ($name:literal, $newest:literal, $template:literal, $queues:literal, $tags:literal, $most:literal) => {
        concat!(
            "-- admin::jobs::", $name, "
SELECT job_id AS id, state::text, finished_at, greatest(0, (extract(epoch FROM finished_at - started_at) * 1000)::bigint) AS run_ms
FROM (", $newest, ") AS newest
WHERE template_id = ", $template, " AND started_at IS NOT NULL AND ((", $queues, "::text[] = '{}' AND ", $tags, "::text[] = '{}')
    OR queue_id = ANY (ARRAY(SELECT q.id FROM millrace.queues q WHERE q.name = ANY (", $queues, ")))
    OR ", $tags, "::text[] <> '{}' AND EXISTS (SELECT FROM millrace.jobs j WHERE j.id = newest.job_id AND j.tags && ", $tags, "))
ORDER BY job_id DESC LIMIT ", $most
        )
    };
}

/// Reads the last `runs_max` jobs of a template that started and ended and that `scope` covers, in the order in which they ended. Looked
/// at are the newest 20,000 of all, and of older ones 8 blocks of 4,096 ids that hold jobs of the template, as their digests say.
///
/// # Errors
/// Database failures.
pub fn recent_runs(
    conn: &mut PgConnection,
    scope: &Scope,
    template: TemplateId,
    runs_max: i64,
) -> Result<Recent, DbError> {
    const SQL: &str =
        runs_of!("recent_runs", "SELECT * FROM millrace.history ORDER BY job_id DESC LIMIT $1", "$2", "$3", "$4", "$5");
    let mut runs: Vec<Run> = statement(SQL)
        .bind::<BigInt, _>(HISTORY_LOOK_MAX)
        .bind::<Integer, _>(template)
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Array<Text>, _>(&scope.tags)
        .bind::<BigInt, _>(runs_max)
        .rows(conn)?;
    let edge = if (runs.len() as i64) < runs_max { edge(conn)? } else { None };
    if let Some(edge) = edge {
        runs.extend(older_runs(conn, scope, (template, edge), runs_max - runs.len() as i64)?);
    }
    let may_have_more = edge.is_some() && (runs.len() as i64) < runs_max;
    runs.sort_unstable_by_key(|run| (run.finished_at, run.id));
    Ok(Recent { runs, may_have_more })
}

/// Reads those below the job `edge`.
fn older_runs(
    conn: &mut PgConnection,
    scope: &Scope,
    (template, edge): (TemplateId, i64),
    runs_max: i64,
) -> Result<Vec<Run>, DbError> {
    const SQL: &str = runs_of!(
        "older_runs",
        "SELECT h.* FROM (
        SELECT d.block FROM millrace.digests d WHERE d.templates @> ARRAY[$1::integer] AND d.block * 4096 < $2 ORDER BY d.block DESC LIMIT $3
    ) AS d CROSS JOIN LATERAL (
        SELECT * FROM millrace.history h WHERE h.job_id >= d.block * 4096 AND h.job_id < least($2, (d.block + 1) * 4096) LIMIT 4096
    ) AS h",
        "$1",
        "$4",
        "$5",
        "$6"
    );
    statement(SQL)
        .bind::<Integer, _>(template)
        .bind::<BigInt, _>(edge)
        .bind::<BigInt, _>(BLOCKS_LOOK_MAX)
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Array<Text>, _>(&scope.tags)
        .bind::<BigInt, _>(runs_max)
        .rows(conn)
}

/// The oldest of the newest jobs; `None` = there are no others.
fn edge(conn: &mut PgConnection) -> Result<Option<i64>, DbError> {
    const SQL: &str = "-- admin::jobs::recent_edge
SELECT job_id FROM millrace.history ORDER BY job_id DESC OFFSET $1 - 1 LIMIT 1";
    Ok(statement(SQL).bind::<BigInt, _>(HISTORY_LOOK_MAX).tuples::<BigInt, i64>(conn)?.first().copied())
}
