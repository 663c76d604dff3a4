//! The promises of the embedded PostgreSQL.
mod accounts;
mod crash;
mod lifetime;
mod owner;
mod refusals;
mod stage;
