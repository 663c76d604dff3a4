//! Saved views over HTTP: `/api/v1/views…`. They are those of the person whose token it is.

use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::page::{home, told};
use super::service::{self, ViewError, Wish, make_in, pin_in};
use super::{SavedView, Visibility};
use crate::base::db::{PgConnection, Tx};
use crate::queue::actor::Actor;
use crate::queue::idempotency::once;
use crate::queue::permission::Permission::{KeepViews, ReadViews};
use crate::web::api::{Asked, BODY_BYTES_MAX, Fields, object, paths, told as invalid};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Problem;
use crate::web::kit::Kit;
use crate::web::table::Access::Needs;
use crate::web::table::Route;
use crate::web::{paths as console, respond};

/// The page whose views are meant when none is named.
const PAGE: &str = "jobs";

/// The routes of saved views.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::VIEWS, Needs(ReadViews), list).reading(&["page"]),
        Route::post(paths::VIEWS, Needs(KeepViews), make),
        Route::get(paths::VIEW, Needs(ReadViews), show),
        Route::new(Method::DELETE, paths::VIEW, Needs(KeepViews), delete),
    ]
}

/// Answers with the views of a page that the token's owner sees, those that they pinned first.
async fn list(actor: Actor, kit: Data<Kit>, query: Query) -> Result<HttpResponse, WebError> {
    let page = known(query.0.text("page"))?;
    let asker = actor.clone();
    let views = kit.db.run(move |conn| service::list(conn, &asker, &page)).await.map_err(told)?;
    let views: Vec<Value> = views.iter().map(|view| shown(&actor, view)).collect();
    respond::json(StatusCode::OK, &json!({ "views": views }))
}

/// Answers with one view.
async fn show(slug: Path<String>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let asker = actor.clone();
    let view = kit.db.run(move |conn| service::find(conn, &asker, &slug)).await.map_err(told)?;
    respond::json(StatusCode::OK, &shown(&actor, &view))
}

/// Saves a view (201), and pins it if that is asked for.
async fn make(
    (request, payload): (HttpRequest, Payload),
    actor: Actor,
    kit: Data<Kit>,
) -> Result<HttpResponse, WebError> {
    let asked = Asked::read(&request, payload, BODY_BYTES_MAX).await?;
    let key = asked.key(&actor)?;
    let mut fields = Fields::of(object(&asked.body)?, "");
    let page = fields.text("page").unwrap_or_default();
    let visibility = fields.text("visibility").unwrap_or_else(|| Visibility::Private.as_str().into());
    let visibility = Visibility::parse(&visibility).unwrap_or_else(|| {
        fields.refuse("visibility", "must be private, team or everyone");
        Visibility::Private
    });
    let wish =
        Wish { name: fields.required_text("name"), address: fields.text("address").unwrap_or_default(), visibility };
    let pinned = fields.flag("pinned").unwrap_or_default();
    fields.end().map_err(invalid)?;
    let page = known(&page)?;
    let work = move |conn: &mut PgConnection| {
        let save = |tx: &mut Tx<'_>| -> Result<String, ViewError> {
            let slug = make_in(tx, &actor, &page, &wish)?;
            if pinned {
                pin_in(tx, &actor, &slug)?;
            }
            Ok(slug)
        };
        let done = once(conn, "views::make", key.as_ref(), save).map_err(told)?;
        let slug = done.outcome().ok_or_else(Asked::other_request)?;
        let view = service::find(conn, &actor, &slug).map_err(told)?;
        Ok::<_, WebError>(shown(&actor, &view))
    };
    let made = kit.db.run(work).await?;
    respond::json(StatusCode::CREATED, &made)
}

/// Deletes a view, and with it the pins of everybody.
async fn delete(slug: Path<String>, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    kit.db.run(move |conn| service::remove(conn, &actor, &slug)).await.map_err(told)?;
    Ok(HttpResponse::NoContent().finish())
}

/// The name of a page that has views.
fn known(page: &str) -> Result<String, WebError> {
    let page = if page.is_empty() { PAGE } else { page };
    match home(page) {
        Some(_) => Ok(page.to_owned()),
        None => {
            let message = format!("the page {page:?} has no saved views: {PAGE} has");
            Err(WebError::Invalid(vec![Problem { field: "page".into(), message }]))
        }
    }
}

fn shown(actor: &Actor, view: &SavedView) -> Value {
    json!({
        "slug": view.slug,
        "page": view.page,
        "name": view.name,
        "address": service::sees_address(actor, view).then_some(&view.address),
        "path": console::saved_view(&view.slug),
        "visibility": view.visibility().as_str(),
        "owner": view.owner,
        "own": view.is_of(actor),
        "pinned": view.is_pinned,
        "version": view.version,
        "updated_at": view.updated_at,
    })
}
