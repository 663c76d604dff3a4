//! Integration tests.
mod cluster;
mod database;
mod support;
