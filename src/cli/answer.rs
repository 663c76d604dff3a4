//! What a command says: text for people, JSON for programs, a reason on stderr when it fails.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::base::clock::Time;

/// What a command that was done says.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    text: String,
    json: Value,
    /// Printed to stderr for people: what is worth knowing and does not belong to the answer.
    note: Option<String>,
}

impl Answer {
    /// Says `text` to people and `json` to programs.
    pub fn new(text: impl Into<String>, json: Value) -> Self {
        Self { text: text.into(), json, note: None }
    }

    /// Says nothing.
    pub fn nothing() -> Self {
        Self::new("", Value::Null)
    }

    /// Adds what people should know besides; it goes to stderr, so that scripts read only the answer.
    #[must_use]
    pub fn noting(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    /// Prints the answer. A reader who has gone away is no failure.
    pub fn print(&self, as_json: bool) -> ExitCode {
        if let Some(note) = self.note.as_ref().filter(|_| !as_json) {
            eprintln!("{note}");
        }
        let text = if as_json { self.json.to_string() } else { self.text.clone() };
        let silent = text.is_empty() || (as_json && self.json.is_null());
        match if silent { Ok(()) } else { writeln!(io::stdout(), "{}", text.trim_end()) } {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Failure::refused(format!("cannot write the answer: {error}")).print(as_json)
            }
            _ => ExitCode::SUCCESS,
        }
    }
}

/// Why a command was not done.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    reason: String,
    /// Printed to stdout although the command failed: what `doctor` found.
    answer: Option<Box<Answer>>,
}

impl Failure {
    /// Refused or failed: exit code 1.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self { code: 1, reason: reason.into(), answer: None }
    }

    /// Not understood: exit code 2.
    pub fn usage(reason: impl Into<String>) -> Self {
        Self { code: 2, reason: reason.into(), answer: None }
    }

    /// Prints `answer` all the same.
    #[must_use]
    pub fn saying(self, answer: Answer) -> Self {
        Self { answer: Some(Box::new(answer)), ..self }
    }

    /// Gives the reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Prints the reason and gives the exit code.
    pub fn print(&self, as_json: bool) -> ExitCode {
        match &self.answer {
            Some(answer) => {
                answer.print(as_json);
                eprintln!("{}", self.reason);
            }
            None if as_json => eprintln!("{}", json!({ "error": self.reason })),
            None => eprintln!("millrace: {}", self.reason),
        }
        ExitCode::from(self.code)
    }
}

/// Every error of a service is a refusal in its own words.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::refused(error.to_string())
    }
}

/// Writes a moment for people; programs get theirs in the JSON.
pub fn moment(at: Time) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Lays out rows in columns two spaces apart; the first row is the heading.
pub fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["NAME".into(), "ROLE".into()], vec!["Zoë".into(), "admin".into()]];

        assert_eq!(columns(&rows), "NAME  ROLE\nZoë   admin");
    }
}
