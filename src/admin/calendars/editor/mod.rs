//! The editor: a calendar as the fields of a form, and the form as a calendar.
//!
//! ```text
//! Calendar ──open──▶ Form ──(a person)──▶ read ──▶ Calendar, or problems each at its field
//! ```
//! Countries and windows are rows (`places.0.country`, `windows.0.name`), days are lines of a text (`lines.rs`).
pub mod lines;
pub mod windows;

use chrono::Weekday;
use chrono_tz::Tz;

use self::lines::Lines;
use crate::admin::calendars::words::WEEKDAYS;
use crate::base::text::CalendarName;
use crate::timing::calendar::{Calendar, HolidaysOf, PLACES_MAX, Problem, WindowRule};
use crate::web::form::{Form, sentence};

/// Stands for a name that cannot be read while the rest is looked at.
const NAMELESS: &str = "nameless";

/// What was typed, understood as far as it goes. Problems stand in the form, each at its field.
#[derive(Debug, Clone)]
pub struct Typed {
    /// The form, with problems.
    pub form: Form,
    /// What it says, if every field could be read; it may break rules all the same.
    pub calendar: Option<Calendar>,
    /// The same, also while it has no name yet: for showing what it comes to.
    pub draft: Option<Calendar>,
}

/// Gives the name of a field of a country's row.
pub fn place_field(row: usize, part: &str) -> String {
    format!("places.{row}.{part}")
}

/// Counts the rows of countries.
pub fn places(form: &Form) -> usize {
    (0..PLACES_MAX).take_while(|row| form.all(&place_field(*row, "country")).next().is_some()).count()
}

/// Adds an empty row for a country.
pub fn add_place(form: Form) -> Form {
    let row = places(&form);
    if row == PLACES_MAX {
        form
    } else {
        form.with(&place_field(row, "country"), "").with(&place_field(row, "region"), "")
    }
}

/// Opens a calendar for editing.
pub fn open(calendar: &Calendar) -> Form {
    let zone = calendar.timezone.map(Tz::name).unwrap_or_default();
    let form = Form::default().with("name", calendar.name.as_str()).with("title", calendar.title.as_str());
    let form = WEEKDAYS
        .iter()
        .filter(|(day, _)| calendar.workweek.contains(day))
        .fold(form, |form, (day, _)| form.with("workweek", day.to_string()));
    let form = form
        .with("timezone", zone)
        .with("dates", lines::spell_dates(&calendar.dates))
        .with("removed", lines::spell_removed(&calendar.removed))
        .with("workdays", lines::spell_workdays(&calendar.workdays));
    let form = calendar.holidays.iter().enumerate().fold(form, |form, (row, place)| {
        form.with(&place_field(row, "country"), place.country.as_str())
            .with(&place_field(row, "region"), place.region.as_deref().unwrap_or_default())
    });
    let form = if calendar.holidays.is_empty() { add_place(form) } else { form };
    calendar.windows.iter().enumerate().fold(form, |form, (row, rule)| windows::fill(form, row, rule))
}

/// Reads a form. `fixed` is the name of a calendar that exists: it cannot be changed.
pub fn read(form: Form, fixed: Option<&CalendarName>) -> Typed {
    let mut form = without(&form, |name| name == "act" || (fixed.is_some() && name == "name"));
    let name = match fixed {
        Some(name) => {
            form = form.with("name", name.as_str());
            Some(name.clone())
        }
        None => {
            form.required("name", "a name, such as it-holidays").and_then(|_| form.read("name", CalendarName::parse))
        }
    };
    let named = name.clone().or_else(|| CalendarName::parse(NAMELESS).ok());
    let Some(read) = named.and_then(|name| Parts::read(&mut form, name)) else {
        return Typed { form, calendar: None, draft: None };
    };
    for problem in read.calendar.validate().err().unwrap_or_default() {
        let (field, message) = read.place(&problem);
        form.refuse(&field, message);
    }
    let draft = Some(read.calendar);
    Typed { form, calendar: draft.clone().filter(|_| name.is_some()), draft }
}

/// A calendar as it was read, and where its parts stood.
struct Parts {
    calendar: Calendar,
    /// The rows of its countries.
    places: Vec<usize>,
    /// The lines of its entries.
    dates: Vec<usize>,
    removed: Vec<usize>,
    workdays: Vec<usize>,
    windows: Vec<(usize, WindowRule)>,
}

