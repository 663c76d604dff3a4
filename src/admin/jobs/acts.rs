//! What a person may do to a job in its present state: one list for pages, row menus and bulk bars.

use crate::queue::permission::Permission;
use crate::queue::state::{Event, JobState};

/// Something a person does to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// End it.
    Cancel,
    /// Try a failed, cancelled or expired one once more.
    Retry,
    /// Make a new one with other arguments.
    Edit,
    /// Do not wait for the time or the backoff.
    RunNow,
    /// Move it to another time.
    Reschedule,
    /// Give it another priority.
    Priority,
    /// Stop it until somebody releases it.
    Hold,
    /// Let it go on.
    Release,
    /// Make a new one like it.
    Again,
}

impl Act {
    /// Every act, in the order in which they are offered.
    pub const ALL: [Self; 9] = [
        Self::Retry,
        Self::Edit,
        Self::RunNow,
        Self::Release,
        Self::Reschedule,
        Self::Priority,
        Self::Hold,
        Self::Cancel,
        Self::Again,
    ];

    /// Gives the last word of its address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Edit => "edit",
            Self::RunNow => "run-now",
            Self::Reschedule => "reschedule",
            Self::Priority => "priority",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Again => "again",
        }
    }

    /// Reads the last word of an address.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.as_str() == text)
    }

    /// Gives what somebody must hold to do it.
    pub fn permission(self) -> Permission {
        match self {
            Self::Edit | Self::Again => Permission::Enqueue,
            Self::Cancel
            | Self::Retry
            | Self::RunNow
            | Self::Reschedule
            | Self::Priority
            | Self::Hold
            | Self::Release => Permission::RepairJobs,
        }
    }

    /// Tells whether a job in `state` allows it. What the state table says, in the words of people.
    pub fn is_allowed(self, state: JobState) -> bool {
        match self {
            Self::Cancel => state.after(Event::Cancel).is_some(),
            Self::Retry => state.after(Event::Reopen).is_some(),
            Self::Edit => state.is_terminal() && state != JobState::Succeeded,
            Self::RunNow => matches!(state, JobState::Scheduled | JobState::Retrying),
            Self::Reschedule => state.is_waiting() && state.after(Event::Reschedule).is_some(),
            Self::Priority => state.is_waiting(),
            Self::Hold => state.is_waiting() && state.after(Event::Hold).is_some(),
            Self::Release => state.after(Event::Release).is_some(),
            Self::Again => true,
        }
    }

    /// Tells whether it asks before it acts: it stops something, or needs a value.
    pub fn asks(self) -> bool {
        match self {
            Self::Cancel | Self::Hold | Self::Reschedule | Self::Priority | Self::Edit => true,
            Self::Retry | Self::RunNow | Self::Release | Self::Again => false,
        }
    }

    /// Gives the words of its button; "…" says that a question follows.
    pub fn label(self) -> &'static str {
        match self {
            Self::Cancel => "Cancel…",
            Self::Retry => "Retry",
            Self::Edit => "Retry with edits…",
            Self::RunNow => "Run now",
            Self::Reschedule => "Reschedule…",
            Self::Priority => "Priority…",
            Self::Hold => "Hold…",
            Self::Release => "Release",
            Self::Again => "Run again like this",
        }
    }

    /// Gives the name of its icon.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Cancel => "ban",
            Self::Retry => "rotate-cw",
            Self::Edit => "pencil",
            Self::RunNow => "play",
            Self::Reschedule => "clock",
            Self::Priority => "arrow-up-down",
            Self::Hold => "hand",
            Self::Release => "lock-open",
            Self::Again => "repeat",
        }
    }

    /// Gives the letter that presses it (UX.md section 8); empty for none.
    pub fn key(self) -> &'static str {
        match self {
            Self::Cancel => "c",
            Self::Retry | Self::RunNow => "r",
            Self::Hold | Self::Release => "h",
            Self::Edit => "e",
            Self::Reschedule | Self::Priority | Self::Again => "",
        }
    }
}

/// Lists what `state` allows, in the order in which it is offered.
pub fn allowed(state: JobState) -> Vec<Act> {
    Act::ALL.into_iter().filter(|act| act.is_allowed(state)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_offers_what_makes_sense() {
        use Act::{Again, Cancel, Edit, Hold, Priority, Release, Reschedule, Retry, RunNow};
        let cases: [(JobState, &[Act]); 10] = [
            (JobState::Blocked, &[Priority, Hold, Cancel, Again]),
            (JobState::Scheduled, &[RunNow, Reschedule, Priority, Hold, Cancel, Again]),
            (JobState::Ready, &[Reschedule, Priority, Hold, Cancel, Again]),
            (JobState::Held, &[Release, Reschedule, Priority, Cancel, Again]),
            (JobState::Running, &[Cancel, Again]),
            (JobState::Retrying, &[RunNow, Reschedule, Priority, Hold, Cancel, Again]),
            (JobState::Succeeded, &[Again]),
            (JobState::Failed, &[Retry, Edit, Again]),
            (JobState::Cancelled, &[Retry, Edit, Again]),
            (JobState::Expired, &[Retry, Edit, Again]),
        ];
        for (state, acts) in cases {
            assert_eq!(allowed(state), acts, "{state}");
        }
    }

    #[test]
    fn words_round_trip_and_a_question_has_its_dots() {
        for act in Act::ALL {
            assert_eq!(Act::parse(act.as_str()), Some(act));
            assert_eq!(act.label().ends_with('…'), act.asks(), "{act:?}");
        }
        assert_eq!(Act::parse("purge"), None);
    }

    #[test]
    fn no_two_acts_of_one_state_share_a_key() {
        for state in JobState::ALL {
            let mut keys: Vec<_> = allowed(state).into_iter().map(Act::key).filter(|key| !key.is_empty()).collect();
            let all = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), all, "{state}");
        }
    }
}
