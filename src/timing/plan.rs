//! Plans: the occurrences of a schedule, each with what becomes of it and why.
//!
//! ```text
//! rules ─▶ union ─▶ exclusions ─▶ business days (roll) ─▶ hours, windows (skip or delay) ─▶ exclusions again ─▶ what runs when
//! ```
//! An occurrence is named by the instant that the rules name, so it stays the same whatever moves it. What runs at the same instant
//! runs once: the occurrence that was named first.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::calendar::{BusinessDays, Roll, Window};
use super::course::Course;
use super::reason::Reason;
use super::rule::Rule;
use super::zone::{ClockChange, Slot, Touch, place, place_after};

/// So many times a delayed occurrence may run from one window into the next.
const DELAYS_MAX: usize = 16;

/// What a time that may not be leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The occurrence is left out.
    Skip,
    /// It runs when that time is over.
    Delay,
}

/// What takes times out of the rules. An exclusion always wins.
#[derive(Debug, Clone)]
pub enum Exclusion {
    /// The holidays of a calendar.
    Holidays(Arc<BusinessDays>),
    /// The times at which a rule holds; a cron rule without seconds holds for the whole minute.
    Rule(Rule),
    /// From the first to the last of these days.
    Days(NaiveDate, NaiveDate),
}

/// Days on which nothing may run, and where it goes instead.
#[derive(Debug, Clone)]
pub struct Business {
    /// The calendar that knows them.
    pub days: Arc<BusinessDays>,
    /// Where to; [`Roll::Keep`] leaves the occurrence out.
    pub roll: Roll,
}

/// Hours of the day within which it may run: from the first, before the second; over midnight when the second is not later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// The first moment of the day.
    pub from: NaiveTime,
    /// The first moment that is outside again.
    pub to: NaiveTime,
    /// What becomes of the others.
    pub action: Action,
}

/// The maintenance windows of a calendar.
#[derive(Debug, Clone)]
pub struct Closed {
    /// The calendar.
    pub days: Arc<BusinessDays>,
    /// What becomes of what falls into them.
    pub action: Action,
}

/// When a schedule runs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In whose wall-clock time it speaks.
    pub zone: Tz,
    /// It runs when one of them says so.
    pub rules: Vec<Rule>,
    /// What becomes of times that clock changes skip or repeat.
    pub change: ClockChange,
    /// What is taken out.
    pub exclude: Vec<Exclusion>,
    /// Days on which nothing runs.
    pub business: Option<Business>,
    /// Hours within which it runs.
    pub hours: Option<Hours>,
    /// Windows within which it does not.
    pub closed: Vec<Closed>,
    /// Nothing before.
    pub start: Option<DateTime<Utc>>,
    /// Nothing from here on.
    pub end: Option<DateTime<Utc>>,
}

/// What becomes of an occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It runs then; with a reason when that is not when its rule says.
    Runs(DateTime<Utc>, Option<Reason>),
    /// It is left out.
    Skipped(Reason),
}

/// A time that the rules name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// The instant that names it.
    pub at: DateTime<Utc>,
    /// The wall-clock time of its rule.
    pub local: NaiveDateTime,
    /// What a clock change did to it.
    pub touch: Touch,
    /// When it is decided: when it runs, would have run together with another, or is left out.
    pub moment: DateTime<Utc>,
    /// What becomes of it.
    pub fate: Fate,
    /// It stands for all that follow within the same closed time, up to this instant.
    pub until: Option<DateTime<Utc>>,
}

impl Occurrence {
    /// Says why it is left out, for people; `None` = it is not.
    pub fn why_left_out(&self) -> Option<String> {
        match (&self.fate, self.touch) {
            (Fate::Skipped(Reason::ClockChange), Touch::LeftOut) => {
                Some(format!("{} does not exist that day, the clock is put forward", self.local.format("%H:%M")))
            }
            (Fate::Skipped(reason), _) => Some(reason.to_string()),
            (Fate::Runs(..), _) => None,
        }
    }

    /// Gives when it runs, if it does.
    pub fn runs_at(&self) -> Option<DateTime<Utc>> {
        match &self.fate {
            Fate::Runs(at, _) => Some(*at),
            Fate::Skipped(_) => None,
        }
    }
}

/// A time that is closed.
pub(super) struct Span {
    reason: Reason,
    action: Action,
    /// When it is over; `None` = it is only this moment.
    pub(super) ends: Option<DateTime<Utc>>,
}

impl Plan {
    /// Makes a plan of one rule and nothing else.
    pub fn of(rule: Rule, zone: Tz, change: ClockChange) -> Self {
        let (exclude, closed) = (Vec::new(), Vec::new());
        Self { zone, rules: vec![rule], change, exclude, business: None, hours: None, closed, start: None, end: None }
    }

