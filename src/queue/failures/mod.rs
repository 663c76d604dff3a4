//! Failure groups: failures with one fingerprint, counted exactly and without looking at jobs.
//!
//! ```text
//! settle ─▶ failure_deltas (a row per batch, fingerprint, hour, version, queue) ─▶ fold ─▶ failure_groups, failure_counts
//!                                                                     rising, forget: duties      state: a pure rule
//! ```
mod fold;
mod forget;
mod rising;
mod state;

pub(super) use fold::fold;
pub use forget::{FORGET_MAX, forget_old};
pub use rising::mark_rising;
pub use state::{Facts, GroupState, NEW_HOURS, QUIET_HOURS, is_rising};
