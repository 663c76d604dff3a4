//! `GET /v/{slug}`: a short address for a view.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::{home, told};
use crate::admin::views::SavedView;
use crate::admin::views::service;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::kit::Kit;
use crate::web::{paths, respond};

/// Leads to the whole address of a view, which goes on naming the view so that a change of it is seen.
pub async fn open(kit: Data<Kit>, actor: Actor, slug: Path<String>) -> Result<HttpResponse, WebError> {
    let view = kit.db.run(move |conn| service::find(conn, &actor, &slug)).await.map_err(told)?;
    Ok(respond::see_other(&whole(&view).ok_or(WebError::NotFound)?))
}

/// Gives the whole address of a view; `None` when its page is gone.
fn whole(view: &SavedView) -> Option<String> {
    let between = if view.address.is_empty() { "" } else { "&" };
    Some(format!("{}?{}{between}view={}", home(&view.page)?, view.address, paths::encode(&view.slug)))
}
