//! Millrace runs an organisation's background work and shows it.
//!
//! The map, in rank order; imports only look down (`tests/tidy.rs` holds this):
//!
//! | rank | module | what lives there |
//! |---|---|---|
//! | 0 | [`base`] | clock, database access, ids, checked text: no product knowledge |
//! | 0 | [`cluster`] | the embedded PostgreSQL: found or fetched, made, started, watched, ended |
//! | 0 | [`timing`] | when: rules of time, business calendars, occurrences; pure |
//! | 0 | [`config`] | the settings: default < file < environment < flag, each value with its source |
//! | 1 | [`queue`] | the mechanism: enqueue, claim, settle, retry, control, rollups; usable without web and engine |
//! | 2 | [`engine`] | runs the jobs: dispatcher, worker threads, settler, heartbeat, sweep; plain threads |
//! | 2 | [`runners`] | the work that ships with us: commands, HTTP calls, SQL, diagnostic handlers |
//! | 2 | [`web`] | the kit that pages are made with: shell, components, forms, charts, assets; knows no feature |
//! | 3–4 | [`admin`] | the features of the console and the API, a folder each |
//! | 3 | [`bench`] | measures this installation beside hand-written SQL |
//! | 3 | [`demo`] | a living example: templates, people, thirty days of history, work going on; nothing without its marker |
//! | 5 | [`cli`] | the command line, entry of every process; calls the same services |
pub mod admin;
pub mod base;
pub mod bench;
pub mod boot;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod demo;
pub mod engine;
pub mod queue;
pub mod routes;
pub mod runners;
pub mod timing;
pub mod web;

/// Runs the program with the Rust handlers of `registry`: what an organisation's own binary calls in `main`.
pub fn run(registry: queue::work::Registry) -> std::process::ExitCode {
    cli::main(registry)
}
