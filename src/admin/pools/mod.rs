//! Pools: named amounts of resources that jobs reserve while they run.
pub mod api;
mod holders;
pub mod page;
mod read;
pub mod service;

pub use holders::{Holder, NodeShare, User, Waiter};
pub use read::PoolRow;
