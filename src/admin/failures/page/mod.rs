//! The pages of failures.
//!
//! ```text
//! /failures                    list ─── view (address) · row (one group)                         /live/failures
//! /failures/{fingerprint}      show ─── row, near (its course, where it came, what differs, notes, trail)  /live/failure?fp=
//! /failures/{fingerprint}/{verb}   act ─── ask (one question for every decision)
//! ```
mod act;
mod ask;
mod list;
mod near;
mod row;
mod show;
#[cfg(test)]
mod tests;
mod view;

pub use view::{ALL_STATES, OPEN};

use super::service::FailureError;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Problem, sentence};
use crate::web::live::LiveError;
use crate::web::paths;
use crate::web::table::{Access, Route};

/// The routes of the pages of failures.
pub fn routes() -> Vec<Route> {
    let [read, handle] = [Permission::ReadFailures, Permission::HandleFailures].map(Access::Needs);
    vec![
        Route::get(paths::FAILURES, read, list::show),
        Route::get("/live/failures", read, list::stream),
        Route::get(paths::FAILURE, read, show::show),
        Route::get("/live/failure", read, show::stream),
        Route::get(paths::FAILURE_ACT, handle, act::ask),
        Route::post(paths::FAILURE_ACT, handle, act::act),
    ]
}

/// Turns a refusal of the service into an answer for whoever asked.
pub(super) fn told(error: FailureError) -> WebError {
    let message = format!("{}.", sentence(&error.to_string()));
    let field = match error {
        FailureError::NotFound(_) => return WebError::NotFound,
        FailureError::OutOfScope(_) | FailureError::NotMuted | FailureError::NotHandled | FailureError::TooMany => {
            return WebError::Conflict(message);
        }
        FailureError::Forbidden(lacking) => return lacking.into(),
        FailureError::Db(error) => return error.into(),
        FailureError::BadUntil => "until",
        FailureError::BadVersion => "from_version",
        FailureError::BadPerson => "person",
        FailureError::BadText => "note",
        FailureError::BadTicket => "ticket",
        FailureError::BadNote(_) => "reason",
    };
    WebError::Invalid(vec![Problem { field: field.into(), message }])
}

/// What a refusal means for a stream: a failure of the database passes, everything else ends it.
fn ended(error: FailureError) -> LiveError {
    match error {
        FailureError::Db(error) => error.into(),
        other => LiveError::Ended(other.to_string()),
    }
}
