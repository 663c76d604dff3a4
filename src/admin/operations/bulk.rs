//! What can be done to many jobs at once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::base::clock::Time;
use crate::queue::control::Wish;
use crate::queue::job::QueueId;
use crate::queue::permission::Permission;
use crate::queue::state::JobState;

/// An act with the value that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bulk {
    /// Try failed, cancelled and expired ones once more; do not wait for what is scheduled or waits for its backoff.
    Retry,
    /// End them; running ones are asked to stop.
    Cancel,
    /// Stop waiting ones until somebody releases them.
    Hold,
    /// Let held ones go on.
    Release,
    /// Move waiting ones to this time.
    Reschedule(Time),
    /// Give waiting ones this priority, 1 to 5.
    Priority(i16),
    /// Move waiting ones to the queue of this name.
    Move(String),
    /// Take failed and expired ones off what needs attention: they count as cancelled.
    Discard,
    /// Write them down as a file to be kept; nothing is done to them.
    Export(Format),
}

/// How jobs are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table with a heading.
    Csv,
    /// One JSON object a line, as the API's list shows jobs.
    JsonLines,
}

impl Format {
    /// Gives its name in rows and the API, which is the ending of its files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Csv, Self::JsonLines].into_iter().find(|format| format.as_str() == text)
    }
}

/// An act that does not exist, or lacks its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// No such act.
    #[error("{0:?} is no bulk act: use {acts}", acts = Bulk::NAMES.join(", "))]
    Unknown(String),
    /// Its value is missing or cannot be read; names the field and says what belongs there.
    #[error("{1}")]
    Value(&'static str, String),
}

impl Bulk {
    /// The names of all acts, in the order in which they are offered.
    pub const NAMES: [&'static str; 9] =
        ["retry", "release", "reschedule", "priority", "move", "hold", "discard", "cancel", "export"];

    /// Reads an act and its value, as rows and programs write it: `{"run_at": …}`, `{"priority": 2}`, `{"queue": "mail"}`.
    ///
    /// # Errors
    /// [`ActError`].
    pub fn read(name: &str, value: &Value) -> Result<Self, ActError> {
        Ok(match name {
            "retry" => Self::Retry,
            "cancel" => Self::Cancel,
            "hold" => Self::Hold,
            "release" => Self::Release,
            "discard" => Self::Discard,
            "reschedule" => Self::Reschedule(run_at(value)?),
            "priority" => Self::Priority(priority(value)?),
            "move" => Self::Move(queue(value)?),
            "export" => Self::Export(format(value)?),
            other => return Err(ActError::Unknown(other.to_owned())),
        })
    }

    /// Gives its name in rows, addresses and the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Reschedule(_) => "reschedule",
            Self::Priority(_) => "priority",
            Self::Move(_) => "move",
            Self::Discard => "discard",
            Self::Export(_) => "export",
        }
    }

    /// Gives its value as [`Bulk::read`] takes it.
    pub fn value(&self) -> Value {
        match self {
            Self::Reschedule(at) => json!({ "run_at": at }),
            Self::Priority(priority) => json!({ "priority": priority }),
            Self::Move(queue) => json!({ "queue": queue }),
            Self::Export(format) => json!({ "format": format.as_str() }),
            Self::Retry | Self::Cancel | Self::Hold | Self::Release | Self::Discard => json!({}),
        }
    }

    /// Lists the states of jobs that allow it.
    pub fn states(&self) -> BTreeSet<JobState> {
        let wish = self.wish(Time::default(), None, QueueId(0));
        let is_allowed = |state: &JobState| wish.as_ref().is_none_or(|wish| wish.is_allowed(*state));
        JobState::ALL.into_iter().filter(is_allowed).collect()
    }

    /// Gives what is wanted of each job; `None` when nothing is. `queue` is the row of the queue that jobs are moved to.
    pub fn wish(&self, now: Time, reason: Option<String>, queue: QueueId) -> Option<Wish> {
        Some(match self {
            Self::Export(_) => return None,
            Self::Retry => Wish::Retry,
            Self::Cancel => Wish::Cancel(reason),
            Self::Hold => Wish::Hold(reason),
            Self::Release => Wish::Release(now),
            Self::Reschedule(at) => Wish::Reschedule(*at),
            Self::Priority(priority) => Wish::Priority(*priority),
            Self::Move(_) => Wish::Queue(queue),
            Self::Discard => Wish::Discard(reason),
        })
    }

    /// Says what jobs are then: "are ready again".
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Retry => "ready again",
            Self::Cancel => "cancelled",
            Self::Hold => "held",
            Self::Release => "released",
            Self::Reschedule(_) => "rescheduled",
            Self::Priority(_) => "reprioritised",
            Self::Move(_) => "moved",
            Self::Discard => "discarded",
            Self::Export(_) => "exported",
        }
    }

    /// Gives what somebody must hold to do it to few jobs.
    pub fn permission(&self) -> Permission {
        if self.changes_jobs() { Permission::RunOperations } else { Permission::ExportJobs }
    }

    /// Tells whether jobs are changed by it.
    pub fn changes_jobs(&self) -> bool {
        !matches!(self, Self::Export(_))
    }
}

fn run_at(value: &Value) -> Result<Time, ActError> {
    let text = value["run_at"].as_str().unwrap_or_default();
    let read = text.parse::<Time>().ok().or_else(|| serde_json::from_value(value["run_at"].clone()).ok());
    read.ok_or_else(|| ActError::Value("run_at", "run_at must be a time such as 2026-11-24T05:30:00Z".into()))
}

fn priority(value: &Value) -> Result<i16, ActError> {
    let given = value["priority"].as_i64().filter(|given| (1..=5).contains(given));
    let given = given.and_then(|given| i16::try_from(given).ok());
    given.ok_or_else(|| ActError::Value("priority", "priority goes from 1 (highest) to 5".into()))
}

fn format(value: &Value) -> Result<Format, ActError> {
    let named = Format::parse(value["format"].as_str().unwrap_or_default());
    named.ok_or_else(|| ActError::Value("format", "format is csv or jsonl".into()))
}

fn queue(value: &Value) -> Result<String, ActError> {
    let name = value["queue"].as_str().filter(|name| !name.is_empty());
    name.map(str::to_owned).ok_or_else(|| ActError::Value("queue", "queue must name the queue to move to".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_is_read_as_it_is_written() {
        let value = json!({ "run_at": "2026-11-24T05:30:00Z", "priority": 2, "queue": "mail", "format": "csv" });
        for name in Bulk::NAMES {
            let act = Bulk::read(name, &value).expect(name);
            assert_eq!(act.name(), name);
            assert_eq!(Bulk::read(name, &act.value()), Ok(act.clone()));
            assert!(
                !act.states().is_empty() && act.states().contains(&JobState::Succeeded) != act.changes_jobs(),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let refused = |name: &str| Bulk::read(name, &json!({})).expect_err(name).to_string();

        assert_eq!(refused("priority"), "priority goes from 1 (highest) to 5");
        assert_eq!(refused("move"), "queue must name the queue to move to");
        assert!(refused("reschedule").starts_with("run_at must be a time"));
        assert!(refused("delete").starts_with("\"delete\" is no bulk act: use retry, release"));
        assert!(Bulk::read("priority", &json!({ "priority": 9 })).is_err());
    }
}