impl Parts {
    /// Reads every field; `None` when one cannot be read.
    fn read(form: &mut Form, name: CalendarName) -> Option<Self> {
        let before = form.problems().len();
        let title = form.optional("title").unwrap_or_default();
        let timezone = form.read("timezone", zone).flatten();
        let dates = noted(form, "dates", lines::read_dates);
        let removed = noted(form, "removed", lines::read_removed);
        let workdays = noted(form, "workdays", lines::read_workdays);
        let windows = windows::read(form);
        let rows: Vec<usize> =
            (0..places(form)).filter(|row| !form.text(&place_field(*row, "country")).is_empty()).collect();
        let calendar = Calendar {
            title,
            timezone,
            holidays: rows.iter().map(|row| place(form, *row)).collect(),
            dates: dates.entries,
            removed: removed.entries,
            workdays: workdays.entries,
            workweek: weekdays(form),
            windows: windows.iter().map(|(_, rule)| rule.clone()).collect(),
            ..Calendar::empty(name)
        };
        let read = Self {
            calendar,
            places: rows,
            dates: dates.numbers,
            removed: removed.numbers,
            workdays: workdays.numbers,
            windows,
        };
        (form.problems().len() == before).then_some(read)
    }

    /// Finds the field that a problem of the document is about, and what to say there.
    fn place(&self, problem: &Problem) -> (String, String) {
        let (list, rest) = problem.path.split_once('[').unwrap_or((&problem.path, ""));
        let (index, part) = rest.split_once(']').unwrap_or((rest, ""));
        let index = index.parse::<usize>().ok();
        let message = problem.message.as_str();
        let in_lines = |field: &str, numbers: &[usize]| {
            let line = index.and_then(|index| numbers.get(index));
            let message = line.map_or_else(|| sentence(message), |line| format!("Line {line}: {message}"));
            (field.to_owned(), message)
        };
        match (list, index) {
            ("dates", _) => in_lines("dates", &self.dates),
            ("removed", _) => in_lines("removed", &self.removed),
            ("workdays", _) => in_lines("workdays", &self.workdays),
            ("windows", Some(index)) => windows::place(&self.windows, index, part.trim_start_matches('.'), message),
            ("holidays", index) => {
                let row = index.and_then(|index| self.places.get(index)).copied().unwrap_or_default();
                (place_field(row, "country"), sentence(message))
            }
            (field, _) => (field.to_owned(), sentence(message)),
        }
    }
}

fn noted<T>(form: &mut Form, field: &str, read: impl Fn(&str) -> Lines<T>) -> Lines<T> {
    let lines = read(&form.optional(field).map(|_| form.text(field).to_owned()).unwrap_or_default());
    for fault in &lines.faults {
        form.refuse(field, fault.as_str());
    }
    lines
}

fn zone(text: &str) -> Result<Option<Tz>, String> {
    match text {
        "" => Ok(None),
        name => name.parse().map(Some).map_err(|_| format!("there is no zone {name:?}; write one such as Europe/Rome")),
    }
}

fn weekdays(form: &Form) -> Vec<Weekday> {
    WEEKDAYS.iter().map(|(day, _)| *day).filter(|day| form.is("workweek", &day.to_string())).collect()
}

fn place(form: &Form, row: usize) -> HolidaysOf {
    let region = Some(form.text(&place_field(row, "region"))).filter(|region| !region.is_empty());
    HolidaysOf { country: form.text(&place_field(row, "country")).to_owned(), region: region.map(str::to_owned) }
}

/// Takes a row out of a list of rows (`places.`, `windows.`); those behind it move up.
pub fn remove_row(form: &Form, prefix: &str, row: usize) -> Form {
    let moved = |(name, value): (String, String)| {
        let Some((number, part)) = name.strip_prefix(prefix).and_then(|rest| rest.split_once('.')) else {
            return Some((name, value));
        };
        match number.parse::<usize>() {
            Ok(at) if at == row => None,
            Ok(at) if at > row => Some((format!("{prefix}{}.{part}", at - 1), value)),
            _ => Some((name, value)),
        }
    };
    let kept = form.clone().into_fields().into_iter().filter_map(moved);
    kept.fold(Form::default(), |form, (name, value)| form.with(&name, value))
}

/// Keeps the fields whose name `drops` does not match; problems are not kept.
pub fn without(form: &Form, drops: impl Fn(&str) -> bool) -> Form {
    let kept = form.clone().into_fields().into_iter().filter(|(name, _)| !drops(name));
    kept.fold(Form::default(), |form, (name, value)| form.with(&name, value))
}

#[cfg(test)]
mod tests;
