//! Integration tests.
mod access;
mod browser;
mod cli;
mod cluster;
mod config;
mod database;
mod engine;
mod runners;
mod jobs;
mod support;
mod web;
