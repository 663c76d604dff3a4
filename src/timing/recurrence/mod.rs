//! Recurrence sets of RFC 5545, complete: rules of every frequency with every BY part, RDATE, EXDATE, EXRULE, and SKIP of RFC 7529.
//!
//! A set speaks local wall-clock time of its [`zone`](Recurrence::zone). It never asks how clocks change: a time that they skip or show
//! twice stays one local time, and whoever turns it into instants decides. Parts:
//!
//! - [`text`], [`values`], [`recur`], [`check`], [`parse`] read a block of lines; [`write`] writes one, [`words`] says it in English ([`names`]);
//! - [`ticks`] (DAILY to SECONDLY) and [`spans`] (WEEKLY to YEARLY) search one [`rule`], over the sets of [`days`] and [`times`];
//! - [`expand`] puts rules, dates and exclusions together.
//!
//! What the RFC leaves open, or what programs disagree about, is so here:
//! - DTSTART is an occurrence only when a rule or an RDATE gives it (so do python-dateutil and others), and counts in COUNT only then.
//! - Without DTSTART a rule starts at 1900-01-01 00:00:00, a Monday: hours, minutes and seconds that it does not name are 0, a week's
//!   day is Monday, a month's the 1st. INTERVAL above 1 and COUNT need a DTSTART.
//! - BYWEEKNO alone gives the weekday of DTSTART (dateutil: all seven). A year's days are those from 1 January to 31 December, also
//!   when ISO 8601 counts them to a neighbour's week.
//! - BYDAY may mix weekdays with and without a number: either counts. BYSETPOS counts in whole periods, also in the first one.
//! - UNTIL as a date includes that whole day. UNTIL, RDATE and EXDATE in UTC or another zone are compared as local times of the set's
//!   zone; of a time that comes twice both are meant.
//! - EXDATE as a date takes the whole day; RDATE as a date is midnight. An RDATE may lie before DTSTART.
//! - SKIP moves days that a month does not have (BYMONTHDAY, or DTSTART's day) in MONTHLY and YEARLY rules without BYYEARDAY and BYWEEKNO.

mod check;
mod civil;
mod days;
mod expand;
mod names;
mod parse;
mod parts;
mod recur;
mod rule;
mod spans;
mod steps;
mod text;
mod ticks;
mod times;
mod values;
mod words;
mod write;

#[cfg(test)]
mod tests;

use chrono::NaiveDateTime;
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::check::Start;
use self::civil::{HORIZON, moment, seconds, seconds_from};
use self::parts::Freq;
use self::rule::Rule;
use crate::timing::error::RuleError;

pub use self::parse::{DATES_MAX, RULES_MAX, TEXT_BYTES_MAX};

/// A recurrence set: rules and dates, less exclusions, in the local time of one zone.
///
/// Shown, it is the canonical text: a `DTSTART` with its zone, then `RRULE`, `EXRULE`, `RDATE` and `EXDATE`, each on a line, lists in
/// order. That text parses to an equal set whatever the default zone. serde writes and reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    zone: Tz,
    kind: Start,
    /// Local seconds.
    start: i64,
    rules: Vec<Rule>,
    /// RDATE, in order, local seconds.
    dates: Vec<i64>,
    /// EXRULE.
    but_rules: Vec<Rule>,
    /// EXDATE with a time, in order, local seconds.
    but_dates: Vec<i64>,
    /// EXDATE without a time, in order, numbers of days.
    but_days: Vec<i64>,
}

impl Recurrence {
    /// Reads a block of lines `DTSTART`, `RRULE`, `EXRULE`, `RDATE`, `EXDATE`, or one rule without its name. Lines may be folded, and
    /// `\n` written as two letters ends a line. `default_zone` is meant where DTSTART names no zone.
    ///
    /// At most [`TEXT_BYTES_MAX`], [`RULES_MAX`] and [`DATES_MAX`]; INTERVAL is at most 1,000,000; the COUNTs of all rules together are
    /// at most 100,000, since occurrences are counted from the start here, once.
    ///
    /// # Errors
    /// What is not RFC 5545, does not go together or exceeds a limit, with its place and reason.
    pub fn parse(text: &str, default_zone: Tz) -> Result<Self, RuleError> {
        parse::parse(text, default_zone)
    }

    fn empty(zone: Tz, kind: Start, start: i64) -> Self {
        Self {
            zone,
            kind,
            start,
            rules: Vec::new(),
            dates: Vec::new(),
            but_rules: Vec::new(),
            but_dates: Vec::new(),
            but_days: Vec::new(),
        }
    }

    /// Gives the zone whose local time the set speaks: DTSTART's, else the default given to [`parse`](Self::parse).
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Gives the first local time at or after `from` that is in the set, whole seconds; None when there is none up to the end of year
    /// 2999, or when EXRULEs have taken away 10,000 in a row.
    pub fn next(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        self.next_second(seconds_from(from).min(HORIZON + 1)).and_then(moment)
    }

    /// Tells whether exactly this local time is in the set.
    pub fn holds(&self, at: NaiveDateTime) -> bool {
        seconds(at) == seconds_from(at) && self.holds_second(seconds(at))
    }

    /// Tells whether the set runs at every real slot when clocks change: when a rule is HOURLY, MINUTELY or SECONDLY.
    pub fn is_interval_like(&self) -> bool {
        self.rules.iter().any(|rule| rule.parts.freq < Freq::Daily)
    }

    /// Says the set in plain English, such as "On the last weekday of each month at 17:30".
    pub fn sentence(&self) -> String {
        words::sentence(self)
    }
}

impl Serialize for Recurrence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Recurrence {
    /// Reads a text; where it names no zone, UTC is meant.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text, Tz::UTC).map_err(serde::de::Error::custom)
    }
}
