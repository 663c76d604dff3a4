//! The pages of bulk operations.
//!
//! ```text
//! /operations/new?act=retry&q=…   ask (preview, confirm) ─▶ start ─▶ /operations/{id}      /jobs/export?q=… the same for a file
//! /operations/{id}                show ─── view, story (words of one operation, its jobs now)     /live/operation?id=
//! /operations/{id}/{verb}         act (stop, resume)      /operations/{id}/results.csv   results
//! /operations                     list
//! ```
mod act;
mod ask;
mod file;
mod list;
mod results;
#[cfg(test)]
pub(super) mod sample;
mod show;
mod start;
mod story;
#[cfg(test)]
mod tests;
mod view;

pub(super) use file::download;

use super::service::OperationError;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Problem, sentence};
use crate::web::live::{self, Refusal, told};
use crate::web::paths;
use crate::web::table::{Access, Route};

/// The routes of the pages of bulk operations.
pub fn routes() -> Vec<Route> {
    let [read, run, export] =
        [Permission::ReadOperations, Permission::RunOperations, Permission::ExportJobs].map(Access::Needs);
    vec![
        Route::get(paths::OPERATIONS, read, live::show::<list::ListPage>),
        Route::get("/live/operations", read, live::stream::<list::ListPage>),
        Route::get(paths::OPERATION_NEW, run, start::ask),
        Route::post(paths::OPERATION_NEW, run, start::start),
        Route::get(paths::JOBS_EXPORT, export, start::ask_export),
        Route::post(paths::JOBS_EXPORT, export, start::export),
        Route::get(paths::OPERATION, read, live::show::<show::ShowPage>),
        Route::get("/live/operation", read, live::stream::<show::ShowPage>),
        Route::get(paths::OPERATION_RESULTS, read, results::download),
        Route::get(paths::OPERATION_FILE, export, file::show),
        Route::get(paths::OPERATION_ACT, run, act::ask),
        Route::post(paths::OPERATION_ACT, run, act::act),
    ]
}

impl Refusal for OperationError {
    /// Tells whoever asked on a page.
    fn told(self) -> WebError {
        let told = format!("{}.", sentence(&self.to_string()));
        match self {
            OperationError::NotFound(_) | OperationError::NoFile(_) => WebError::NotFound,
            OperationError::NotAllowed(..) | OperationError::Drifted { .. } => WebError::Conflict(told),
            OperationError::Forbidden(lacking) => lacking.into(),
            OperationError::Db(error) => error.into(),
            OperationError::Act(_)
            | OperationError::NoQueue(_)
            | OperationError::BadRate
            | OperationError::BadIds
            | OperationError::Nothing(_)
            | OperationError::TooLarge
            | OperationError::BadNote(_) => {
                WebError::Invalid(vec![Problem { field: field(&self).into(), message: told }])
            }
        }
    }
}

/// The field of a form that a refusal is about; empty when it is about none.
fn field(error: &OperationError) -> &'static str {
    match error {
        OperationError::Act(super::ActError::Value(field, _)) => field,
        OperationError::NoQueue(_) => "queue",
        OperationError::BadRate => "rate_per_s",
        OperationError::BadNote(_) => "reason",
        _ => "",
    }
}
