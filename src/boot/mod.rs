//! The composition root: the only place that knows every part and puts them together. `cli/serve.rs` and `cli/engine.rs` run
//! what is composed here.
//!
//! ```text
//! millrace serve (supervisor and web) ── starts and watches ──▶ PostgreSQL (embedded, unless DATABASE_URL)
//!        │                            └─ starts and watches ──▶ millrace engine (same binary: runs the jobs)
//!        └─ ends in this order: web stops accepting, engine drains, PostgreSQL stops
//! ```
pub mod duties;
pub mod web;
