//! What a valid calendar says about dates and moments.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::OnceLock;

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta};
use chrono_tz::Tz;

use super::JOINED_MAX;
use super::check::{Problem, checked};
use super::document::Calendar;
use super::values::MonthDay;
use super::window::{Opening, weekday_bits};
use crate::base::text::CalendarName;
use crate::timing::holidays::Holiday;

/// A valid calendar, made ready to be asked. Questions about a date cost a few look-ups.
#[derive(Debug, Clone)]
pub struct BusinessDays {
    pub(super) name: CalendarName,
    pub(super) zone: Option<Tz>,
    pub(super) workweek: u8,
    pub(super) workdays: BTreeMap<NaiveDate, String>,
    pub(super) own: BTreeMap<NaiveDate, String>,
    pub(super) yearly: BTreeMap<MonthDay, String>,
    /// All holidays of each country or region, sorted by date.
    pub(super) public: Vec<&'static [Holiday]>,
    pub(super) removed: RemovedDays,
    pub(super) openings: Vec<Opening>,
    /// [`BusinessDays::longest_closure`], once somebody has asked.
    pub(super) closure: OnceLock<u16>,
}

/// Public holidays that do not count.
#[derive(Debug, Clone, Default)]
pub(super) struct RemovedDays {
    pub(super) dates: BTreeSet<NaiveDate>,
    pub(super) yearly: BTreeSet<MonthDay>,
    /// English and local names, in lower case.
    pub(super) names: BTreeSet<String>,
}

/// What a holiday is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HolidayName<'a> {
    /// In English, or as the calendar's own entry says.
    pub name: &'a str,
    /// In the country's language; the same as `name` for own entries.
    pub local_name: &'a str,
}

impl fmt::Display for HolidayName<'_> {
    /// The local name where it is written in Latin letters, else the English one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latin = |c: char| c < '\u{250}' || ('\u{1e00}'..='\u{20ff}').contains(&c);
        f.write_str(if self.local_name.chars().all(latin) { self.local_name } else { self.name })
    }
}

/// What a day is in a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning<'a> {
    /// A business day of the workweek.
    Business,
    /// A business day by an entry of `workdays`, with its name.
    Workday(&'a str),
    /// A day outside the workweek that is no holiday.
    Rest,
    /// A holiday, whatever its weekday.
    Holiday(HolidayName<'a>),
}

/// A day of the year view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day<'a> {
    /// The day.
    pub date: NaiveDate,
    /// What it is.
    pub meaning: Meaning<'a>,
}

/// An open maintenance window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The name of the first window that covers the moment asked about.
    pub name: String,
    /// When it began, together with all windows before it without a gap.
    pub begins: NaiveDateTime,
    /// When it is over, together with all windows that follow without a gap. That moment itself is outside.
    pub ends: NaiveDateTime,
}

impl Calendar {
    /// Checks the calendar and makes it ready to be asked.
    ///
    /// # Errors
    /// As [`Calendar::validate`].
    pub fn days(&self) -> Result<BusinessDays, Vec<Problem>> {
        checked(self)
    }
}

impl BusinessDays {
    /// Makes a calendar without any entry but its workweek.
    pub(super) fn of(calendar: &Calendar) -> Self {
        Self {
            name: calendar.name.clone(),
            zone: calendar.timezone,
            workweek: weekday_bits(&calendar.workweek),
            workdays: BTreeMap::new(),
            own: BTreeMap::new(),
            yearly: BTreeMap::new(),
            public: Vec::new(),
            removed: RemovedDays::default(),
            openings: Vec::new(),
            closure: OnceLock::new(),
        }
    }

    /// Gives the calendar's name.
    pub fn name(&self) -> &CalendarName {
        &self.name
    }

    /// Gives the zone of its days and windows; `None` = that of whoever asks.
    pub fn zone(&self) -> Option<Tz> {
        self.zone
    }

