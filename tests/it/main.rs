//! Integration tests.
mod access;
mod cli;
mod cluster;
mod config;
mod database;
mod engine;
mod support;
mod web;
