//! Schedules against a real database: what is due runs once, whoever looks; policies, calendars, backfills, runs by hand.
mod backfills;
mod changes;
mod firing;
mod policies;
pub mod stage;
mod walk;
