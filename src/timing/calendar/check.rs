//! Everything that is wrong with a calendar's document, each with the path of the field.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};

use super::days::BusinessDays;
use super::document::{Calendar, HolidaysOf, OwnDate, Removed};
use super::values::MonthDay;
use super::window::Opening;
use super::{
    COVERED_DAYS_MAX, DATES_MAX, LABEL_CHARS_MAX, PLACES_MAX, RANGE_DAYS_MAX, TITLE_CHARS_MAX, WINDOWS_MAX, closed,
};
use crate::base::text::turns_direction;
use crate::timing::holidays::{Holiday, YEAR_MAX, YEAR_MIN, every_holiday};

/// Most problems that are told at once.
const PROBLEMS_MAX: usize = 100;

/// Something wrong with a calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Problem {
    /// The field, as in `dates[3].name`.
    pub path: String,
    /// What is wrong and what to write instead, for a person.
    pub message: String,
}

impl Calendar {
    /// Checks the calendar.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its fields; at most 100 problems.
    pub fn validate(&self) -> Result<(), Vec<Problem>> {
        checked(self).map(|_| ())
    }
}

/// Checks a calendar and makes it ready to be asked.
pub(super) fn checked(calendar: &Calendar) -> Result<BusinessDays, Vec<Problem>> {
    let mut check = Check { problems: Vec::new(), days: BusinessDays::of(calendar) };
    if !calendar.title.is_empty() {
        check.told("title", label(&calendar.title, TITLE_CHARS_MAX));
    }
    check.places(&calendar.holidays);
    check.dates(&calendar.dates);
    check.removed(&calendar.removed);
    check.workdays(calendar);
    check.workweek(calendar);
    check.windows(calendar);
    if check.problems.is_empty() {
        check.every_year_has_a_business_day();
    }
    let Check { mut problems, days } = check;
    problems.truncate(PROBLEMS_MAX);
    if problems.is_empty() { Ok(days) } else { Err(problems) }
}

/// A check under way: what was found wrong, and the calendar as far as it is right.
struct Check {
    problems: Vec<Problem>,
    days: BusinessDays,
}

impl Check {
    fn told<T>(&mut self, path: impl Into<String>, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.problems.push(Problem { path: path.into(), message })).ok()
    }

    /// Tells when a list is too long; its entries are then not looked at.
    fn few(&mut self, path: &str, count: usize, max: usize) -> bool {
        let result = if count <= max { Ok(()) } else { Err(format!("has {count} entries, at most {max} are allowed")) };
        self.told(path, result).is_some()
    }

    fn places(&mut self, places: &[HolidaysOf]) {
        if !self.few("holidays", places.len(), PLACES_MAX) {
            return;
        }
        for (at, place) in places.iter().enumerate() {
            let twice = places.iter().take(at).any(|before| before == place);
            let path = format!("holidays[{at}]");
            let table = match every_holiday(&place.country, place.region.as_deref()) {
                Ok(_) if twice => Err("stands here twice".to_owned()),
                found => found.map_err(|unknown| unknown.to_string()),
            };
            let table = self.told(path, table);
            self.days.public.extend(table);
        }
    }

    fn dates(&mut self, dates: &[OwnDate]) {
        if !self.few("dates", dates.len(), DATES_MAX) {
            return;
        }
        let mut covered = 0;
        for (at, own) in dates.iter().enumerate() {
            let path = format!("dates[{at}]");
            self.told(format!("{path}.name"), label(&own.name, LABEL_CHARS_MAX));
            match self.told(path, span(own)) {
                Some(Span::Yearly(day)) => _ = self.days.yearly.entry(day).or_insert_with(|| own.name.clone()),
                Some(Span::Range(from, to)) => {
                    covered += (to - from).num_days() + 1;
                    for date in from.iter_days().take_while(|date| *date <= to) {
                        self.days.own.entry(date).or_insert_with(|| own.name.clone());
                    }
                }
                None => {}
            }
            if covered > COVERED_DAYS_MAX {
                let message = format!("its entries cover more than {COVERED_DAYS_MAX} days together");
                self.problems.push(Problem { path: "dates".into(), message });
                return;
            }
        }
    }

    fn removed(&mut self, removed: &[Removed]) {
        if removed.is_empty() || !self.few("removed", removed.len(), DATES_MAX) {
            return;
        }
        let all: Vec<&Holiday> = self.days.public.iter().copied().flatten().collect();
        let known = Known {
            dates: all.iter().map(|holiday| holiday.date).collect(),
            yearly: all.iter().map(|holiday| MonthDay::of(holiday.date)).collect(),
            names: all
                .iter()
                .flat_map(|holiday| [holiday.name.to_lowercase(), holiday.local_name.to_lowercase()])
                .collect(),
        };
        for (at, one) in removed.iter().enumerate() {
            let path = format!("removed[{at}]");
            match self.told(path, known.find(one)) {
                Some(Found::Date(date)) => _ = self.days.removed.dates.insert(date),
                Some(Found::Yearly(day)) => _ = self.days.removed.yearly.insert(day),
                Some(Found::Name(name)) => _ = self.days.removed.names.insert(name),
                None => {}
            }
        }
    }

    fn workdays(&mut self, calendar: &Calendar) {
        if !self.few("workdays", calendar.workdays.len(), DATES_MAX) {
            return;
        }
        for (at, workday) in calendar.workdays.iter().enumerate() {
            let path = format!("workdays[{at}]");
            self.told(format!("{path}.name"), label(&workday.name, LABEL_CHARS_MAX));
            self.told(format!("{path}.date"), year(workday.date));
            let own = calendar.dates.iter().position(|own| own.date == Some(workday.date));
            let own =
                own.map(|own| format!("{} is also a holiday by dates[{own}]: take one of the two out", workday.date));
            self.told(path, own.map_or(Ok(()), Err));
            self.days.workdays.insert(workday.date, workday.name.clone());
        }
    }

    fn workweek(&mut self, calendar: &Calendar) {
        let week = &calendar.workweek;
        let twice = week.iter().enumerate().find(|(at, day)| week.iter().take(*at).any(|before| before == *day));
        let result = match twice {
            Some((_, day)) => Err(format!("{day} stands here twice")),
            None if week.is_empty() => Err("name at least one weekday, such as Mon".into()),
            None => Ok(()),
        };
        self.told("workweek", result);
    }

    fn windows(&mut self, calendar: &Calendar) {
        if !self.few("windows", calendar.windows.len(), WINDOWS_MAX) {
            return;
        }
        for (at, rule) in calendar.windows.iter().enumerate() {
            match Opening::check(rule) {
                Ok(opening) => self.days.openings.push(opening),
                Err((field, message)) => {
                    let dot = if field.is_empty() { "" } else { "." };
                    self.problems.push(Problem { path: format!("windows[{at}]{dot}{field}"), message });
                }
            }
        }
        let closed = closed::too_long(&self.days.openings);
        self.told("windows", closed.map_or(Ok(()), Err));
    }

    fn every_year_has_a_business_day(&mut self) {
        let without = (YEAR_MIN..=YEAR_MAX).find(|year| {
            let first = NaiveDate::from_ymd_opt(*year, 1, 1);
            let mut days =
                first.into_iter().flat_map(|first| first.iter_days().take_while(|date| date.year() == *year));
            !days.any(|date| self.days.is_business_day(date))
        });
        let message =
            without.map(|year| format!("{year} has no business day: work that waits for one would never run"));
        self.told("dates", message.map_or(Ok(()), Err));
    }
}

