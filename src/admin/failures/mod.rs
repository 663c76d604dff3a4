//! Failures: what fails for one reason is one group, and people decide what becomes of it.
//!
//! ```text
//! queue::failures (counts, the rule of states) ─▶ read (lists), detail (one group), differs (failing against succeeding jobs)
//! service: permission, one transaction, audit ─▶ page, api, cli::failure
//! ```
mod acts;
pub mod api;
mod detail;
mod differs;
mod filter;
mod json;
mod look;
pub mod page;
mod read;
pub mod service;

pub use acts::Act;
pub use filter::{Cursor, Filter, Range, Sort};
pub use json::{group_json, whole_json};
pub use look::{Look, look, word};
pub use read::{GroupRow, ROWS_MAX};
