//! `PUT /api/v1/schedules/{name}`: saves a document as a new version, in force at once. `POST …/preview`: what one that is not saved would do.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::read::{one, parameter, tagged};
use super::{problem, refused};
use crate::admin::schedules::service::{Begin, save_and_begin_in};
use crate::admin::schedules::{ScheduleError, preview as ahead};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::idempotency::once;
use crate::queue::schedules::{Known, calendars_named};
use crate::timing::schedule::Schedule;
use crate::web::api::{Asked, BODY_BYTES_MAX, base, named, told};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;
use crate::web::respond;

/// Saves the body, 201 when it made the schedule, 200 else; the same content again makes no version.
///
/// `If-Match: "7"` (or `base=7`) refuses when version 7 is not in force any more, `If-None-Match: *` (or `base=0`) when the schedule is there
/// already. `message=` tells what changed and why; with `paused=true` a schedule that is new makes no jobs before it is resumed.
pub(super) async fn put(
    (request, payload): (HttpRequest, Payload),
    name: Path<String>,
    query: Query,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let (key, base) = (asked.key(&actor)?, base(request.headers(), &query)?);
    let spec = named::<Schedule>(&asked.body, "Schedule", &name)?;
    let message = query.0.text("message").to_owned();
    let begin = parameter(&query, "paused", "true or false", |text| match text {
        "true" => Some(Begin::Paused),
        "false" => Some(Begin::AtOnce),
        _ => None,
    })?;
    let how = (base, begin.unwrap_or_default());
    let work = move |conn: &mut PgConnection| {
        let done =
            once(conn, "schedules::save", key.as_ref(), |tx| save_and_begin_in(tx, &actor, &spec, how, &message));
        let saved = done.map_err(refused)?.outcome().ok_or_else(Asked::other_request)?;
        Ok::<_, WebError>((saved, one(conn, &actor, &spec.name).map_err(refused)?))
    };
    let (saved, mut shown) = kit.db.run(work).await?;
    shown["saved"] = json!({ "version": saved.version, "unchanged": saved.unchanged });
    tagged(if saved.is_new() { StatusCode::CREATED } else { StatusCode::OK }, &shown)
}

/// Answers with what the body would do; nothing is saved.
pub(super) async fn preview(
    (request, payload): (HttpRequest, Payload),
    name: Path<String>,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let (spec, now) = (named::<Schedule>(&asked.body, "Schedule", &name)?, kit.clock.now());
    let work = move |conn: &mut PgConnection| {
        let timing = spec.timing();
        let calendars = calendars_named(conn, &timing.calendars())?;
        let known = Known::of(spec, &calendars);
        Ok::<_, ScheduleError>(known.map(|known| ahead::json_of(&known, now, None, ahead::OCCURRENCES)))
    };
    let shown = kit.db.run(work).await.map_err(refused)?;
    respond::json(StatusCode::OK, &shown.map_err(|faults| told(faults.iter().map(problem).collect()))?)
}
