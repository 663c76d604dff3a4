//! Rules of WEEKLY, MONTHLY and YEARLY: spans of days in phase with INTERVAL, of each of which BY parts pick days and times.
//!
//! A search walks spans from the one in which it begins: 50,900 weeks, 11,700 months or 975 years to the horizon, each worked out
//! with a few operations on bits. BYSETPOS picks by arithmetic on numbers of days and times, so that a year of 31 million seconds is
//! never written out.

use super::civil::{DAY, civil, day_number};
use super::days::{DayPicks, DaySet};
use super::parts::Parts;
use super::steps::step;
use super::times::TimeSet;

/// What a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seven days that begin on a weekday, 0 for Monday.
    Week(i64),
    /// A month.
    Month,
    /// A year.
    Year,
}

/// A rule over spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spans {
    unit: Unit,
    /// The number of the span in which the rule starts.
    phase: i64,
    interval: i64,
    days: DayPicks,
    times: TimeSet,
    /// BYSETPOS: how many come before, counted from the start of the set; in order.
    from_start: Vec<i64>,
    /// And from its end: −1 for the last.
    from_end: Vec<i64>,
}

impl Spans {
    /// Makes the rule of `parts`, in which what DTSTART settles is already written, from a start in local seconds on.
    pub(super) fn new(parts: &Parts, unit: Unit, times: TimeSet, start: i64) -> Self {
        let positions = parts.positions.iter().map(|position| i64::from(*position));
        let (from_end, from_start): (Vec<i64>, Vec<i64>) = positions.partition(|position| *position < 0);
        let from_start = from_start.into_iter().map(|position| position - 1).collect();
        let days = DayPicks::new(parts);
        let mut spans = Self { unit, phase: 0, interval: i64::from(parts.interval), days, times, from_start, from_end };
        spans.phase = spans.number(start.div_euclid(DAY));
        spans
    }

    /// The number of the span in which a day lies.
    fn number(&self, day: i64) -> i64 {
        let (year, month, _) = civil(day);
        match self.unit {
            Unit::Week(start) => (day + 3 - start).div_euclid(7),
            Unit::Month => year * 12 + i64::from(month) - 1,
            Unit::Year => year,
        }
    }

    /// The number of the first day of a span.
    fn first_day(&self, number: i64) -> i64 {
        match self.unit {
            Unit::Week(start) => number * 7 - 3 + start,
            Unit::Month => day_number(number.div_euclid(12), number.rem_euclid(12) as u32 + 1, 1),
            Unit::Year => day_number(number, 1, 1),
        }
    }

    fn days_of(&self, number: i64) -> DaySet {
        step();
        let first = self.first_day(number);
        match self.unit {
            Unit::Week(_) => self.days.of_week(first),
            Unit::Month => self.days.of_month(number.div_euclid(12), number.rem_euclid(12) as u32 + 1, first),
            Unit::Year => self.days.of_year(number, first),
        }
    }

    /// How many days a span's occurrences may lie outside it.
    fn reach(&self) -> i64 {
        i64::from(self.days.moves())
    }

    /// The first span in phase that is not before a number.
    fn in_phase(&self, number: i64) -> i64 {
        let after = (number - self.phase).max(0);
        self.phase + (after + self.interval - 1) / self.interval * self.interval
    }

    /// Gives the first time of `from` to `last` at which the rule holds; `from` is not before the rule's start.
    pub(super) fn next(&self, from: i64, last: i64) -> Option<i64> {
        let reach = self.reach();
        let mut number = self.in_phase(self.number(from.div_euclid(DAY) - reach));
        let mut best = None;
        let mut last = last;
        while self.first_day(number) - reach <= last.div_euclid(DAY) {
            if let Some(found) = self.first_in(&self.days_of(number), from).filter(|found| *found <= last) {
                best = Some(found);
                if reach == 0 {
                    break;
                }
                // Spans that overlap by moved days may hold something earlier still.
                last = found;
            }
            number += self.interval;
        }
        best
    }

    /// Tells whether the rule holds at a time that is not before its start.
    pub(super) fn holds(&self, at: i64) -> bool {
        let (day, reach) = (at.div_euclid(DAY), self.reach());
        let numbers = self.number(day - reach)..=self.number(day + reach);
        let mut in_phase = numbers.filter(|number| self.in_phase(*number) == *number);
        in_phase.any(|number| self.first_in(&self.days_of(number), at) == Some(at))
    }

    /// The first time at or after `from` that belongs to a span with these days.
    fn first_in(&self, days: &DaySet, from: i64) -> Option<i64> {
        if self.from_start.is_empty() && self.from_end.is_empty() {
            let day = days.first_from(from.div_euclid(DAY))?;
            let time = if day * DAY > from { 0 } else { from.rem_euclid(DAY) as u32 };
            return match self.times.first_from(time) {
                Some(time) => Some(day * DAY + i64::from(time)),
                None => Some(days.first_from(day + 1)? * DAY + i64::from(self.times.first_from(0)?)),
            };
        }
        let len = self.size(days);
        let at = |position: i64| (position < len).then(|| self.nth_in(days, position)).flatten();
        let is_before = |position: i64| at(position).is_some_and(|at| at < from);
        let early = self.from_start.partition_point(|position| is_before(*position));
        let late = self.from_end.partition_point(|position| len + position < 0 || is_before(len + position));
        let early = self.from_start.get(early).and_then(|position| at(*position));
        let late = self.from_end.get(late).and_then(|position| at(len + position));
        early.into_iter().chain(late).min()
    }

    /// The number of times on these days, BYSETPOS aside.
    fn size(&self, days: &DaySet) -> i64 {
        i64::from(days.len()) * i64::from(self.times.len())
    }

    /// The time on these days that comes after `skip` others, BYSETPOS aside.
    fn nth_in(&self, days: &DaySet, skip: i64) -> Option<i64> {
        let times = i64::from(self.times.len());
        let day = days.nth(u32::try_from(skip / times).ok()?)?;
        Some(day * DAY + i64::from(self.times.nth(u32::try_from(skip % times).ok()?)?))
    }

    /// The number of times that a span with these days has.
    fn count_in(&self, days: &DaySet) -> i64 {
        let len = self.size(days);
        if self.from_start.is_empty() && self.from_end.is_empty() {
            return len;
        }
        let early = self.from_start.iter().filter(|position| **position < len).count();
        let late = self.from_end.iter().map(|position| len + position);
        let late = late.filter(|position| *position >= 0 && self.from_start.binary_search(position).is_err()).count();
        (early + late) as i64
    }

    /// Gives the time of the occurrence with this number (from 1) after a start, unless it lies after `last`. Spans before the one in
    /// which it lies are counted, not walked, except the first; rules that move days are walked.
    pub(super) fn nth(&self, count: u32, start: i64, last: i64) -> Option<i64> {
        let mut left = i64::from(count);
        if self.reach() > 0 {
            let mut found = self.next(start, last);
            for _ in 1..count {
                found = self.next(found? + 1, last);
            }
            return found;
        }
        let mut number = self.phase;
        while self.first_day(number) <= last.div_euclid(DAY) {
            let days = self.days_of(number);
            let here = self.count_in(&days);
            if number > self.phase && here < left {
                left -= here;
            } else {
                let mut from = start;
                while let Some(found) = self.first_in(&days, from) {
                    left -= 1;
                    if left == 0 {
                        return (found <= last).then_some(found);
                    }
                    from = found + 1;
                }
            }
            number += self.interval;
        }
        None
    }
}
