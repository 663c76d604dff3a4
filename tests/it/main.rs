//! Integration tests.
mod access;
mod api;
mod browser;
mod cli;
mod cluster;
mod config;
mod database;
mod engine;
mod jobs;
mod own_handlers;
mod runners;
mod support;
mod templates;
mod web;
