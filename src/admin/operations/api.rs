//! Bulk operations over HTTP: `/api/v1/operations…`.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::page::download;
use super::read::{PAGE_ROWS_MAX, SKIPPED_ROWS_MAX};
use super::service::{self, OperationError, RATE_RANGE, preview, sees_query};
use super::turn::{Turn, turn_in};
use super::{ActError, Bulk, Operation, OperationId, Plan, Which};
use crate::admin::jobs::query::{Field, Part, Query as JobQuery, Term, Test, parse};
use crate::admin::jobs::reckon::Reckoned;
use crate::base::clock::Clock;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::idempotency::{RequestKey, once};
use crate::queue::job::JobId;
use crate::queue::permission::Permission::{ExportJobs, HandleFailures, ReadOperations, RunOperations};
use crate::queue::state::JobState;
use crate::web::api::{Asked, BODY_BYTES_MAX, Fields, Pages, object, paths, told};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Problem;
use crate::web::kit::Kit;
use crate::web::respond;
use crate::web::table::Access::Needs;
use crate::web::table::Route;

/// The routes of operations.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::OPERATIONS, Needs(ReadOperations), list).reading(&["limit", "after"]),
        Route::post(paths::OPERATIONS, Needs(RunOperations), start),
        Route::post(paths::JOBS_EXPORT, Needs(ExportJobs), export),
        Route::post(paths::FAILURE_RETRY, Needs(HandleFailures), retry_group),
        Route::get(paths::OPERATION, Needs(ReadOperations), show),
        Route::get(paths::OPERATION_RESULTS, Needs(ReadOperations), results).reading(&["after"]),
        Route::get(paths::OPERATION_FILE, Needs(ReadOperations), file),
        Route::post(paths::OPERATION_STOP, Needs(RunOperations), stop),
        Route::post(paths::OPERATION_RESUME, Needs(RunOperations), resume),
    ]
}

/// Shows an operation as `actor` may see it.
pub fn view(operation: &Operation, actor: &Actor) -> Value {
    let sees = sees_query(actor, operation);
    let mut shown = json!({
        "id": operation.id, "action": operation.act.name(), "state": operation.state,
        "q": if operation.job_ids.is_none() && sees { json!(operation.query.to_string()) } else { Value::Null },
        "ids": operation.job_ids, "reason": operation.reason, "by": operation.actor, "rate_per_s": operation.rate_per_s,
        "expected": operation.expected, "looked": operation.looked, "done": operation.done, "asked": operation.asked,
        "skipped": operation.skipped, "jobs_per_s": operation.rate(), "started_at": operation.started_at,
        "finished_at": operation.finished_at, "stopped_by": operation.ended_by, "trouble": operation.trouble,
    });
    if let (Some(shown), Value::Object(value)) = (shown.as_object_mut(), operation.act.value()) {
        shown.extend(value);
    }
    shown
}

/// Answers with operations, newest first.
async fn list(query: Query, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let pages = Pages::of(&query, PAGE_ROWS_MAX.unsigned_abs() as u32, PAGE_ROWS_MAX.unsigned_abs() as u32)?;
    let asker = actor.clone();
    let (found, next) = kit.db.run(move |conn| service::list(conn, &asker, pages.after)).await.map_err(refused)?;
    let shown: Vec<Value> = found.iter().map(|one| view(one, &actor)).collect();
    respond::json(StatusCode::OK, &json!({ "operations": shown, "next": next }))
}

/// Answers with one operation.
async fn show(id: Path<i64>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let (id, asker) = (OperationId(*id), actor.clone());
    let operation = kit.db.run(move |conn| service::find(conn, &asker, id)).await.map_err(refused)?;
    respond::json(StatusCode::OK, &view(&operation, &actor))
}

/// Answers with jobs that were left alone, each with the reason.
async fn results(id: Path<i64>, query: Query, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let rows_max = SKIPPED_ROWS_MAX.unsigned_abs() as u32;
    let (id, pages) = (OperationId(*id), Pages::of(&query, rows_max, rows_max)?);
    let after = pages.after.unwrap_or(0);
    let (found, next) = kit.db.run(move |conn| service::skipped(conn, &actor, id, after)).await.map_err(refused)?;
    let shown: Vec<Value> = found.iter().map(|one| json!({ "job": one.job, "reason": one.reason })).collect();
    respond::json(StatusCode::OK, &json!({ "left_alone": shown, "next": next }))
}

