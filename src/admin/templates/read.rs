//! Reading templates and their versions.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::job::TemplateId;

/// Most templates of a list.
pub const TEMPLATES_MAX: i32 = 1_000;
/// Most versions of a list.
pub const VERSIONS_MAX: i32 = 500;

/// A template in a list.
#[derive(Debug, Clone, QueryableByName)]
pub struct TemplateRow {
    /// Row id.
    #[diesel(sql_type = Integer)]
    pub id: TemplateId,
    /// Name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// draft, active, deprecated or archived.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// The version that new jobs are pinned to.
    #[diesel(sql_type = Nullable<Integer>)]
    pub active_version: Option<i32>,
    /// Highest version.
    #[diesel(sql_type = Integer)]
    pub latest_version: i32,
    /// command, http, sql or handler; of the active version, else of the latest.
    #[diesel(sql_type = Text)]
    pub runner: String,
    /// One sentence.
    #[diesel(sql_type = Text)]
    pub description: String,
    /// Default queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// Last change.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: Time,
    /// Author of the latest version.
    #[diesel(sql_type = Text)]
    pub author: String,
    /// Jobs that have not ended.
    #[diesel(sql_type = BigInt)]
    pub unfinished: i64,
    /// Jobs that failed for good and are kept.
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
    /// Jobs that succeeded and are kept.
    #[diesel(sql_type = BigInt)]
    pub succeeded: i64,
}

const ROWS: &str = "-- admin::templates::list
SELECT t.id, t.name, t.state, t.active_version, t.latest_version, v.spec ->> 'runner' AS runner, coalesce(v.spec ->> 'description', '') AS description,
    v.queue, t.updated_at, latest.author, coalesce(c.unfinished, 0)::bigint AS unfinished, coalesce(c.failed, 0)::bigint AS failed,
    coalesce(c.succeeded, 0)::bigint AS succeeded
FROM millrace.templates t
JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = coalesce(t.active_version, t.latest_version)
JOIN millrace.template_versions latest ON latest.template_id = t.id AND latest.version = t.latest_version
LEFT JOIN (
    SELECT template_id, sum(jobs) FILTER (WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'expired')) AS unfinished,
        sum(jobs) FILTER (WHERE state = 'failed') AS failed, sum(jobs) FILTER (WHERE state = 'succeeded') AS succeeded
    FROM millrace.job_counts GROUP BY template_id
) AS c ON c.template_id = t.id
WHERE ($1::text IS NULL OR t.name = $1) ORDER BY t.state = 'archived', t.name LIMIT $2";

/// Lists templates by name, archived ones last.
///
/// # Errors
/// Database failures.
pub fn list(conn: &mut PgConnection) -> Result<Vec<TemplateRow>, DbError> {
    statement(ROWS).bind::<Nullable<Text>, _>(None::<&str>).bind::<Integer, _>(TEMPLATES_MAX).rows(conn)
}

/// Reads one template by its name.
///
/// # Errors
/// Database failures.
pub fn show(conn: &mut PgConnection, name: &str) -> Result<Option<TemplateRow>, DbError> {
    statement(ROWS).bind::<Nullable<Text>, _>(Some(name.replace('\0', ""))).bind::<Integer, _>(1).row(conn)
}

/// A version of a template.
#[derive(Debug, Clone, QueryableByName)]
pub struct VersionRow {
    /// Its number.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// What it says.
    #[diesel(sql_type = Jsonb)]
    pub spec: Value,
    /// Who wrote it.
    #[diesel(sql_type = Text)]
    pub author: String,
    /// What changed and why.
    #[diesel(sql_type = Nullable<Text>)]
    pub message: Option<String>,
    /// When it was saved.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: Time,
    /// When it was first published; absent = never.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub published_at: Option<Time>,
    /// By whom.
    #[diesel(sql_type = Nullable<Text>)]
    pub published_by: Option<String>,
}

const VERSIONS: &str = "-- admin::templates::versions
SELECT version, spec, author, message, created_at, published_at, published_by FROM millrace.template_versions
WHERE template_id = $1 AND ($2::integer IS NULL OR version = $2) ORDER BY version DESC LIMIT $3";

/// Lists the versions of a template, newest first.
///
/// # Errors
/// Database failures.
pub fn versions(conn: &mut PgConnection, template: TemplateId) -> Result<Vec<VersionRow>, DbError> {
    let bound = statement(VERSIONS).bind::<Integer, _>(template).bind::<Nullable<Integer>, _>(None::<i32>);
    bound.bind::<Integer, _>(VERSIONS_MAX).rows(conn)
}

/// Reads one version.
///
/// # Errors
/// Database failures.
pub fn version(conn: &mut PgConnection, template: TemplateId, version: i32) -> Result<Option<VersionRow>, DbError> {
    let bound = statement(VERSIONS).bind::<Integer, _>(template).bind::<Nullable<Integer>, _>(Some(version));
    bound.bind::<Integer, _>(1).row(conn)
}
