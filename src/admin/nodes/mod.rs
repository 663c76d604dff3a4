//! Nodes: list, drain.
mod read;
pub mod service;

pub use read::NodeRow;
