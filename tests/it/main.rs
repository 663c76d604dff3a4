//! Integration tests.
mod access;
mod cluster;
mod config;
mod database;
mod engine;
mod support;
mod web;