/// Answers with the file of an export. Reading it changes nothing: the service asks for the rights that its content needs.
async fn file(id: Path<i64>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    download(kit, actor, OperationId(*id)).await.map_err(refused)
}

/// What is asked for.
struct Wanted {
    plan: Plan,
    preview: bool,
    seen: Option<i64>,
}

fn wanted(body: &[u8]) -> Result<Wanted, WebError> {
    let mut fields = Fields::of(object(body)?, "");
    let action = fields.text("action").unwrap_or_default();
    let (query, ids) = (fields.text("q"), fields.wholes("ids"));
    let mut value = Map::new();
    for (name, given) in [
        ("run_at", fields.text("run_at").map(Value::from)),
        ("priority", fields.whole::<i64>("priority", 1..=5).map(Value::from)),
        ("queue", fields.text("queue").map(Value::from)),
        ("format", fields.text("format").map(Value::from)),
    ] {
        value.extend(given.map(|given| (name.to_owned(), given)));
    }
    let rate_per_s = fields.whole("rate_per_s", i64::from(*RATE_RANGE.start())..=i64::from(*RATE_RANGE.end()));
    let reason = fields.text("reason").unwrap_or_default();
    let (preview, seen) = (fields.flag("preview").unwrap_or(false), fields.whole("expected", 0..=i64::MAX));
    fields.end().map_err(told)?;
    let act = Bulk::read(&action, &Value::Object(value)).map_err(|error| refused(error.into()))?;
    let plan = Plan { act, which: which(query, ids)?, zone: Tz::UTC, rate_per_s, reason };
    Ok(Wanted { plan, preview, seen })
}

fn which(query: Option<String>, ids: Option<Vec<i64>>) -> Result<Which, WebError> {
    let refuse = |field: &str, message: String| told(vec![Problem { field: format!("/{field}"), message }]);
    match (query, ids) {
        (Some(_), Some(_)) => Err(refuse("ids", "give q or ids, not both".into())),
        (None, None) => Err(refuse("q", "q says which jobs, in the grammar of the search; or name them in ids".into())),
        (None, Some(ids)) => Ok(Which::Ids(ids.into_iter().map(JobId).collect())),
        (Some(text), None) => {
            let parsed = parse(&text);
            let problems = parsed.problems.iter();
            let problems: Vec<Problem> =
                problems.map(|problem| Problem { field: "/q".into(), message: problem.to_string() }).collect();
            if problems.is_empty() { Ok(Which::Query(parsed.query)) } else { Err(told(problems)) }
        }
    }
}

/// Counts (`"preview": true`, 200) or starts an operation (201), once for each key.
async fn start(
    (request, payload): (HttpRequest, Payload),
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let Wanted { plan, preview: only_counts, seen } = wanted(&asked.body)?;
    let (clock, asker) = (Arc::clone(&kit.clock), actor.clone());
    if only_counts {
        let found = kit.db.run(move |conn| preview(conn, &*clock, &asker, &plan)).await.map_err(refused)?;
        return respond::json(StatusCode::OK, &counted(&found));
    }
    let started = kit.db.run(move |conn| started(conn, &*clock, &asker, (&plan, seen), key.as_ref())).await?;
    respond::json(StatusCode::CREATED, &view(&started, &actor))
}

/// Begins a file of what a search finds, or of the jobs that are named (201), once for each key.
async fn export(
    (request, payload): (HttpRequest, Payload),
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let (query, ids, format) = (fields.text("q"), fields.wholes("ids"), fields.text("format"));
    fields.end().map_err(told)?;
    let value = json!({ "format": format.unwrap_or_else(|| "csv".into()) });
    let act = Bulk::read("export", &value).map_err(|error| refused(error.into()))?;
    let query = query.or_else(|| ids.is_none().then(String::new)); // neither: every job
    let plan = Plan { act, which: which(query, ids)?, zone: Tz::UTC, rate_per_s: None, reason: String::new() };
    let (clock, asker) = (Arc::clone(&kit.clock), actor.clone());
    let started = kit.db.run(move |conn| started(conn, &*clock, &asker, (&plan, None), key.as_ref())).await?;
    respond::json(StatusCode::CREATED, &view(&started, &actor))
}

