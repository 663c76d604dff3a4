//! Writing templates: every save is a new immutable version; publishing makes one the active one.

use diesel::QueryableByName;
use diesel::sql_types::{Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::json;

use super::read;
use crate::base::clock::{Clock, Time};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::{TemplateName, TextError, note};
use crate::queue::actor::{Actor, Forbidden};
use crate::queue::audit::{self, Change};
use crate::queue::job::TemplateId;
use crate::queue::permission::Permission;
use crate::queue::template::TemplateSpec;

/// Why an act on a template was refused.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is no template of this name.
    #[error("there is no template called {0:?}")]
    NotFound(String),
    /// There is no such version.
    #[error("the template {0:?} has no version {1}")]
    NoVersion(String, i32),
    /// A template of this name exists already.
    #[error("there is a template called {0:?} already")]
    NameTaken(String),
    /// Somebody saved a version since the editor was opened.
    #[error("version {latest} was saved meanwhile; yours was made from version {base}")]
    Stale {
        /// The version that the change was made from.
        base: i32,
        /// The latest version now.
        latest: i32,
    },
    /// The life cycle does not allow it.
    #[error("the template {name:?} is {state}, so it cannot be {verb}")]
    NotAllowed {
        /// Its name.
        name: String,
        /// Its state.
        state: String,
        /// What was asked for, as a participle.
        verb: &'static str,
    },
    /// The content breaks rules.
    #[error("{}", .0.first().map_or("refused", |problem| problem.message.as_str()))]
    Refused(Vec<Problem>),
    /// The actor lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The message is too long or holds control characters.
    #[error(transparent)]
    BadNote(#[from] TextError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// One broken rule of a template's content.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// JSON pointer into the document.
    pub pointer: String,
    /// The sentence for a person.
    pub message: String,
}

/// What is saved.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// The template's name.
    pub name: &'a TemplateName,
    /// What the new version says.
    pub spec: &'a TemplateSpec,
    /// What changed and why.
    pub message: &'a str,
    /// The latest version when the editor was opened; `None` = do not compare. 0 = the template must be new.
    pub base: Option<i32>,
}

/// What a save came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// The version that says it now.
    pub version: i32,
    /// Nothing differs from the latest version, so none was made.
    pub unchanged: bool,
}

#[derive(Debug, QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    id: TemplateId,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Integer>)]
    active_version: Option<i32>,
    #[diesel(sql_type = Integer)]
    latest_version: i32,
}

fn lock(tx: &mut Tx<'_>, name: &str) -> Result<Option<Row>, DbError> {
    const SQL: &str = "-- admin::templates::lock
SELECT id, state, active_version, latest_version FROM millrace.templates WHERE name = $1 FOR UPDATE";
    statement(SQL).bind::<Text, _>(name).row(tx)
}

/// Saves content as a new version, not yet published. A first save makes the template, as a draft.
///
/// # Errors
/// [`TemplateError::Stale`] and [`TemplateError::NameTaken`] by `base`; [`TemplateError::Refused`] with every broken rule.
pub fn save(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    draft: &Draft<'_>,
) -> Result<Saved, TemplateError> {
    actor.require(Permission::DraftTemplates)?;
    let message = note(draft.message)?;
    let problems = problems(draft.spec);
    if !problems.is_empty() {
        return Err(TemplateError::Refused(problems));
    }
    let spec = serde_json::to_value(draft.spec).map_err(|error| {
        TemplateError::Refused(vec![Problem { pointer: String::new(), message: error.to_string() }])
    })?;
    transaction(conn, "templates::save", |tx| {
        let row = find_or_create(tx, actor, draft)?;
        check_base(draft, &row)?;
        let latest = read::version(tx, row.id, row.latest_version)?;
        if let Some(same) = latest.as_ref().filter(|latest| latest.spec == spec) {
            return Ok(Saved { version: same.version, unchanged: true });
        }
        let version = row.latest_version + 1;
        insert_version(tx, actor, row.id, version, (&spec, message.as_deref(), clock.now()))?;
        let before = latest.map(|latest| latest.spec);
        let change = Change::new("template.save", "template", draft.name).because(message);
        audit::record(tx, actor, change.from_to(before, Some(json!({ "version": version, "spec": spec }))))?;
        Ok(Saved { version, unchanged: false })
    })
}

/// Finds every broken rule of a template's content.
pub fn problems(spec: &TemplateSpec) -> Vec<Problem> {
    let problem = |error: crate::queue::template::SpecError| Problem { pointer: error.pointer, message: error.message };
    spec.check().into_iter().map(problem).collect()
}

fn find_or_create(tx: &mut Tx<'_>, actor: &Actor, draft: &Draft<'_>) -> Result<Row, TemplateError> {
    if let Some(row) = lock(tx, draft.name.as_str())? {
        return Ok(row);
    }
    const SQL: &str = "-- admin::templates::create
INSERT INTO millrace.templates (name, created_by) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    statement(SQL).bind::<Text, _>(draft.name.as_str()).bind::<Text, _>(actor.signature()).run(tx)?;
    lock(tx, draft.name.as_str())?.ok_or_else(|| TemplateError::NotFound(draft.name.to_string()))
}

fn check_base(draft: &Draft<'_>, row: &Row) -> Result<(), TemplateError> {
    match draft.base {
        Some(0) if row.latest_version > 0 => Err(TemplateError::NameTaken(draft.name.to_string())),
        Some(base) if base != row.latest_version => Err(TemplateError::Stale { base, latest: row.latest_version }),
        _ => Ok(()),
    }
}

