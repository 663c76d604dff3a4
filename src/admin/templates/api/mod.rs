//! Templates over HTTP: `/api/v1/templates…`.
mod acts;
mod read;
mod write;

use actix_web::http::Method;

use super::service::TemplateError;
use crate::queue::permission::Permission::{DraftTemplates, PublishTemplates, ReadTemplates};
use crate::web::api::{paths, told};
use crate::web::error::WebError;
use crate::web::form::Problem;
use crate::web::table::Access::Needs;
use crate::web::table::Route;

/// Lists the routes of templates.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::TEMPLATES, Needs(ReadTemplates), read::list)
            .reading(&["q", "runner", "state", "limit", "after"]),
        Route::get(paths::TEMPLATE, Needs(ReadTemplates), read::show).reading(&["version"]),
        Route::new(Method::PUT, paths::TEMPLATE, Needs(DraftTemplates), write::put),
        Route::get(paths::TEMPLATE_VERSIONS, Needs(ReadTemplates), read::versions).reading(&["limit", "after"]),
        Route::get(paths::TEMPLATE_DIFF, Needs(ReadTemplates), read::diff).reading(&["from", "to"]),
        Route::post(paths::TEMPLATE_PUBLISH, Needs(PublishTemplates), acts::publish),
        Route::post(paths::TEMPLATE_ROLLBACK, Needs(PublishTemplates), acts::roll_back),
        Route::post(paths::TEMPLATE_ARCHIVE, Needs(PublishTemplates), acts::archive),
    ]
}

/// Turns a refusal of the service into a problem; `note` is where its free text stands.
fn refused(error: TemplateError, note: &str) -> WebError {
    let sentence = format!("{error}.");
    let at = |field: &str, message: String| WebError::Invalid(vec![Problem { field: field.into(), message }]);
    match error {
        TemplateError::NotFound(_) => WebError::NotFound,
        missing @ TemplateError::NoVersion(..) => at("/version", missing.to_string()),
        TemplateError::NameTaken(_) | TemplateError::Stale { .. } | TemplateError::NotAllowed { .. } => {
            WebError::Conflict(sentence)
        }
        outside @ TemplateError::OutOfScope(_) => at("/defaults/queue", outside.to_string()),
        TemplateError::Refused(problems) => {
            told(problems.into_iter().map(|one| Problem { field: one.pointer, message: one.message }).collect())
        }
        TemplateError::Forbidden(lacking) => lacking.into(),
        TemplateError::BadNote(why) => at(note, why.to_string()),
        TemplateError::Db(error) => error.into(),
    }
}