/// Starts an operation that tries the failed jobs of a group once more (201), once for each key.
async fn retry_group(
    (request, payload): (HttpRequest, Payload),
    print: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let rate_per_s = fields.whole("rate_per_s", i64::from(*RATE_RANGE.start())..=i64::from(*RATE_RANGE.end()));
    let reason = fields.text("reason").unwrap_or_default();
    fields.end().map_err(told)?;
    let group = Part::Term(Term::of(Field::Group, vec![Test::Is(print.into_inner())]));
    let failed = Part::Term(Term::of(Field::State, vec![Test::State(JobState::Failed)]));
    let mut query = JobQuery::of(group);
    query.add(failed);
    let plan = Plan { act: Bulk::Retry, which: Which::Query(query), zone: Tz::UTC, rate_per_s, reason };
    let (clock, asker) = (Arc::clone(&kit.clock), actor.clone());
    let started = kit.db.run(move |conn| started(conn, &*clock, &asker, (&plan, None), key.as_ref())).await?;
    respond::json(StatusCode::CREATED, &view(&started, &actor))
}

fn counted(found: &Reckoned) -> Value {
    let states: Vec<Value> =
        found.by_state.iter().map(|(state, jobs)| json!({ "state": state, "count": jobs })).collect();
    json!({ "jobs": found.total(), "is_exact": !found.is_partial(), "states": states })
}

fn started(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    (plan, seen): (&Plan, Option<i64>),
    key: Option<&RequestKey>,
) -> Result<Operation, WebError> {
    let found = preview(conn, clock, actor, plan).map_err(refused)?;
    let begin = |tx: &mut crate::base::db::Tx<'_>| {
        service::start_in(tx, clock, actor, plan, (seen, found.clone())).map(|operation| operation.id)
    };
    let begun = once::<OperationId, OperationError>(conn, "operations::start", key, begin).map_err(refused)?;
    let id = begun.outcome().ok_or_else(Asked::other_request)?;
    service::find(conn, actor, id).map_err(refused)
}

/// Stops it after its present chunk.
async fn stop(
    request: HttpRequest,
    payload: Payload,
    id: Path<i64>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    turn((request, payload), OperationId(*id), actor, kit, Turn::Stop).await
}

/// Lets it go on.
async fn resume(
    request: HttpRequest,
    payload: Payload,
    id: Path<i64>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    turn((request, payload), OperationId(*id), actor, kit, Turn::Resume).await
}

async fn turn(
    (request, payload): (HttpRequest, Payload),
    id: OperationId,
    actor: Actor,
    kit: Data<Kit>,
    turn: Turn,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let reason = fields.text("reason").unwrap_or_default();
    fields.end().map_err(told)?;
    let work = move |conn: &mut PgConnection| {
        let done = once(conn, "operations::turn", key.as_ref(), |tx| turn_in(tx, &actor, id, (turn, &reason)));
        done.map_err(refused)?.outcome().ok_or_else(Asked::other_request)?;
        let operation = service::find(conn, &actor, id).map_err(refused)?;
        Ok::<_, WebError>(view(&operation, &actor))
    };
    let shown = kit.db.run(work).await?;
    respond::json(StatusCode::OK, &shown)
}

fn refused(error: OperationError) -> WebError {
    let at = |field: &str, error: &OperationError| {
        told(vec![Problem { field: format!("/{field}"), message: error.to_string() }])
    };
    match error {
        OperationError::NotFound(_) | OperationError::NoFile(_) => WebError::NotFound,
        OperationError::NotAllowed(..) | OperationError::Drifted { .. } => WebError::Conflict(error.to_string()),
        OperationError::Forbidden(lacking) => lacking.into(),
        OperationError::Db(error) => error.into(),
        OperationError::Act(ActError::Unknown(_)) => at("action", &error),
        OperationError::Act(ActError::Value(field, _)) => at(field, &error),
        OperationError::NoQueue(_) => at("queue", &error),
        OperationError::BadRate => at("rate_per_s", &error),
        OperationError::BadIds => at("ids", &error),
        OperationError::Nothing(_) | OperationError::TooLarge => at("q", &error),
        OperationError::BadNote(_) => at("reason", &error),
    }
}
