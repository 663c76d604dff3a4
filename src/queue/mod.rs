//! Rank 1: the mechanism, usable without web and engine.
//!
//! The life of a job, with the table where its row stands (nothing on this way is updated in place):
//!
//! ```text
//! enqueue ─▶ jobs (immutable: arguments, options; written once)
//!        ├─▶ ready ──claim──▶ leases (a batch under one fence) ──settle──▶ history
//!        ├─▶ scheduled ──due──▶ ready          │  ├─▶ scheduled (retrying, snoozed)
//!        └─▶ gated ──its turn, a place──▶ ready │  ├─▶ gated (no place in a lane)
//!                parked (held, blocked) ◀──────┘  └─▶ ready (handed back)
//!        sweep: leases of lost nodes ──▶ ready, parked or history
//!        every move: state_deltas ─fold─▶ state_counts;  every attempt: rollup_deltas ─fold─▶ rollups
//! ```
pub mod access;
pub mod actor;
pub mod aging;
pub mod args;
pub mod audit;
pub mod catalog;
pub mod claim;
pub mod control;
pub mod counts;
pub mod digests;
pub mod due;
pub mod enqueue;
pub mod failures;
pub mod fingerprint;
pub mod fit;
pub mod grams;
pub mod hand_back;
pub mod histogram;
pub mod horizon;
pub mod idempotency;
pub mod job;
pub mod joining;
pub mod limits;
pub mod log;
pub mod log_packing;
pub mod node;
pub mod notifications;
pub mod params;
pub mod partitions;
pub mod permission;
pub mod pool_sizes;
pub mod pools;
pub mod render;
pub mod retention;
pub mod retry;
pub mod ring;
pub mod schedules;
pub mod settle;
pub mod sql_jobs;
pub mod state;
pub mod sweep;
pub mod template;
pub mod turns;
pub mod work;
