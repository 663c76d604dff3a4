//! What tests stand on.
//!
//! ```text
//! TestDb ── CREATE DATABASE … TEMPLATE ──▶ shared cluster (one per test process, volatile, in memory when there is room)
//!                                              └─ ThrowAway (a folder that goes away)
//! ```
//! `TestDb::new()` gives a test an empty database with the whole schema in about 30 ms.
pub mod cutter;
mod database;
mod exit;
pub mod overheard;
mod shared_cluster;
pub mod stage;
mod throw_away;

pub use database::TestDb;
pub use exit::drop_at_exit;
pub use throw_away::ThrowAway;
