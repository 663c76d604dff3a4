//! A year of a calendar: twelve months day by day, and the days that have a name.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

use super::counted;
use crate::admin::calendars::facts::window_days;
use crate::timing::calendar::{BusinessDays, Calendar, Meaning};
use crate::timing::words::MONTHS;

/// A year.
pub struct Year {
    pub number: i32,
    pub months: Vec<Month>,
    /// Holidays and workdays, in order; neighbouring days of one name are one.
    pub named: Vec<Named>,
    pub business_days: usize,
    pub holidays: usize,
}

/// A month.
pub struct Month {
    pub name: &'static str,
    /// Weeks from Monday to Sunday; days of other months are absent.
    pub weeks: Vec<Vec<Option<Cell>>>,
    pub business_days: usize,
}

/// A day.
pub struct Cell {
    pub number: u32,
    /// What it looks like.
    pub class: String,
    /// The day and what it is, for whoever does not see it; empty for plain days.
    pub words: String,
    /// Where it is named in the list; empty for days without a name.
    pub href: String,
    /// The windows that are open on it, in words; empty for none.
    pub windows: String,
}

/// A day or a range of days with a name.
pub struct Named {
    /// Its element's id.
    pub id: String,
    pub iso: String,
    /// `Thu 24 Dec`, `9 to 20 Aug`.
    pub when: String,
    pub name: String,
    /// What it is called in the country's language, when that differs.
    pub local_name: String,
    pub is_workday: bool,
    /// It falls on days that are free anyway.
    pub is_free_anyway: bool,
}

impl Year {
    /// Shows the year `number` of a calendar; `today` is marked.
    pub fn new(calendar: &Calendar, days: &BusinessDays, number: i32, today: NaiveDate) -> Self {
        let open = window_days(calendar, number);
        let runs = runs(calendar, days, number);
        let months = (1..=12).filter_map(|month| {
            let first = NaiveDate::from_ymd_opt(number, month, 1)?;
            Some(month_of(days, first, &Marks { open: &open, runs: &runs, today }))
        });
        let months: Vec<Month> = months.collect();
        Self {
            number,
            business_days: months.iter().map(|month| month.business_days).sum(),
            months,
            holidays: days.year(number).iter().filter(|day| matches!(day.meaning, Meaning::Holiday(_))).count(),
            named: runs.iter().map(Run::named).collect(),
        }
    }

    /// Tells whether a day of the year is an extra workday.
    pub fn has_workdays(&self) -> bool {
        self.named.iter().any(|named| named.is_workday)
    }

    /// Tells whether a window is open on a day of the year.
    pub fn has_windows(&self) -> bool {
        let mut cells = self.months.iter().flat_map(|month| month.weeks.iter().flatten().flatten());
        cells.any(|cell| !cell.windows.is_empty())
    }

    /// Counts its holidays in words.
    pub fn holidays_words(&self) -> String {
        counted(self.holidays, "holiday", "holidays")
    }
}

/// Neighbouring days of one name.
struct Run {
    first: NaiveDate,
    last: NaiveDate,
    name: String,
    local_name: String,
    is_workday: bool,
    is_free_anyway: bool,
}

impl Run {
    fn id(&self) -> String {
        format!("d-{}", self.first)
    }

    fn named(&self) -> Named {
        let when = if self.first == self.last {
            self.first.format("%a %-d %b").to_string()
        } else if self.first.month() == self.last.month() {
            format!("{} to {}", self.first.day(), self.last.format("%-d %b"))
        } else {
            format!("{} to {}", self.first.format("%-d %b"), self.last.format("%-d %b"))
        };
        Named {
            id: self.id(),
            iso: self.first.to_string(),
            when,
            name: self.name.clone(),
            local_name: self.local_name.clone(),
            is_workday: self.is_workday,
            is_free_anyway: self.is_free_anyway,
        }
    }
}

fn runs(calendar: &Calendar, days: &BusinessDays, year: i32) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for day in days.year(year) {
        let (name, local_name, is_workday) = match day.meaning {
            Meaning::Holiday(name) => (name.name, name.local_name, false),
            Meaning::Workday(name) => (name, name, true),
            Meaning::Business | Meaning::Rest => continue,
        };
        let is_free_anyway = !is_workday && !calendar.workweek.contains(&day.date.weekday());
        match runs.last_mut() {
            Some(run) if run.name == name && run.is_workday == is_workday && run.last.succ_opt() == Some(day.date) => {
                run.last = day.date;
                run.is_free_anyway &= is_free_anyway;
            }
            _ => runs.push(Run {
                first: day.date,
                last: day.date,
                name: name.to_owned(),
                local_name: if local_name == name { String::new() } else { local_name.to_owned() },
                is_workday,
                is_free_anyway,
            }),
        }
    }
    runs
}

/// What marks a day beside its meaning.
struct Marks<'m> {
    open: &'m BTreeMap<NaiveDate, Vec<String>>,
    runs: &'m [Run],
    today: NaiveDate,
}

fn month_of(days: &BusinessDays, first: NaiveDate, marks: &Marks<'_>) -> Month {
    let of_month = first.iter_days().take_while(|date| date.month() == first.month());
    let dates: Vec<NaiveDate> = of_month.collect();
    let before = usize::try_from(first.weekday().num_days_from_monday()).unwrap_or_default();
    let mut cells: Vec<Option<Cell>> = (0..before).map(|_| None).collect();
    cells.extend(dates.iter().map(|date| Some(cell(days, *date, marks))));
    while !cells.len().is_multiple_of(7) {
        cells.push(None);
    }
    let mut weeks = Vec::new();
    while !cells.is_empty() {
        weeks.push(cells.drain(..7).collect());
    }
    let at = usize::try_from(first.month0()).unwrap_or_default();
    Month {
        name: MONTHS.get(at).copied().unwrap_or_default(),
        weeks,
        business_days: dates.iter().filter(|date| days.is_business_day(**date)).count(),
    }
}

fn cell(days: &BusinessDays, date: NaiveDate, marks: &Marks<'_>) -> Cell {
    let windows = marks.open.get(&date).map(|names| names.join(", ")).unwrap_or_default();
    let (class, name) = match days.meaning(date) {
        Meaning::Business => ("", String::new()),
        Meaning::Rest => ("rest", String::new()),
        Meaning::Workday(name) => ("wkd", format!("{name}, extra workday")),
        Meaning::Holiday(name) => ("hol", name.name.to_owned()),
    };
    let run = marks.runs.iter().find(|run| run.first <= date && date <= run.last);
    let mut classes = vec![class];
    classes.extend((!windows.is_empty()).then_some("win"));
    classes.extend((date == marks.today).then_some("now"));
    Cell {
        number: date.day(),
        class: classes.join(" ").trim().to_owned(),
        words: if name.is_empty() { name } else { format!("{}: {name}", date.format("%-d %B")) },
        href: run.map(|run| format!("#{}", run.id())).unwrap_or_default(),
        windows,
    }
}
