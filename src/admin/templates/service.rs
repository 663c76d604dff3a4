//! Writing templates: every save is a new immutable version; publishing makes one the active one.
//!
//! ```text
//! file, form, API ──save──▶ version n+1 (draft) ──publish──▶ active: new jobs are pinned to it ──archive──▶ ended
//!                                     ▲                        │
//!                                     └──roll back: a copy─────┘
//! ```

use diesel::QueryableByName;
use diesel::sql_types::{Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::{Value, json};

use super::read;
use crate::base::clock::{Clock, Time};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::{TemplateName, TextError, note};
use crate::queue::actor::{Actor, Forbidden};
use crate::queue::audit::{self, Change};
use crate::queue::idempotency::{Once, RequestKey, once};
use crate::queue::job::TemplateId;
use crate::queue::permission::Permission;
use crate::queue::pools;
use crate::queue::template::{SpecError, TemplateSpec};

pub use super::apply::{Applied, Publication, apply};
pub use super::lifecycle::{Published, archive, publish, roll_back};

/// Names that no template can have.
const RESERVED_NAMES: [&str; 1] = ["new"];

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
    /// The template's queue is none that the actor may act on.
    #[error("the queue {0:?} is outside of your scope")]
    OutOfScope(String),
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

impl From<SpecError> for Problem {
    fn from(error: SpecError) -> Self {
        Self { pointer: error.pointer, message: error.message }
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Saved {
    /// The version that says it now.
    pub version: i32,
    /// Nothing differs from the latest version, so none was made.
    pub unchanged: bool,
}

/// A template's own row, locked until the transaction ends.
#[derive(Debug, QueryableByName)]
pub(super) struct Row {
    #[diesel(sql_type = Integer)]
    pub id: TemplateId,
    #[diesel(sql_type = Text)]
    pub state: String,
    #[diesel(sql_type = Nullable<Integer>)]
    pub active_version: Option<i32>,
    #[diesel(sql_type = Integer)]
    pub latest_version: i32,
}

impl Row {
    /// Refuses what an archived template does not allow; `verb` is a participle.
    pub fn refuse_archived(&self, name: &str, verb: &'static str) -> Result<(), TemplateError> {
        if self.state != "archived" {
            return Ok(());
        }
        Err(TemplateError::NotAllowed { name: name.to_owned(), state: self.state.clone(), verb })
    }
}

pub(super) fn lock(tx: &mut Tx<'_>, name: &str) -> Result<Option<Row>, DbError> {
    const SQL: &str = "-- admin::templates::lock
SELECT id, state, active_version, latest_version FROM millrace.templates WHERE name = $1 FOR UPDATE";
    statement(SQL).bind::<Text, _>(name).row(tx)
}

/// Saves content as a new version, not yet published. A first save makes the template, as a draft. Content that the latest
/// version has already makes none, whatever `base` says: a form that was sent twice is no conflict.
///
/// # Errors
/// [`TemplateError::Stale`] and [`TemplateError::NameTaken`] by `base`; [`TemplateError::Refused`] with every broken rule;
/// [`TemplateError::OutOfScope`], [`TemplateError::NotAllowed`] for an archived template.
pub fn save(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    draft: &Draft<'_>,
) -> Result<Saved, TemplateError> {
    actor.require(Permission::DraftTemplates)?;
    transaction(conn, "templates::save", |tx| save_in(tx, clock, actor, draft))
}

/// Saves like [`save`], unless a request with this key has done so.
///
/// # Errors
/// As [`save`].
pub fn save_once(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    draft: &Draft<'_>,
    key: Option<&RequestKey>,
) -> Result<Once<Saved>, TemplateError> {
    actor.require(Permission::DraftTemplates)?;
    once(conn, "templates::save", key, |tx| save_in(tx, clock, actor, draft))
}

/// Saves within the caller's transaction; the permission has been checked.
pub(super) fn save_in(
    tx: &mut Tx<'_>,
    clock: &dyn Clock,
    actor: &Actor,
    draft: &Draft<'_>,
) -> Result<Saved, TemplateError> {
    let message = note(draft.message)?;
    check_name(draft.name)?;
    let spec = checked(actor, draft.spec)?;
    let row = find_or_create(tx, actor, draft)?;
    row.refuse_archived(draft.name.as_str(), "changed")?;
    let latest = read::version(tx, row.id, row.latest_version)?;
    if let Some(same) = latest.as_ref().filter(|latest| latest.spec == spec) {
        return Ok(Saved { version: same.version, unchanged: true });
    }
    check_base(draft, &row)?;
    check_pools(tx, &spec)?;
    check_scope(actor, latest.as_ref().map(|latest| latest.queue.as_str()))?;
    let version = row.latest_version + 1;
    insert_version(tx, actor, row.id, version, (&spec, message.as_deref(), clock.now()))?;
    let before = latest.map(|latest| latest.spec);
    let change = Change::new("template.save", "template", draft.name).because(message);
    audit::record(tx, actor, change.from_to(before, Some(json!({ "version": version, "spec": spec }))))?;
    Ok(Saved { version, unchanged: false })
}

/// The console's own addresses stand where names do.
fn check_name(name: &TemplateName) -> Result<(), TemplateError> {
    if !RESERVED_NAMES.contains(&name.as_str()) {
        return Ok(());
    }
    let message = format!("{name} is an address of the console, so no template can have this name");
    Err(TemplateError::Refused(vec![Problem { pointer: "/name".into(), message }]))
}

/// Gives the stored form of content that may be saved.
fn checked(actor: &Actor, spec: &TemplateSpec) -> Result<Value, TemplateError> {
    let problems = problems(spec);
    if !problems.is_empty() {
        return Err(TemplateError::Refused(problems));
    }
    check_scope(actor, Some(&spec.defaults.queue))?;
    serde_json::to_value(spec)
        .map_err(|error| TemplateError::Refused(vec![Problem { pointer: String::new(), message: error.to_string() }]))
}

/// Nobody drafts work for a queue that they may not act on, nor takes a template out of one.
fn check_scope(actor: &Actor, queue: Option<&str>) -> Result<(), TemplateError> {
    match queue {
        Some(queue) if !actor.scope.covers(queue, &[]) => Err(TemplateError::OutOfScope(queue.to_owned())),
        _ => Ok(()),
    }
}

/// Finds every broken rule of a template's content.
pub fn problems(spec: &TemplateSpec) -> Vec<Problem> {
    spec.check().into_iter().map(Problem::from).collect()
}

/// Refuses what reserves of pools that there are not, or more than they have; the pools stay until the transaction ends.
pub(super) fn check_pools(tx: &mut Tx<'_>, spec: &Value) -> Result<(), TemplateError> {
    let amount = |(pool, amount): (&String, &Value)| Some((pool.clone(), u32::try_from(amount.as_u64()?).ok()?));
    let reserve = spec.pointer("/limits/reserve").and_then(Value::as_object);
    let faults = pools::faults(tx, &reserve.into_iter().flatten().filter_map(amount).collect())?;
    if faults.is_empty() {
        Ok(())
    } else {
        Err(TemplateError::Refused(faults.into_iter().map(Problem::from).collect()))
    }
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

pub(super) fn insert_version(
    tx: &mut Tx<'_>,
    actor: &Actor,
    template: TemplateId,
    version: i32,
    (spec, message, now): (&Value, Option<&str>, Time),
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
