//! Bulk operations: one act on many jobs, previewed with a count, worked on in chunks by whichever node gets to it.
//!
//! ```text
//! preview ─▶ start ─▶ operations (running) ─▶ work: a chunk of at most 200 jobs per transaction ─▶ operation_chunks
//!                          ▲   │ stop                 the acts, the results and the cursor together,
//!                   resume │   ▼                      so that a node that dies in the middle has done nothing twice
//!                        stopped · failed · done
//! ```
//! The cursor goes from the newest job that was there at the start to the oldest: each is met once, whatever the act makes of it.
pub mod acted;
pub mod api;
mod askable;
pub mod bounds;
mod bulk;
mod file;
pub mod page;
mod plan;
pub(crate) mod read;
pub mod results;
pub mod service;
pub mod turn;
pub mod work;

pub use askable::askable;
pub use bulk::{ActError, Bulk, Format};
pub use plan::{Plan, Which};
pub use read::{Operation, OperationId, OperationState, Skipped, part};
