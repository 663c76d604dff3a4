//! People: who has a login, with which role, limited to what.
mod act_page;
mod form_page;
mod list_page;
pub mod page;
mod password_page;
mod queries;
mod roles_page;
pub mod service;
mod typed;
