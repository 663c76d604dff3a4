//! The kit of the API: what every endpoint reads in the same way. It knows no feature.
//!
//! ```text
//! bytes ─▶ Asked (limit, Idempotency-Key) ─▶ document (depth, NUL, numbers, UTF-8) ─▶ Fields (types, unknown fields) ─▶ service
//! query ─▶ Pages (limit, after)
//! ```
//! Every problem is told at once and at its place (a JSON pointer, or the name of a query parameter). The guard has seen to
//! token, scopes and rate before (`guard.rs`).
mod asked;
mod base;
mod document;
mod fields;
mod pages;
pub mod paths;

pub use asked::Asked;
pub use base::base;
pub use document::{document, named, object};
pub use fields::{Fields, told};
pub use pages::Pages;

/// Largest body of a request, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most problems that one answer tells.
pub const PROBLEMS_MAX: usize = 100;
