//! From wall-clock times to instants: what becomes of local times that a clock change skips or repeats.
//!
//! Offsets come from the IANA database that the binary was built with ([`TZ_VERSION`]); transitions are found by asking it on both
//! sides, so nothing here knows a rule of any zone.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// The version of the time zone database in this binary, `2026a`.
pub const TZ_VERSION: &str = chrono_tz::IANA_TZDB_VERSION;

/// No clock change is longer: Samoa left out a whole day in 2011.
const CHANGE_MAX: TimeDelta = TimeDelta::hours(25);

/// What speaks in wall-clock times.
pub trait LocalRule {
    /// The first time at or after `from` at which the rule holds; `None` = there is none up to the horizon.
    fn next(&self, from: NaiveDateTime) -> Option<NaiveDateTime>;
    /// Whether it means every slot of the day rather than times of the day, so that it goes with the real time when clocks change.
    fn is_interval_like(&self) -> bool;
}

/// What becomes of local times that a clock change leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// They are left out.
    Skip,
    /// They run once, at the first instant after the gap; several of them are one run.
    RunAfter,
    /// They run as much later as the clock was put forward: 02:30 becomes 03:30.
    Shift,
}

/// What becomes of local times that a clock change repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// They run in the first pass.
    First,
    /// They run in the second pass.
    Second,
    /// They run in both.
    Both,
}

/// What a schedule wants when clocks change; `None` = as usual, which depends on the rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockChange {
    /// Usually [`Gap::RunAfter`]; interval-like rules have nothing to run in a gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// Usually [`Overlap::First`]; interval-like rules run in both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Overlap>,
}

impl ClockChange {
    fn of(self, rule: &impl LocalRule) -> (Gap, Overlap) {
        let usual = if rule.is_interval_like() { (Gap::Skip, Overlap::Both) } else { (Gap::RunAfter, Overlap::First) };
        (self.gap.unwrap_or(usual.0), self.overlap.unwrap_or(usual.1))
    }
}

/// How a clock change touched a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touch {
    /// Not at all.
    None,
    /// It fell into a gap and runs at its end.
    AfterGap,
    /// It fell into a gap and runs as much later.
    Shifted,
    /// It is repeated and this is the first pass.
    FirstPass,
    /// It is repeated and this is the second pass.
    SecondPass,
    /// It fell into a gap and is left out; it is told of at the gap's end.
    LeftOut,
}

/// A time of a rule, as an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// When it is.
    pub at: DateTime<Utc>,
    /// The wall-clock time that the rule named.
    pub local: NaiveDateTime,
    /// What a clock change did to it.
    pub touch: Touch,
}

/// The instants of `rule` in `zone` at or after `from`, strictly rising. Each step costs one step of the rule, but around a clock
/// change as many as fall into it.
pub struct Instants<'r, R> {
    rule: &'r R,
    zone: Tz,
    gap: Gap,
    overlap: Overlap,
    /// What a gap leaves out is told of, where the rule means times of the day.
    tells: bool,
    from: DateTime<Utc>,
    /// The next local time that has not been placed.
    next: Option<NaiveDateTime>,
    /// Placed and not given yet: a second pass comes after later times of the first.
    placed: BinaryHeap<Reverse<Slot>>,
    last: Option<DateTime<Utc>>,
    /// Until then no local time is skipped or repeated, and the offset is this.
    steady: Option<(NaiveDateTime, TimeDelta)>,
}

/// So far ahead a zone is looked at for changes: less than a day, and no change repeats or skips more than the rest of it.
const STEADY: TimeDelta = TimeDelta::hours(20);

impl<'r, R: LocalRule> Instants<'r, R> {
    /// Begins at `from`.
    pub fn new(rule: &'r R, zone: Tz, change: ClockChange, from: DateTime<Utc>) -> Self {
        let (gap, overlap) = change.of(rule);
        let next = rule.next(first_local(zone, from));
        Self { rule, zone, gap, overlap, tells: false, from, next, placed: BinaryHeap::new(), last: None, steady: None }
    }

    /// Gives the zone.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Tells also of what a gap leaves out: the first of it, unless something runs at the gap's end.
    #[must_use]
    pub fn telling(self) -> Self {
        Self { tells: !self.rule.is_interval_like(), ..self }
    }

    /// Places local times until nothing that is not placed yet can come before the first of those that are.
    fn fill(&mut self) {
        while let Some(local) = self.next {
            let steady = self.steady_at(local);
            let earliest = steady.map_or_else(|| earliest(self.zone, local), |offset| local.and_utc() - offset);
            if self.placed.peek().is_some_and(|Reverse(first)| first.at < earliest) {
                return;
            }
            match steady {
                Some(_) => self.placed.push(Reverse(Slot { at: earliest, local, touch: Touch::None })),
                None => self.placed.extend(self.slots(local).map(Reverse)),
            }
            self.next = local.checked_add_signed(TimeDelta::seconds(1)).and_then(|after| self.rule.next(after));
        }
    }
}

