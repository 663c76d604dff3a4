//! Named business calendars: which days are holidays, which are business days, and when maintenance windows are open. Pure.
//!
//! ```text
//! document.rs   Calendar: the document of a file or form (kind: Calendar), strict about its fields
//! values.rs     its small values: name, month and day, moment, time of day, length
//! check.rs      validate: everything wrong with a document, each with its path; closed.rs, whether windows leave gaps
//! days.rs       BusinessDays: what a valid calendar says about a date: holiday, business day, year view, exclusion
//! business.rs   next and previous business day, nth of a month, roll
//! window.rs     one maintenance window: when it opens, for how long
//! ```
//! All dates and times are wall-clock ones of the calendar's zone, or of the schedule that asks when it has none. Every search
//! is bounded: for a business day by [`SEARCH_DAYS_MAX`] (a valid calendar has one in each year), for a window's end by
//! [`JOINED_MAX`] steps of at most [`WINDOWS_MAX`] windows and 33 days.
mod business;
mod check;
mod closed;
mod days;
mod document;
mod values;
mod window;

pub use business::{Roll, SEARCH_DAYS_MAX};
pub use check::Problem;
pub use days::{BusinessDays, Day, HolidayName, Meaning, Window};
pub use document::{Calendar, CalendarKind, HolidaysOf, OwnDate, Removed, WindowRule, Workday};
pub use values::{Length, Moment, MonthDay, TimeOfDay};

/// Most entries of `dates`, of `removed` and of `workdays`.
pub const DATES_MAX: usize = 2_000;
/// Most days that the entries of `dates` cover together, those of every year aside.
pub const COVERED_DAYS_MAX: i64 = 20_000;
/// Longest range of `dates`, in days.
pub const RANGE_DAYS_MAX: i64 = 366;
/// Most countries and regions of one calendar.
pub const PLACES_MAX: usize = 20;
/// Most maintenance windows.
pub const WINDOWS_MAX: usize = 100;
/// Longest maintenance window, in days.
pub const WINDOW_DAYS_MAX: i64 = 31;
/// Longest stretch that windows may cover without a gap, in days: work that waits for their end has to come to run.
pub const CLOSED_DAYS_MAX: i64 = 62;
/// Most windows that are joined to one for an answer. Whoever waits for the end of the last asks again then.
pub const JOINED_MAX: usize = 100;
/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest name of a day or window, in characters.
pub const LABEL_CHARS_MAX: usize = 100;

#[cfg(test)]
mod tests;