    /// Gives its occurrences that are decided at or after `from`, by when that is. Bounded: see [`Course`].
    pub fn course(&self, from: DateTime<Utc>) -> Course<'_> {
        Course::new(self, from)
    }

    /// Gives the instants of `[from, to)` at which it runs, strictly rising.
    pub fn runs(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> + '_ {
        self.course(from).map_while(move |one| (one.moment < to).then_some(one)).filter_map(|one| one.runs_at())
    }

    /// Tells what becomes of a time of a rule, and the end of the closed time that it fell into.
    pub(super) fn decide(&self, slot: Slot) -> (Fate, Option<DateTime<Utc>>) {
        if self.start.is_some_and(|start| slot.at < start) || self.end.is_some_and(|end| slot.at >= end) {
            return (Fate::Skipped(Reason::Outside), None);
        }
        // what a clock change moved must be allowed where it came from and where it runs
        let is_moved = matches!(slot.touch, Touch::AfterGap | Touch::Shifted);
        let there = || if is_moved { self.excluded(slot.at, self.local(slot.at)) } else { None };
        if let Some(span) = self.excluded(slot.at, slot.local).or_else(there) {
            return (Fate::Skipped(span.reason), span.ends);
        }
        let moved = match self.rolled(slot) {
            Ok(moved) => moved,
            Err(span) => return (Fate::Skipped(span.reason), span.ends),
        };
        if slot.touch == Touch::LeftOut && moved.is_none() {
            return (Fate::Skipped(Reason::ClockChange), None);
        }
        self.opened(slot, moved)
    }

    /// Moves a time to a business day; the error is why it is left out.
    fn rolled(&self, slot: Slot) -> Result<Option<(DateTime<Utc>, Reason)>, Span> {
        let Some(business) = &self.business else { return Ok(None) };
        let day = slot.local.date();
        if business.days.is_business_day(day) {
            return Ok(None);
        }
        let name = business.days.contains(day);
        let why = name.unwrap_or_else(|| format!("no business day ({})", business.days.name()));
        let reason = Reason::NoBusinessDay(why);
        let left_out = |reason| Span { reason, action: Action::Skip, ends: self.day_after(day) };
        if business.roll == Roll::Keep {
            return Err(left_out(reason));
        }
        match business.days.roll(day, business.roll) {
            Some(to) => Ok(Some((place(self.zone, to.and_time(slot.local.time())), reason))),
            None => Err(left_out(Reason::NeverOpen)),
        }
    }

    /// Moves a time out of what is closed, or leaves it out. What the rules name within the closed time that it falls into first shares its fate.
    fn opened(&self, slot: Slot, moved: Option<(DateTime<Utc>, Reason)>) -> (Fate, Option<DateTime<Utc>>) {
        let (mut at, mut why) = moved.map_or((slot.at, None), |(at, reason)| (at, Some(reason)));
        let (mut closed_until, is_moved) = (None, why.is_some());
        for step in 0..DELAYS_MAX {
            let Some(span) = self.shut(at) else {
                return (self.allowed(slot, at, why), closed_until);
            };
            if step == 0 && !is_moved {
                closed_until = span.ends;
            }
            match (span.action, span.ends) {
                (Action::Delay, Some(ends)) => (at, why) = (ends, Some(Reason::then(why, span.reason))),
                _ => return (Fate::Skipped(span.reason), closed_until),
            }
        }
        (Fate::Skipped(Reason::NeverOpen), closed_until)
    }

    /// The last word: what was moved may have come into an excluded time.
    fn allowed(&self, slot: Slot, at: DateTime<Utc>, why: Option<Reason>) -> Fate {
        if self.start.is_some_and(|start| at < start) || self.end.is_some_and(|end| at >= end) {
            return Fate::Skipped(Reason::Outside);
        }
        let excluded = if at == slot.at { None } else { self.excluded(at, self.local(at)) };
        match excluded {
            Some(span) => Fate::Skipped(span.reason),
            None => Fate::Runs(
                at,
                why.or((slot.touch == Touch::AfterGap || slot.touch == Touch::Shifted).then_some(Reason::ClockChange)),
            ),
        }
    }

    pub(super) fn excluded(&self, at: DateTime<Utc>, local: NaiveDateTime) -> Option<Span> {
        let day = local.date();
        let skip = |reason, ends| Some(Span { reason, action: Action::Skip, ends });
        self.exclude.iter().find_map(|exclusion| match exclusion {
            Exclusion::Holidays(days) => skip(Reason::Holiday(days.contains(day)?), self.day_after(day)),
            Exclusion::Days(first, last) if (*first..=*last).contains(&day) => {
                skip(Reason::Excluded(format!("{first} to {last}")), self.day_after(*last))
            }
            Exclusion::Days(..) => None,
            Exclusion::Rule(rule) => {
                let ends = || rule.covers_until(local).and_then(|ends| self.straight(at, local, ends));
                rule.covers(at, local).then(|| skip(Reason::Excluded(rule.held(self.zone)), ends())).flatten()
            }
        })
    }

    /// What is closed at this moment: outside of the hours, or within a window. What leaves out goes before what delays.
    pub(super) fn shut(&self, at: DateTime<Utc>) -> Option<Span> {
        let hours = self.hours.and_then(|hours| {
            let opens = hours.opens_after(self.local(at))?;
            Some(Span { reason: Reason::Hours, action: hours.action, ends: Some(place_after(self.zone, opens, at)) })
        });
        let windows = self.closed.iter().filter_map(|closed| {
            let (window, zone) = closed.window_at(at, self.zone)?;
            let ends = Some(place_after(zone, window.ends, at).max(at + TimeDelta::seconds(1)));
            Some(Span { reason: Reason::Window(window.name), action: closed.action, ends })
        });
        hours.into_iter().chain(windows).min_by_key(|span| span.action == Action::Delay)
    }

    /// The earliest moment whose occurrences may run at `at`, because of a closed time that ends there or lasts.
    pub(super) fn delayed_from(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let mut from = at;
        for _ in 0..DELAYS_MAX {
            let before = from - TimeDelta::seconds(1);
            let began = self.closed.iter().filter(|closed| closed.action == Action::Delay).find_map(|closed| {
                let (window, zone) = closed.window_at(before, self.zone)?;
                Some(place(zone, window.begins))
            });
            let shut = self.hours.filter(|hours| hours.action == Action::Delay).and_then(|hours| {
                let closes = hours.closed_since(self.local(before))?;
                Some(place(self.zone, closes))
            });
            match began.into_iter().chain(shut).min().filter(|began| *began < from) {
                Some(began) => from = began,
                None => break,
            }
        }
        from
    }

    fn local(&self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.zone).naive_local()
    }

    /// The instant of the local time `to`, unless the clock is changed on the way there: it may show what came before `local` then.
    fn straight(&self, at: DateTime<Utc>, local: NaiveDateTime, to: NaiveDateTime) -> Option<DateTime<Utc>> {
        let there = place(self.zone, to);
        (there - at == to - local).then_some(there)
    }

    /// The first moment of the day after.
    pub(super) fn day_after(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        Some(place(self.zone, day.succ_opt()?.and_time(NaiveTime::MIN)))
    }
}

