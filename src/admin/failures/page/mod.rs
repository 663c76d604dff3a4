//! The pages of failures.
//!
//! ```text
//! /failures                    list ─── view (address) · row (one group)                         /live/failures
//! /failures/{fingerprint}      show ─── row, near (its course, where it came, what differs, notes, trail)  /live/failure?fingerprint=
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
use crate::web::live::{self, Refusal, told};
use crate::web::paths;
use crate::web::table::{Access, Route};

/// The routes of the pages of failures.
pub fn routes() -> Vec<Route> {
    let [read, handle] = [Permission::ReadFailures, Permission::HandleFailures].map(Access::Needs);
    vec![
        Route::get(paths::FAILURES, read, live::show::<list::ListPage>),
        Route::get("/live/failures", read, live::stream::<list::ListPage>),
        Route::get(paths::FAILURE, read, live::show::<show::ShowPage>),
        Route::get("/live/failure", read, live::stream::<show::ShowPage>),
        Route::get(paths::FAILURE_ACT, handle, act::ask),
        Route::post(paths::FAILURE_ACT, handle, act::act),
    ]
}

impl Refusal for FailureError {
    /// Tells whoever asked on a page.
    fn told(self) -> WebError {
        let message = format!("{}.", sentence(&self.to_string()));
        let field = match self {
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
}
