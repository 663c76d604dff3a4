//! How a state looks: icon, word and colour, always the three together (UX.md section 10).

use crate::queue::state::JobState;

/// The look of a state of a job, queue, step or message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Tone {
    /// Waits for its time.
    Scheduled,
    /// Waits for a free slot.
    Ready,
    /// A worker holds it.
    Running,
    /// Failed, will run again.
    Retrying,
    /// Done, or good news.
    Done,
    /// Used its last attempt, or bad news.
    Failed,
    /// Ended on purpose.
    Cancelled,
    /// Its deadline passed first.
    Expired,
    /// Stopped by a person until released.
    Held,
    /// Waits for a dependency, gate or signal.
    Blocked,
    /// A queue or schedule that takes no new work.
    Paused,
    /// Passed over, with a reason.
    Skipped,
}

impl Tone {
    /// Every tone, in the order of a job's life.
    pub const ALL: [Self; 12] = [
        Self::Scheduled,
        Self::Ready,
        Self::Running,
        Self::Retrying,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
        Self::Held,
        Self::Blocked,
        Self::Paused,
        Self::Skipped,
    ];

    /// Gives the class that sets the colour `--st` for whatever is inside.
    pub fn class(self) -> &'static str {
        match self {
            Self::Scheduled => "s-scheduled",
            Self::Ready => "s-ready",
            Self::Running => "s-running",
            Self::Retrying => "s-retrying",
            Self::Done => "s-done",
            Self::Failed => "s-failed",
            Self::Cancelled => "s-cancelled",
            Self::Expired => "s-expired",
            Self::Held => "s-held",
            Self::Blocked => "s-blocked",
            Self::Paused => "s-paused",
            Self::Skipped => "s-skipped",
        }
    }

    /// Gives the name of the icon.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Scheduled => "clock",
            Self::Ready => "inbox",
            Self::Running => "loader-circle",
            Self::Retrying => "rotate-cw",
            Self::Done => "circle-check",
            Self::Failed => "octagon-alert",
            Self::Cancelled => "ban",
            Self::Expired => "timer-off",
            Self::Held => "hand",
            Self::Blocked => "lock",
            Self::Paused => "circle-pause",
            Self::Skipped => "skip-forward",
        }
    }

    /// Gives the word that stands beside the icon when the page has nothing more exact to say.
    pub fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::Retrying => "Retrying",
            Self::Done => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Expired => "Expired",
            Self::Held => "Held",
            Self::Blocked => "Blocked",
            Self::Paused => "Paused",
            Self::Skipped => "Skipped",
        }
    }

    /// Tells whether the icon turns slowly.
    pub fn spins(self) -> bool {
        self == Self::Running
    }
}

impl From<JobState> for Tone {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Blocked => Self::Blocked,
            JobState::Scheduled => Self::Scheduled,
            JobState::Ready => Self::Ready,
            JobState::Held => Self::Held,
            JobState::Running => Self::Running,
            JobState::Retrying => Self::Retrying,
            JobState::Succeeded => Self::Done,
            JobState::Failed => Self::Failed,
            JobState::Cancelled => Self::Cancelled,
            JobState::Expired => Self::Expired,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_tone_has_its_own_class_icon_and_word() {
        let looks: HashSet<_> = Tone::ALL.iter().flat_map(|t| [t.class(), t.icon(), t.word()]).collect();

        assert_eq!(looks.len(), 3 * Tone::ALL.len());
        assert!(Tone::ALL.iter().all(|tone| crate::web::icon::exists(tone.icon())));
    }
}