fn insert_version(
    tx: &mut Tx<'_>,
    actor: &Actor,
    template: TemplateId,
    version: i32,
    (spec, message, now): (&serde_json::Value, Option<&str>, Time),
) -> Result<(), DbError> {
    const SQL: &str = "-- admin::templates::insert_version
WITH made AS (
    INSERT INTO millrace.template_versions (template_id, version, spec, author, message, created_at) VALUES ($1, $2, $3, $4, $5, $6)
)
UPDATE millrace.templates SET latest_version = $2, updated_at = $6 WHERE id = $1 AND latest_version = $2 - 1";
    let updated = statement(SQL)
        .bind::<Integer, _>(template)
        .bind::<Integer, _>(version)
        .bind::<Jsonb, _>(spec)
        .bind::<Text, _>(actor.signature())
        .bind::<Nullable<Text>, _>(message)
        .bind::<Timestamptz, _>(now)
        .run(tx)?;
    if updated == 1 { Ok(()) } else { Err(DbError::Conflict("the template changed meanwhile".into())) }
}

/// Makes a version the active one: new jobs are pinned to it. Its default queue is made when it is new.
///
/// # Errors
/// [`TemplateError::NoVersion`], [`TemplateError::NotAllowed`] for an archived template.
pub fn publish(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    name: &str,
    version: i32,
) -> Result<(), TemplateError> {
    actor.require(Permission::PublishTemplates)?;
    transaction(conn, "templates::publish", |tx| {
        let row = lock(tx, name)?.ok_or_else(|| TemplateError::NotFound(name.to_owned()))?;
        if row.state == "archived" {
            return Err(TemplateError::NotAllowed { name: name.to_owned(), state: row.state, verb: "published" });
        }
        let found =
            read::version(tx, row.id, version)?.ok_or_else(|| TemplateError::NoVersion(name.to_owned(), version))?;
        mark_published(tx, actor, row.id, version, clock.now())?;
        let before = json!({ "active_version": row.active_version, "state": row.state });
        let after = json!({ "active_version": version, "state": "active", "spec": found.spec });
        audit::record(tx, actor, Change::new("template.publish", "template", name).from_to(Some(before), Some(after)))?;
        Ok(())
    })
}

fn mark_published(
    tx: &mut Tx<'_>,
    actor: &Actor,
    template: TemplateId,
    version: i32,
    now: Time,
) -> Result<(), DbError> {
    const SQL: &str = "-- admin::templates::publish
WITH marked AS (
    UPDATE millrace.template_versions SET published_at = coalesce(published_at, $3), published_by = coalesce(published_by, $4)
    WHERE template_id = $1 AND version = $2 RETURNING queue
), queue AS (
    INSERT INTO millrace.queues (name) SELECT queue FROM marked ON CONFLICT (name) DO NOTHING
)
UPDATE millrace.templates SET state = 'active', active_version = $2, updated_at = $3 WHERE id = $1 AND EXISTS (SELECT FROM marked)";
    let updated = statement(SQL)
        .bind::<Integer, _>(template)
        .bind::<Integer, _>(version)
        .bind::<Timestamptz, _>(now)
        .bind::<Text, _>(actor.signature())
        .run(tx)?;
    if updated == 1 { Ok(()) } else { Err(DbError::Conflict("the template changed meanwhile".into())) }
}

/// Makes a new version with the content of an old one and publishes it; tells its number.
///
/// # Errors
/// As [`publish`].
pub fn roll_back(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    name: &str,
    to: i32,
) -> Result<i32, TemplateError> {
    actor.require(Permission::PublishTemplates)?;
    transaction(conn, "templates::roll_back", |tx| {
        let row = lock(tx, name)?.ok_or_else(|| TemplateError::NotFound(name.to_owned()))?;
        if row.state == "archived" {
            return Err(TemplateError::NotAllowed { name: name.to_owned(), state: row.state, verb: "rolled back" });
        }
        let old = read::version(tx, row.id, to)?.ok_or_else(|| TemplateError::NoVersion(name.to_owned(), to))?;
        let version = row.latest_version + 1;
        let message = format!("rolled back to version {to}");
        insert_version(tx, actor, row.id, version, (&old.spec, Some(&message), clock.now()))?;
        mark_published(tx, actor, row.id, version, clock.now())?;
        let before = json!({ "active_version": row.active_version });
        let after = json!({ "active_version": version, "content_of": to });
        audit::record(
            tx,
            actor,
            Change::new("template.roll_back", "template", name).from_to(Some(before), Some(after)),
        )?;
        Ok(version)
    })
}

/// Takes a template out of use: nothing can be enqueued, jobs that exist still run.
///
/// # Errors
/// [`TemplateError::NotFound`], [`TemplateError::NotAllowed`] when it is archived already.
pub fn archive(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    name: &str,
    reason: &str,
) -> Result<(), TemplateError> {
    const SQL: &str = "-- admin::templates::archive
UPDATE millrace.templates SET state = 'archived', updated_at = $2 WHERE id = $1 AND state <> 'archived'";
    actor.require(Permission::PublishTemplates)?;
    let reason = note(reason)?;
    transaction(conn, "templates::archive", |tx| {
        let row = lock(tx, name)?.ok_or_else(|| TemplateError::NotFound(name.to_owned()))?;
        let updated = statement(SQL).bind::<Integer, _>(row.id).bind::<Timestamptz, _>(clock.now()).run(tx)?;
        if updated == 0 {
            return Err(TemplateError::NotAllowed { name: name.to_owned(), state: row.state, verb: "archived" });
        }
        let change = Change::new("template.archive", "template", name).because(reason);
        audit::record(
            tx,
            actor,
            change.from_to(Some(json!({ "state": row.state })), Some(json!({ "state": "archived" }))),
        )?;
        Ok(())
    })
}
