//! Schedules over HTTP: `/api/v1/schedules…`.

mod acts;
mod backfills;
mod read;
mod write;

use actix_web::http::Method;

use super::error::ScheduleError;
use crate::base::clock::Time;
use crate::queue::permission::Permission::{EditSchedules, ReadSchedules};
use crate::timing::document::Fault;
use crate::web::api::paths;
use crate::web::error::{Gone, WebError};
use crate::web::form::{Problem, sentence};
use crate::web::table::Access::Needs;
use crate::web::table::Route;

/// The routes of schedules.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::SCHEDULES, Needs(ReadSchedules), read::list)
            .reading(&["q", "template", "state", "calendar", "sort", "limit", "after"]),
        Route::get(paths::SCHEDULE, Needs(ReadSchedules), read::show),
        Route::new(Method::PUT, paths::SCHEDULE, Needs(EditSchedules), write::put),
        Route::new(Method::DELETE, paths::SCHEDULE, Needs(EditSchedules), acts::remove),
        Route::get(paths::SCHEDULE_PREVIEW, Needs(ReadSchedules), read::preview).reading(&["from", "to", "count"]),
        Route::post(paths::SCHEDULE_PREVIEW, Needs(EditSchedules), write::preview),
        Route::get(paths::SCHEDULE_OCCURRENCES, Needs(ReadSchedules), read::occurrences)
            .reading(&["outcome", "backfill", "before", "limit"]),
        Route::get(paths::SCHEDULE_VERSIONS, Needs(ReadSchedules), read::versions),
        Route::get(paths::SCHEDULE_DIFF, Needs(ReadSchedules), read::diff).reading(&["from", "to"]),
        Route::post(paths::SCHEDULE_PAUSE, Needs(EditSchedules), acts::pause),
        Route::post(paths::SCHEDULE_RESUME, Needs(EditSchedules), acts::resume),
        Route::post(paths::SCHEDULE_RUN, Needs(EditSchedules), acts::run),
        Route::post(paths::SCHEDULE_ROLL_BACK, Needs(EditSchedules), acts::roll_back),
        Route::post(paths::SCHEDULE_BACKFILL, Needs(EditSchedules), backfills::start),
        Route::get(paths::BACKFILLS, Needs(ReadSchedules), backfills::list).reading(&["limit", "after"]),
        Route::get(paths::BACKFILL, Needs(ReadSchedules), backfills::shown),
        Route::post(paths::BACKFILL_STOP, Needs(EditSchedules), backfills::stop),
        Route::post(paths::BACKFILL_RESUME, Needs(EditSchedules), backfills::resume),
    ]
}

/// Tells a fault at its place in the document: `rules[0].cron` is `/rules/0/cron`.
pub(super) fn problem(fault: &Fault) -> Problem {
    let pointer: String = fault.path.replace('[', "/").replace(']', "").replace('.', "/");
    Problem { field: format!("/{pointer}"), message: fault.message.clone() }
}

/// Tells that a schedule is gone, and where what it did is found.
pub(super) fn removed(name: &str, at: Time) -> WebError {
    let rule = format!("The jobs that it made are found by schedule:{name}; who removed it stands in the audit trail.");
    WebError::Gone(Gone { what: format!("The schedule {name} was removed."), at: Some(at), rule })
}

pub(super) fn refused(error: ScheduleError) -> WebError {
    let told = format!("{}.", sentence(&error.to_string()));
    match error {
        ScheduleError::Removed(name, at) => removed(&name, at),
        ScheduleError::NotFound(_) | ScheduleError::NoVersion(..) | ScheduleError::NoBackfill(_) => WebError::NotFound,
        ScheduleError::NameTaken(_)
        | ScheduleError::Stale { .. }
        | ScheduleError::Already(..)
        | ScheduleError::BackfillIs(..)
        | ScheduleError::Overlaps(_)
        | ScheduleError::NoJob(_) => WebError::Conflict(told),
        ScheduleError::Refused(faults) => WebError::Invalid(faults.iter().map(problem).collect()),
        ScheduleError::OutOfScope(_) => WebError::Invalid(vec![Problem { field: "/template".into(), message: told }]),
        ScheduleError::BadRange(message) => WebError::Invalid(vec![Problem { field: "/to".into(), message }]),
        ScheduleError::BadNote(odd) => {
            WebError::Invalid(vec![Problem { field: "/reason".into(), message: odd.to_string() }])
        }
        ScheduleError::Forbidden(lacking) => lacking.into(),
        ScheduleError::Db(error) => error.into(),
    }
}
