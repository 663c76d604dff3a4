//! When: rules of time, business calendars, and the occurrences that come of them. Pure: no clock, no database.
//!
//! ```text
//! cron, interval, recurrence, instant ─▶ rule ─▶ zone (clock changes) ─▶ plan (exclusions, business days, windows) ─▶ course
//! ```
//! Every search is bounded: rules have a horizon, closed times are jumped over, and a course that finds nothing gives up and says so.
pub mod calendar;
mod course;
pub mod cron;
mod describe;
pub mod document;
mod error;
pub mod holidays;
pub mod ics;
mod interval;
mod open;
mod outlook;
mod plan;
pub mod policies;
mod reason;
pub mod recurrence;
mod rule;
pub mod schedule;
pub mod words;
mod zone;

#[cfg(test)]
mod tests;

pub use course::{Course, STEPS_MAX};
pub use cron::stable_number;
pub use describe::zone_words;
pub use error::RuleError;
pub use interval::Interval;
pub use open::Open;
pub use outlook::{ClockNote, PlannedDay, RUNS_OF_DAY_MAX, Touched};
pub use plan::{Action, Business, Closed, Exclusion, Fate, Hours, Occurrence, Plan};
pub use reason::Reason;
pub use rule::{Rule, Slots};
pub use zone::{ClockChange, Gap, Instants, LocalRule, Overlap, Slot, TZ_VERSION, Touch, place};
