//! A run by hand: one job more, at once, beside what the rules make.

use diesel::sql_types::Timestamptz;

use super::fire::{author, sentences, turn_key};
use super::plans::Known;
use super::standing::{self, Jobs};
use super::values::{BY_HAND, Outcome, ScheduleId};
use super::write::{self, Row};
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::enqueue::{Apart, Asked, Enqueued, enqueue_occurrences};
use crate::queue::job::JobId;
use crate::queue::turns;
use crate::timing::schedule::OverlapPolicy;

/// What a run by hand came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByHand {
    /// It has this job; `behind` = it waits for the end of that one.
    Made {
        /// The job.
        job: JobId,
        /// An earlier one that has not ended.
        behind: Option<JobId>,
    },
    /// This job has not ended, and the schedule's jobs do not overlap.
    Overlaps(JobId),
    /// No job can be made.
    Refused(String),
}

/// Makes a job of a schedule, whose row the caller has locked, named by the present moment.
///
/// # Errors
/// Database failures.
pub fn run_by_hand(tx: &mut Tx<'_>, id: ScheduleId, version: i32, known: &Known) -> Result<ByHand, DbError> {
    const NOW: &str = "-- queue::schedules::now
SELECT date_trunc('milliseconds', clock_timestamp())";
    let Jobs { live, apart, .. } = standing::jobs(tx, &[id.0])?.remove(&id).unwrap_or_default();
    let in_turn = !matches!(known.policies.overlap, OverlapPolicy::AllowAll | OverlapPolicy::Skip);
    if let (OverlapPolicy::Skip, Some(job)) = (known.policies.overlap, live.first()) {
        return Ok(ByHand::Overlaps(*job));
    }
    let now: Time = statement(NOW).tuples::<Timestamptz, Time>(tx)?.pop().unwrap_or_default();
    if in_turn {
        turns::join(tx, &apart.into_iter().map(|job| (turn_key(id), job)).collect::<Vec<_>>())?;
    }
    let turn = in_turn.then(|| turn_key(id));
    let asked = Asked { by: author(&known.spec.name), job: &known.job(), occurrence: Some((id.0, now)), turn };
    let job = match enqueue_occurrences(tx, &[asked], true)?.pop() {
        Some(Ok(Enqueued { id, existing: false })) => id,
        Some(Ok(Enqueued { id, .. })) => return Ok(ByHand::Overlaps(id)),
        Some(Err(Apart::Refused(refusals))) => return Ok(ByHand::Refused(sentences(&refusals))),
        Some(Err(Apart::Alone)) | None => return Ok(ByHand::Refused("its job depends on other jobs".into())),
    };
    let row = Row {
        schedule: id,
        at: now,
        backfill: BY_HAND,
        version,
        outcome: Outcome::Enqueued,
        why: None,
        run_at: Some(now),
        until: None,
        more: 0,
        job: Some(job),
        finish_by: known.policies.finish_within.map(|length| now + length),
    };
    write::occurrences(tx, &[row])?;
    Ok(ByHand::Made { job, behind: live.last().copied().filter(|_| in_turn) })
}
