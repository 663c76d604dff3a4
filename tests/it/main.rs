//! Integration tests.
mod cluster;
mod config;
mod database;
mod engine;
mod support;
