//! One's own account: signing in and out, the first admin, password, sessions, how pages look.
mod queries;
pub mod service;
pub mod setup;
pub mod sign_in;
