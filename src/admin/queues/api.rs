//! Queues over HTTP: `/api/v1/queues…`.

use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::service::{self, Act, QueueError, act_in};
use super::{JOBS_MAX, QueueRow, WAIT_TARGET_MS_MAX, WEIGHT_MAX, Wish};
use crate::base::clock::Time;
use crate::queue::actor::Actor;
use crate::queue::idempotency::once;
use crate::queue::permission::Permission::{ReadQueues, RunQueues};
use crate::web::api::{Asked, BODY_BYTES_MAX, Fields, object, paths, told};
use crate::web::error::WebError;
use crate::web::form::Problem;
use crate::web::kit::Kit;
use crate::web::respond;
use crate::web::table::Access::Needs;
use crate::web::table::Route;

/// The routes of queues.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::QUEUES, Needs(ReadQueues), list),
        Route::get(paths::QUEUE, Needs(ReadQueues), show),
        Route::new(Method::PATCH, paths::QUEUE, Needs(RunQueues), change),
        Route::post(paths::QUEUE_PAUSE, Needs(RunQueues), pause),
        Route::post(paths::QUEUE_RESUME, Needs(RunQueues), resume),
    ]
}

/// Answers with all queues in scope, by name.
async fn list(actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let queues = kit.db.run(move |conn| service::list(conn, &actor)).await.map_err(refused)?;
    let now = kit.clock.now();
    let shown: Vec<Value> = queues.iter().map(|queue| view(queue, now)).collect();
    respond::json(StatusCode::OK, &json!({ "queues": shown }))
}

/// Answers with one queue.
async fn show(name: Path<String>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let queue = kit.db.run(move |conn| service::find(conn, &actor, &name)).await.map_err(refused)?;
    respond::json(StatusCode::OK, &view(&queue, kit.clock.now()))
}

/// Gives a queue other limits.
async fn change(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let wanted = |fields: &mut Fields| {
        let to = Wish {
            weight: fields.whole("weight", 1..=i64::from(WEIGHT_MAX)),
            concurrency: fields.whole_or_null("concurrency", 1..=i64::from(JOBS_MAX)),
            concurrency_per_node: fields.whole_or_null("concurrency_per_node", 1..=i64::from(JOBS_MAX)),
            wait_target_ms: fields.whole_or_null("wait_target_ms", 1..=i64::from(WAIT_TARGET_MS_MAX)),
        };
        Act::Limit { to, seen: None }
    };
    act((request, payload, name, actor, kit), wanted).await
}

/// Lets a queue give no new work; nodes obey within 1 s.
async fn pause(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    act((request, payload, name, actor, kit), |_| Act::Pause).await
}

/// Lets a queue give work again.
async fn resume(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    act((request, payload, name, actor, kit), |_| Act::Resume).await
}

type Taken = (HttpRequest, Payload, Path<String>, Actor, Data<Kit>);

async fn act(
    (request, payload, name, actor, kit): Taken,
    wanted: impl FnOnce(&mut Fields) -> Act,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let (wanted, reason) = (wanted(&mut fields), fields.text("reason").unwrap_or_default());
    fields.end().map_err(told)?;
    let work = move |conn: &mut _| {
        let act = (wanted, reason.as_str());
        // the answer is the queue as it is now, so only that it was done is remembered
        let done = once(conn, "queues::act", key.as_ref(), |tx| act_in(tx, &actor, &name, &act).map(|_| ()))
            .map_err(refused)?;
        done.outcome().ok_or_else(Asked::other_request)?;
        service::tell_nodes(conn, &act.0).map_err(|error| refused(error.into()))?; // after the commit
        service::find(conn, &actor, &name).map_err(refused)
    };
    let queue = kit.db.run::<_, WebError>(work).await?;
    respond::json(StatusCode::OK, &view(&queue, kit.clock.now()))
}

fn view(queue: &QueueRow, now: Time) -> Value {
    let age = queue.oldest_ready_at.map(|at| (now - at).num_milliseconds().max(0));
    json!({
        "name": queue.name, "weight": queue.limits.weight, "concurrency": queue.limits.concurrency,
        "concurrency_per_node": queue.limits.concurrency_per_node, "wait_target_ms": queue.limits.wait_target_ms,
        "created_at": queue.created_at, "paused": queue.paused(),
        "counts": queue.jobs, "oldest_ready_at": queue.oldest_ready_at, "oldest_ready_age_ms": age,
    })
}

fn refused(error: QueueError) -> WebError {
    let invalid = |field: &str, message: String| WebError::Invalid(vec![Problem { field: field.into(), message }]);
    match error {
        QueueError::NotFound(_) => WebError::NotFound,
        already @ (QueueError::AlreadyPaused { .. } | QueueError::NotPaused(_)) => {
            WebError::Conflict(format!("It is so already: {already}."))
        }
        stale @ QueueError::Stale { .. } => WebError::Conflict(format!("It is out of date: {stale}.")),
        QueueError::BadWeight => invalid("/weight", error.to_string()),
        QueueError::BadConcurrency(limit) => invalid(&format!("/{limit}"), error.to_string()),
        QueueError::BadTarget => invalid("/wait_target_ms", error.to_string()),
        QueueError::NoLimit => invalid("", error.to_string()),
        QueueError::BadNote(why) => invalid("/reason", why.to_string()),
        QueueError::Forbidden(lacking) => lacking.into(),
        QueueError::Db(error) => error.into(),
    }
}
