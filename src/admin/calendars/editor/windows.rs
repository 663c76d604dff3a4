//! Maintenance windows as rows of a form: `windows.0.name`, `windows.0.start`, …

use std::str::FromStr;

use chrono::Weekday;

use crate::admin::calendars::words::WEEKDAYS;
use crate::timing::calendar::WindowRule;
use crate::web::form::{Form, sentence};

/// Most windows that a form holds: a form has a bounded number of fields. A file takes more.
pub const ROWS_MAX: usize = 25;
/// A window that opens once.
pub const ONCE: &str = "once";
/// A window that opens again and again.
pub const REPEATS: &str = "repeats";
/// Parts of a row, but the weekdays, which come several times.
const PARTS: [&str; 9] = ["name", "kind", "week", "month_days", "months", "start", "duration", "from", "to"];

/// Gives the name of a row's field.
pub fn field(row: usize, part: &str) -> String {
    format!("windows.{row}.{part}")
}

/// Counts the rows of a form.
pub fn count(form: &Form) -> usize {
    (0..ROWS_MAX).take_while(|row| form.all(&field(*row, "name")).next().is_some()).count()
}

/// Adds an empty row.
pub fn add(form: Form) -> Form {
    let row = count(&form);
    if row == ROWS_MAX { form } else { fill(form, row, &WindowRule::default()) }
}

/// Adds a window's fields as row number `row`.
pub fn fill(form: Form, row: usize, rule: &WindowRule) -> Form {
    let texts = |part: &str| match part {
        "name" => rule.name.clone(),
        "kind" => (if rule.from.is_some() { ONCE } else { REPEATS }).to_owned(),
        "week" => rule.week.map(|week| week.to_string()).unwrap_or_default(),
        "month_days" => numbers(&rule.month_days),
        "months" => numbers(&rule.months),
        "start" => rule.start.map(|start| start.to_string()).unwrap_or_default(),
        "duration" => rule.duration.map(|length| length.to_string()).unwrap_or_default(),
        "from" => rule.from.map(|from| from.to_string()).unwrap_or_default(),
        _ => rule.to.map(|to| to.to_string()).unwrap_or_default(),
    };
    let form = PARTS.iter().fold(form, |form, part| form.with(&field(row, part), texts(part)));
    let days = WEEKDAYS.iter().filter(|(day, _)| rule.weekdays.contains(day));
    days.fold(form, |form, (day, _)| form.with(&field(row, "weekdays"), day.to_string()))
}

fn numbers<N: ToString>(numbers: &[N]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Tells whether nothing was typed into a row.
fn is_blank(form: &Form, row: usize) -> bool {
    let parts = PARTS.iter().filter(|part| !matches!(**part, "kind" | "week"));
    parts.chain(["weekdays"].iter()).all(|part| form.text(&field(row, part)).trim().is_empty())
}

/// Reads the rows that hold something, each with its number; what cannot be read is noted at its field.
pub fn read(form: &mut Form) -> Vec<(usize, WindowRule)> {
    let rows: Vec<usize> = (0..count(form)).filter(|row| !is_blank(form, *row)).collect();
    rows.into_iter().map(|row| (row, Row { form, row }.read())).collect()
}

/// A row that is being read.
struct Row<'f> {
    form: &'f mut Form,
    row: usize,
}

impl Row<'_> {
    fn read(mut self) -> WindowRule {
        let name = self.form.text(&field(self.row, "name")).trim().to_owned();
        if self.form.text(&field(self.row, "kind")) == ONCE {
            let (from, to) = (self.needed("from", "when it begins"), self.needed("to", "when it ends"));
            return WindowRule { name, from, to, ..WindowRule::default() };
        }
        WindowRule {
            name,
            weekdays: self.weekdays(),
            week: self.optional("week"),
            month_days: self.list("month_days"),
            months: self.list("months"),
            start: self.needed("start", "the time at which it begins"),
            duration: self.needed("duration", "how long it lasts, such as 4h or 1h 30m"),
            from: None,
            to: None,
        }
    }

    fn refuse(&mut self, part: &str, message: &str) {
        self.form.refuse(&field(self.row, part), format!("Window {}: {message}", self.row + 1));
    }

    fn optional<T: FromStr>(&mut self, part: &str) -> Option<T>
    where
        T::Err: ToString,
    {
        let text = self.form.text(&field(self.row, part)).trim().to_owned();
        if text.is_empty() {
            return None;
        }
        let read = text.parse::<T>();
        read.map_err(|error| self.refuse(part, &error.to_string())).ok()
    }

    fn needed<T: FromStr>(&mut self, part: &str, what: &str) -> Option<T>
    where
        T::Err: ToString,
    {
        if self.form.text(&field(self.row, part)).trim().is_empty() {
            self.refuse(part, &format!("enter {what}"));
            return None;
        }
        self.optional(part)
    }

    fn weekdays(&mut self) -> Vec<Weekday> {
        let ticked: Vec<String> = self.form.all(&field(self.row, "weekdays")).map(str::to_owned).collect();
        WEEKDAYS.iter().map(|(day, _)| *day).filter(|day| ticked.contains(&day.to_string())).collect()
    }

    fn list<T: FromStr>(&mut self, part: &str) -> Vec<T> {
        let text = self.form.text(&field(self.row, part)).to_owned();
        let words = text.split([',', ' ', '\t']).filter(|word| !word.is_empty());
        let read: Result<Vec<T>, &str> = words.map(|word| word.parse().map_err(|_| word)).collect();
        read.unwrap_or_else(|word| {
            self.refuse(part, &format!("write whole numbers with commas between, not {word:?}"));
            Vec::new()
        })
    }
}

/// Finds the field that a rule's part means, and the words of a complaint about it. `rule` is the rule's number among those that were read.
pub fn place(rows: &[(usize, WindowRule)], rule: usize, part: &str, message: &str) -> (String, String) {
    let row = rows.get(rule).map_or(0, |(row, _)| *row);
    let part = if PARTS.contains(&part) && !part.is_empty() { part } else { "name" };
    (field(row, part), sentence(&format!("window {}: {message}", row + 1)))
}
