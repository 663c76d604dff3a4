//! The pages of saved views.
//!
//! ```text
//! /v/{slug}   open ──▶ the page with the view's whole address      /views   list
//! /views/new, /views/{slug}/change   form      /views/{slug}/pin · delete   acts
//! ```
mod acts;
mod form;
mod list;
mod open;

use super::service::ViewError;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Problem, sentence};
use crate::web::paths;
use crate::web::table::{Access, Route};

/// The routes of saved views. Everybody has views of their own; the service asks whoever shares one.
pub fn routes() -> Vec<Route> {
    let (read, keep) = (Access::Needs(Permission::ReadViews), Access::Needs(Permission::KeepViews));
    vec![
        Route::get(paths::SAVED_VIEW, read, open::open),
        Route::get(paths::VIEWS, read, list::show),
        Route::get(paths::VIEW_NEW, keep, form::ask_new),
        Route::post(paths::VIEW_NEW, keep, form::make),
        Route::get(paths::VIEW_CHANGE, keep, form::ask),
        Route::post(paths::VIEW_CHANGE, keep, form::change),
        Route::post(paths::VIEW_PIN, keep, acts::pin),
        Route::get(paths::VIEW_DELETE, keep, acts::ask_delete),
        Route::post(paths::VIEW_DELETE, keep, acts::delete),
    ]
}

/// Pages that have views, with their addresses and what they list.
const PAGES: [(&str, &str, &str); 1] = [("jobs", paths::JOBS, "jobs")];

/// Gives the address of a page that has views.
pub(super) fn home(page: &str) -> Option<&'static str> {
    PAGES.iter().find(|(name, _, _)| *name == page).map(|(_, home, _)| *home)
}

/// Turns a refusal of the service into an answer for whoever asked.
pub(super) fn told(error: ViewError) -> WebError {
    let words = format!("{}.", sentence(&error.to_string()));
    match error {
        ViewError::NotFound(_) => WebError::NotFound,
        ViewError::NotYours { .. } | ViewError::TooMany | ViewError::TooManyPins | ViewError::Stale(_) => {
            WebError::Conflict(words)
        }
        ViewError::NoAccount => WebError::SignIn,
        ViewError::BadName => WebError::Invalid(vec![Problem { field: "name".into(), message: words }]),
        ViewError::BadAddress => WebError::Malformed(words),
        ViewError::Forbidden(lacking) => lacking.into(),
        ViewError::Db(error) => error.into(),
    }
}

/// The field of the form that a refusal is about; empty when it is about none.
fn field(error: &ViewError) -> &'static str {
    match error {
        ViewError::BadName | ViewError::TooMany => "name",
        ViewError::TooManyPins => "pinned",
        ViewError::Forbidden(_) => "visibility",
        _ => "",
    }
}
