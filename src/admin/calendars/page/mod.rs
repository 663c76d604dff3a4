//! The pages of calendars.
//!
//! ```text
//! /calendars            list            /calendars/{name}?year=   show ─── year (twelve months, the days worth naming)
//! /calendars/new, /calendars/{name}/change   edit (a form, its page in sheet)    /calendars/{name}/remove   remove (asks, acts)
//! /calendars/import     import (what of an iCalendar file is taken, then taken)  /calendars/{name}/file.ics
//! ```
mod edit;
mod import;
mod list;
mod remove;
mod sheet;
mod show;
#[cfg(test)]
mod tests;
mod year;

use chrono::{Datelike, NaiveDate};

use super::service::{self, CalendarError};
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Problem, sentence};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};

/// The routes of the pages of calendars.
pub fn routes() -> Vec<Route> {
    let [read, edit] = [Permission::ReadCalendars, Permission::EditCalendars].map(Access::Needs);
    vec![
        Route::get(paths::CALENDARS, read, list::show),
        Route::get(paths::CALENDAR_NEW, edit, edit::new),
        Route::post(paths::CALENDAR_NEW, edit, edit::make),
        Route::get(paths::CALENDAR_IMPORT, edit, import::ask),
        Route::post(paths::CALENDAR_IMPORT, edit, import::act),
        Route::get(paths::CALENDAR, read, show::show),
        Route::get(paths::CALENDAR_FILE, read, show::file),
        Route::get(paths::CALENDAR_CHANGE, edit, edit::open),
        Route::post(paths::CALENDAR_CHANGE, edit, edit::change),
        Route::get(paths::CALENDAR_REMOVE, edit, remove::ask),
        Route::post(paths::CALENDAR_REMOVE, edit, remove::act),
    ]
}

/// Tells whoever asked on a page.
fn told(error: CalendarError) -> WebError {
    let told = format!("{}.", sentence(&error.to_string()));
    match error {
        CalendarError::NotFound(_) => WebError::NotFound,
        CalendarError::NameTaken(_)
        | CalendarError::Stale(_)
        | CalendarError::InUse { .. }
        | CalendarError::Limited
        | CalendarError::TooMany => WebError::Conflict(told),
        CalendarError::Forbidden(lacking) => lacking.into(),
        CalendarError::Db(error) => error.into(),
        CalendarError::BadName(_) | CalendarError::Refused(_) | CalendarError::BadNote(_) => {
            WebError::Invalid(vec![Problem { field: field(&error).into(), message: told }])
        }
    }
}

/// The field of a form that a refusal is about; empty when it is about none.
fn field(error: &CalendarError) -> &'static str {
    match error {
        CalendarError::BadName(_) | CalendarError::NameTaken(_) | CalendarError::TooMany => "name",
        CalendarError::BadNote(_) => "reason",
        _ => "",
    }
}

/// A calendar is everybody's: whoever is limited to some queues finds no form.
fn refuse_limited(actor: &Actor) -> Result<(), WebError> {
    if service::may_act(actor) { Ok(()) } else { Err(WebError::NotFound) }
}

/// Names a page of calendars.
fn titled(shell: Shell, title: impl Into<String>) -> Shell {
    let shell = shell.titled(title, Section::Schedules);
    shell.under("Schedules", paths::SCHEDULES).under("Calendars", paths::CALENDARS)
}

/// Names a page below one calendar.
fn titled_under(shell: Shell, title: impl Into<String>, name: &str) -> Shell {
    titled(shell, title).under(name, paths::calendar(name))
}

/// Writes a day: `Thu 24 Dec`, with the year when it is not `year`.
fn day(date: NaiveDate, year: i32) -> String {
    date.format(if date.year() == year { "%a %-d %b" } else { "%a %-d %b %Y" }).to_string()
}

/// Counts things: `1 day`, `3 days`.
fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}
