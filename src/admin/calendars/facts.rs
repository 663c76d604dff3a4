//! What is worth saying of a calendar: the holidays of a year, the next one, the days on which a window is open. Pure.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate, NaiveTime};

use crate::timing::calendar::{BusinessDays, Calendar, Meaning, WindowRule};
use crate::timing::holidays::{YEAR_MAX, YEAR_MIN};

/// How far the next holiday is looked for, in days.
const AHEAD_DAYS_MAX: usize = 730;
/// Years of which something can be asked.
pub const YEARS: RangeInclusive<i32> = YEAR_MIN..=YEAR_MAX;

/// A holiday of a calendar.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HolidayOf {
    /// The day.
    pub date: NaiveDate,
    /// What it is called, in English or as the calendar says.
    pub name: String,
    /// What it is called in the country's language.
    pub local_name: String,
}

/// Lists the holidays of a year, in order.
pub fn holidays(days: &BusinessDays, year: i32) -> Vec<HolidayOf> {
    let named = days.year(year).into_iter().filter_map(|day| match day.meaning {
        Meaning::Holiday(name) => {
            Some(HolidayOf { date: day.date, name: name.name.into(), local_name: name.local_name.into() })
        }
        Meaning::Business | Meaning::Workday(_) | Meaning::Rest => None,
    });
    named.collect()
}

/// Finds the first holiday on or after a day, within two years.
pub fn next_holiday(days: &BusinessDays, from: NaiveDate) -> Option<HolidayOf> {
    let ahead = from.iter_days().take(AHEAD_DAYS_MAX).filter(|date| YEARS.contains(&date.year()));
    ahead.map(|date| (date, days.is_holiday(date))).find_map(|(date, name)| {
        let name = name?;
        Some(HolidayOf { date, name: name.name.into(), local_name: name.local_name.into() })
    })
}

/// Names the windows that are open on each day of a year, for some time of it at least; each window once a day. One that opens every day
/// marks none: it would tell no day from another.
pub fn window_days(calendar: &Calendar, year: i32) -> BTreeMap<NaiveDate, Vec<String>> {
    let mut open: BTreeMap<NaiveDate, Vec<String>> = BTreeMap::new();
    let Some(first) = NaiveDate::from_ymd_opt(year, 1, 1).filter(|_| YEARS.contains(&year)) else { return open };
    let year_days = first.iter_days().take_while(|date| date.year() == year).count();
    let some_days = calendar.windows.iter().map(|rule| (rule, days_open(calendar, rule, first)));
    for (rule, dates) in some_days.filter(|(_, dates)| dates.len() < year_days) {
        for date in dates {
            let names = open.entry(date).or_default();
            if !names.contains(&rule.name) {
                names.push(rule.name.clone());
            }
        }
    }
    open
}

/// A day has an open window when one is open at its first moment, or begins on it.
fn days_open(calendar: &Calendar, rule: &WindowRule, first: NaiveDate) -> Vec<NaiveDate> {
    let only = Calendar { windows: vec![rule.clone()], ..Calendar::empty(calendar.name.clone()) };
    let Ok(days) = only.days() else { return Vec::new() };
    let is_open = |date: NaiveDate| {
        let begins = match (rule.from, rule.start) {
            (Some(from), _) => from.0.date() == date,
            (None, Some(start)) => days.window_at(date.and_time(start.0)).is_some(),
            (None, None) => false,
        };
        begins || days.window_at(date.and_time(NaiveTime::MIN)).is_some()
    };
    first.iter_days().take_while(|date| date.year() == first.year()).filter(|date| is_open(*date)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(fields: &str) -> Calendar {
        serde_saphyr::from_str(&format!("kind: Calendar\nname: test\n{fields}")).expect("a calendar")
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn the_next_holiday_may_be_today() {
        let days = calendar("holidays: [{ country: IT }]").days().expect("valid");

        assert_eq!(next_holiday(&days, day("2026-12-25")).expect("one").date, day("2026-12-25"));
        assert_eq!(next_holiday(&days, day("2026-12-27")).expect("one").name, "New Year's Day");
        assert_eq!(next_holiday(&calendar("").days().expect("valid"), day("2026-12-25")), None);
        assert_eq!(holidays(&days, 2026).len(), 13, "the year Saint Francis became one");
    }

    #[test]
    fn windows_mark_each_day_that_they_touch() {
        let windows = "windows:
  - { name: night, weekdays: [Sun], start: \"23:00\", duration: 2h }
  - { name: backup, start: \"01:30\", duration: 45m }
  - { name: move, from: \"2027-03-05T22:00\", to: \"2027-03-07T00:00\" }";
        let open = window_days(&calendar(windows), 2027);

        let of = |date: &str| open.get(&day(date)).cloned().unwrap_or_default();
        assert_eq!((of("2027-03-06"), of("2027-03-07")), (vec!["move".into()], vec!["night".to_owned()]));
        assert_eq!(of("2027-03-08"), ["night"], "it ends on Monday at one");
        assert_eq!((of("2027-03-04"), of("2027-03-09")), (Vec::new(), Vec::new()));
        assert!(window_days(&calendar(windows), 1).is_empty());
    }
}
