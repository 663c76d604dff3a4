//! Nodes: list, one node, drain, resume, bounds of its slots.
pub mod api;
pub mod page;
mod read;
pub mod service;
pub mod slots;
mod state;
mod work;

pub use read::NodeRow;
pub use slots::Bounds;
pub use state::NodeState;
pub use work::{Ages, RunningJob, ages, running_on};
