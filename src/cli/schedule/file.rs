//! Files of schedules and calendars: each fault at its line and column.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::admin::schedules::Documents;
use crate::base::document::{DocumentError, Places, documents};
use crate::cli::Failure;
use crate::timing::calendar::Calendar;
use crate::timing::document::{Calendars, Fault};
use crate::timing::schedule::Schedule;

/// What a file holds, and where.
pub(super) struct Read {
    pub(super) documents: Documents,
    pub(super) places: SchedulePlaces,
}

/// Where the values of schedules stand in a file, by the schedules' names.
#[derive(Default)]
pub(super) struct SchedulePlaces(BTreeMap<String, Places>);

impl SchedulePlaces {
    /// Writes faults of a schedule as compilers do, a line each.
    pub(super) fn told(&self, file: &str, schedule: &str, faults: &[Fault]) -> String {
        let line = |fault: &Fault| {
            let pointer: String = fault.path.replace('[', "/").replace(']', "").replace('.', "/");
            let place = self.0.get(schedule).map(|places| places.of(&format!("/{pointer}")));
            let place = place.filter(|(line, _)| *line > 0).map(|(line, column)| format!("{line}:{column}:"));
            format!("{file}:{} {}: {}", place.unwrap_or_default(), fault.path, fault.message)
        };
        faults.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Reads every schedule and calendar of a text.
///
/// # Errors
/// The first document that cannot be read, with its place.
pub(super) fn read(file: &str, text: &str) -> Result<Read, Failure> {
    let refused = |error: DocumentError| Failure::refused(format!("{file}: {error}"));
    let mut read = Read { documents: Documents::default(), places: SchedulePlaces::default() };
    for document in documents(text).map_err(refused)? {
        match document.kind().map_err(refused)?.as_str() {
            "Calendar" => read.documents.calendars.push(document.read().map_err(refused)?),
            _ => {
                let schedule: Schedule = document.read().map_err(refused)?;
                read.places.0.insert(schedule.name.clone(), document.places());
                read.documents.schedules.push(schedule);
            }
        }
    }
    Ok(read)
}

/// Makes the calendars of a file ready to be asked.
///
/// # Errors
/// Everything that is wrong with the first that is.
pub(super) fn ready(file: &str, calendars: &[Calendar]) -> Result<Calendars, Failure> {
    let mut all = Calendars::new();
    for calendar in calendars {
        match calendar.days() {
            Ok(days) => drop(all.insert(calendar.name.to_string(), Arc::new(days))),
            Err(problems) => {
                let lines = problems.iter().map(|one| format!("{file}: {}: {}", one.path, one.message));
                return Err(Failure::refused(lines.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    Ok(all)
}
