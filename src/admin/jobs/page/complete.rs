//! `GET /jobs/complete?q=…&at=…`: what could be typed next, as the options of the search box.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::view::ListView;
use crate::admin::jobs::complete::{CompleteError, Offers, complete};
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;
use crate::web::request::Hx;
use crate::web::respond;

/// The options.
#[derive(Template)]
#[template(path = "jobs/offers.html")]
struct OffersPart {
    found: Offers,
}

/// Answers with options for the place `at` (characters from 0) of what is typed; the other parameters are those of the list.
pub async fn show(hx: Hx, kit: Data<Kit>, actor: Actor, query: Query) -> Result<HttpResponse, WebError> {
    let text = query.0.text("q").to_owned();
    let caret = query.0.text("at").parse().unwrap_or_else(|_| text.chars().count());
    let mut fields = query.0.into_fields();
    fields.retain(|(name, _)| name != "at");
    let asked = ListView::read(fields).query;
    let found = kit.db.run(move |conn| complete(conn, &actor, &asked, (&text, caret))).await;
    respond::page(&hx, &OffersPart { found: found? }, &[])
}

impl From<CompleteError> for WebError {
    fn from(error: CompleteError) -> Self {
        match error {
            CompleteError::Forbidden(lacking) => lacking.into(),
            CompleteError::Db(error) => error.into(),
        }
    }
}
