//! `kind: Schedule`: a schedule as it is written in a file. The fields of its [`Timing`] stand among its own: serde tells of a flattened part
//! neither unknown fields nor places.

use chrono::{DateTime, FixedOffset};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::document::{BusinessText, ExclusionText, HoursText, RuleText, Timing, WindowText, utc};
use super::zone::ClockChange;

/// A schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// `Schedule`.
    pub kind: ScheduleKind,
    /// Its name, which also settles what `H` means in its rules.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The template of its jobs.
    pub template: String,
    /// The version they are pinned to; the active one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// Their arguments.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    /// As [`Timing::timezone`].
    #[serde(default = "utc")]
    pub timezone: Tz,
    /// As [`Timing::rules`].
    pub rules: Vec<RuleText>,
    /// As [`Timing::exclude`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<ExclusionText>,
    /// As [`Timing::business_days`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_days: Option<BusinessText>,
    /// As [`Timing::hours`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<HoursText>,
    /// As [`Timing::windows`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowText>,
    /// As [`Timing::dst`].
    #[serde(default)]
    pub dst: ClockChange,
    /// As [`Timing::start`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<DateTime<FixedOffset>>,
    /// As [`Timing::end`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<DateTime<FixedOffset>>,
    /// What happens while a job of an earlier occurrence has not ended.
    #[serde(default)]
    pub overlap: OverlapPolicy,
    /// What happens to occurrences that were missed.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// Spreads the starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Jitter>,
    /// A job that has not started so long after it was to start expires, its spread counted in: `45m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub give_up_after: Option<String>,
    /// A job that has not ended so long after its occurrence is late: `2h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_within: Option<String>,
    /// So many jobs in all, then it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// So many jobs that failed in a row pause it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_after_failures: Option<u16>,
}

/// The kind of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScheduleKind {
    /// The only one.
    Schedule,
}

/// What happens when an occurrence comes while a job of an earlier one has not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlapPolicy {
    /// The new one is left out.
    #[default]
    Skip,
    /// The new one waits, unless one waits already.
    BufferOne,
    /// The new one waits, however many do.
    BufferAll,
    /// The earlier one is told to stop, and the new one waits for its end.
    CancelOther,
    /// The earlier one is ended without a time of grace, and the new one waits for its end.
    TerminateOther,
    /// They run beside each other.
    AllowAll,
}

impl OverlapPolicy {
    /// Tells whether the earlier job is made to end.
    pub fn stops_others(self) -> bool {
        matches!(self, Self::CancelOther | Self::TerminateOther)
    }
}

/// What happens to occurrences that were missed, because nothing ran or the clock was put forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatchUp {
    /// Which of them run.
    #[serde(default)]
    pub policy: CatchUpPolicy,
    /// Those that are older are left out: `1h`.
    #[serde(default = "a_day")]
    pub window: String,
    /// Most that run.
    #[serde(default = "ten")]
    pub max: u32,
}

/// Which missed occurrences run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUpPolicy {
    /// None.
    Skip,
    /// The latest.
    #[default]
    One,
    /// All, at most [`CatchUp::max`] of the latest.
    All,
}

/// Spreads the starts of a schedule's jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jitter {
    /// Over so many seconds.
    pub seconds: u32,
    /// How.
    #[serde(default)]
    pub kind: JitterKind,
}

/// How starts are spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JitterKind {
    /// By the schedule's name: the same for each of its occurrences.
    #[default]
    Stable,
    /// Anew for each occurrence.
    Random,
}

fn a_day() -> String {
    "1d".into()
}

fn ten() -> u32 {
    10
}

impl Default for CatchUp {
    fn default() -> Self {
        Self { policy: CatchUpPolicy::default(), window: a_day(), max: ten() }
    }
}

impl Schedule {
    /// Gives the part that says when.
    pub fn timing(&self) -> Timing {
        Timing {
            timezone: self.timezone,
            rules: self.rules.clone(),
            exclude: self.exclude.clone(),
            business_days: self.business_days.clone(),
            hours: self.hours.clone(),
            windows: self.windows.clone(),
            dst: self.dst,
            start: self.start,
            end: self.end,
        }
    }
}
