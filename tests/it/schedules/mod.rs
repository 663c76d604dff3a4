//! Schedules against a real database: what is due runs once, whoever looks; policies, calendars, backfills, runs by hand.
mod ailing;
mod backfills;
mod changes;
mod firing;
mod forms;
mod pages;
mod plans;
mod policies;
mod secrets;
pub mod stage;
mod walk;
