//! The result of an attempt, as the settling statement takes it.

use std::time::Duration;

use serde_json::Value;

use crate::base::clock::Time;
use crate::queue::claim::Claimed;
use crate::queue::job::{Fence, JobId, QueueId, TemplateId};
use crate::queue::limits::Held;
use crate::queue::log::Chunk;
use crate::queue::retry::Next;
use crate::queue::state::{Event, JobState};
use crate::queue::work::{Resources, Stop};

/// How an attempt that did not succeed is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The work failed.
    Failed,
    /// It took longer than its timeout.
    TimedOut,
    /// Somebody cancelled it.
    Cancelled,
    /// Its node was lost.
    Interrupted,
    /// It asked to be run later.
    Snoozed,
    /// Its node was draining or had lost its lease.
    HandedBack,
}

impl AttemptOutcome {
    /// Every outcome.
    pub const ALL: [Self; 6] =
        [Self::Failed, Self::TimedOut, Self::Cancelled, Self::Interrupted, Self::Snoozed, Self::HandedBack];

    /// Gives the outcome's name in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Snoozed => "snoozed",
            Self::HandedBack => "handed back",
        }
    }

    /// Tells whether the attempt counts against `max_attempts`.
    pub fn is_counted(self) -> bool {
        match self {
            Self::Failed | Self::TimedOut | Self::Cancelled | Self::Interrupted => true,
            Self::Snoozed | Self::HandedBack => false,
        }
    }
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// How it is written down.
    pub outcome: AttemptOutcome,
    /// For people; the first line is shown in lists.
    pub error: String,
    /// Where in the code, if known.
    pub trace: Option<String>,
}

/// What becomes of the job.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// Done.
    Succeeded {
        /// What it gave.
        output: Option<Value>,
    },
    /// Failed for good.
    Failed(Trouble),
    /// Tried again after this time; at once when zero.
    Retry(Trouble, Duration),
    /// Run later, not counted.
    Snoozed(Duration),
    /// Put off before its code ran, not counted: something like it runs just now.
    Postponed(Duration),
    /// It waits for a place in a lane, not counted: its code has not run.
    Gated {
        /// The lane.
        lane: String,
        /// The time promised to it, if the lane is one of a rate.
        not_before: Option<Time>,
        /// What it needs there: 1 place, or what it reserves of a pool.
        amount: u32,
    },
    /// Given back by its node, not counted.
    HandedBack {
        /// Why its code was stopped; `None` = it never ran.
        stopped: Option<Stop>,
    },
    /// Cancelled while it ran.
    Cancelled {
        /// Who cancelled it.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// Its deadline had passed when it was claimed.
    Expired,
    /// Held after this attempt.
    Held(Trouble, String),
}

impl Ending {
    /// Gives the ending that the rules of retry have decided on.
    pub fn of(next: Next, trouble: Trouble) -> Self {
        match next {
            Next::Retry(after) => Self::Retry(trouble, after),
            Next::Fail(_) => Self::Failed(trouble),
            Next::Hold(reason) => Self::Held(trouble, reason.into()),
        }
    }

    /// Gives the event of the state table.
    pub fn event(&self) -> Event {
        match self {
            Self::Succeeded { .. } => Event::Done,
            Self::Failed(_) => Event::GaveUp,
            Self::Retry(_, after) if after.is_zero() => Event::HandedBack,
            Self::Retry(..) => Event::RetryLater,
            Self::Snoozed(_) | Self::Postponed(_) => Event::Snoozed,
            Self::HandedBack { .. } | Self::Gated { .. } => Event::HandedBack,
            Self::Cancelled { .. } => Event::Cancel,
            Self::Expired => Event::DeadlinePassed,
            Self::Held(..) => Event::Hold,
        }
    }

    /// Gives the state that the job has afterwards.
    pub fn state(&self) -> JobState {
        // every event of an ending is allowed while running; the state table's tests hold that
        JobState::Running.after(self.event()).unwrap_or(JobState::Failed)
    }

    /// Gives the trouble that is written into attempts, if any.
    pub fn trouble(&self) -> Option<Trouble> {
        let told = |outcome, error: String| Some(Trouble { outcome, error, trace: None });
        match self {
            Self::Failed(trouble) | Self::Retry(trouble, _) | Self::Held(trouble, _) => Some(trouble.clone()),
            Self::Cancelled { by, reason } => told(AttemptOutcome::Cancelled, cancelled(by, reason.as_deref())),
            Self::Snoozed(after) => told(AttemptOutcome::Snoozed, format!("asked to be run again in {after:?}")),
            Self::HandedBack { stopped: Some(Stop::LeaseLost) } => {
                told(AttemptOutcome::HandedBack, "its node could not renew its lease".into())
            }
            Self::HandedBack { stopped: Some(_) } => told(AttemptOutcome::HandedBack, "its node was draining".into()),
            Self::Succeeded { .. }
            | Self::Postponed(_)
            | Self::Gated { .. }
            | Self::HandedBack { stopped: None }
            | Self::Expired => None,
        }
    }

