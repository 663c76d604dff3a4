//! Integration tests.
mod cluster;
mod database;
mod engine;
mod support;
