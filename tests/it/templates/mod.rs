//! Templates: services, console, API and command line over a real database.
mod look;
mod stage;
