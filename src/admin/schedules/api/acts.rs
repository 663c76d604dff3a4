//! Acting: pause, resume, run, roll back, remove.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::read::one;
use super::refused;
use crate::admin::schedules::ScheduleError;
use crate::admin::schedules::service;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::ring::{Call, Ringer};
use crate::queue::schedules::ByHand;
use crate::web::api::{Asked, BODY_BYTES_MAX, Fields, object, told};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;
use crate::web::respond;

type Parts = (HttpRequest, Payload, Path<String>, Actor, Data<Kit>);

/// Reads `{reason?}`.
async fn reason(request: &HttpRequest, payload: Payload) -> Result<String, WebError> {
    let asked = Asked::read(request, payload, BODY_BYTES_MAX).await?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let reason = fields.text("reason").unwrap_or_default();
    fields.end().map_err(told)?;
    Ok(reason)
}

async fn act(
    (request, payload, name, actor, kit): Parts,
    act: impl FnOnce(&mut PgConnection, &Actor, &str, &str) -> Result<(), ScheduleError> + Send + 'static,
) -> Result<HttpResponse, WebError> {
    let reason = reason(&request, payload).await?;
    let work = move |conn: &mut PgConnection| {
        act(conn, &actor, &name, &reason)?;
        one(conn, &actor, &name)
    };
    respond::json(StatusCode::OK, &kit.db.run(work).await.map_err(refused)?)
}

/// Leaves the occurrences of a schedule out until it is resumed.
pub(super) async fn pause(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    act((request, payload, name, actor, kit), |conn, actor, name, reason| {
        service::pause(conn, actor, name, reason).map(drop)
    })
    .await
}

/// Lets the occurrences of a schedule run again.
pub(super) async fn resume(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    act((request, payload, name, actor, kit), |conn, actor, name, reason| {
        service::resume(conn, actor, name, reason).map(drop)
    })
    .await
}

/// Makes one job of a schedule at once (201).
pub(super) async fn run(
    (request, payload): (HttpRequest, Payload),
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
    ringer: Data<Ringer>,
) -> Result<HttpResponse, WebError> {
    let reason = reason(&request, payload).await?;
    let work = move |conn: &mut PgConnection| service::run_now(conn, &actor, &name, &reason);
    let ByHand::Made { job, behind } = kit.db.run(work).await.map_err(refused)? else {
        return Err(WebError::Conflict("No job was made.".into()));
    };
    ringer.ring(Call::All);
    respond::json(StatusCode::CREATED, &json!({ "job": job, "behind": behind }))
}

/// Brings an older version back as a new one.
pub(super) async fn roll_back(
    (request, payload): (HttpRequest, Payload),
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let version: Option<i32> = fields.whole("version", 1..=i64::from(i32::MAX));
    if version.is_none() {
        fields.refuse("version", "the number of an older version");
    }
    let reason = fields.text("reason").unwrap_or_default();
    fields.end().map_err(told)?;
    let work = move |conn: &mut PgConnection| {
        let saved = service::roll_back(conn, &actor, &name, version.unwrap_or_default(), &reason)?;
        Ok::<_, ScheduleError>((saved, one(conn, &actor, &name)?))
    };
    let (saved, mut shown) = kit.db.run(work).await.map_err(refused)?;
    shown["saved"] = json!({ "version": saved.version, "unchanged": saved.unchanged });
    respond::json(StatusCode::OK, &shown)
}

/// Removes a schedule.
pub(super) async fn remove(
    name: Path<String>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let reason = query.0.text("reason").to_owned();
    kit.db.run(move |conn| service::remove(conn, &actor, &name, &reason)).await.map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}
