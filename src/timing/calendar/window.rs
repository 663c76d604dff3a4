//! One maintenance window: on which days it begins, and which stretch of time around a moment it covers.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};

use super::document::WindowRule;
use super::{LABEL_CHARS_MAX, WINDOW_DAYS_MAX};

/// A checked window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) name: String,
    pub(super) when: When,
}

/// When a window is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum When {
    /// From the first moment until before the second.
    Once(NaiveDateTime, NaiveDateTime),
    /// From `start` on each such day, for `length`.
    Recurring { on: Begins, start: NaiveTime, length: TimeDelta },
}

/// The days on which a recurring window begins, as sets of bits; an empty set means all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begins {
    weekdays: u8,
    week: Option<i8>,
    month_days: u32,
    month_days_back: u32,
    months: u16,
}

impl Opening {
    /// Checks a rule.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub(super) fn check(rule: &WindowRule) -> Result<Self, (&'static str, String)> {
        let recurs = rule.start.is_some() || rule.duration.is_some() || has_days(rule);
        let when = match (rule.from, rule.to) {
            (None, None) => recurring(rule)?,
            _ if recurs => return Err(("", "a window has either from and to, or start and duration".into())),
            (Some(from), Some(to)) => once(from.0, to.0)?,
            (Some(_), None) => return Err(("to", "a window with from needs to".into())),
            (None, Some(_)) => return Err(("from", "a window with to needs from".into())),
        };
        super::check::label(&rule.name, LABEL_CHARS_MAX).map_err(|why| ("name", why))?;
        Ok(Self { name: rule.name.clone(), when })
    }

    /// Gives the begin and the end of the occurrence that covers `at` (begin ≤ `at` < end), the latest such. Looks at no more than 33 days.
    pub(super) fn around(&self, at: NaiveDateTime) -> Option<(NaiveDateTime, NaiveDateTime)> {
        match &self.when {
            When::Once(from, to) => (*from <= at && at < *to).then_some((*from, *to)),
            When::Recurring { on, start, length } => {
                let days_back = usize::try_from(length.num_days()).unwrap_or_default() + 2;
                let days = std::iter::successors(Some(at.date()), NaiveDate::pred_opt).take(days_back);
                // All occurrences are equally long: the latest that has begun ends last.
                let begins =
                    days.filter(|day| on.holds(*day)).map(|day| day.and_time(*start)).find(|begin| *begin <= at)?;
                let end = begins.checked_add_signed(*length)?;
                (at < end).then_some((begins, end))
            }
        }
    }

    /// Gives the stretch of the occurrence that begins on `day`.
    pub(super) fn on(&self, day: NaiveDate) -> Option<(NaiveDateTime, NaiveDateTime)> {
        match &self.when {
            When::Once(from, to) => (from.date() == day).then_some((*from, *to)),
            When::Recurring { on, start, length } => {
                let begin = on.holds(day).then(|| day.and_time(*start))?;
                Some((begin, begin.checked_add_signed(*length)?))
            }
        }
    }
}

impl Begins {
    fn holds(&self, day: NaiveDate) -> bool {
        let in_set = |set: u32, bit: u32| set & (1 << bit) != 0;
        let last = u32::from(day.num_days_in_month());
        (self.months == 0 || in_set(u32::from(self.months), day.month()))
            && (self.weekdays == 0 || in_set(u32::from(self.weekdays), day.weekday().num_days_from_monday()))
            && self.week.is_none_or(|week| holds_week(week, day.day(), last))
            && ((self.month_days | self.month_days_back) == 0
                || in_set(self.month_days, day.day())
                || in_set(self.month_days_back, last + 1 - day.day()))
    }
}

fn holds_week(week: i8, day: u32, last: u32) -> bool {
    if week < 0 { day + 7 > last } else { (day - 1) / 7 + 1 == u32::from(week.unsigned_abs()) }
}

fn has_days(rule: &WindowRule) -> bool {
    !rule.weekdays.is_empty() || rule.week.is_some() || !rule.month_days.is_empty() || !rule.months.is_empty()
}

fn once(from: NaiveDateTime, to: NaiveDateTime) -> Result<When, (&'static str, String)> {
    if to <= from {
        return Err(("to", format!("a window ends after it begins, but {to} is not after {from}")));
    }
    if to - from > TimeDelta::days(WINDOW_DAYS_MAX) {
        return Err(("to", format!("a window lasts at most {WINDOW_DAYS_MAX} days")));
    }
    super::check::year(from.date()).map_err(|why| ("from", why))?;
    super::check::year(to.date()).map_err(|why| ("to", why))?;
    Ok(When::Once(from, to))
}

fn recurring(rule: &WindowRule) -> Result<When, (&'static str, String)> {
    let missing = |field| (field, format!("a window needs {field}, or from and to"));
    let start = rule.start.ok_or_else(|| missing("start"))?;
    let length = rule.duration.ok_or_else(|| missing("duration"))?.delta();
    if length < TimeDelta::minutes(1) || length > TimeDelta::days(WINDOW_DAYS_MAX) {
        return Err(("duration", format!("a window lasts from 1 minute to {WINDOW_DAYS_MAX} days")));
    }
    let on = begins(rule)?;
    // 2000 to 2027 hold every kind of year: each weekday of 1 January, common and leap.
    let first = NaiveDate::from_ymd_opt(2000, 1, 1).ok_or(("", String::new()))?;
    let last = first + Days::new(28 * 366);
    if !first.iter_days().take_while(|day| *day < last).any(|day| on.holds(day)) {
        return Err(("", "no day is all that this window asks for: it would never open".into()));
    }
    Ok(When::Recurring { on, start: start.0, length })
}

fn begins(rule: &WindowRule) -> Result<Begins, (&'static str, String)> {
    if let Some(week) = rule.week.filter(|week| !matches!(week, 1..=5 | -1)) {
        return Err(("week", format!("write 1 to 5, or -1 for the last week, not {week}")));
    }
    if rule.week.is_some() && rule.weekdays.is_empty() {
        return Err(("week", "the week of a month needs weekdays".into()));
    }
    if let Some(day) = rule.month_days.iter().find(|day| !matches!(day, 1..=31 | -31..=-1)) {
        return Err(("month_days", format!("write days from 1 to 31, or -1 (the last) to -31, not {day}")));
    }
    if let Some(month) = rule.months.iter().find(|month| !(1..=12).contains(*month)) {
        return Err(("months", format!("write months from 1 to 12, not {month}")));
    }
    let days = |back: bool| rule.month_days.iter().filter(move |day| (**day < 0) == back);
    let bits = |back: bool| days(back).fold(0u32, |set, day| set | 1 << day.unsigned_abs());
    Ok(Begins {
        weekdays: weekday_bits(&rule.weekdays),
        week: rule.week,
        month_days: bits(false),
        month_days_back: bits(true),
        months: rule.months.iter().fold(0, |set, month| set | 1 << month),
    })
}

/// Gives weekdays as a set of bits, Monday the lowest.
pub(super) fn weekday_bits(weekdays: &[Weekday]) -> u8 {
    weekdays.iter().fold(0, |set, weekday| set | 1 << weekday.num_days_from_monday())
}
