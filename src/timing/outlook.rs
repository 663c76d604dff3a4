//! What lies ahead of a plan: its next occurrences, the days of a year, changes of the clock. Bounded whatever the rules are.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::plan::{Fate, Occurrence, Plan};
use super::zone::{ClockChange, Gap, Touch, place};

/// Runs of one day that are counted; there may be more.
pub const RUNS_OF_DAY_MAX: u32 = 50;
/// Occurrences that are looked at for all the days of an outlook.
const LOOKED_AT_MAX: usize = 40_000;

/// A day of an outlook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedDay {
    /// The day, in the plan's zone.
    pub day: NaiveDate,
    /// How often it runs then, at most [`RUNS_OF_DAY_MAX`]; `None` = too far away to be looked at.
    pub runs: Option<u32>,
    /// Why something that the rules name then is left out, the first reason.
    pub left_out: Option<String>,
    /// Something runs then that was moved there.
    pub is_moved: bool,
}

/// A change of the clock, and what it does to what runs then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockNote {
    /// The first instant with the new offset.
    pub at: DateTime<Utc>,
    /// By how much the clock is put forward; negative = back.
    pub forward: TimeDelta,
    /// The times that it touches, as they are written, with what becomes of them.
    pub touched: Vec<(NaiveTime, Touched)>,
}

/// What a change of the clock does to a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// It does not exist, and it runs then instead.
    RunsAt(DateTime<Utc>),
    /// It does not exist, and it is left out.
    LeftOut,
    /// It comes twice and runs the first time.
    First,
    /// It comes twice and runs the second time.
    Second,
}

impl Plan {
    /// Gives the next `most` occurrences that are decided at or after `from`, those that are left out included.
    pub fn ahead(&self, from: DateTime<Utc>, most: usize) -> Vec<Occurrence> {
        self.course(from).take(most).collect()
    }

    /// Looks at `days` days from `first` on.
    pub fn days_ahead(&self, first: NaiveDate, days: u32) -> Vec<PlannedDay> {
        let mut left = LOOKED_AT_MAX;
        let mut planned = Vec::new();
        for number in 0..u64::from(days) {
            let Some(day) = first.checked_add_days(Days::new(number)) else { break };
            planned.push(if left == 0 {
                PlannedDay { day, runs: None, left_out: None, is_moved: false }
            } else {
                self.planned_day(day, &mut left)
            });
        }
        planned
    }

    fn planned_day(&self, day: NaiveDate, left: &mut usize) -> PlannedDay {
        let mut planned = PlannedDay { day, runs: Some(0), left_out: None, is_moved: false };
        let begin = place(self.zone, day.and_time(NaiveTime::MIN));
        let end =
            day.succ_opt().map_or(DateTime::<Utc>::MAX_UTC, |next| place(self.zone, next.and_time(NaiveTime::MIN)));
        let mut runs = 0;
        for one in self.course(begin).take_while(|one| one.moment < end) {
            *left = left.saturating_sub(1);
            match &one.fate {
                Fate::Runs(at, _) => {
                    runs += 1;
                    planned.is_moved |= at.with_timezone(&self.zone).date_naive() != one.local.date();
                }
                Fate::Skipped(_) => {
                    planned.left_out = planned.left_out.or_else(|| one.why_left_out());
                }
            }
            if runs == RUNS_OF_DAY_MAX || *left == 0 {
                break;
            }
        }
        planned.runs = Some(runs);
        planned
    }

    /// Finds the changes of the clock within `days` days of `from`, and what each does to what runs then.
    pub fn clock_changes(&self, from: DateTime<Utc>, days: u32) -> Vec<ClockNote> {
        changes(self.zone, from, days).into_iter().map(|(at, forward)| self.clock_note(at, forward)).collect()
    }

    fn clock_note(&self, at: DateTime<Utc>, forward: TimeDelta) -> ClockNote {
        const LOOKED_AT: usize = 500;
        let around = TimeDelta::hours(3);
        let mut touched: BTreeMap<NaiveTime, Touched> = BTreeMap::new();
        // of what is left out in a gap a course tells the first; as if it ran after it, it tells of each
        let leaves_out = self.change.gap == Some(Gap::Skip);
        let gap = if leaves_out { Some(Gap::RunAfter) } else { self.change.gap };
        let plan = Self { change: ClockChange { gap, ..self.change }, ..self.clone() };
        let course = plan.course(at - around).take(LOOKED_AT).take_while(|one| one.moment < at + around);
        for one in course {
            let what = match (&one.fate, one.touch) {
                (_, Touch::None) => continue,
                (_, Touch::AfterGap | Touch::Shifted) if leaves_out => Touched::LeftOut,
                (Fate::Runs(at, _), Touch::AfterGap | Touch::Shifted) => Touched::RunsAt(*at),
                (Fate::Skipped(_), Touch::AfterGap | Touch::Shifted) => Touched::LeftOut,
                (_, Touch::LeftOut) => Touched::LeftOut,
                (_, Touch::FirstPass) => Touched::First,
                (_, Touch::SecondPass) => Touched::Second,
            };
            touched.entry(one.local.time()).or_insert(what);
        }
        ClockNote { at, forward, touched: touched.into_iter().collect() }
    }
}

/// Gives the changes of a zone's clock within `days` days of `from`, each with how much it is put forward.
fn changes(zone: Tz, from: DateTime<Utc>, days: u32) -> Vec<(DateTime<Utc>, TimeDelta)> {
    let offset = |at: DateTime<Utc>| i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc());
    let mut found = Vec::new();
    for day in 0..i64::from(days) {
        let (mut low, mut high) = (from + TimeDelta::days(day), from + TimeDelta::days(day + 1));
        let (before, after) = (offset(low), offset(high));
        if before == after {
            continue;
        }
        while high - low > TimeDelta::seconds(1) {
            let middle = low + (high - low) / 2;
            if offset(middle) == before { low = middle } else { high = middle }
        }
        let at = DateTime::from_timestamp(high.timestamp(), 0).unwrap_or(high);
        found.push((at, TimeDelta::seconds(after - before)));
    }
    found
}

impl ClockNote {
    /// Says it for people, in the zone's own words.
    pub fn sentence(&self, zone: Tz) -> String {
        let local = self.at.with_timezone(&zone);
        let way = if self.forward > TimeDelta::zero() { "forward" } else { "back" };
        let day = format!("{} {} {} {}", local.format("%A"), local.day(), local.format("%B"), local.year());
        let mut told: Vec<String> = Vec::new();
        for (time, what) in self.touched.iter().take(3) {
            let time = time.format("%H:%M");
            told.push(match what {
                Touched::RunsAt(at) => {
                    format!("{time} does not exist that day, so it runs at {}", at.with_timezone(&zone).format("%H:%M"))
                }
                Touched::LeftOut => format!("{time} does not exist that day, so it is left out"),
                Touched::First => format!("{time} comes twice that day, and runs the first time"),
                Touched::Second => format!("{time} comes twice that day, and runs the second time"),
            });
        }
        if self.touched.len() > told.len() {
            told.push(format!("{} more times are touched", self.touched.len() - told.len()));
        }
        match told.is_empty() {
            true => format!("Clocks go {way} on {day}. None of its times is lost or doubled."),
            false => format!("Clocks go {way} on {day}. {}.", told.join("; ")),
        }
    }
}
