//! Queues: list, pause, resume, weight.
mod read;
pub mod service;

pub use read::{Counts, Paused, QueueRow};
