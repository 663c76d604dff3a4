//! The template that a schedule makes jobs of: whether it may, and what of its arguments is shown.

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Integer, Jsonb, Nullable, Text};
use serde_json::Value;

use super::error::ScheduleError;
use crate::base::db::{DbError, PgConnection, Tx, statement};
use crate::queue::actor::Actor;
use crate::queue::enqueue::{NewJob, refusals};
use crate::queue::params::{MASK, Params};
use crate::timing::document::Fault;
use crate::timing::schedule::Schedule;

/// Most versions of a template that are looked through for secrets, the latest.
const VERSIONS_MAX: i32 = 1_000;

/// A template as a schedule needs it.
#[derive(Debug, Clone, QueryableByName)]
pub struct Target {
    /// Its row.
    #[diesel(sql_type = Integer)]
    pub id: i32,
    #[diesel(sql_type = Nullable<Text>)]
    queue: Option<String>,
    /// Its jobs take the places of those that wait.
    #[diesel(sql_type = Bool)]
    pub debounces: bool,
    #[diesel(sql_type = Nullable<Jsonb>)]
    params: Option<Value>,
}

/// What stands where a secret is not shown.
pub(super) const COVER: &str = MASK;

/// Gives a schedule's document with the secrets of its arguments covered: whatever any version of its template calls a secret.
///
/// # Errors
/// Database failures.
pub(super) fn masked(conn: &mut PgConnection, document: &Value) -> Result<Value, DbError> {
    const SQL: &str = "-- admin::schedules::params_of_all
SELECT v.spec -> 'params' FROM millrace.template_versions v JOIN millrace.templates t ON t.id = v.template_id
WHERE t.name = $1 AND jsonb_typeof(v.spec -> 'params') = 'object' ORDER BY v.version DESC LIMIT $2";
    let mut shown = document.clone();
    let (Some(args), Some(template)) = (shown.get_mut("args"), document.get("template").and_then(Value::as_str)) else {
        return Ok(shown);
    };
    let all = statement(SQL)
        .bind::<Text, _>(template.replace('\0', ""))
        .bind::<Integer, _>(VERSIONS_MAX)
        .tuples::<Jsonb, Value>(conn)?;
    for params in all {
        // what cannot be read hides all
        *args = Params::parse(&params).map_or_else(|_| Value::from(COVER), |params| params.masked(args));
    }
    Ok(shown)
}

/// Puts what `old` says where a document shows a secret covered.
pub(super) fn uncover(value: &mut Value, old: Option<&Value>) {
    match (value, old) {
        (value, Some(old)) if is_covered(value) => *value = old.clone(),
        (Value::Object(fields), Some(Value::Object(old))) => {
            fields.iter_mut().for_each(|(name, value)| uncover(value, old.get(name)));
        }
        (Value::Array(items), Some(Value::Array(old))) => {
            items.iter_mut().zip(old).for_each(|(value, old)| uncover(value, Some(old)));
        }
        _ => {}
    }
}

fn is_covered(value: &Value) -> bool {
    value.as_str() == Some(COVER)
}

/// Tells whether something is covered still.
pub(super) fn holds_cover(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(holds_cover),
        Value::Array(items) => items.iter().any(holds_cover),
        value => is_covered(value),
    }
}

/// Tells whether jobs of this document go where `actor` may see.
///
/// # Errors
/// Database failures.
pub(super) fn is_in_scope(conn: &mut PgConnection, actor: &Actor, document: &Value) -> Result<bool, DbError> {
    if actor.scope.is_everything() {
        return Ok(true);
    }
    let template = document.get("template").and_then(Value::as_str).unwrap_or_default();
    let version = document.get("version").and_then(Value::as_i64).and_then(|version| i32::try_from(version).ok());
    let queue = read(conn, template, version)?.and_then(|target| target.queue);
    Ok(queue.is_some_and(|queue| actor.scope.covers(&queue, &[])))
}

/// Reads the parameters of a version of a template, the active one if none is named; `None` when there is none, it is out of scope, or this
/// program does not understand them.
///
/// # Errors
/// Database failures.
pub(super) fn params(
    conn: &mut PgConnection,
    actor: &Actor,
    template: &str,
    version: Option<i32>,
) -> Result<Option<Params>, DbError> {
    let target = read(conn, template, version)?.filter(|target| {
        target.queue.as_ref().is_some_and(|queue| actor.scope.is_everything() || actor.scope.covers(queue, &[]))
    });
    Ok(target.and_then(|target| Params::parse(&target.params?).ok()))
}

pub(super) fn fault(path: &str, message: impl Into<String>) -> Fault {
    Fault { path: path.into(), message: message.into(), at: None }
}

fn read(conn: &mut PgConnection, template: &str, version: Option<i32>) -> Result<Option<Target>, DbError> {
    const SQL: &str = "-- admin::schedules::target
SELECT t.id, v.queue, v.debounce IS NOT NULL AS debounces, v.spec -> 'params' AS params
FROM millrace.templates t LEFT JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = coalesce($1, t.active_version)
WHERE t.name = $2";
    statement(SQL).bind::<Nullable<Integer>, _>(version).bind::<Text, _>(template.replace('\0', "")).row(conn)
}

/// Finds the template of a schedule and everything that keeps it from making jobs.
///
/// # Errors
/// [`ScheduleError::OutOfScope`], database failures.
pub(super) fn find(
    tx: &mut Tx<'_>,
    actor: &Actor,
    spec: &Schedule,
) -> Result<(Option<Target>, Vec<Fault>), ScheduleError> {
    let target = read(tx, &spec.template, spec.version)?;
    let queue = target.as_ref().and_then(|target| target.queue.clone());
    if let Some(queue) = queue.filter(|queue| !actor.scope.covers(queue, &[])) {
        return Err(ScheduleError::OutOfScope(queue));
    }
    let job = NewJob {
        template: spec.template.clone(),
        version: spec.version,
        args: Value::Object(spec.args.clone()),
        ..NewJob::default()
    };
    let faults = refusals(tx, &job)?.into_iter().map(|refusal| {
        let path = refusal.pointer.trim_start_matches("/0").trim_start_matches('/').replace('/', ".");
        fault(&path, refusal.message)
    });
    Ok((target, faults.collect()))
}