/// What an entry of `dates` covers.
enum Span {
    Yearly(MonthDay),
    Range(NaiveDate, NaiveDate),
}

fn span(own: &OwnDate) -> Result<Span, String> {
    match (own.date, own.month_day, own.from, own.to) {
        (Some(date), None, None, None) => year(date).map(|()| Span::Range(date, date)),
        (None, Some(day), None, None) => Ok(Span::Yearly(day)),
        (None, None, Some(from), Some(to)) => {
            year(from)?;
            year(to)?;
            match (to - from).num_days() {
                ..0 => Err(format!("the range ends on {to}, before it begins on {from}")),
                RANGE_DAYS_MAX.. => Err(format!("a range has at most {RANGE_DAYS_MAX} days; write several")),
                _ => Ok(Span::Range(from, to)),
            }
        }
        _ => Err("give either date, or month_day, or from and to".into()),
    }
}

/// The public holidays that an entry of `removed` can mean.
struct Known {
    dates: BTreeSet<NaiveDate>,
    yearly: BTreeSet<MonthDay>,
    names: BTreeSet<String>,
}

/// What an entry of `removed` means.
enum Found {
    Date(NaiveDate),
    Yearly(MonthDay),
    Name(String),
}

impl Known {
    fn find(&self, removed: &Removed) -> Result<Found, String> {
        let nothing = |what: String| Err(format!("{what} is no public holiday of this calendar's countries"));
        match (removed.date, removed.month_day, &removed.holiday) {
            (Some(date), None, None) if self.dates.contains(&date) => Ok(Found::Date(date)),
            (Some(date), None, None) => nothing(date.to_string()),
            (None, Some(day), None) if self.yearly.contains(&day) => Ok(Found::Yearly(day)),
            (None, Some(day), None) => nothing(day.to_string()),
            (None, None, Some(name)) if self.names.contains(&name.to_lowercase()) => {
                Ok(Found::Name(name.to_lowercase()))
            }
            (None, None, Some(name)) => nothing(format!("{name:?}")),
            _ => Err("give either date, or month_day, or holiday".into()),
        }
    }
}

/// Checks that a date lies in the years of which holidays are known.
pub(super) fn year(date: NaiveDate) -> Result<(), String> {
    let known = (YEAR_MIN..=YEAR_MAX).contains(&date.year());
    if known { Ok(()) } else { Err(format!("{date} is not in the years {YEAR_MIN} to {YEAR_MAX}")) }
}

/// Checks a name or title for people.
pub(super) fn label(text: &str, chars_max: usize) -> Result<(), String> {
    let chars = text.chars().count();
    if text.trim().is_empty() {
        Err("give it a name".into())
    } else if chars > chars_max {
        Err(format!("has {chars} characters, at most {chars_max} are allowed"))
    } else if text.chars().any(|c| c.is_control() || turns_direction(c)) {
        Err("may not hold control characters or ones that turn the direction of text".into())
    } else {
        Ok(())
    }
}
