//! Rules of DAILY, HOURLY, MINUTELY and SECONDLY: a tick every so many seconds, of which BY parts leave some, and the times within
//! each tick that is left.
//!
//! A search goes month by month and looks only at days that the day filter leaves: eleven thousand months and 356,000 days up to the
//! horizon, a few operations each. Within a day it jumps from tick to tick. So that no day is looked through in vain, rules with
//! several ticks a day know which days have one that hours, minutes and seconds leave: the pattern of ticks repeats after `step / gcd(step,
//! 86,400)` days, which is less than a day's seconds, and is worked out once ([`Classes`]).

use super::civil::{DAY, civil, month_len};
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
        Self { phase, unit, step, beginnings, within, days: DayFilter::new(parts), classes }
    }

    /// Tells whether every day has the same times.
    pub(super) fn is_every_day(&self) -> bool {
        self.days.is_open() && (self.step == self.unit)
    }

    /// Gives the first time of `from` to `last` at which the rule holds; `from` is not before the rule's start.
    pub(super) fn next(&self, from: i64, last: i64) -> Option<i64> {
        self.within.first_from(0)?;
        let (from_day, last_day) = (from.div_euclid(DAY), last.div_euclid(DAY));
        let (mut year, mut month, day) = civil(from_day);
        let mut first = from_day - i64::from(day) + 1;
        let mut asked = u32::MAX << day;
        while first <= last_day {
            step();
            let mut days = self.days.of_month(year, month, first) & asked;
            while days != 0 {
                step();
                let day = first + i64::from(days.trailing_zeros()) - 1;
                let time = if day == from_day { from.rem_euclid(DAY) } else { 0 };
                if let Some(found) = self.of_day(day, time) {
                    return (found <= last).then_some(found);
                }
                days &= days - 1;
            }
            first += i64::from(month_len(year, month));
            (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            asked = u32::MAX;
        }
        None
    }

    /// The first time of a day at or after `time`, in seconds of that day, at which the rule holds, days' limits aside.
    fn of_day(&self, day: i64, time: i64) -> Option<i64> {
        let offset = (self.phase - day * DAY).rem_euclid(self.step);
        if offset >= DAY || self.classes.as_ref().is_some_and(|classes| !classes.has(day)) {
            return None;
        }
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
        let day = at.div_euclid(DAY);
        let (year, month, of_month) = civil(day);
        let days = self.days.of_month(year, month, day - i64::from(of_month) + 1);
        days & (1 << of_month) != 0 && self.of_day(day, at.rem_euclid(DAY)) == Some(at)
    }
}

/// The first multiple of `of` that is not below a number that is not negative.
fn next_multiple(number: i64, of: i64) -> i64 {
    (number + of - 1) / of * of
}

/// On which days, counted in turns of a pattern, any tick is left.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Classes {
    /// After so many days the pattern repeats; below 86,400.
    days: i64,
    bits: Vec<u64>,
}

impl Classes {
    /// Works out the days of each time t of `beginnings`: those whose number d solves 86,400 d + t ≡ phase (mod step), which has a
    /// solution when gcd(step, 86,400) divides phase − t, and then one in each turn. At most 86,400 times are looked at.
    fn new(phase: i64, step: i64, beginnings: &TimeSet) -> Self {
        let (common, inverse) = gcd_inverse(DAY, step);
        let days = step / common;
        let mut bits = vec![0; days as usize / 64 + 1];
        for time in beginnings.iter() {
            let distance = phase - i64::from(time);
            if distance % common == 0 {
                let day = (distance / common).rem_euclid(days) * inverse % days;
                if let Some(word) = bits.get_mut(day as usize / 64) {
                    *word |= 1u64 << (day % 64);
                }
            }
        }
        Self { days, bits }
    }

    fn has(&self, day: i64) -> bool {
        let day = day.rem_euclid(self.days);
        self.bits.get(day as usize / 64).is_some_and(|word| word & (1 << (day % 64)) != 0)
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
