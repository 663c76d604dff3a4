//! The health of the installation: what is unsafe or unhealthy in the database, as sentences with the act that mends it.
mod queries;
pub mod service;
