//! Business calendars: holidays, business days, maintenance windows; schedules mind them.
mod read;
pub mod service;

pub use read::{CalendarRow, USERS_MAX, list};
