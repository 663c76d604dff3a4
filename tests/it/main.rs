//! Integration tests.
mod access;
mod cli;
mod browser;
mod cluster;
mod config;
mod database;
mod engine;
mod runners;
mod support;
mod web;
