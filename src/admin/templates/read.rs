//! Reading templates and their versions.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use super::state::TemplateState;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::job::TemplateId;
use crate::queue::template::{RunnerKind, TemplateSpec};

/// Most templates of a list.
pub const TEMPLATES_MAX: i32 = 1_000;
/// Most versions of a list.
pub const VERSIONS_MAX: i32 = 500;

/// Which templates are meant. Everything that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateFilter {
    /// A text that name or description holds, whatever its case.
    pub text: Option<String>,
    /// How the active version (else the latest) does its work.
    pub runner: Option<RunnerKind>,
    /// Its state.
    pub state: Option<TemplateState>,
}

impl TemplateFilter {
    /// Gives the pattern of `text` for `ILIKE`; a NUL matches nothing that a database can hold.
    fn pattern(&self) -> Option<String> {
        let text = self.text.as_deref()?.replace('\0', "\u{fffd}");
        Some(format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")))
    }
}

/// A template in a list.
#[derive(Debug, Clone, QueryableByName)]
pub struct TemplateRow {
    /// Row id.
    #[diesel(sql_type = Integer)]
    pub id: TemplateId,
    /// Name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// draft, active, deprecated or archived; [`TemplateRow::state`] is safer.
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

impl TemplateRow {
    /// Gives its state.
    pub fn state(&self) -> TemplateState {
        TemplateState::parse(&self.state).unwrap_or(TemplateState::Draft) // the table holds only names of the enum
    }

    /// Gives the version that people look at: the active one, else the latest.
    pub fn shown_version(&self) -> i32 {
        self.active_version.unwrap_or(self.latest_version)
    }

