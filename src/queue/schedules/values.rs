//! What is decided about occurrences, and the words for it.

use crate::base::clock::Time;
use crate::timing::Reason;

crate::row_id!(
    /// A schedule's row.
    ScheduleId, i32, diesel::sql_types::Integer
);
crate::row_id!(
    /// A backfill's row.
    BackfillId, i32, diesel::sql_types::Integer
);

/// Who asked for an occurrence's job, as rows keep it: the schedule's rules.
pub const BY_RULES: i32 = 0;
/// Who asked for an occurrence's job, as rows keep it: somebody, now.
pub const BY_HAND: i32 = -1;

/// What became of an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has a job.
    Enqueued,
    /// It was meant to be left out.
    Skipped,
    /// Nothing ran then.
    Missed,
    /// No job could be made.
    Refused,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Enqueued, Self::Skipped, Self::Missed, Self::Refused];

    /// Gives its name in rows and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enqueued => "enqueued",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
            Self::Refused => "refused",
        }
    }

    /// Reads its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// Why an occurrence did not run at the instant that the rules name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It was moved: business day, hours, window, clock change.
    Moved,
    /// It waits for the end of an earlier one.
    Buffered,
    /// It was missed and caught up.
    CaughtUp,
    /// A calendar's holiday.
    Holiday,
    /// An excluded time.
    Excluded,
    /// No business day.
    NoBusinessDay,
    /// Outside of the allowed hours.
    Hours,
    /// A maintenance window.
    Window,
    /// The clock was put forward over it.
    ClockChange,
    /// Another one runs at the same instant.
    Merged,
    /// Before the start, after the end, or never in an open time.
    Outside,
    /// The schedule was paused.
    Paused,
    /// The schedule had made all jobs that it may make.
    Limit,
    /// A job of an earlier one had not ended.
    Overlap,
    /// A job with the same unique key had not ended.
    Unique,
    /// The schedule was changed while it waited.
    Changed,
    /// Nothing ran then.
    Missed,
    /// Nothing ran then, and a later one stands for it.
    Superseded,
    /// No job could be made.
    Refused,
}

impl Cause {
    /// Gives its name in rows and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Buffered => "buffered",
            Self::CaughtUp => "caught_up",
            Self::Holiday => "holiday",
            Self::Excluded => "excluded",
            Self::NoBusinessDay => "no_business_day",
            Self::Hours => "hours",
            Self::Window => "window",
            Self::ClockChange => "clock_change",
            Self::Merged => "merged",
            Self::Outside => "outside",
            Self::Paused => "paused",
            Self::Limit => "limit",
            Self::Overlap => "overlap",
            Self::Unique => "unique",
            Self::Changed => "changed",
            Self::Missed => "missed",
            Self::Superseded => "superseded",
            Self::Refused => "refused",
        }
    }

    /// Gives the cause for which a plan leaves an occurrence out.
    pub fn of(reason: &Reason) -> Self {
        match reason {
            Reason::Holiday(_) => Self::Holiday,
            Reason::Excluded(_) => Self::Excluded,
            Reason::NoBusinessDay(_) => Self::NoBusinessDay,
            Reason::Hours => Self::Hours,
            Reason::Window(_) => Self::Window,
            Reason::ClockChange => Self::ClockChange,
            Reason::Several(all) => all.last().map_or(Self::Moved, Self::of),
            Reason::Released(_) => Self::Changed,
            Reason::Merged => Self::Merged,
            Reason::Outside | Reason::NeverOpen => Self::Outside,
        }
    }

    /// Gives what becomes of an occurrence that is left out for it.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Moved | Self::Buffered | Self::CaughtUp => Outcome::Enqueued,
            Self::Missed | Self::Superseded => Outcome::Missed,
            Self::Refused => Outcome::Refused,
            Self::Holiday
            | Self::Excluded
            | Self::NoBusinessDay
            | Self::Hours
            | Self::Window
            | Self::ClockChange
            | Self::Merged
            | Self::Outside
            | Self::Paused
            | Self::Limit
            | Self::Overlap
            | Self::Unique
            | Self::Changed => Outcome::Skipped,
        }
    }
}

/// Why, for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The word.
    pub cause: Cause,
    /// The sentence.
    pub reason: String,
}

/// What is done about an occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A job is made.
    Enqueue {
        /// When it begins at the earliest.
        run_at: Time,
        /// It expires when it has not begun by then.
        deadline: Option<Time>,
        /// It is late when it has not ended by then.
        finish_by: Option<Time>,
        /// It waits for the end of the schedule's earlier jobs.
        in_turn: bool,
        /// Those are told to stop.
        stops: bool,
        /// Why it does not run at its instant, if it does not.
        why: Option<Why>,
    },
    /// Nothing.
    Leave(Why),
}

/// What was decided about an occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The instant that names it.
    pub at: Time,
    /// It stands for all up to then.
    pub until: Option<Time>,
    /// How many more it stands for, as far as they were counted.
    pub more: u64,
    /// What is done.
    pub act: Act,
}
