//! Templates: services, console, API and command line over a real database.
mod api;
mod commands;
mod editor;
mod look;
mod pages;
mod services;
pub mod stage;