impl Rule {
    /// Tells whether the rule holds then. A cron rule without seconds holds for the whole minute.
    fn covers(&self, at: DateTime<Utc>, local: NaiveDateTime) -> bool {
        match self {
            Self::Cron(cron) => cron.covers(local),
            Self::Recurrence(set) => set.holds(at.with_timezone(&set.zone()).naive_local()),
            Self::Every(interval) => interval.next(at) == Some(at),
            Self::At(one) => *one == at,
        }
    }

    /// Until when it holds without a break from a time on that it covers, where that can be told.
    fn covers_until(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        if let Self::Cron(cron) = self { cron.covers_until(local) } else { None }
    }
}

impl Hours {
    fn holds(&self, time: NaiveTime) -> bool {
        if self.from < self.to { (self.from..self.to).contains(&time) } else { time >= self.from || time < self.to }
    }

    /// When it opens next, if it is closed at `local`.
    fn opens_after(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        if self.holds(local.time()) {
            return None;
        }
        let today = local.date().and_time(self.from);
        if today > local { Some(today) } else { Some(local.date().succ_opt()?.and_time(self.from)) }
    }

    /// Since when it has been closed, if it is at `local`.
    fn closed_since(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        if self.holds(local.time()) {
            return None;
        }
        let today = local.date().and_time(self.to);
        if today <= local { Some(today) } else { Some(local.date().pred_opt()?.and_time(self.to)) }
    }
}

impl Closed {
    /// The window that is open then, in the zone of its calendar; `zone` when that has none of its own.
    fn window_at(&self, at: DateTime<Utc>, zone: Tz) -> Option<(Window, Tz)> {
        let zone = self.days.zone().unwrap_or(zone);
        Some((self.days.window_at(at.with_timezone(&zone).naive_local())?, zone))
    }
}
