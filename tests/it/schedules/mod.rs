//! Schedules against a real database: what is due runs once, whoever looks; policies, calendars, backfills, runs by hand.
mod ailing;
mod api;
mod backfills;
mod changes;
mod firing;
mod forms;
mod kept;
mod pages;
mod plans;
mod policies;
mod programs;
mod rights;
mod secrets;
pub mod stage;
mod walk;
