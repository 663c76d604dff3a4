//! The template that a schedule makes jobs of: whether it may, and what of its arguments is shown.

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Integer, Jsonb, Nullable, Text};
use serde_json::Value;

use super::error::ScheduleError;
use crate::base::db::{DbError, PgConnection, Tx, statement};
use crate::queue::actor::Actor;
use crate::queue::enqueue::{NewJob, refusals};
use crate::queue::params::Params;
use crate::timing::document::Fault;
use crate::timing::schedule::Schedule;

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

impl Target {
    /// Gives a schedule's document with the secrets of its arguments covered.
    pub fn masked(&self, document: &Value) -> Value {
        covered(self.params.as_ref(), document)
    }
}

fn covered(params: Option<&Value>, document: &Value) -> Value {
    let mut shown = document.clone();
    if let (Some(params), Some(args)) = (params.filter(|params| params.is_object()), document.get("args")) {
        // what cannot be read hides all
        shown["args"] = Params::parse(params).map_or_else(|_| Value::from("••••"), |params| params.masked(args));
    }
    shown
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

/// Gives a schedule's document with the secrets of its arguments covered, by the parameters of its template.
///
/// # Errors
/// Database failures.
pub(super) fn masked(
    conn: &mut PgConnection,
    template: &str,
    version: Option<i32>,
    document: &Value,
) -> Result<Value, DbError> {
    let params = read(conn, template, version)?.and_then(|target| target.params);
    Ok(covered(params.as_ref(), document))
}
