//! Nodes over HTTP: `/api/v1/nodes…`.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::service::{self, Act, NodeError, act_in};
use super::slots::{Bounds, bound_in};
use crate::queue::actor::Actor;
use crate::queue::idempotency::once;
use crate::queue::permission::Permission::{BoundNodes, ReadNodes, RunNodes};
use crate::web::api::{Asked, BODY_BYTES_MAX, Fields, object, paths, told};
use crate::web::error::WebError;
use crate::web::form::Problem;
use crate::web::kit::Kit;
use crate::web::respond;
use crate::web::table::Access::Needs;
use crate::web::table::Route;

/// Most decisions of an answer.
const SIZES_MAX: i32 = 200;

/// The routes of nodes.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::NODES, Needs(ReadNodes), list),
        Route::get(paths::NODE, Needs(ReadNodes), show),
        Route::get(paths::NODE_SCALING, Needs(ReadNodes), scaling),
        Route::post(paths::NODE_SLOTS, Needs(BoundNodes), bound),
        Route::post(paths::NODE_DRAIN, Needs(RunNodes), drain),
        Route::post(paths::NODE_RESUME, Needs(RunNodes), resume),
    ]
}

/// Answers with all nodes, those that are down last.
async fn list(actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let nodes = kit.db.run(move |conn| service::list(conn, &actor)).await.map_err(refused)?;
    respond::json(StatusCode::OK, &json!({ "nodes": nodes }))
}

/// Answers with one node.
async fn show(name: Path<String>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let node = kit.db.run(move |conn| service::find(conn, &actor, &name)).await.map_err(refused)?;
    respond::json(StatusCode::OK, &node)
}

/// Answers with what a node decided about the number of its worker threads, newest first.
async fn scaling(name: Path<String>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let sizes = kit.db.run(move |conn| service::sizes(conn, &actor, &name, SIZES_MAX)).await.map_err(refused)?;
    respond::json(StatusCode::OK, &json!({ "decisions": sizes }))
}

/// Lets a node take no new work; it obeys with its next heartbeat.
async fn drain(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    act((request, payload, name, actor, kit), Act::Drain).await
}

/// Lets a node take work again; it obeys with its next heartbeat.
async fn resume(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    act((request, payload, name, actor, kit), Act::Resume).await
}

type Taken = (HttpRequest, Payload, Path<String>, Actor, Data<Kit>);

async fn act((request, payload, name, actor, kit): Taken, wanted: Act) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let reason = fields.text("reason").unwrap_or_default();
    fields.end().map_err(told)?;
    let work = move |conn: &mut _| {
        let act = (wanted, reason.as_str());
        let done =
            once(conn, "nodes::act", key.as_ref(), |tx| act_in(tx, &actor, &name, act).map(|_| ())).map_err(refused)?;
        done.outcome().ok_or_else(Asked::other_request)?;
        service::find(conn, &actor, &name).map_err(refused)
    };
    let node = kit.db.run::<_, WebError>(work).await?;
    respond::json(StatusCode::OK, &node)
}

/// Gives a node other bounds for its slots, without any those of its own setting; it obeys with its next heartbeat.
async fn bound(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let wanted = bounds(&mut fields);
    let reason = fields.text("reason").unwrap_or_default();
    fields.end().map_err(told)?;
    let work = move |conn: &mut _| {
        let wish = (wanted, reason.as_str());
        let done = once(conn, "nodes::bound", key.as_ref(), |tx| bound_in(tx, &actor, &name, wish).map(|_| ()))
            .map_err(refused)?;
        done.outcome().ok_or_else(Asked::other_request)?;
        service::find(conn, &actor, &name).map_err(refused)
    };
    let node = kit.db.run::<_, WebError>(work).await?;
    respond::json(StatusCode::OK, &node)
}

/// Both or none.
fn bounds(fields: &mut Fields) -> Option<Bounds> {
    let has = ["min", "max"].map(|name| fields.has(name));
    let [min, max] = ["min", "max"].map(|name| fields.whole(name, 1..=i64::from(i32::MAX)));
    for (name, _) in ["min", "max"].into_iter().zip(has).filter(|(_, here)| !here && has != [false, false]) {
        fields.refuse(name, "name both min and max, or neither for the node's own setting");
    }
    Some(Bounds { min: min?, max: max? })
}

fn refused(error: NodeError) -> WebError {
    let invalid = |field: &str, message: String| WebError::Invalid(vec![Problem { field: field.into(), message }]);
    match error {
        NodeError::NotFound(_) => WebError::NotFound,
        NodeError::NotUp { .. }
        | NodeError::NotDraining { .. }
        | NodeError::NoCeiling(_)
        | NodeError::NotBounded(_) => WebError::Conflict(format!("It cannot be done now: {error}.")),
        NodeError::BeyondCeiling { .. } => invalid("/max", error.to_string()),
        NodeError::BadBounds => invalid("/min", error.to_string()),
        NodeError::BadNote(why) => invalid("/reason", why.to_string()),
        NodeError::Forbidden(lacking) => lacking.into(),
        NodeError::Db(error) => error.into(),
    }
}
