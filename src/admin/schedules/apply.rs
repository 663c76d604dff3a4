//! Saving calendars and schedules at once, as files do: all or none, calendars first.

use super::begin::{Begin, save_and_begin_in};
use super::error::ScheduleError;
use crate::admin::calendars::service::{self as calendars, CalendarError};
use crate::base::db::{DbError, PgConnection, Tx, transaction};
use crate::queue::actor::Actor;
use crate::timing::calendar::Calendar;
use crate::timing::schedule::Schedule;

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Documents {
    /// Its calendars.
    pub calendars: Vec<Calendar>,
    /// Its schedules.
    pub schedules: Vec<Schedule>,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Applied {
    /// Calendar or Schedule.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The version of a schedule that says what the file says.
    pub version: Option<i32>,
    /// It said so already.
    pub unchanged: bool,
}

/// Why nothing was saved.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A calendar was refused.
    #[error("the calendar {0}: {1}")]
    Calendar(String, CalendarError),
    /// A schedule was refused.
    #[error("the schedule {0}: {1}")]
    Schedule(String, ScheduleError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Saves every document in one transaction: a fault in one leaves all as they were. `begin` tells how schedules begin that are new.
///
/// # Errors
/// [`ApplyError`], of the first document that is refused.
pub fn apply(
    conn: &mut PgConnection,
    actor: &Actor,
    documents: &Documents,
    (message, begin): (&str, Begin),
) -> Result<Vec<Applied>, ApplyError> {
    transaction(conn, "schedules::apply", |tx| apply_in(tx, actor, documents, (message, begin)))
}

/// Does as [`apply`] within the caller's transaction.
///
/// # Errors
/// [`ApplyError`]; the transaction must not be committed then.
pub fn apply_in(
    tx: &mut Tx<'_>,
    actor: &Actor,
    documents: &Documents,
    (message, begin): (&str, Begin),
) -> Result<Vec<Applied>, ApplyError> {
    let mut applied = Vec::new();
    for calendar in &documents.calendars {
        let name = calendar.name.to_string();
        let saved = calendars::save_in(tx, actor, calendar, None, message);
        let saved = saved.map_err(|error| ApplyError::Calendar(name.clone(), error))?;
        let unchanged = saved == calendars::Saved::Unchanged;
        applied.push(Applied { kind: "Calendar", name, version: None, unchanged });
    }
    for spec in &documents.schedules {
        let name = spec.name.clone();
        let saved = save_and_begin_in(tx, actor, spec, (None, begin), message);
        let saved = saved.map_err(|error| ApplyError::Schedule(name.clone(), error))?;
        applied.push(Applied { kind: "Schedule", name, version: Some(saved.version), unchanged: saved.unchanged });
    }
    Ok(applied)
}
