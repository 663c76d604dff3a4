//! Nodes: list, drain.
pub mod api;
mod read;
pub mod service;

pub use read::NodeRow;
