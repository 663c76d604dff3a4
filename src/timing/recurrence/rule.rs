//! One rule, ready to be asked: what DTSTART settles is written into its parts, COUNT is turned into an end.

use super::civil::{DAY, HORIZON, civil, weekday};
use super::parts::{Bound, Freq, NthDay, Parts};
use super::spans::{Spans, Unit};
use super::ticks::Ticks;
use super::times::TimeSet;

/// A rule and its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// As written.
    pub(super) parts: Parts,
    /// Hours, minutes and seconds at which the rule can hold.
    times: TimeSet,
    kind: Kind,
    start: i64,
    /// The last second at which the rule can hold; before `start` when it never does.
    last: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Ticks(Ticks),
    Spans(Spans),
}

impl Rule {
    /// Makes a rule that starts at `start`, in local seconds. Its COUNTth occurrence is looked for here, once, and so is its first:
    /// a rule that never holds costs nothing later.
    pub(super) fn new(parts: Parts, start: i64) -> Self {
        let settled = settle(&parts, start);
        let times = times(&settled, start);
        let spans = |unit| Kind::Spans(Spans::new(&settled, unit, times, start));
        let kind = match parts.freq {
            Freq::Secondly | Freq::Minutely | Freq::Hourly | Freq::Daily => {
                Kind::Ticks(Ticks::new(&settled, times, start))
            }
            Freq::Weekly => spans(Unit::Week(i64::from(parts.week_start))),
            Freq::Monthly => spans(Unit::Month),
            Freq::Yearly => spans(Unit::Year),
        };
        let mut rule = Self { parts, times, kind, start, last: HORIZON };
        if rule.next(start, HORIZON).is_none() {
            rule.last = start - 1;
            return rule;
        }
        rule.last = match rule.parts.bound {
            Bound::Open => HORIZON,
            Bound::Until(until) => until.min(HORIZON),
            Bound::Count(count) => rule.nth(count).unwrap_or(HORIZON),
        };
        rule
    }

    fn nth(&self, count: u32) -> Option<i64> {
        match &self.kind {
            Kind::Spans(spans) => spans.nth(count, self.start, HORIZON),
            Kind::Ticks(ticks) => ticks.nth(count, self.start, HORIZON),
        }
    }

    /// Gives the first time at or after `from`, and not after `limit`, at which the rule holds.
    pub(super) fn next(&self, from: i64, limit: i64) -> Option<i64> {
        let (from, last) = (from.max(self.start), limit.min(self.last));
        if from > last {
            return None;
        }
        match &self.kind {
            Kind::Ticks(ticks) => ticks.next(from, last),
            Kind::Spans(spans) => spans.next(from, last),
        }
    }

    /// Tells whether the rule holds at a time.
    pub(super) fn holds(&self, at: i64) -> bool {
        (self.start..=self.last).contains(&at)
            && match &self.kind {
                Kind::Ticks(ticks) => ticks.holds(at),
                Kind::Spans(spans) => spans.holds(at),
            }
    }

    /// Gives, for a time at which this rule holds, the end of a stretch in which it holds whenever `other`, a rule of the same start,
    /// does: the next second, minute, hour or day, or the end of this rule.
    pub(super) fn covers_until(&self, other: &Self, at: i64) -> i64 {
        let is_quick = self.parts.freq < Freq::Daily && self.parts.interval > 1;
        let shares_phase =
            self.parts.freq == other.parts.freq && other.parts.interval.is_multiple_of(self.parts.interval);
        if !self.parts.positions.is_empty() || (is_quick && !shares_phase) {
            return at + 1;
        }
        let span = self.times.covered_span(&other.times);
        match &self.kind {
            Kind::Ticks(ticks) if span == DAY && ticks.is_every_day() => self.last + 1,
            Kind::Ticks(_) | Kind::Spans(_) => (at - at.rem_euclid(span) + span).min(self.last + 1),
        }
    }

    /// Gives hours, minutes and seconds at which the rule can hold.
    pub(super) fn times(&self) -> &TimeSet {
        &self.times
    }

    /// Gives the parts with what the start settles.
    pub(super) fn settled(&self) -> Parts {
        settle(&self.parts, self.start)
    }
}

/// Writes into a rule which days its start settles (RFC 5545 section 3.3.10: information that the rule does not contain is derived
/// from DTSTART): the weekday of a week, the day of a month, month and day of a year.
fn settle(parts: &Parts, start: i64) -> Parts {
    let mut settled = parts.clone();
    let day = start.div_euclid(DAY);
    let (_, month, of_month) = civil(day);
    let same_weekday = NthDay { ordinal: 0, weekday: weekday(day) as u8 };
    match parts.freq {
        Freq::Secondly | Freq::Minutely | Freq::Hourly | Freq::Daily => {}
        Freq::Weekly if parts.weekdays.is_empty() => settled.weekdays = vec![same_weekday],
        Freq::Monthly | Freq::Yearly
            if parts.weekdays.is_empty() && parts.month_days.is_empty() && parts.year_days.is_empty() =>
        {
            if parts.weeks.is_empty() {
                settled.month_days = vec![of_month as i16];
                if parts.freq == Freq::Yearly && parts.months.is_empty() {
                    settled.months = vec![month as i16];
                }
            } else {
                settled.weekdays = vec![same_weekday];
            }
        }
        Freq::Weekly | Freq::Monthly | Freq::Yearly => {}
    }
    settled
}

/// The times of the day at which a rule can hold: what BYHOUR, BYMINUTE and BYSECOND name; where they are absent, the start's, or all
/// that the frequency runs through.
fn times(parts: &Parts, start: i64) -> TimeSet {
    let time = start.rem_euclid(DAY);
    let part = |named: &[i16], runs: bool, size: u32, own: i64| {
        if !named.is_empty() {
            named.iter().fold(0, |bits, number| bits | 1 << number)
        } else if runs {
            (1 << size) - 1
        } else {
            1 << own
        }
    };
    TimeSet {
        hours: part(&parts.hours, parts.freq <= Freq::Hourly, 24, time / 3_600),
        minutes: part(&parts.minutes, parts.freq <= Freq::Minutely, 60, time / 60 % 60),
        seconds: part(&parts.seconds, parts.freq == Freq::Secondly, 60, time % 60),
    }
}