    /// Gives the draft that is newer than what is active.
    pub fn newer_draft(&self) -> Option<i32> {
        self.active_version.filter(|active| *active < self.latest_version).map(|_| self.latest_version)
    }
}

/// What both the list and the counts look at: `$1` pattern, `$2` runner.
macro_rules! filtered {
    () => {
        "FROM millrace.templates t
JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = coalesce(t.active_version, t.latest_version)
JOIN millrace.template_versions latest ON latest.template_id = t.id AND latest.version = t.latest_version
WHERE ($1::text IS NULL OR t.name ILIKE $1 OR v.spec ->> 'description' ILIKE $1) AND ($2::text IS NULL OR v.spec ->> 'runner' = $2)"
    };
}

/// The rows of `$filtered` further narrowed by `$where`; jobs are counted for the page's rows only.
macro_rules! rows_sql {
    ($name:literal, $where:literal) => {
        concat!(
            "-- admin::templates::",
            $name,
            "
WITH page AS (
    SELECT t.id, t.name, t.state, t.active_version, t.latest_version, v.spec ->> 'runner' AS runner,
        coalesce(v.spec ->> 'description', '') AS description, v.queue, t.updated_at, latest.author ",
            filtered!(),
            $where,
            "
    ORDER BY t.name LIMIT $5
)
SELECT page.*, coalesce(sum(c.jobs) FILTER (WHERE c.state NOT IN ('succeeded', 'failed', 'cancelled', 'expired')), 0)::bigint AS unfinished,
    coalesce(sum(c.jobs) FILTER (WHERE c.state = 'failed'), 0)::bigint AS failed,
    coalesce(sum(c.jobs) FILTER (WHERE c.state = 'succeeded'), 0)::bigint AS succeeded
FROM page LEFT JOIN (millrace.job_counts c JOIN millrace.queues q ON q.id = c.queue_id AND ($6 OR q.name = ANY ($7))) ON c.template_id = page.id
GROUP BY page.id, page.name, page.state, page.active_version, page.latest_version, page.runner, page.description, page.queue, page.updated_at, page.author
ORDER BY page.name"
        )
    };
}

const LIST: &str = rows_sql!("search", " AND ($3::text IS NULL OR t.state = $3) AND ($4::text IS NULL OR t.name > $4)");
const SHOW: &str = rows_sql!("show", " AND ($3::text IS NULL OR t.state = $3) AND t.name = $4");

/// Lists at most `limit` templates by name, those after the name `after`. Their jobs are counted in the queues that `scope`
/// covers as a whole.
///
/// # Errors
/// Database failures.
pub fn search(
    conn: &mut PgConnection,
    scope: &Scope,
    filter: &TemplateFilter,
    after: Option<&str>,
    limit: i32,
) -> Result<Vec<TemplateRow>, DbError> {
    statement(LIST)
        .bind::<Nullable<Text>, _>(filter.pattern())
        .bind::<Nullable<Text>, _>(filter.runner.map(RunnerKind::as_str))
        .bind::<Nullable<Text>, _>(filter.state.map(TemplateState::as_str))
        .bind::<Nullable<Text>, _>(after.map(|name| name.replace('\0', "")))
        .bind::<Integer, _>(limit.min(TEMPLATES_MAX + 1))
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .rows(conn)
}

/// Lists all templates by name, at most 1,000.
///
/// # Errors
/// Database failures.
pub fn list(conn: &mut PgConnection) -> Result<Vec<TemplateRow>, DbError> {
    search(conn, &Scope::default(), &TemplateFilter::default(), None, TEMPLATES_MAX)
}

/// Reads one template by its name.
///
/// # Errors
/// Database failures.
pub fn show(conn: &mut PgConnection, name: &str) -> Result<Option<TemplateRow>, DbError> {
    show_in(conn, &Scope::default(), name)
}

/// Reads one template by its name, its jobs counted as in [`search`].
///
/// # Errors
/// Database failures.
pub fn show_in(conn: &mut PgConnection, scope: &Scope, name: &str) -> Result<Option<TemplateRow>, DbError> {
    statement(SHOW)
        .bind::<Nullable<Text>, _>(None::<&str>)
        .bind::<Nullable<Text>, _>(None::<&str>)
        .bind::<Nullable<Text>, _>(None::<&str>)
        .bind::<Nullable<Text>, _>(Some(name.replace('\0', "")))
        .bind::<Integer, _>(1)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .row(conn)
}

/// How many templates there are in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateCount {
    /// The state.
    pub state: TemplateState,
    /// How many.
    pub templates: i64,
}

/// Counts the templates of each state that `filter` covers, its own state aside.
///
/// # Errors
/// Database failures.
pub fn state_counts(conn: &mut PgConnection, filter: &TemplateFilter) -> Result<Vec<StateCount>, DbError> {
    const SQL: &str = concat!(
        "-- admin::templates::state_counts
SELECT t.state, count(*) AS templates ",
        filtered!(),
        " GROUP BY t.state"
    );
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        state: String,
        #[diesel(sql_type = BigInt)]
        templates: i64,
    }
    let bound = statement(SQL).bind::<Nullable<Text>, _>(filter.pattern());
    let rows: Vec<Row> = bound.bind::<Nullable<Text>, _>(filter.runner.map(RunnerKind::as_str)).rows(conn)?;
    let count = |row: Row| Some(StateCount { state: TemplateState::parse(&row.state)?, templates: row.templates });
    Ok(rows.into_iter().filter_map(count).collect())
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
    /// Default queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
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

impl VersionRow {
    /// Understands what it says.
    ///
    /// # Errors
    /// Why this program cannot: a newer one wrote it.
    pub fn parsed(&self) -> Result<TemplateSpec, String> {
        serde_json::from_value(self.spec.clone()).map_err(|error| error.to_string())
    }
}

const VERSIONS: &str = "-- admin::templates::versions
SELECT version, spec, queue, author, message, created_at, published_at, published_by FROM millrace.template_versions
WHERE template_id = $1 AND ($2::integer IS NULL OR version = $2) AND ($3::integer IS NULL OR version < $3) ORDER BY version DESC LIMIT $4";

/// Lists at most `limit` versions of a template, newest first, those older than the version `before`.
///
/// # Errors
/// Database failures.
pub fn versions(
    conn: &mut PgConnection,
    template: TemplateId,
    before: Option<i32>,
    limit: i32,
) -> Result<Vec<VersionRow>, DbError> {
    let bound = statement(VERSIONS).bind::<Integer, _>(template).bind::<Nullable<Integer>, _>(None::<i32>);
    bound.bind::<Nullable<Integer>, _>(before).bind::<Integer, _>(limit.min(VERSIONS_MAX + 1)).rows(conn)
}

/// Reads one version.
///
/// # Errors
/// Database failures.
pub fn version(conn: &mut PgConnection, template: TemplateId, version: i32) -> Result<Option<VersionRow>, DbError> {
    let bound = statement(VERSIONS).bind::<Integer, _>(template).bind::<Nullable<Integer>, _>(Some(version));
    bound.bind::<Nullable<Integer>, _>(None::<i32>).bind::<Integer, _>(1).row(conn)
}

/// Lists the names that editors offer: queues, handlers that templates use already, and pools with what they have.
///
/// # Errors
/// Database failures.
pub fn known_names(conn: &mut PgConnection) -> Result<KnownNames, DbError> {
    const SQL: &str = "-- admin::templates::known_names
(SELECT 'queue' AS kind, name FROM millrace.queues ORDER BY name LIMIT $1)
UNION ALL
(SELECT DISTINCT 'handler', v.spec #>> '{handler,name}' FROM millrace.templates t
    JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = t.latest_version
    WHERE v.spec ->> 'runner' = 'handler' AND v.spec #>> '{handler,name}' IS NOT NULL ORDER BY 2 LIMIT $1)
UNION ALL
(SELECT 'pool', p.name || ' (' || rtrim(p.amount || ' ' || p.unit) || ')' FROM millrace.pools p ORDER BY p.name LIMIT $1)";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        kind: String,
        #[diesel(sql_type = Text)]
        name: String,
    }
    let rows: Vec<Row> = statement(SQL).bind::<Integer, _>(TEMPLATES_MAX).rows(conn)?;
    let of = |kind: &str| rows.iter().filter(|row| row.kind == kind).map(|row| row.name.clone()).collect();
    Ok(KnownNames { queues: of("queue"), handlers: of("handler"), pools: of("pool") })
}

/// Names that editors offer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownNames {
    /// Queues, by name.
    pub queues: Vec<String>,
    /// Handlers, by name.
    pub handlers: Vec<String>,
    /// Pools, by name, each with what it has: `memory-mb (4096 MB)`.
    pub pools: Vec<String>,
}
