//! Business calendars: holidays, business days, maintenance windows; schedules mind them.
//!
//! ```text
//! service.rs   list, find, save, remove (permission, transaction, audit)      read.rs   the queries
//! facts.rs     what is worth saying of one: holidays of a year, the next one, days with an open window
//! words.rs     countries and windows in words        import.rs   the days of an iCalendar file into a calendar
//! api.rs       /api/v1/calendars…, its JSON in json.rs                         page/     the console
//! editor/      a calendar as the fields of a form
//! ```
pub mod api;
pub mod editor;
pub mod facts;
pub mod import;
pub mod json;
pub mod page;
mod read;
pub mod service;
pub mod words;

pub use read::{CalendarRow, USERS_MAX, list};
