//! Jobs: list, one job, enqueue, and what people do to them.
mod detail;
mod explain;
mod filter;
pub mod idempotency;
mod list;
pub mod service;

pub use detail::{Attempt, Detail, Run, attempts, detail, recent_runs};
pub use explain::{Explanation, Reason, explain};
pub use filter::JobFilter;
pub use list::{Cursor, JobPage, JobRow, list};
