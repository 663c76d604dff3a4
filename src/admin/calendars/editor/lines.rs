//! Days as people type them, one per line.
//!
//! ```text
//! 2026-12-24 Christmas Eve       12-07 Sant'Ambrogio (every year)       2027-08-09..2027-08-20 Summer closing
//! ```
use chrono::NaiveDate;

use crate::timing::calendar::{MonthDay, OwnDate, Removed, Workday};

/// What stands between the first and the last day of a range.
const RANGE: &str = "..";

/// What a text of lines held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines<T> {
    /// The entries that could be read.
    pub entries: Vec<T>,
    /// The line of each entry, from 1.
    pub numbers: Vec<usize>,
    /// A sentence for each line that could not be read.
    pub faults: Vec<String>,
}

fn read<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Lines<T> {
    let mut lines = Lines { entries: Vec::new(), numbers: Vec::new(), faults: Vec::new() };
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match parse(line.trim()) {
            Ok(entry) => {
                lines.entries.push(entry);
                lines.numbers.push(at + 1);
            }
            Err(why) => lines.faults.push(format!("Line {}: {why}", at + 1)),
        }
    }
    lines
}

fn head_and_name(line: &str) -> (&str, &str) {
    let (head, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (head, name.trim())
}

/// Reads holidays of a calendar's own.
pub fn read_dates(text: &str) -> Lines<OwnDate> {
    read(text, |line| {
        let (head, name) = head_and_name(line);
        let own = OwnDate { name: name.to_owned(), ..OwnDate::default() };
        let refused = || {
            format!("write a day and its name, such as 2026-12-24 Christmas Eve or 12-07 Sant'Ambrogio, not {line:?}")
        };
        if let Some((from, to)) = head.split_once(RANGE) {
            let day = |text: &str| text.parse::<NaiveDate>().map_err(|_| refused());
            return Ok(OwnDate { from: Some(day(from)?), to: Some(day(to)?), ..own });
        }
        match (head.parse::<NaiveDate>(), head.parse::<MonthDay>()) {
            (Ok(date), _) => Ok(OwnDate { date: Some(date), ..own }),
            (Err(_), Ok(day)) => Ok(OwnDate { month_day: Some(day), ..own }),
            (Err(_), Err(_)) => Err(refused()),
        }
    })
}

/// Spells holidays of a calendar's own.
pub fn spell_dates(dates: &[OwnDate]) -> String {
    let line = |own: &OwnDate| {
        let day = match (own.date, own.month_day, own.from, own.to) {
            (Some(date), ..) => date.to_string(),
            (None, Some(day), ..) => day.to_string(),
            (None, None, from, to) => {
                let spell = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
                format!("{}{RANGE}{}", spell(from), spell(to))
            }
        };
        format!("{day} {}", own.name)
    };
    dates.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads public holidays that are business days: a day, a day of every year, or a holiday's name.
pub fn read_removed(text: &str) -> Lines<Removed> {
    read(text, |line| {
        Ok(match (line.parse::<NaiveDate>(), line.parse::<MonthDay>()) {
            (Ok(date), _) => Removed { date: Some(date), ..Removed::default() },
            (Err(_), Ok(day)) => Removed { month_day: Some(day), ..Removed::default() },
            (Err(_), Err(_)) => Removed { holiday: Some(line.to_owned()), ..Removed::default() },
        })
    })
}

/// Spells public holidays that are business days.
pub fn spell_removed(removed: &[Removed]) -> String {
    let line = |one: &Removed| match (one.date, one.month_day, &one.holiday) {
        (Some(date), ..) => date.to_string(),
        (None, Some(day), _) => day.to_string(),
        (None, None, name) => name.clone().unwrap_or_default(),
    };
    removed.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads days on which we work.
pub fn read_workdays(text: &str) -> Lines<Workday> {
    read(text, |line| {
        let (head, name) = head_and_name(line);
        let refused = |_| format!("write a day and why, such as 2026-12-05 Stocktaking, not {line:?}");
        Ok(Workday { date: head.parse().map_err(refused)?, name: name.to_owned() })
    })
}

/// Spells days on which we work.
pub fn spell_workdays(workdays: &[Workday]) -> String {
    workdays.iter().map(|one| format!("{} {}", one.date, one.name)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_were_spelled() {
        let text = "2026-12-24 Christmas Eve\n12-07 Sant'Ambrogio\n2027-08-09..2027-08-20 Summer closing";
        let read = read_dates(&text.replace('\n', "\r\n\r\n"));

        assert_eq!((read.numbers.as_slice(), read.faults.len()), ([1, 3, 5].as_slice(), 0));
        assert_eq!(spell_dates(&read.entries), text);
        let removed = "2027-06-02\n01-06\nSaint Stephen's Day";
        assert_eq!(spell_removed(&read_removed(removed).entries), removed);
        assert_eq!(spell_workdays(&read_workdays("2026-12-05  Stocktaking ").entries), "2026-12-05 Stocktaking");
    }

    #[test]
    fn what_is_no_day_is_told_with_its_line() {
        let read = read_dates("2026-12-24 a\nChristmas\n2026-13-01 b\n2026-01-01..x c");
        assert_eq!(read.entries.len(), 1);
        assert!(read.faults[0].starts_with("Line 2: write a day and its name"), "{:?}", read.faults);
        assert_eq!((read.faults.len(), read_workdays("soon").faults.len()), (3, 1));
    }
}
