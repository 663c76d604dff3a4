//! Names that are offered: what there is, and what was seen lately among the jobs that somebody may see.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Text};
use serde_json::Value;

use super::OFFERS_MAX;
use crate::admin::schedules::in_scope;
use crate::admin::templates::Authors;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::catalog;

/// Newest jobs among which labels and people are looked for.
const LOOK_ROWS_MAX: i64 = 2_000;
/// Templates whose arguments are offered together.
const TEMPLATES_MAX: usize = 8;

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

fn most() -> i64 {
    i64::try_from(OFFERS_MAX).unwrap_or(i64::MAX)
}

/// Queues of the scope that hold `start`, those that begin with it first.
pub(super) fn queues(conn: &mut PgConnection, scope: &Scope, start: &str) -> Result<Vec<String>, DbError> {
    let start = start.to_lowercase();
    let names = catalog::queues(conn)?.into_iter().map(|queue| queue.name);
    let mut names: Vec<String> =
        names.filter(|name| name.contains(&start) && (scope.queues.is_empty() || scope.covers(name, &[]))).collect();
    names.sort_by_key(|name| !name.starts_with(&start));
    Ok(names)
}

/// Templates that hold `start`, those that begin with it first.
pub(super) fn templates(conn: &mut PgConnection, start: &str) -> Result<Vec<String>, DbError> {
    const SQL: &str = "-- admin::jobs::complete::templates
SELECT name FROM millrace.templates WHERE strpos(name, lower($1)) > 0 ORDER BY NOT starts_with(name, lower($1)), name LIMIT $2";
    named(statement(SQL).bind::<Text, _>(start).bind::<BigInt, _>(most()).rows(conn)?)
}

/// Schedules of the scope that hold `start`, those that begin with it first.
pub(super) fn schedules(conn: &mut PgConnection, scope: &Scope, start: &str) -> Result<Vec<String>, DbError> {
    const SQL: &str = concat!(
        "-- admin::jobs::complete::schedules
SELECT s.name FROM millrace.schedules s WHERE s.removed_at IS NULL AND ",
        in_scope!("$1", "$2"),
        " AND strpos(s.name, lower($3)) > 0 ORDER BY NOT starts_with(s.name, lower($3)), s.name LIMIT $4"
    );
    let asked = statement(SQL).bind::<Bool, _>(scope.is_everything()).bind::<Array<Text>, _>(&scope.queues);
    named(asked.bind::<Text, _>(start).bind::<BigInt, _>(most()).rows(conn)?)
}

/// Nodes that hold `start`, those that were heard of last first.
pub(super) fn nodes(conn: &mut PgConnection, start: &str) -> Result<Vec<String>, DbError> {
    const SQL: &str = "-- admin::jobs::complete::nodes
SELECT name FROM millrace.nodes WHERE strpos(name, lower($1)) > 0 ORDER BY heartbeat_at DESC, name LIMIT $2";
    named(statement(SQL).bind::<Text, _>(start).bind::<BigInt, _>(most()).rows(conn)?)
}

