//! Rules: what a schedule's times are made of.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use chrono_tz::Tz;

use super::cron::Cron;
use super::error::RuleError;
use super::interval::Interval;
use super::recurrence::Recurrence;
use super::zone::{ClockChange, Instants, LocalRule, Slot, Touch};

/// One rule of a schedule. A schedule runs whenever one of its rules says so.
#[derive(Debug, Clone)]
pub enum Rule {
    /// Fields of the clock and the calendar.
    Cron(Box<Cron>),
    /// A length of real time.
    Every(Interval),
    /// A recurrence set of RFC 5545.
    Recurrence(Box<Recurrence>),
    /// Once.
    At(DateTime<Utc>),
}

impl Rule {
    /// Reads what the command line and a form call a rule: a cron text, `every 90s`, an `RRULE` block or a time such as
    /// `2026-12-24T10:00:00+01:00`. `zone` is that of recurrences that name none.
    ///
    /// # Errors
    /// What is wrong, and where in `text`.
    pub fn parse(text: &str, zone: Tz) -> Result<Self, RuleError> {
        let trimmed = text.trim_start();
        let begins = |word: &str| trimmed.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        if begins("every ") {
            return Interval::from_str(text).map(Self::Every);
        }
        if ["RRULE", "DTSTART", "RDATE", "EXDATE", "EXRULE", "FREQ="].into_iter().any(begins) {
            return Recurrence::parse(text, zone).map(|set| Self::Recurrence(Box::new(set)));
        }
        match DateTime::parse_from_rfc3339(text.trim()) {
            Ok(at) => super::document::RuleText::At { at }.read(zone),
            Err(_) => Cron::parse(text).map(|cron| Self::Cron(Box::new(cron))),
        }
    }

    /// Settles what `H` means for the schedule of this name.
    #[must_use]
    pub fn seeded(self, name: &str) -> Self {
        match self {
            Self::Cron(cron) => Self::Cron(Box::new(cron.seeded(name))),
            Self::Every(_) | Self::Recurrence(_) | Self::At(_) => self,
        }
    }

    /// Says it in plain words.
    pub fn sentence(&self, zone: Tz) -> String {
        match self {
            Self::Cron(cron) => cron.sentence(),
            Self::Every(interval) => interval.sentence(),
            Self::Recurrence(set) => set.sentence(),
            Self::At(at) => format!("Once, on {}", at.with_timezone(&zone).format("%-d %B %Y at %H:%M:%S")),
        }
    }

    /// Whether it means every slot of real time rather than times of the day.
    pub fn is_interval_like(&self) -> bool {
        match self {
            Self::Cron(cron) => cron.is_interval_like(),
            Self::Every(_) => true,
            Self::Recurrence(set) => set.is_interval_like(),
            Self::At(_) => false,
        }
    }

    /// Gives its times at or after `from`, strictly rising, until the horizon.
    pub fn slots(&self, zone: Tz, change: ClockChange, from: DateTime<Utc>) -> Slots<'_> {
        match self {
            Self::Cron(cron) => Slots::Cron(Instants::new(cron.as_ref(), zone, change, from)),
            Self::Recurrence(set) => {
                Slots::Recurrence(Box::new(Instants::new(set.as_ref(), set.zone(), change, from)), zone)
            }
            Self::Every(interval) => Slots::Every(*interval, zone, from),
            Self::At(at) => Slots::At(Some(*at).filter(|at| *at >= from), zone),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(cron) => cron.fmt(f),
            Self::Every(interval) => interval.fmt(f),
            Self::Recurrence(set) => set.fmt(f),
            Self::At(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        }
    }
}

impl LocalRule for Cron {
    fn next(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        Self::next(self, from)
    }

    fn is_interval_like(&self) -> bool {
        Self::is_interval_like(self)
    }
}

impl LocalRule for Recurrence {
    fn next(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        Self::next(self, from)
    }

    fn is_interval_like(&self) -> bool {
        Self::is_interval_like(self)
    }
}

/// The times of a rule.
pub enum Slots<'r> {
    /// Of a cron rule.
    Cron(Instants<'r, Cron>),
    /// Of a recurrence, in its own zone; told in the schedule's.
    Recurrence(Box<Instants<'r, Recurrence>>, Tz),
    /// Of an interval, from here on.
    Every(Interval, Tz, DateTime<Utc>),
    /// The only one, if it is still to come.
    At(Option<DateTime<Utc>>, Tz),
}

impl Slots<'_> {
    /// Tells also of what a gap leaves out ([`Instants::telling`]).
    #[must_use]
    pub fn telling(self) -> Self {
        match self {
            Self::Cron(instants) => Self::Cron(instants.telling()),
            Self::Recurrence(instants, zone) => Self::Recurrence(Box::new(instants.telling()), zone),
            other => other,
        }
    }
}

/// A time that no clock change touches.
fn plain(at: DateTime<Utc>, zone: Tz) -> Slot {
    Slot { at, local: at.with_timezone(&zone).naive_local(), touch: Touch::None }
}

impl Iterator for Slots<'_> {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        match self {
            Self::Cron(instants) => instants.next(),
            Self::Recurrence(instants, zone) => instants.next().map(|slot| match slot.touch {
                Touch::None => plain(slot.at, *zone),
                Touch::LeftOut => slot,
                // the clocks of another zone say nothing of this one's
                _ if instants.zone() != *zone => Slot { touch: slot.touch, ..plain(slot.at, *zone) },
                Touch::AfterGap | Touch::Shifted | Touch::FirstPass | Touch::SecondPass => slot,
            }),
            Self::Every(interval, zone, from) => {
                let at = interval.next(*from)?;
                *from = at.checked_add_signed(chrono::TimeDelta::seconds(1))?;
                Some(plain(at, *zone))
            }
            Self::At(at, zone) => at.take().map(|at| plain(at, *zone)),
        }
    }
}
