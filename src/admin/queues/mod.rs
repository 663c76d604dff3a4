//! Queues: list, one queue, pause, resume, limits.
pub mod api;
mod course;
mod detail;
mod limits;
pub mod page;
mod read;
pub mod service;

pub use course::{Course, courses, drains_in};
pub use limits::{JOBS_MAX, Limits, WAIT_TARGET_MS_MAX, WEIGHT_MAX, Wish, target};
pub use read::{Counts, Paused, QueueRow, UsedBy, used_by};
