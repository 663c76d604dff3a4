//! Acting: pause, resume, run, roll back, remove.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::read::one;
use super::refused;
use crate::admin::schedules::ScheduleError;
use crate::admin::schedules::service;
use crate::base::db::{PgConnection, Tx};
use crate::queue::actor::Actor;
use crate::queue::idempotency::once;
use crate::queue::ring::{Call, Ringer};
use crate::web::api::{Asked, BODY_BYTES_MAX, Fields, object, told};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;
use crate::web::respond;

type Parts = (HttpRequest, Payload, Path<String>, Actor, Data<Kit>);

/// An act within the transaction that remembers its key: name of the schedule, then the reason.
type Act<T> = fn(&mut Tx<'_>, &Actor, &str, &str) -> Result<T, ScheduleError>;

/// Reads `{reason?}` and does an act once for each key; gives what came of it, then or now.
async fn done<T>(
    (request, payload, name, actor): (&HttpRequest, Payload, String, Actor),
    kit: &Kit,
    (act, label): (Act<T>, &'static str),
) -> Result<T, WebError>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    let asked = Asked::read(request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let reason = fields.text("reason").unwrap_or_default();
    fields.end().map_err(told)?;
    let work = move |conn: &mut PgConnection| {
        let done = once(conn, label, key.as_ref(), |tx| act(tx, &actor, &name, &reason));
        done.map_err(refused)?.outcome().ok_or_else(Asked::other_request)
    };
    kit.db.run(work).await
}

/// Answers with the schedule as it is now, so only that it was done is remembered.
async fn turned(
    (request, payload, name, actor, kit): Parts,
    act: (Act<()>, &'static str),
) -> Result<HttpResponse, WebError> {
    let name = name.into_inner();
    done((&request, payload, name.clone(), actor.clone()), &kit, act).await?;
    let shown = kit.db.run(move |conn| one(conn, &actor, &name)).await.map_err(refused)?;
    respond::json(StatusCode::OK, &shown)
}

/// Leaves the occurrences of a schedule out until it is resumed.
pub(super) async fn pause(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let pause: Act<()> = |tx, actor, name, reason| service::pause_in(tx, actor, name, reason).map(drop);
    turned((request, payload, name, actor, kit), (pause, "schedules::pause")).await
}

/// Lets the occurrences of a schedule run again.
pub(super) async fn resume(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let resume: Act<()> = |tx, actor, name, reason| service::resume_in(tx, actor, name, reason).map(drop);
    turned((request, payload, name, actor, kit), (resume, "schedules::resume")).await
}

/// Makes one job of a schedule at once (201); a repeat gives the same one.
pub(super) async fn run(
    (request, payload): (HttpRequest, Payload),
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
    ringer: Data<Ringer>,
) -> Result<HttpResponse, WebError> {
    let run = (service::run_now_in as Act<_>, "schedules::run");
    let (job, behind) = done((&request, payload, name.into_inner(), actor), &kit, run).await?;
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
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    if !fields.has("version") {
        fields.refuse("version", "the number of an older version");
    }
    let version: Option<i32> = fields.whole("version", 1..=i64::from(i32::MAX));
    let reason = fields.text("reason").unwrap_or_default();
    fields.end().map_err(told)?;
    let work = move |conn: &mut PgConnection| {
        let done = once(conn, "schedules::roll_back", key.as_ref(), |tx| {
            service::roll_back_in(tx, &actor, &name, version.unwrap_or_default(), &reason)
        });
        let saved = done.map_err(refused)?.outcome().ok_or_else(Asked::other_request)?;
        Ok::<_, WebError>((saved, one(conn, &actor, &name).map_err(refused)?))
    };
    let (saved, mut shown) = kit.db.run(work).await?;
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
