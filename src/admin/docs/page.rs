//! `GET /api/v1/openapi.json` and `GET /api/docs`. Both are open to everybody: they tell what the API takes, and nothing of what
//! is in this installation.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde_json::Value;

use super::openapi::{self, ApiRoute};
use super::view::{self, Group, Schema};
use crate::web::api::paths;
use crate::web::error::WebError;
use crate::web::kit::Kit;
use crate::web::look::Theme;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::span::Span;
use crate::web::table::{Access, Route};

/// The routes of the document, its page, and the help.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::OPENAPI, Access::Open, document),
        Route::get(paths::DOCS, Access::Open, show),
        super::help_page::route(),
    ]
}

#[derive(Template)]
#[template(path = "docs/index.html")]
struct DocsPage {
    theme: Theme,
    title: String,
    intro: Vec<Vec<Span>>,
    groups: Vec<Group>,
    schemas: Vec<Schema>,
    document: &'static str,
}

async fn document(kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    respond::json(StatusCode::OK, &written(&kit)?)
}

async fn show(hx: Hx, request: HttpRequest, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let document = written(&kit)?;
    let page = DocsPage {
        theme: Theme::of(&request),
        title: "API".into(),
        intro: view::paragraphs(document["info"]["description"].as_str().unwrap_or_default()),
        groups: view::groups(&document, &kit.settings.public_url),
        schemas: view::schemas(&document),
        document: paths::OPENAPI,
    };
    respond::page(&hx, &page, &[])
}

/// Put together on each request: it takes about a millisecond and is asked for rarely.
fn written(kit: &Kit) -> Result<Value, WebError> {
    let routes: Vec<ApiRoute> = kit
        .table
        .rows()
        .map(|(method, path, access)| {
            let permission = match access {
                Access::Needs(permission) => Some(permission),
                Access::Open | Access::SignedIn => None,
            };
            (method.as_str().to_lowercase(), path, permission)
        })
        .collect();
    openapi::document(&routes).map_err(WebError::fault)
}
