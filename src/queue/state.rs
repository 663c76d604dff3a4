//! The states of a job and every move between them, in one table.
//!
//! The same lists stand as CHECK constraints and enum labels in the database; a test compares them.

use std::fmt;

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits for a dependency, gate or signal. In: enqueue, hold's release. Out: the last thing it waits for.
    Blocked,
    /// Waits for its time. In: enqueue, reschedule, snooze. Out: the mover, when the time has come.
    Scheduled,
    /// Waits for a free slot. In: enqueue, mover, release, retry. Out: a claim.
    Ready,
    /// Stopped by a person, or after repeated interruptions. Out: a person.
    Held,
    /// Under a lease. Out: the settling statement or the sweep of a lost node.
    Running,
    /// Failed an attempt, waits for its backoff. Out: the mover, or a person.
    Retrying,
    /// Done. Terminal.
    Succeeded,
    /// Attempts used up, or told not to retry. Terminal; a person may reopen it.
    Failed,
    /// Ended on purpose. Terminal; a person may reopen it.
    Cancelled,
    /// Its deadline passed before it started. Terminal; a person may reopen it.
    Expired,
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Its time has come, or a person said "now".
    Due,
    /// The last thing it waited for is there.
    Unblocked,
    /// A node claimed it.
    Claimed,
    /// The attempt succeeded.
    Done,
    /// The attempt failed and another one is due later.
    RetryLater,
    /// The attempt failed for good.
    GaveUp,
    /// The work asked to be run later without counting the attempt.
    Snoozed,
    /// The node gave it back, or was lost and the job may run again.
    HandedBack,
    /// A person holds it, or it was interrupted too often.
    Hold,
    /// A person releases it.
    Release,
    /// A person moves it to another time.
    Reschedule,
    /// Cancelled; for a running job: the work obeyed.
    Cancel,
    /// Its deadline passed before it started.
    DeadlinePassed,
    /// A person wants a finished job to be tried again.
    Reopen,
    /// A person wants a failed or expired job off what needs attention.
    Discard,
}

impl JobState {
    /// Every state, in the order of the state tabs.
    pub const ALL: [Self; 10] = [
        Self::Blocked,
        Self::Scheduled,
        Self::Ready,
        Self::Held,
        Self::Running,
        Self::Retrying,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
    ];

    /// Gives the state's name in rows, addresses and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Scheduled => "scheduled",
            Self::Ready => "ready",
            Self::Held => "held",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Reads a state's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Tells whether the job has ended.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Expired => true,
            Self::Blocked | Self::Scheduled | Self::Ready | Self::Held | Self::Running | Self::Retrying => false,
        }
    }

    /// Tells whether the job waits: it can be held, moved and cancelled at once.
    pub fn is_waiting(self) -> bool {
        !self.is_terminal() && self != Self::Running
    }

    /// Gives the state after `event`, or `None` when the move is not allowed.
    pub fn after(self, event: Event) -> Option<Self> {
        match self {
            Self::Blocked => blocked(event),
            Self::Scheduled | Self::Retrying => timed(event),
            Self::Ready => ready(event),
            Self::Held => held(event),
            Self::Running => running(event),
            Self::Failed | Self::Expired => ended(event),
            Self::Cancelled => (event == Event::Reopen).then_some(Self::Ready),
            Self::Succeeded => None, // run again = a new job
        }
    }
}

fn blocked(event: Event) -> Option<JobState> {
    match event {
        Event::Unblocked => Some(JobState::Ready),
        Event::Hold => Some(JobState::Held),
        Event::Cancel => Some(JobState::Cancelled),
        Event::DeadlinePassed => Some(JobState::Expired),
        Event::Due
        | Event::Claimed
        | Event::Done
        | Event::RetryLater
        | Event::GaveUp
        | Event::Snoozed
        | Event::HandedBack
        | Event::Release
        | Event::Reschedule
        | Event::Reopen
        | Event::Discard => None,
    }
}

fn timed(event: Event) -> Option<JobState> {
    match event {
        Event::Due => Some(JobState::Ready),
        Event::Hold => Some(JobState::Held),
        Event::Reschedule => Some(JobState::Scheduled),
        Event::Cancel => Some(JobState::Cancelled),
        Event::DeadlinePassed => Some(JobState::Expired),
        Event::Unblocked
        | Event::Claimed
        | Event::Done
        | Event::RetryLater
        | Event::GaveUp
        | Event::Snoozed
        | Event::HandedBack
        | Event::Release
        | Event::Reopen
        | Event::Discard => None,
    }
}