    /// Tells whether `date` is a holiday, and its name: the calendar's own before public ones. Days outside the workweek are no
    /// holidays by themselves, and a day of `workdays` is none.
    pub fn is_holiday(&self, date: NaiveDate) -> Option<HolidayName<'_>> {
        if self.workdays.contains_key(&date) {
            return None;
        }
        let own = self.own.get(&date).or_else(|| self.yearly.get(&MonthDay::of(date)));
        own.map(|name| HolidayName { name, local_name: name }).or_else(|| self.public_holiday(date))
    }

    fn public_holiday(&self, date: NaiveDate) -> Option<HolidayName<'static>> {
        if self.removed.dates.contains(&date) || self.removed.yearly.contains(&MonthDay::of(date)) {
            return None;
        }
        let on_date = |table: &&'static [Holiday]| {
            let first = table.partition_point(|holiday| holiday.date < date);
            table.iter().skip(first).take_while(move |holiday| holiday.date == date)
        };
        let counts = |holiday: &&Holiday| !self.removed.holds(holiday);
        let found = self.public.iter().flat_map(on_date).find(counts)?;
        Some(HolidayName { name: &found.name, local_name: &found.local_name })
    }

    /// Tells whether `date` is a business day.
    pub fn is_business_day(&self, date: NaiveDate) -> bool {
        match self.meaning(date) {
            Meaning::Business | Meaning::Workday(_) => true,
            Meaning::Rest | Meaning::Holiday(_) => false,
        }
    }

    /// Tells what `date` is.
    pub fn meaning(&self, date: NaiveDate) -> Meaning<'_> {
        if let Some(name) = self.workdays.get(&date) {
            return Meaning::Workday(name);
        }
        match self.is_holiday(date) {
            Some(name) => Meaning::Holiday(name),
            None if self.workweek & (1 << date.weekday().num_days_from_monday()) != 0 => Meaning::Business,
            None => Meaning::Rest,
        }
    }

    /// Gives every day of a year with its meaning, in order; nothing for a year outside 1 to 9999.
    pub fn year(&self, year: i32) -> Vec<Day<'_>> {
        let first = NaiveDate::from_ymd_opt(year, 1, 1).filter(|_| (1..=9999).contains(&year));
        let days = first.into_iter().flat_map(|first| first.iter_days().take_while(move |date| date.year() == year));
        days.map(|date| Day { date, meaning: self.meaning(date) }).collect()
    }

    /// Tells whether the calendar excludes `date` (it is a holiday), and why: `Immacolata (it-holidays)`.
    pub fn contains(&self, date: NaiveDate) -> Option<String> {
        self.is_holiday(date).map(|name| format!("{name} ({})", self.name))
    }

    /// Gives the maintenance window that is open at a local moment; windows that touch or overlap are one.
    pub fn window_at(&self, at: NaiveDateTime) -> Option<Window> {
        let around = |moment: NaiveDateTime| {
            self.openings.iter().filter_map(move |opening| Some((opening, opening.around(moment)?)))
        };
        let (opening, _) = around(at).next()?;
        let (mut begins, mut ends) = (at, at);
        for _ in 0..JOINED_MAX {
            match around(ends).map(|(_, (_, end))| end).max() {
                Some(later) => ends = later,
                None => break,
            }
        }
        for step in 0..JOINED_MAX {
            // what ends when the next begins touches it
            let moment = if step == 0 { begins } else { begins - TimeDelta::seconds(1) };
            match around(moment).map(|(_, (begin, _))| begin).min() {
                Some(earlier) => begins = earlier,
                None => break,
            }
        }
        Some(Window { name: opening.name.clone(), begins, ends })
    }
}

impl RemovedDays {
    fn holds(&self, holiday: &Holiday) -> bool {
        !self.names.is_empty()
            && (self.names.contains(&holiday.name.to_lowercase())
                || self.names.contains(&holiday.local_name.to_lowercase()))
    }
}
