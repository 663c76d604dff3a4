//! Limits: how many jobs that share a key run at once, how much of a pool they reserve, and how many begin within a time.
//!
//! ```text
//! claim ─▶ leases ─▶ admit: leases locked by id, lanes by key ─▶ runs (lane_use + 1)
//!                       │ no place                                  │
//!                       ▼                                           ▼
//!                     gated ─▶ ready (a new place) ◀── let_in ── settle (lane_freed + 1)
//! ```
//! Settling takes no lane: it only counts what it frees, and looks *after its commit* whether somebody waits. Whoever sends a
//! job to wait looks after his commit whether there is room. One of the two sees the other. Should its process die between,
//! [`look`] comes by once a second.
//!
//! A pool is a lane of which jobs take amounts. Those that wait for it are let in while there is enough for the next one, and
//! newcomers wait behind them; what they were let in for is kept for them (`lane_kept`) on their way through the line. So one
//! that needs much comes to it, however many small ones there are. Whoever needs more than a pool has waits in nobody's way.
//!
//! A place of a lane that is not a pool is kept for nobody: whoever comes first takes it, and the one that was let in, and may
//! have a long line before it, waits again, before all others. So no place stands empty; who needs strict order has ordering keys.
//!
//! A job's keys stand in its immutable row since it was enqueued, so whoever has none meets nothing of this. What a node
//! uses counts only while that node lives under that epoch: a dead holder holds nothing.
//!
//! A queue's limit is set while its jobs run: each node takes places for what it holds of that queue ([`adopt`]) and gives back what
//! it has not begun; whoever sets the limit waits for that ([`obeyed`]). A template's limit is of its version, so it holds for
//! the jobs of versions that have it: those that were enqueued before run as they were published.
mod admit;
mod adopt;
mod decide;
mod free;
mod kept;
mod keys;
mod look;
mod numbered;
mod pools;
mod queues;
mod rules;
#[cfg(test)]
mod tests;

pub use admit::{Ask, admit};
pub use adopt::{Holding, adopt, last_change, limited_since, obeyed};
#[cfg(test)]
pub(crate) use decide::still_kept;
pub use decide::{Bound, Candidate, Lane, Lanes, Rule, Verdict, decide, places};
pub(super) use free::{bind_freed, counted, free, freed_sql, let_in_freed};
pub use free::{give_back, recount};
pub use keys::{Held, Hold, LimitKeys};
pub use look::{Cursor, FORGET_MAX, forget_lanes, look};
pub use pools::pool_changed;
pub use queues::queue_limited;
pub use rules::{pool_key, queue_key, rules};
