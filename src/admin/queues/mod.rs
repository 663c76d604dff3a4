//! Queues: list, one queue, pause, resume, weight.
pub mod api;
mod course;
pub mod page;
mod read;
pub mod service;

pub use course::{Course, courses};
pub use read::{Counts, Paused, QueueRow, UsedBy, used_by};
