//! Jobs: list, one job, enqueue, and what people do to them.
pub mod acts;
pub mod again;
pub mod api;
pub mod bulk;
mod debounce;
mod detail;
mod explain;
mod filter;
pub mod forecast;
mod fresh;
mod gate;
pub mod gather;
pub mod idempotency;
pub mod json;
mod list;
pub mod log_lines;
pub mod pace;
pub mod page;
pub mod query;
mod recent;
mod rows;
pub mod search;
pub mod service;
pub mod sorted;
pub mod tally;
pub mod timeline;
pub mod trail;
mod turn;
pub mod view;

#[cfg(test)]
pub(crate) use detail::sample;
pub use detail::{Attempt, Detail, attempts, detail, details};
pub use explain::{Explanation, Outlook, PoolWait, Reason, explain};
pub use filter::JobFilter;
pub use list::{Cursor, JobPage, JobRow, LOOK_ROWS_MAX, PAGE_ROWS_MAX, list};
pub use recent::{Run, recent_runs};
pub use rows::{ROWS_MAX, rows_of};
