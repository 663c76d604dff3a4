//! Limits: how many jobs that share a key run at once, and how many begin within a time.
//!
//! ```text
//! claim ─▶ leases ─▶ admit: leases locked by id, lanes by key ─▶ runs (lane_use + 1)
//!                       │ no place                                  │
//!                       ▼                                           ▼
//!                     gated ◀───────── first of the lane ────── settle: lane_use − 1
//!                       └──────────▶ ready (a new place)
//! ```
//! A job's keys stand in its immutable row since it was enqueued, so whoever has none meets nothing of this. What a node
//! uses counts only while that node lives under that epoch: a dead holder holds nothing.
mod admit;
mod decide;
mod free;
mod look;
mod queues;
mod rules;

pub use admit::{Ask, admit};
pub use decide::{Bound, Candidate, Lane, Rule, Verdict, decide};
pub(super) use free::free;
pub use free::{give_back, recount};
pub use look::{Cursor, FORGET_MAX, forget_lanes, look};
pub use queues::queue_limited;
pub use rules::{queue_key, rules};
