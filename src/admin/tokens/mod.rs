//! API tokens: made, shown once, listed, revoked.
mod queries;
pub mod service;
