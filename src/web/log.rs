//! Lines of a log: on the page, and one by one as they arrive.

use askama::Template;
use chrono_tz::Tz;

use super::ansi;
use super::format::{Stamp, stamp_ms};
use super::live::Tail;
use super::span::Span;
use crate::base::clock::Time;

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// Unique in the page and stable over updates.
    pub id: String,
    /// Number of the line in its attempt, from 1.
    pub number: u64,
    /// When it was said.
    pub at: Stamp,
    /// `D`, `I`, `W` or `E`: the class of the row.
    pub level: char,
    /// The text, safe to look at.
    pub spans: Vec<Span>,
}

impl LogRow {
    /// Gives the level's word.
    pub fn level_word(&self) -> &'static str {
        match self.level {
            'E' => "ERROR",
            'W' => "WARN",
            'D' => "DEBUG",
            _ => "INFO",
        }
    }
}

impl LogRow {
    /// Makes the row of line `number` (from 1) in the list whose id is `list`; the text is made safe to look at.
    pub fn new(list: &str, number: u64, (at, level): (Time, char), text: &str, zone: Tz) -> Self {
        Self { id: format!("{list}-{number}"), number, at: stamp_ms(at, zone), level, spans: ansi::spans(text) }
    }
}

#[derive(Template)]
#[template(path = "ui/log_rows.html")]
struct Rows<'r> {
    rows: &'r [LogRow],
}

/// Renders rows one by one for a live page, which adds them at the end of the list with the id `list`.
///
/// # Errors
/// When the template fails.
pub fn tail(list: &str, rows: &[LogRow]) -> askama::Result<Tail> {
    let rendered = rows.iter().map(|row| Ok((row.number, Rows { rows: std::slice::from_ref(row) }.render()?)));
    Ok(Tail { id: list.to_owned(), rows: rendered.collect::<askama::Result<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_list_item_that_escapes_what_it_says() {
        let row = LogRow::new("log", 7, (Time::UNIX_EPOCH, 'W'), "<b>\u{1b}[31mred\u{1b}[0m", Tz::UTC);

        let tail = tail("log-rows", &[row]).expect("rendered");

        let (number, html) = &tail.rows[0];
        assert_eq!(*number, 7);
        assert!(html.starts_with("<li class=\"W\" id=\"log-7\">"), "{html}");
        assert!(html.contains("&#60;b&#62;<span class=\"x-red\">red</span>") && html.contains("00:00:00.000"));
    }
}
