//! The all-day events of an iCalendar file as own dates of a calendar.

use std::collections::HashSet;

use super::event::Event;
use super::lines::{Line, lines};
use crate::timing::calendar::{DATES_MAX, OwnDate};

/// Largest file, in bytes.
pub const BYTES_MAX: usize = 1024 * 1024;
/// Most events of a file.
pub const EVENTS_MAX: usize = 5_000;
/// Deepest nesting of components: a calendar, an event, an alarm and some to spare.
pub const NESTING_MAX: usize = 16;

/// Why a file was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", shown(*line))]
pub struct IcsError {
    /// The line of the file, from 1; 0 when the fault has no place.
    pub line: usize,
    /// What is wrong, for a person.
    pub message: String,
}

fn shown(line: usize) -> String {
    if line == 0 { String::new() } else { format!("line {line}: ") }
}

/// What a file gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// The days, ranges and yearly days, in the file's order, none twice; at most as many as a calendar holds.
    pub dates: Vec<OwnDate>,
    /// The events that were left out.
    pub not_taken: Vec<NotTaken>,
}

/// An event that was left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: not taken: {name:?} {reason}")]
pub struct NotTaken {
    /// The line at which it begins.
    pub line: usize,
    /// What it is called.
    pub name: String,
    /// Why, as the rest of a sentence: `is not a whole day`.
    pub reason: String,
}

/// Reads an iCalendar file. Taken are all-day events (also those from midnight to midnight) of the years 1990 to 2100 that are not
/// cancelled, single or with a simple yearly rule; a yearly rule without end becomes a day of every year. Everything else that
/// is an event is told in `not_taken`; tasks, time zones and alarms are passed over.
///
/// # Errors
/// The file is larger than 1 MiB, holds more than 5,000 events, or is no iCalendar file.
pub fn import(text: &str) -> Result<Imported, IcsError> {
    if text.len() > BYTES_MAX {
        return refuse(0, format!("the file has {} bytes, at most {BYTES_MAX} are allowed", text.len()));
    }
    let mut reading = Reading::default();
    for line in lines(text) {
        match line {
            Ok(line) => reading.read(line)?,
            Err(number) if reading.open.is_empty() => {
                return refuse(number, "this is no iCalendar file: it begins with BEGIN:VCALENDAR");
            }
            Err(number) => return refuse(number, "this is no line of an iCalendar file: NAME:value"),
        }
    }
    reading.done()
}

fn refuse<T>(line: usize, message: impl Into<String>) -> Result<T, IcsError> {
    Err(IcsError { line, message: message.into() })
}

/// A file half read.
#[derive(Default)]
struct Reading {
    /// The components that are open, with the lines at which they began.
    open: Vec<(String, usize)>,
    any_calendar: bool,
    events: usize,
    event: Option<Event>,
    /// The entries taken so far.
    seen: HashSet<OwnDate>,
    imported: Imported,
}

impl Reading {
    fn read(&mut self, line: Line) -> Result<(), IcsError> {
        match line.name.as_str() {
            "BEGIN" => self.begin(&line),
            "END" => self.end(&line),
            _ if self.open.is_empty() => refuse(line.number, "an iCalendar file begins with BEGIN:VCALENDAR"),
            _ => {
                // Properties of alarms inside an event are not the event's.
                let of_event = self.open.last().is_some_and(|(component, _)| component == "VEVENT");
                if let Some(event) = self.event.as_mut().filter(|_| of_event) {
                    event.read(line);
                }
                Ok(())
            }
        }
    }

    fn begin(&mut self, line: &Line) -> Result<(), IcsError> {
        let component = line.value.trim().to_uppercase();
        if self.open.is_empty() && component != "VCALENDAR" {
            return refuse(line.number, "an iCalendar file begins with BEGIN:VCALENDAR");
        }
        if self.open.len() == NESTING_MAX {
            return refuse(line.number, format!("components are nested more than {NESTING_MAX} deep"));
        }
        self.any_calendar = true;
        if component == "VEVENT" {
            if self.event.is_some() {
                return refuse(line.number, "an event stands inside another one: END:VEVENT is missing");
            }
            self.events += 1;
            if self.events > EVENTS_MAX {
                return refuse(line.number, format!("the file has more than {EVENTS_MAX} events"));
            }
            self.event = Some(Event::at(line.number));
        }
        self.open.push((component, line.number));
        Ok(())
    }

    fn end(&mut self, line: &Line) -> Result<(), IcsError> {
        let component = line.value.trim().to_uppercase();
        match self.open.pop() {
            Some((open, _)) if open == component => {}
            Some((open, at)) => {
                return refuse(
                    line.number,
                    format!("END:{component} where END:{open} is due, which began at line {at}"),
                );
            }
            None => return refuse(line.number, format!("END:{component} without its BEGIN")),
        }
        if let Some(event) = self.event.take_if(|_| component == "VEVENT") {
            let begins = event.line();
            match event.dates() {
                Ok(dates) => self.take(dates, begins),
                Err(not_taken) => self.imported.not_taken.push(not_taken),
            }
        }
        Ok(())
    }

    /// Keeps an event's entries but those that are there already; tells when the calendar is full.
    fn take(&mut self, mut dates: Vec<OwnDate>, line: usize) {
        dates.retain(|date| !self.seen.contains(date));
        if self.imported.dates.len() + dates.len() > DATES_MAX {
            let name = dates.pop().map(|date| date.name).unwrap_or_default();
            let reason = format!("finds no place: a calendar has at most {DATES_MAX} dates");
            self.imported.not_taken.push(NotTaken { line, name, reason });
            return;
        }
        self.seen.extend(dates.iter().cloned());
        self.imported.dates.extend(dates);
    }

    fn done(mut self) -> Result<Imported, IcsError> {
        if let Some((open, at)) = self.open.pop() {
            return refuse(at, format!("END:{open} is missing"));
        }
        if !self.any_calendar {
            return refuse(0, "this is no iCalendar file: it holds no BEGIN:VCALENDAR");
        }
        Ok(self.imported)
    }
}
