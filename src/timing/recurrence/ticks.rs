//! Rules of DAILY, HOURLY, MINUTELY and SECONDLY: a tick every so many seconds, of which BY parts leave some, and the times within
//! each tick that is left.
//!
//! Where there is one tick a day at most, a search jumps from tick to tick and over the days that the filter excludes: 356,000 ticks
//! up to the horizon at most. Where there are more, it goes through the days that the filter leaves, and within a day jumps from tick to
//! tick. So that no day is looked through in vain, rules with several ticks a day know which days have one that hours, minutes and
//! seconds leave: the pattern of ticks repeats after `step / gcd(step, 86,400)` days, which is less than a day's seconds, and is worked
//! out once ([`Classes`]).

use super::civil::{DAY, civil, day_of, month_len};
use super::days::DayFilter;
use super::parts::{Freq, Parts};
use super::steps::step;
use super::times::{TimeSet, Within};

/// A rule that ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticks {
    /// The tick in which the rule starts, in local seconds.
    phase: i64,
    /// The length of a tick in seconds: a day, an hour, a minute or a second.
    unit: i64,
    /// From one tick to the next in seconds: INTERVAL units.
    step: i64,
    /// The beginnings of ticks that hours, minutes and seconds leave.
    beginnings: TimeSet,
    within: Within,
    days: DayFilter,
    classes: Option<Classes>,
    /// No tick is ever left, whatever the days.
    is_void: bool,
}

impl Ticks {
    /// Makes the rule of `parts`, whose times of the day are `times`, from a start in local seconds on.
    pub(super) fn new(parts: &Parts, times: TimeSet, start: i64) -> Self {
        let midnight = TimeSet::MIDNIGHT;
        let (unit, beginnings, within) = match parts.freq {
            Freq::Secondly => (1, times, midnight),
            Freq::Minutely => (60, TimeSet { seconds: 1, ..times }, TimeSet { seconds: times.seconds, ..midnight }),
            Freq::Hourly => (3_600, TimeSet { hours: times.hours, ..midnight }, TimeSet { hours: 1, ..times }),
            Freq::Daily | Freq::Weekly | Freq::Monthly | Freq::Yearly => (DAY, midnight, times),
        };
        let (phase, step) = (start - start.rem_euclid(unit), unit * i64::from(parts.interval));
        let classes = (unit < step && step < DAY).then(|| Classes::new(phase, step, &beginnings));
        let within = Within::new(within, &parts.positions);
        let common = gcd_inverse(DAY, step).0;
        let is_met = beginnings.iter().any(|time| (phase - i64::from(time)) % common == 0);
        let is_void = !is_met || within.first_from(0).is_none();
        Self { phase, unit, step, beginnings, within, days: DayFilter::new(parts), classes, is_void }
    }

    /// Tells whether every day has the same times.
    pub(super) fn is_every_day(&self) -> bool {
        self.days.is_open() && (self.step == self.unit)
    }

    /// Gives the first time of `from` to `last` at which the rule holds; `from` is not before the rule's start.
    pub(super) fn next(&self, from: i64, last: i64) -> Option<i64> {
        if self.is_void {
            None
        } else if self.step < DAY {
            self.next_by_day(from, last)
        } else {
            self.next_by_tick(from, last)
        }
    }

    /// Looks at one day after the other, of those that the filter leaves.
    fn next_by_day(&self, from: i64, last: i64) -> Option<i64> {
        let (from_day, last_day) = (day_of(from), day_of(last));
        let mut month = self.month_of(from_day);
        month.days &= u32::MAX << (from_day - month.first + 1);
        while month.first <= last_day {
            while month.days != 0 {
                step();
                let day = month.first + i64::from(month.days.trailing_zeros()) - 1;
                let time = if day == from_day { from.rem_euclid(DAY) } else { 0 };
                if let Some(found) = self.of_day(day, time) {
                    return (found <= last).then_some(found);
                }
                month.days &= month.days - 1;
            }
            month = self.month_of(month.end);
        }
        None
    }

    /// Looks at one tick after the other when there is one a day at most.
    fn next_by_tick(&self, from: i64, last: i64) -> Option<i64> {
        let mut tick = self.phase + next_multiple((from - self.unit + 1 - self.phase).max(0), self.step);
        let mut month = self.month_of(day_of(tick));
        while tick <= last {
            step();
            let day = day_of(tick);
            if day >= month.end {
                month = self.month_of(day);
            }
            let left = month.days & (u32::MAX << (day - month.first + 1));
            let wanted = if left == 0 { month.end } else { month.first + i64::from(left.trailing_zeros()) - 1 };
            if wanted > day {
                tick += next_multiple(wanted * DAY - tick, self.step);
                continue;
            }
            if self.beginnings.holds(tick.rem_euclid(DAY) as u32) {
                let passed = u32::try_from((from - tick).max(0)).ok()?;
                if let Some(within) = self.within.first_from(passed) {
                    let found = tick + i64::from(within);
                    return (found <= last).then_some(found);
                }
            }
            tick += self.step;
        }
        None
    }

    /// Gives the time of the occurrence with this number (from 1) after a start, unless it lies after `last`. Days with several ticks
    /// are counted, not walked, except the first and the last.
    pub(super) fn nth(&self, count: u32, start: i64, last: i64) -> Option<i64> {
        let (mut left, mut from) = (count, start);
        if self.step < DAY {
            let first_end = (day_of(start) + 1) * DAY;
            while let Some(found) = self.next(from, (first_end - 1).min(last)) {
                left -= 1;
                if left == 0 {
                    return Some(found);
                }
                from = found + 1;
            }
            (from, left) = self.skip_days(day_of(start) + 1, left, last);
        }
        let mut found = self.next(from, last);
        for _ in 1..left {
            found = self.next(found? + 1, last);
        }
        found
    }