impl<R: LocalRule> Instants<'_, R> {
    /// What becomes of one local time: up to two instants.
    fn slots(&self, local: NaiveDateTime) -> impl Iterator<Item = Slot> + use<R> {
        let (zone, overlap) = (self.zone, self.overlap);
        let slot = |at: DateTime<Utc>, touch| Some(Slot { at, local, touch });
        let pair = match zone.from_local_datetime(&local) {
            LocalResult::Single(at) => [slot(at.to_utc(), Touch::None), None],
            LocalResult::Ambiguous(first, second) => {
                let first = slot(first.to_utc(), Touch::FirstPass).filter(|_| overlap != Overlap::Second);
                [first, slot(second.to_utc(), Touch::SecondPass).filter(|_| overlap != Overlap::First)]
            }
            LocalResult::None => match self.gap {
                Gap::Skip => [slot(gap_end(zone, local), Touch::LeftOut).filter(|_| self.tells), None],
                Gap::RunAfter => [slot(gap_end(zone, local), Touch::AfterGap), None],
                Gap::Shift => [slot(shifted(zone, local), Touch::Shifted), None],
            },
        };
        pair.into_iter().flatten()
    }

    /// Gives the offset at `local` when no change is near, asking the zone once for most of a day.
    fn steady_at(&mut self, local: NaiveDateTime) -> Option<TimeDelta> {
        if let Some((until, offset)) = self.steady
            && local < until
        {
            return Some(offset);
        }
        let LocalResult::Single(at) = self.zone.from_local_datetime(&local) else { return None };
        let offset = TimeDelta::seconds(i64::from(at.offset().fix().local_minus_utc()));
        let later = at.to_utc().checked_add_signed(STEADY + CHANGE_MAX)?;
        if offset_of(self.zone, later) != offset || offset_of(self.zone, at.to_utc() + STEADY) != offset {
            return None;
        }
        self.steady = Some((local + STEADY, offset));
        Some(offset)
    }
}

impl<R: LocalRule> Iterator for Instants<'_, R> {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        loop {
            self.fill();
            let Reverse(mut slot) = self.placed.pop()?;
            while slot.touch == Touch::LeftOut
                && let Some(Reverse(other)) = self.placed.peek().copied().filter(|Reverse(other)| other.at == slot.at)
            {
                self.placed.pop();
                if other.touch != Touch::LeftOut {
                    slot = other;
                }
            }
            let is_new = slot.at >= self.from && self.last.is_none_or(|last| slot.at > last);
            if is_new {
                self.last = Some(slot.at);
                return Some(slot);
            }
        }
    }
}

/// The wall-clock time from which a rule has to be asked for what is at or after `from`: what a gap before it left out may run later,
/// and what the clock has shown already may be repeated after it.
fn first_local(zone: Tz, from: DateTime<Utc>) -> NaiveDateTime {
    let (local, here) = (local_of(zone, from), offset_of(zone, from));
    let near = [from.checked_sub_signed(CHANGE_MAX), from.checked_add_signed(CHANGE_MAX)];
    let is_steady = near.into_iter().flatten().all(|at| offset_of(zone, at) == here);
    if is_steady { local } else { local.checked_sub_signed(CHANGE_MAX).unwrap_or(local) }
}

fn local_of(zone: Tz, at: DateTime<Utc>) -> NaiveDateTime {
    at.with_timezone(&zone).naive_local()
}

/// The first instant that `local` can become.
fn earliest(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
        LocalResult::None => gap_end(zone, local),
    }
}

/// Reads `local` with the offset that was in force before the gap it falls into.
fn shifted(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    local.and_utc() - offset_of(zone, gap_end(zone, local) - TimeDelta::seconds(1))
}

/// Gives the instant of a local time that is not a rule's: what is in a gap is after it, what is repeated is in the first pass.
pub fn place(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    earliest(zone, local)
}

/// As [`place`], but behind `at`, which lies before `local` on the clock: what is repeated may be in the second pass.
pub(super) fn place_after(zone: Tz, local: NaiveDateTime, at: DateTime<Utc>) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Ambiguous(first, second) if first.to_utc() <= at => second.to_utc(),
        _ => place(zone, local),
    }
}

/// The first instant after the gap that `local` falls into, by bisection between a day before and a day after.
fn gap_end(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let middle = local.and_utc();
    let (mut low, mut high) = ((middle - CHANGE_MAX * 2).timestamp(), (middle + CHANGE_MAX * 2).timestamp());
    while low + 1 < high {
        let probe = low + (high - low) / 2;
        match DateTime::from_timestamp(probe, 0).map(|at| local_of(zone, at) > local) {
            Some(true) => high = probe,
            _ => low = probe,
        }
    }
    DateTime::from_timestamp(high, 0).unwrap_or(middle)
}

fn offset_of(zone: Tz, at: DateTime<Utc>) -> TimeDelta {
    TimeDelta::seconds(i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()))
}
