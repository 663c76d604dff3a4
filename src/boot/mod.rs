//! The composition root: turns settings into running processes. The only place that knows every part.
//!
//! ```text
//! millrace serve (supervisor and web) ── starts and watches ──▶ PostgreSQL (embedded, unless DATABASE_URL)
//!        │                            └─ starts and watches ──▶ millrace engine (same binary: runs the jobs)
//!        └─ ends in this order: web stops accepting, engine drains, PostgreSQL stops
//! ```
pub mod database;
mod engine;
mod serve;

pub use engine::engine;
pub use serve::serve;

/// Why a process could not start or go on; a sentence for the person at the terminal, with the act to take.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BootError(pub String);

impl BootError {
    /// Wraps an error of a part with what was being done.
    pub fn when(doing: &str, error: impl std::fmt::Display) -> Self {
        Self(format!("{doing}: {error}"))
    }
}
