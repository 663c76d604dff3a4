//! Queues: list, pause, resume, weight.
pub mod api;
mod read;
pub mod service;

pub use read::{Counts, Paused, QueueRow};
