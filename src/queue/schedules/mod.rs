//! Schedules: what makes jobs by itself. Any number of nodes fire them; none is the leader.
//!
//! ```text
//! due_at ─▶ take (locked, others pass over) ─▶ plans ─▶ decide (pure) ─▶ jobs, occurrences, the row moved on ─▶ commit ─▶ ring
//! ```
//! An occurrence is named by the instant that the rules name, in UTC; there is one row for each, whatever became of it.

mod backfill;
mod decide;
mod fire;
mod hand;
mod next;
mod plans;
mod retention;
mod settle;
mod standing;
#[cfg(test)]
mod tests;
mod told;
mod values;
mod versions;
mod write;

pub use backfill::{BACKFILL_MAX, Backfills, Range, Worked, occurrences, with_jobs, work};
pub use decide::{Decided, LATE, Released, Standing, WALKED_MAX, decide};
pub use fire::{Fired, SCHEDULES_MAX, author, fire};
pub use hand::{ByHand, run_by_hand};
pub use next::{Next, next};
pub use plans::{Found, Known, Plans, Wanted, told};
pub use retention::{FORGET_MAX, forget_finished, forget_old};
pub use settle::{come_back, note_ahead, release, settle};
pub use standing::next_due;
pub use values::{Act, BY_HAND, BY_RULES, BackfillId, Cause, Decision, Outcome, ScheduleId, Why};
pub use versions::{calendars_named, known};
