//! The composition root: the only place that knows every part and puts them together. `cli/serve.rs` and `cli/engine.rs` run
//! what is composed here.
//!
//! ```text
//! millrace serve (supervisor and web) ── starts and watches ──▶ PostgreSQL (embedded, unless DATABASE_URL)
//!        │                            └─ starts and watches ──▶ millrace engine (same binary: runs the jobs)
//!        └─ ends in this order: web stops accepting, engine drains, PostgreSQL stops
//! ```
pub mod duties;
mod open_failures;
pub mod partner;
pub mod runners;
mod weakness;
pub mod web;

/// Why something could not be composed; a sentence for the person at the terminal, with the act to take.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BootError(pub String);

impl BootError {
    /// Wraps an error of a part with what was being done.
    pub fn when(doing: &str, error: impl std::fmt::Display) -> Self {
        Self(format!("{doing}: {error}"))
    }
}
