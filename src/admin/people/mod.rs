//! People: who has a login, with which role, limited to what.
mod queries;
pub mod service;