fn ready(event: Event) -> Option<JobState> {
    match event {
        Event::Claimed => Some(JobState::Running),
        Event::Hold => Some(JobState::Held),
        Event::Reschedule => Some(JobState::Scheduled),
        Event::Cancel => Some(JobState::Cancelled),
        Event::DeadlinePassed => Some(JobState::Expired),
        Event::Due
        | Event::Unblocked
        | Event::Done
        | Event::RetryLater
        | Event::GaveUp
        | Event::Snoozed
        | Event::HandedBack
        | Event::Release
        | Event::Reopen
        | Event::Discard => None,
    }
}

fn held(event: Event) -> Option<JobState> {
    match event {
        Event::Release | Event::Due => Some(JobState::Ready),
        Event::Reschedule => Some(JobState::Scheduled),
        Event::Cancel => Some(JobState::Cancelled),
        Event::DeadlinePassed => Some(JobState::Expired),
        Event::Unblocked
        | Event::Claimed
        | Event::Done
        | Event::RetryLater
        | Event::GaveUp
        | Event::Snoozed
        | Event::HandedBack
        | Event::Hold
        | Event::Reopen
        | Event::Discard => None,
    }
}

fn running(event: Event) -> Option<JobState> {
    match event {
        Event::Done => Some(JobState::Succeeded),
        Event::RetryLater => Some(JobState::Retrying),
        Event::GaveUp => Some(JobState::Failed),
        Event::Snoozed => Some(JobState::Scheduled),
        Event::HandedBack => Some(JobState::Ready),
        Event::Hold => Some(JobState::Held),
        Event::Cancel => Some(JobState::Cancelled),
        Event::DeadlinePassed => Some(JobState::Expired), // claimed, but not started in time
        Event::Due
        | Event::Unblocked
        | Event::Claimed
        | Event::Release
        | Event::Reschedule
        | Event::Reopen
        | Event::Discard => None,
    }
}

/// A job that failed or came too late.
fn ended(event: Event) -> Option<JobState> {
    match event {
        Event::Reopen => Some(JobState::Ready),
        Event::Discard => Some(JobState::Cancelled),
        Event::Due
        | Event::Unblocked
        | Event::Claimed
        | Event::Done
        | Event::RetryLater
        | Event::GaveUp
        | Event::Snoozed
        | Event::HandedBack
        | Event::Hold
        | Event::Release
        | Event::Reschedule
        | Event::Cancel
        | Event::DeadlinePassed => None,
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for JobState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| format!("{text:?} is no state of a job"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 15] = [
        Event::Due,
        Event::Unblocked,
        Event::Claimed,
        Event::Done,
        Event::RetryLater,
        Event::GaveUp,
        Event::Snoozed,
        Event::HandedBack,
        Event::Hold,
        Event::Release,
        Event::Reschedule,
        Event::Cancel,
        Event::DeadlinePassed,
        Event::Reopen,
        Event::Discard,
    ];

    #[test]
    fn every_live_state_can_be_cancelled() {
        for state in JobState::ALL.into_iter().filter(|state| !state.is_terminal()) {
            assert_eq!(state.after(Event::Cancel), Some(JobState::Cancelled), "{state}");
        }
    }

    #[test]
    fn success_is_final() {
        assert!(EVENTS.into_iter().all(|event| JobState::Succeeded.after(event).is_none()));
    }

    #[test]
    fn what_failed_and_was_discarded_can_be_tried_again_and_not_discarded_twice() {
        for state in [JobState::Failed, JobState::Expired] {
            let discarded = state.after(Event::Discard).expect("allowed");
            assert_eq!(
                (discarded.after(Event::Discard), discarded.after(Event::Reopen)),
                (None, Some(JobState::Ready))
            );
        }
    }

    #[test]
    fn only_a_claim_starts_work() {
        for state in JobState::ALL {
            for event in EVENTS.into_iter().filter(|event| *event != Event::Claimed) {
                assert_ne!(state.after(event), Some(JobState::Running), "{state} {event:?}");
            }
        }
    }

    #[test]
    fn every_state_can_be_reached_and_names_round_trip() {
        for goal in JobState::ALL.into_iter().filter(|state| *state != JobState::Blocked) {
            let reached = JobState::ALL.into_iter().any(|from| EVENTS.into_iter().any(|e| from.after(e) == Some(goal)));
            assert!(reached, "{goal}");
            assert_eq!(JobState::parse(goal.as_str()), Some(goal));
        }
    }
}
