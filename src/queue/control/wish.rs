//! What is wanted of jobs: which states allow it, and where it puts them.

use super::{Manner, Waiting};
use crate::base::clock::Time;
use crate::queue::job::QueueId;
use crate::queue::state::{Event, JobState};

/// Something that a person wants of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// End them, with a reason; running ones are asked to stop.
    Cancel(Option<String>),
    /// The same, but running ones get no time to end in order.
    Terminate(Option<String>),
    /// Stop waiting ones until somebody releases them, with a reason.
    Hold(Option<String>),
    /// Let held ones go on, as of this moment: at their time, or at once when that has passed.
    Release(Time),
    /// Make waiting ones ready at once.
    RunNow,
    /// Make failed, cancelled and expired ones ready again.
    Reopen,
    /// Both: reopen what has ended, do not wait for what is scheduled or waits for its backoff.
    Retry,
    /// Move waiting ones to another time.
    Reschedule(Time),
    /// Give waiting ones another priority, 1 to 5.
    Priority(i16),
    /// Move waiting ones to another queue.
    Queue(QueueId),
    /// Take failed and expired ones off what needs attention, with a reason: they count as cancelled.
    Discard(Option<String>),
}

impl Wish {
    /// Tells whether a job in `state` allows it, now or by being asked.
    pub fn is_allowed(&self, state: JobState) -> bool {
        match self {
            Self::Cancel(_) | Self::Terminate(_) => state.after(Event::Cancel).is_some(),
            Self::Hold(_) => state.after(Event::Hold).is_some() && state.is_waiting(),
            Self::Release(_) => state.after(Event::Release).is_some(),
            Self::RunNow => state.after(Event::Due).is_some(),
            Self::Reopen => state.after(Event::Reopen).is_some(),
            Self::Retry => {
                state.after(Event::Reopen).is_some() || matches!(state, JobState::Scheduled | JobState::Retrying)
            }
            Self::Reschedule(_) => state.after(Event::Reschedule).is_some() && state.is_waiting(),
            Self::Priority(_) | Self::Queue(_) => state.is_waiting(),
            Self::Discard(_) => state.after(Event::Discard).is_some(),
        }
    }

    /// Lists the states of waiting jobs that allow it.
    pub(super) fn waiting_states(&self) -> Vec<JobState> {
        JobState::ALL.into_iter().filter(|state| state.is_waiting() && self.is_allowed(*state)).collect()
    }

    /// Lists the states of ended jobs that allow it.
    pub(super) fn ended_states(&self) -> Vec<JobState> {
        JobState::ALL.into_iter().filter(|state| state.is_terminal() && self.is_allowed(*state)).collect()
    }

    /// Tells whether running jobs are asked.
    pub(super) fn asks_running(&self) -> bool {
        matches!(self, Self::Cancel(_) | Self::Terminate(_))
    }

    /// Tells how running jobs are to end that are asked.
    pub(super) fn manner(&self) -> Manner {
        if matches!(self, Self::Terminate(_)) { Manner::Terminate } else { Manner::Cancel }
    }

    /// Gives the reason that stands beside the jobs.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Cancel(reason) | Self::Terminate(reason) | Self::Hold(reason) | Self::Discard(reason) => {
                reason.as_deref()
            }
            Self::Release(_)
            | Self::RunNow
            | Self::Reopen
            | Self::Retry
            | Self::Reschedule(_)
            | Self::Priority(_)
            | Self::Queue(_) => None,
        }
    }

    /// Says what a job becomes, as a participle: "cancelled".
    pub fn participle(&self) -> &'static str {
        match self {
            Self::Cancel(_) | Self::Terminate(_) => "cancelled",
            Self::Hold(_) => "held",
            Self::Release(_) => "released",
            Self::RunNow => "started now",
            Self::Reopen | Self::Retry => "retried",
            Self::Reschedule(_) => "rescheduled",
            Self::Priority(_) => "reprioritised",
            Self::Queue(_) => "moved",
            Self::Discard(_) => "discarded",
        }
    }

    /// Gives a waiting job as it is to be put, with the queue that it leaves.
    pub(super) fn moved(&self, job: Waiting, by: &str) -> (QueueId, Waiting) {
        let left = job.queue;
        let moved = match self {
            Self::Cancel(_) | Self::Terminate(_) | Self::Discard(_) => Waiting { state: JobState::Cancelled, ..job },
            Self::Hold(reason) => {
                Waiting { state: JobState::Held, parked_by: Some(by.to_owned()), reason: reason.clone(), ..job }
            }
            Self::Release(now) => match job.run_at {
                Some(run_at) if run_at > *now => Waiting { state: JobState::Scheduled, ..job },
                _ => Waiting { state: JobState::Ready, ..job },
            },
            Self::RunNow | Self::Reopen | Self::Retry => Waiting { state: JobState::Ready, ..job },
            Self::Reschedule(at) => Waiting { state: JobState::Scheduled, run_at: Some(*at), ..job },
            Self::Priority(priority) => Waiting { priority: *priority, ..job },
            Self::Queue(queue) => Waiting { queue: *queue, ..job },
        };
        (left, moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_takes_no_job_whose_state_does_not_allow_it() {
        let now = "2026-11-24T12:00:00Z".parse().expect("a time");
        let cases: [(Wish, &[JobState]); 6] = [
            (
                Wish::Retry,
                &[JobState::Scheduled, JobState::Retrying, JobState::Failed, JobState::Cancelled, JobState::Expired],
            ),
            (Wish::Discard(None), &[JobState::Failed, JobState::Expired]),
            (Wish::Release(now), &[JobState::Held]),
            (Wish::Hold(None), &[JobState::Blocked, JobState::Scheduled, JobState::Ready, JobState::Retrying]),
            (Wish::Reopen, &[JobState::Failed, JobState::Cancelled, JobState::Expired]),
            (
                Wish::Queue(QueueId(7)),
                &[JobState::Blocked, JobState::Scheduled, JobState::Ready, JobState::Held, JobState::Retrying],
            ),
        ];
        for (wish, states) in cases {
            let allowed: Vec<_> = JobState::ALL.into_iter().filter(|state| wish.is_allowed(*state)).collect();
            assert_eq!(allowed, states, "{wish:?}");
        }
    }
}
