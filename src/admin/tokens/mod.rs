//! API tokens: made, shown once, listed, revoked.
mod list_page;
mod new_page;
pub mod page;
mod queries;
mod revoke_page;
pub mod service;
