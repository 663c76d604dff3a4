//! Pools over HTTP: `/api/v1/pools…`.

use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::service::{self, AMOUNT_MAX, Parties, PoolError, Wish, parties, remove, set_in};
use super::{PoolRow, User};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::idempotency::once;
use crate::queue::permission::Permission::{ReadPools, RunPools};
use crate::queue::ring::{Call, Ringer};
use crate::web::api::{Asked, BODY_BYTES_MAX, Fields, object, paths, told};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Problem, sentence};
use crate::web::kit::Kit;
use crate::web::respond;
use crate::web::table::Access::Needs;
use crate::web::table::Route;

/// The routes of pools.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::POOLS, Needs(ReadPools), list),
        Route::get(paths::POOL, Needs(ReadPools), show),
        Route::new(Method::PUT, paths::POOL, Needs(RunPools), put),
        Route::new(Method::DELETE, paths::POOL, Needs(RunPools), delete),
    ]
}

/// Answers with all pools, by name, each with the templates that reserve of it.
async fn list(actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let work = move |conn: &mut PgConnection| {
        let pools = service::list(conn, &actor)?;
        let users = service::users(conn, &actor)?;
        Ok::<_, PoolError>(pools.iter().map(|pool| with_users(pool, &users)).collect::<Vec<_>>())
    };
    let pools = kit.db.run(work).await.map_err(refused)?;
    respond::json(StatusCode::OK, &json!({ "pools": pools }))
}

fn with_users(pool: &PoolRow, users: &[(String, User)]) -> Value {
    let mut shown = view(pool);
    shown["templates"] = users.iter().filter(|(name, _)| *name == pool.name).map(|(_, user)| json!(user)).collect();
    shown
}

/// Answers with one pool, who has reserved of it and who waits for it.
async fn show(name: Path<String>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let shown = kit.db.run(move |conn| read(conn, &actor, &name)).await.map_err(refused)?;
    respond::json(StatusCode::OK, &shown)
}

fn read(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<Value, PoolError> {
    let pool = service::find(conn, actor, name)?;
    let Parties { nodes, holders, waiters, users } = parties(conn, actor, &pool)?;
    let mut shown = view(&pool);
    shown["templates"] = json!(users);
    shown["nodes"] = json!(nodes);
    shown["holders"] = json!(holders);
    shown["waiters"] = json!(waiters);
    Ok(shown)
}

fn view(pool: &PoolRow) -> Value {
    let mut shown = json!(pool);
    shown["free"] = json!(pool.free());
    shown
}

/// Makes a pool (201) or changes it (200); what is not named stays as it is.
async fn put(
    (request, payload): (HttpRequest, Payload),
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
    ringer: Data<Ringer>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let wish = Wish {
        amount: fields.whole("amount", 0..=i64::from(AMOUNT_MAX)),
        unit: fields.text("unit"),
        description: fields.text("description"),
        seen: fields.whole("version", 0..=i64::from(i32::MAX)),
    };
    let reason = fields.text("reason").unwrap_or_default();
    fields.end().map_err(told)?;
    let work = move |conn: &mut PgConnection| {
        let done = once(conn, "pools::set", key.as_ref(), |tx| set_in(tx, &actor, &name, (&wish, &reason)))
            .map_err(refused)?;
        let made = done.outcome().ok_or_else(Asked::other_request)?;
        Ok::<_, WebError>((made, read(conn, &actor, &name).map_err(refused)?))
    };
    let (made, shown) = kit.db.run(work).await?;
    ringer.ring(Call::Claimers); // after the commit
    respond::json(if made { StatusCode::CREATED } else { StatusCode::OK }, &shown)
}

/// Removes a pool of which no active version reserves.
async fn delete(
    name: Path<String>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
    ringer: Data<Ringer>,
) -> Result<HttpResponse, WebError> {
    let reason = query.0.text("reason").to_owned();
    kit.db.run(move |conn| remove(conn, &actor, &name, &reason)).await.map_err(refused)?;
    ringer.ring(Call::Claimers); // after the commit
    Ok(HttpResponse::NoContent().finish())
}

fn refused(error: PoolError) -> WebError {
    let field = match &error {
        PoolError::NotFound(_) => return WebError::NotFound,
        PoolError::NameTaken(_) | PoolError::Stale(_) | PoolError::InUse { .. } | PoolError::TooMany => {
            return WebError::Conflict(format!("{}.", sentence(&error.to_string())));
        }
        PoolError::Forbidden(_) | PoolError::Db(_) => return failed(error),
        PoolError::BadName(_) => "name",
        PoolError::BadAmount | PoolError::NoAmount => "/amount",
        PoolError::BadUnit => "/unit",
        PoolError::BadDescription(_) => "/description",
        PoolError::BadNote(_) => "/reason",
        PoolError::Nothing => "",
    };
    WebError::Invalid(vec![Problem { field: field.into(), message: error.to_string() }])
}

/// What is nobody's input.
pub(super) fn failed(error: PoolError) -> WebError {
    match error {
        PoolError::Forbidden(lacking) => lacking.into(),
        PoolError::Db(error) => error.into(),
        other => WebError::Conflict(other.to_string()),
    }
}
