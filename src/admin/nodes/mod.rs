//! Nodes: list, one node, drain, resume.
pub mod api;
pub mod page;
mod read;
pub mod service;
mod state;
mod work;

pub use read::NodeRow;
pub use state::NodeState;
pub use work::{Ages, RunningJob, ages, running_on};
