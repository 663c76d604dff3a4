//! Schedules as people and programs deal with them. What fires them is in `queue::schedules`.
mod acts;
pub mod api;
mod apply;
pub mod backfill;
mod begin;
pub mod compare;
mod document;
mod error;
mod filter;
mod fleet;
mod history;
pub mod json;
mod load;
pub mod page;
pub mod preview;
mod read;
mod scope;
pub mod service;
pub mod show;
mod target;
mod waiting;

pub use apply::{Applied, ApplyError, Documents, apply, apply_in};
pub use document::document_text;
pub use error::ScheduleError;
pub use filter::{Cursor, ScheduleFilter, Sort};
pub use history::{
    BACKFILLS_MAX, BackfillRow, OCCURRENCES_MAX, OccurrenceRow, Page, RunMark, backfills, occurrences, older_backfills,
    strips,
};
pub use read::{SCHEDULES_MAX, ScheduleRow, Standing, VersionRow};
pub(crate) use scope::in_scope;
pub use waiting::{Minding, leave_for_calendar, minding};
