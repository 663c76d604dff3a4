//! Intervals: every so many seconds of real time, counted from the Unix epoch plus a phase, so that they need no start and no memory.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::error::RuleError;
use crate::base::length::{read_ms, write_ms};

/// Longest interval: a leap year.
const EVERY_MAX: Duration = Duration::from_secs(366 * 86_400);

/// Every so many seconds. Clock changes do not touch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    every_s: i64,
    phase_s: i64,
}

impl Interval {
    /// Makes it.
    ///
    /// # Errors
    /// Less than a second, more than 366 days, parts of a second, a phase that is not shorter than the interval.
    pub fn new(every: Duration, phase: Duration) -> Result<Self, RuleError> {
        let whole = |length: Duration, what: &str| match length.subsec_nanos() {
            0 => Ok(length.as_secs()),
            _ => Err(RuleError::new(format!("the {what} must be whole seconds, such as 90s, 15m or 36h"), None)),
        };
        let (every_s, phase_s) = (whole(every, "interval")?, whole(phase, "phase")?);
        if every_s == 0 || every > EVERY_MAX {
            return Err(RuleError::new("an interval is 1 second to 366 days", None));
        }
        if phase_s >= every_s {
            return Err(RuleError::new("the phase must be shorter than the interval", None));
        }
        Ok(Self { every_s: every_s as i64, phase_s: phase_s as i64 }) // both are at most a year
    }

    /// Gives the first instant at or after `from`.
    pub fn next(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let whole = from.timestamp() + i64::from(from.timestamp_subsec_nanos() > 0);
        let since = whole - self.phase_s;
        let steps = since.div_euclid(self.every_s) + i64::from(since.rem_euclid(self.every_s) > 0);
        DateTime::from_timestamp(steps * self.every_s + self.phase_s, 0)
    }

    /// Gives the time between two runs.
    pub fn every(&self) -> Duration {
        Duration::from_secs(self.every_s.unsigned_abs())
    }

    /// Gives the time from the epoch to a run.
    pub fn phase(&self) -> Duration {
        Duration::from_secs(self.phase_s.unsigned_abs())
    }

    /// Says it in plain words: `Every 90 seconds`, `Every 2 hours, moved by 10 minutes`.
    pub fn sentence(&self) -> String {
        let every = match self.every_s {
            1 => "Every second".to_owned(),
            60 => "Every minute".to_owned(),
            3_600 => "Every hour".to_owned(),
            86_400 => "Every 24 hours".to_owned(),
            seconds => format!("Every {}", words(seconds)),
        };
        if self.phase_s == 0 { every } else { format!("{every}, moved by {}", words(self.phase_s)) }
    }
}

/// A length in the largest unit that it is a whole number of, or in two.
fn words(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let unit = |number: i64, name: &str| if number == 1 { format!("1 {name}") } else { format!("{number} {name}s") };
    if let Some((size, name)) = units.into_iter().find(|(size, _)| seconds % size == 0 && seconds / size < 100) {
        return unit(seconds / size, name);
    }
    let mut left = seconds;
    let mut parts = Vec::new();
    for (size, name) in units {
        if left >= size {
            parts.push(unit(left / size, name));
            left %= size;
        }
    }
    parts.join(" ")
}

/// `90s`, `phase 10s`: what can be parsed again.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "every {}", write_ms(self.every_s.unsigned_abs() * 1_000))?;
        if self.phase_s > 0 { write!(f, " phase {}", write_ms(self.phase_s.unsigned_abs() * 1_000)) } else { Ok(()) }
    }
}

/// Reads `every 90s`, `every 1h 30m phase 10m`.
impl FromStr for Interval {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let start = text.len() - text.trim_start().len();
        let rest = text.trim().strip_prefix("every").filter(|rest| rest.starts_with(char::is_whitespace));
        let rest = rest.ok_or_else(|| RuleError::new("an interval is written as \"every 90s\"", start))?;
        let (every, phase) = rest.split_once("phase").map_or((rest, None), |(every, phase)| (every, Some(phase)));
        let at = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
        let read = |part: &str| {
            let refused = |_| {
                RuleError::new(
                    format!("\"{}\" is no length of time such as 90s or 1h 30m", part.trim()),
                    at(part.trim_start()),
                )
            };
            read_ms(part).map(Duration::from_millis).map_err(refused)
        };
        Self::new(read(every)?, phase.map_or(Ok(Duration::ZERO), read)?)
    }
}