    /// Gives how long the job waits until it is due again; `None` = it does not wait for a time.
    pub fn waits_for(&self) -> Option<Duration> {
        match self {
            Self::Retry(_, after) | Self::Snoozed(after) | Self::Postponed(after) => Some(*after),
            Self::Succeeded { .. } | Self::Failed(_) | Self::Cancelled { .. } | Self::Held(..) => None,
            Self::Gated { .. } | Self::HandedBack { .. } | Self::Expired => None,
        }
    }

    /// Tells whether this attempt counts against `max_attempts`.
    pub fn is_counted(&self) -> bool {
        match self {
            Self::Succeeded { .. } | Self::Failed(_) | Self::Retry(..) | Self::Cancelled { .. } | Self::Held(..) => {
                true
            }
            Self::Snoozed(_) | Self::Postponed(_) | Self::Gated { .. } | Self::HandedBack { .. } | Self::Expired => {
                false
            }
        }
    }
}

/// Says who cancelled a job and why, as its error.
pub fn cancelled(by: &str, reason: Option<&str>) -> String {
    reason.map_or_else(|| format!("cancelled by {by}"), |reason| format!("cancelled by {by}: {reason}"))
}

/// The result of one attempt.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The job.
    pub job: JobId,
    /// The lease that the attempt ran under.
    pub fence: Fence,
    /// Its number.
    pub attempt: i16,
    /// Place in line at the claim; other than the job's id when the job was moved.
    pub seq: i64,
    /// Its template.
    pub template: TemplateId,
    /// The template's version.
    pub version: i32,
    /// Its queue.
    pub queue: QueueId,
    /// Its priority.
    pub priority: i16,
    /// Since when it had waited for a slot.
    pub since: Time,
    /// When its code started; `None` = never.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Time,
    /// What it used.
    pub resources: Resources,
    /// Log kept, in bytes.
    pub log_bytes: usize,
    /// Whether it owns a unique key.
    pub unique: bool,
    /// Whether it has an ordering key: then others wait for its end.
    pub ordered: bool,
    /// Whether a schedule made it: then it may have been given an ordering key since it was claimed.
    pub scheduled: bool,
    /// The places of lanes that it took when it was admitted; they are given back.
    pub lanes: Held,
    /// Whether it has a row in `live`.
    pub live: bool,
    /// The parts of its log that may not have been written yet.
    pub last_words: Vec<Chunk>,
    /// A checkpoint that may not have been written yet; kept when the job goes on.
    pub checkpoint: Option<Value>,
    /// What becomes of the job.
    pub ending: Ending,
}

impl Settlement {
    /// The result of a job that was claimed and never started: it goes back, uncounted.
    pub fn unstarted(job: &Claimed, now: Time) -> Self {
        Self {
            job: job.job_id,
            fence: job.fence,
            attempt: job.attempt,
            seq: job.seq,
            template: job.template_id,
            version: job.version,
            queue: job.queue_id,
            priority: job.priority,
            since: job.since,
            started_at: None,
            finished_at: now,
            resources: Resources::default(),
            log_bytes: 0,
            unique: job.marks.is_unique(),
            ordered: job.marks.is_ordered(),
            scheduled: job.marks.is_scheduled(),
            lanes: Held::default(),
            live: false,
            last_words: Vec::new(),
            checkpoint: None,
            ending: Ending::HandedBack { stopped: None },
        }
    }

    /// The result of a job that was claimed and ran from `started_at` until `now`, took nothing and said nothing.
    pub fn plain(job: &Claimed, started_at: Time, now: Time, ending: Ending) -> Self {
        Self { started_at: Some(started_at), ending, ..Self::unstarted(job, now) }
    }

    /// Tells whether others of its ordering key may have waited for this result.
    pub fn ends_turn(&self) -> bool {
        (self.ordered || self.scheduled) && self.ending.state().is_terminal()
    }

    /// Gives the attempts counted after this result.
    pub fn attempts_counted(&self) -> i16 {
        if self.ending.is_counted() { self.attempt } else { self.attempt - 1 }
    }

    /// Gives how long it had waited for a slot.
    pub fn waited(&self) -> Duration {
        let end = self.started_at.unwrap_or(self.finished_at);
        (end - self.since).to_std().unwrap_or_default() // clocks of two machines: never below zero
    }

    /// Gives how long its code ran.
    pub fn ran(&self) -> Duration {
        self.started_at.and_then(|start| (self.finished_at - start).to_std().ok()).unwrap_or_default()
    }
}
