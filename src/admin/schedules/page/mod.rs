//! The pages of schedules.
//!
//! ```text
//! /schedules                      list, live         /schedules/calendar   what all do in 24 hours, a day, a week
//! /schedules/new, /schedules/{name}, …/edit   sheet: form and what lies ahead; saves, previews
//! /schedules/{name}/history       past, live         /schedules/{name}/versions   versions compared
//! /bulk/schedules/{verb}          bulk: several at once
//! /schedules/{name}/{verb}        act                /schedules/{name}/backfill, /backfills/{id}
//! ```
mod act;
mod ahead;
mod args;
mod around;
mod backfill;
mod beside;
mod bulk;
mod choices;
mod crowd;
mod fields;
mod fleet;
mod head;
mod line;
mod list;
mod minute;
mod past;
mod rules;
mod sheet;
mod span;
#[cfg(test)]
mod tests;
mod versions;

use super::api::removed;
use super::error::ScheduleError;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Problem, sentence};
use crate::web::live::{self, Refusal};
use crate::web::paths;
use crate::web::table::{Access, Route};

/// The routes of the pages of schedules.
pub fn routes() -> Vec<Route> {
    let [read, edit] = [Permission::ReadSchedules, Permission::EditSchedules].map(Access::Needs);
    vec![
        Route::get(paths::SCHEDULES, read, live::show::<list::ListPage>),
        Route::get("/live/schedules", read, live::stream::<list::ListPage>),
        Route::get(paths::SCHEDULE_FLEET, read, fleet::show),
        Route::get(paths::SCHEDULE_NEW, edit, sheet::ask_new),
        Route::post(paths::SCHEDULE_NEW, edit, sheet::make),
        Route::get(paths::SCHEDULE, read, sheet::show),
        Route::get(paths::SCHEDULE_EDIT, edit, sheet::show),
        Route::post(paths::SCHEDULE_EDIT, edit, sheet::change),
        Route::get(paths::SCHEDULE_HISTORY, read, live::show::<past::HistoryPage>),
        Route::get("/live/schedule-history", read, live::stream::<past::HistoryPage>),
        Route::get(paths::SCHEDULE_VERSIONS, read, versions::show),
        Route::get(paths::SCHEDULE_FILE, read, versions::file),
        Route::get(paths::SCHEDULE_BACKFILL, edit, backfill::ask),
        Route::post(paths::SCHEDULE_BACKFILL, edit, backfill::act),
        Route::get(paths::SCHEDULES_ACT, edit, bulk::ask),
        Route::post(paths::SCHEDULES_ACT, edit, bulk::act),
        Route::get(paths::BACKFILL, read, live::show::<backfill::ShowPage>),
        Route::get("/live/backfill", read, live::stream::<backfill::ShowPage>),
        Route::post(paths::BACKFILL_ACT, edit, backfill::turn),
        Route::get(paths::SCHEDULE_ACT, edit, act::ask),
        Route::post(paths::SCHEDULE_ACT, edit, act::act),
    ]
}

/// [`Refusal::told`], for `map_err`.
fn told(error: ScheduleError) -> WebError {
    Refusal::told(error)
}

impl Refusal for ScheduleError {
    /// Tells whoever asked on a page.
    fn told(self) -> WebError {
        let told = format!("{}.", sentence(&self.to_string()));
        let invalid = |field: &str, message: String| WebError::Invalid(vec![Problem { field: field.into(), message }]);
        match self {
            Self::Removed(name, at) => removed(&name, at),
            Self::NotFound(_) | Self::NoVersion(..) | Self::NoBackfill(_) => WebError::NotFound,
            Self::NameTaken(_)
            | Self::Stale { .. }
            | Self::Already(..)
            | Self::BackfillIs(..)
            | Self::Overlaps(_)
            | Self::NoJob(_) => WebError::Conflict(told),
            Self::Refused(_) => WebError::Conflict(told),
            Self::OutOfScope(_) => invalid("template", told),
            Self::BadRange(_) => invalid("to", told),
            Self::BadNote(_) => invalid("reason", told),
            Self::Forbidden(lacking) => lacking.into(),
            Self::Db(error) => error.into(),
        }
    }
}
