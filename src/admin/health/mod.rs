//! The health of the installation: what is unsafe or unhealthy in the database, as sentences with the act that mends it.
pub mod api;
pub mod database;
mod database_metrics;
mod exposition;
mod metrics;
pub mod page;
mod probe;
mod queries;
pub mod resting;
pub mod service;
mod slots;

pub use probe::Here;
pub use slots::{Peak, peak};
