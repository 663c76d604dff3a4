//! `POST /api/v1/templates/{name}/publish` and its siblings. Each answers with the template as it is afterwards.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::read::{find, tagged};
use super::refused;
use crate::admin::templates::acts::{Act, act};
use crate::admin::templates::json as view;
use crate::queue::actor::Actor;
use crate::web::api::{Asked, BODY_BYTES_MAX, Fields, object, told};
use crate::web::error::WebError;
use crate::web::kit::Kit;

type Taken = (HttpRequest, Payload, Path<String>, Actor, Data<Kit>);

/// Makes `version`, or the latest one, the active one.
pub(super) async fn publish(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    done((request, payload, name, actor, kit), |fields| Act::Publish(fields.whole("version", 1..=i64::from(i32::MAX))))
        .await
}

/// Makes and publishes a new version with the content of `version`.
pub(super) async fn roll_back(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let wanted = |fields: &mut Fields| {
        if !fields.has("version") {
            fields.refuse("version", "version is required");
        }
        Act::RollBack(fields.whole("version", 1..=i64::from(i32::MAX)).unwrap_or_default()) // an absent one was refused
    };
    done((request, payload, name, actor, kit), wanted).await
}

/// Takes a template out of use, for a `reason`.
pub(super) async fn archive(
    request: HttpRequest,
    payload: Payload,
    name: Path<String>,
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let wanted = |fields: &mut Fields| Act::Archive(fields.text("reason").unwrap_or_default());
    done((request, payload, name, actor, kit), wanted).await
}

async fn done(
    (request, payload, name, actor, kit): Taken,
    wanted: impl FnOnce(&mut Fields) -> Act,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let wanted = wanted(&mut fields);
    fields.end().map_err(told)?;
    let clock = kit.clock.clone();
    let work = move |conn: &mut _| {
        let acted =
            act(conn, &*clock, &actor, &name, (&wanted, key.as_ref())).map_err(|error| refused(error, "/reason"))?;
        let acted = acted.outcome().ok_or_else(Asked::other_request)?;
        Ok::<_, WebError>((acted, find(conn, &actor, &name)?))
    };
    let (acted, row) = kit.db.run(work).await?;
    let mut body = view::template(&row);
    body["done"] = json!({ "version": acted.version, "unchanged": acted.unchanged });
    tagged(StatusCode::OK, &row, &body)
}