fn named(rows: Vec<Name>) -> Result<Vec<String>, DbError> {
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// Labels of the newest jobs of the scope that hold `start`, the most frequent first.
pub(super) fn tags(conn: &mut PgConnection, scope: &Scope, start: &str) -> Result<Vec<String>, DbError> {
    const SQL: &str = "-- admin::jobs::complete::tags
SELECT tag AS name FROM (
    SELECT j.tags, j.queue_id FROM millrace.jobs j ORDER BY j.id DESC LIMIT $1
) AS j JOIN millrace.queues q ON q.id = j.queue_id CROSS JOIN LATERAL unnest(j.tags) AS tag
WHERE (($2::text[] = '{}' AND $3::text[] = '{}') OR q.name = ANY ($2) OR j.tags && $3) AND strpos(lower(tag), lower($4)) > 0
GROUP BY tag ORDER BY count(*) DESC, tag LIMIT $5";
    named(lately(SQL, scope, start).rows(conn)?)
}

/// Templates of the newest jobs of the scope, the most frequent first.
pub(super) fn busy_templates(conn: &mut PgConnection, scope: &Scope) -> Result<Vec<String>, DbError> {
    const SQL: &str = "-- admin::jobs::complete::busy_templates
SELECT t.name FROM (
    SELECT j.template_id, j.tags, j.queue_id FROM millrace.jobs j ORDER BY j.id DESC LIMIT $1
) AS j JOIN millrace.queues q ON q.id = j.queue_id JOIN millrace.templates t ON t.id = j.template_id
WHERE (($2::text[] = '{}' AND $3::text[] = '{}') OR q.name = ANY ($2) OR j.tags && $3)
GROUP BY t.name ORDER BY count(*) DESC, t.name LIMIT $4";
    named(
        statement(SQL)
            .bind::<BigInt, _>(LOOK_ROWS_MAX)
            .bind::<Array<Text>, _>(&scope.queues)
            .bind::<Array<Text>, _>(&scope.tags)
            .bind::<BigInt, _>(i64::try_from(TEMPLATES_MAX).unwrap_or(i64::MAX))
            .rows(conn)?,
    )
}

/// Who enqueued the newest jobs of the scope, as jobs keep it and as they are called.
pub(super) fn people(conn: &mut PgConnection, scope: &Scope, start: &str) -> Result<Vec<(String, String)>, DbError> {
    const SQL: &str = "-- admin::jobs::complete::people
SELECT j.enqueued_by AS name FROM (
    SELECT j.enqueued_by, j.tags, j.queue_id FROM millrace.jobs j ORDER BY j.id DESC LIMIT $1
) AS j JOIN millrace.queues q ON q.id = j.queue_id
LEFT JOIN millrace.people p ON p.email = split_part(j.enqueued_by, ' ', 1)
WHERE (($2::text[] = '{}' AND $3::text[] = '{}') OR q.name = ANY ($2) OR j.tags && $3)
    AND (strpos(lower(j.enqueued_by), lower($4)) > 0 OR strpos(lower(p.name), lower($4)) > 0)
GROUP BY j.enqueued_by ORDER BY count(*) DESC, j.enqueued_by LIMIT $5";
    let signatures: Vec<String> = named(lately(SQL, scope, start).rows(conn)?)?;
    let authors = Authors::read(conn, signatures.iter().map(String::as_str))?;
    Ok(signatures.into_iter().map(|signature| (signature.clone(), authors.called(&signature))).collect())
}

fn lately<'s>(sql: &'static str, scope: &'s Scope, start: &'s str) -> crate::base::db::Statement<'s> {
    statement(sql)
        .bind::<BigInt, _>(LOOK_ROWS_MAX)
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Array<Text>, _>(&scope.tags)
        .bind::<Text, _>(start)
        .bind::<BigInt, _>(most())
}

#[derive(QueryableByName)]
struct Document {
    #[diesel(sql_type = Jsonb)]
    params: Value,
}

/// The parameters of these templates: of the active version, else of the latest.
pub(super) fn params(conn: &mut PgConnection, templates: &[String]) -> Result<Vec<Value>, DbError> {
    const SQL: &str = "-- admin::jobs::complete::params
SELECT v.params FROM millrace.templates t CROSS JOIN LATERAL (
    SELECT coalesce(v.spec -> 'params', '{}') AS params FROM millrace.template_versions v WHERE v.template_id = t.id
    ORDER BY v.version IS NOT DISTINCT FROM t.active_version DESC, v.version DESC LIMIT 1
) AS v WHERE t.name = ANY ($1) ORDER BY t.name LIMIT $2";
    let names: Vec<&str> = templates.iter().take(TEMPLATES_MAX).map(String::as_str).collect();
    let rows: Vec<Document> = statement(SQL)
        .bind::<Array<Text>, _>(names)
        .bind::<BigInt, _>(i64::try_from(TEMPLATES_MAX).unwrap_or(i64::MAX))
        .rows(conn)?;
    Ok(rows.into_iter().map(|row| row.params).collect())
}
