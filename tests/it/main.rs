//! Integration tests.
mod access;
mod api;
mod browser;
mod cli;
mod cluster;
mod config;
mod database;
mod engine;
mod enqueue;
mod jobs;
mod own_handlers;
mod plans;
mod runners;
mod schema;
mod support;
mod templates;
mod web;