    /// Goes over whole days from one on while they hold fewer than `left` occurrences; gives where it stopped and what is left then.
    fn skip_days(&self, day: i64, left: u32, last: i64) -> (i64, u32) {
        let counts = ticks_by_class(self.phase, self.step, &self.beginnings);
        let mut left = left;
        let mut month = self.month_of(day);
        month.days &= u32::MAX << (day - month.first + 1);
        while month.first <= day_of(last) {
            while month.days != 0 {
                step();
                let day = month.first + i64::from(month.days.trailing_zeros()) - 1;
                let ticks = counts.get(day.rem_euclid(counts.len() as i64) as usize).copied().unwrap_or_default();
                let here = ticks * self.within.len();
                if here >= left {
                    return (day * DAY, left);
                }
                left -= here;
                month.days &= month.days - 1;
            }
            month = self.month_of(month.end);
        }
        (last + 1, left)
    }

    /// The month in which a day lies.
    fn month_of(&self, day: i64) -> Month {
        step();
        let (year, month, of_month) = civil(day);
        let first = day - i64::from(of_month) + 1;
        let left = self.classes.as_ref().map_or(u32::MAX, |classes| classes.of_month(first));
        let days = self.days.of_month(year, month, first) & left;
        Month { first, end: first + i64::from(month_len(year, month)), days }
    }

    /// The first time of a day at or after `time`, in seconds of that day, at which the rule holds, days' limits aside.
    fn of_day(&self, day: i64, time: i64) -> Option<i64> {
        let offset = (self.phase - day * DAY).rem_euclid(self.step);
        let mut from = time - time % self.unit;
        loop {
            step();
            let tick = i64::from(self.beginnings.first_from(u32::try_from(from).ok()?)?);
            let in_phase = offset + next_multiple((tick - offset).max(0), self.step);
            if in_phase >= DAY {
                return None;
            }
            if in_phase > tick {
                from = in_phase;
                continue;
            }
            let passed = u32::try_from((time - tick).max(0)).ok()?;
            if let Some(within) = self.within.first_from(passed) {
                return Some(day * DAY + tick + i64::from(within));
            }
            from = tick + 1;
        }
    }

    /// Tells whether the rule holds at a time that is not before its start.
    pub(super) fn holds(&self, at: i64) -> bool {
        let month = self.month_of(day_of(at));
        let tick = at - at.rem_euclid(self.unit);
        month.days & (1 << (day_of(at) - month.first + 1)) != 0
            && (tick - self.phase) % self.step == 0
            && self.beginnings.holds(tick.rem_euclid(DAY) as u32)
            && self.within.first_from((at - tick) as u32) == Some((at - tick) as u32)
    }
}

/// A month and those of its days that the filter and the classes leave, bits 1 to 31.
struct Month {
    first: i64,
    /// The first day of the next month.
    end: i64,
    days: u32,
}

/// The first multiple of `of` that is not below a number that is not negative.
fn next_multiple(number: i64, of: i64) -> i64 {
    (number + of - 1) / of * of
}

/// How many ticks are left on each day, counted in turns of a pattern.
///
/// Works out the days of each time t of `beginnings`: those whose number d solves 86,400 d + t ≡ phase (mod step), which has a solution
/// when gcd(step, 86,400) divides phase − t, and then one in each turn. At most 86,400 times are looked at.
fn ticks_by_class(phase: i64, step: i64, beginnings: &TimeSet) -> Vec<u32> {
    let (common, inverse) = gcd_inverse(DAY, step);
    let days = step / common;
    let mut counts = vec![0; days as usize];
    for time in beginnings.iter() {
        let distance = phase - i64::from(time);
        if distance % common == 0 {
            let day = (distance / common).rem_euclid(days) * inverse % days;
            if let Some(count) = counts.get_mut(day as usize) {
                *count += 1;
            }
        }
    }
    counts
}

/// On which days, counted in turns of a pattern, any tick is left.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Classes {
    /// After so many days the pattern repeats; below 86,400.
    days: i64,
    /// The pattern and the 31 days that follow it, a bit each.
    bits: Vec<u64>,
}

impl Classes {
    fn new(phase: i64, step: i64, beginnings: &TimeSet) -> Self {
        let counts = ticks_by_class(phase, step, beginnings);
        let mut bits = vec![0; counts.len() / 64 + 2];
        for (day, count) in counts.iter().cycle().take(counts.len() + 31).enumerate() {
            if let Some(word) = bits.get_mut(day / 64) {
                *word |= u64::from(*count > 0) << (day % 64);
            }
        }
        Self { days: counts.len() as i64, bits }
    }

    /// The days of the month that begins with day `first` on which any tick is left, as bits 1 to 31.
    fn of_month(&self, first: i64) -> u32 {
        let day = first.rem_euclid(self.days);
        let word = |at: i64| self.bits.get(at as usize).copied().unwrap_or_default();
        let (at, shift) = (day / 64, (day % 64) as u32);
        let days = word(at) >> shift | word(at + 1).checked_shl(64 - shift).unwrap_or_default();
        (days << 1) as u32
    }
}

/// The greatest common divisor g of two positive numbers, and the inverse of a/g modulo b/g, not negative (Euclid's extended
/// algorithm).
fn gcd_inverse(a: i64, b: i64) -> (i64, i64) {
    let (mut rests, mut factors) = ((a, b), (1, 0));
    while rests.1 != 0 {
        let times = rests.0 / rests.1;
        rests = (rests.1, rests.0 - times * rests.1);
        factors = (factors.1, factors.0 - times * factors.1);
    }
    (rests.0, factors.0.rem_euclid(b / rests.0))
}
