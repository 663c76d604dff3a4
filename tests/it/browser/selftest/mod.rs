//! The harness held to its own promises: every check fails on a page with that fault, and only there.
mod acts;
mod clean;
mod faults;
mod server;
mod waits;
