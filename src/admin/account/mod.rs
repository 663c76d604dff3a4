//! One's own account: signing in and out, the first admin, password, sessions, how pages look.
mod device;
pub mod fresh_page;
pub mod page;
mod queries;
mod security_page;
pub mod service;
pub mod setup;
mod setup_page;
pub mod sign_in;
mod sign_in_page;
