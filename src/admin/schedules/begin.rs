//! How a new schedule begins: at once, or paused until somebody resumes it; and one that is made as another is.

use super::acts::pause_in;
use super::error::ScheduleError;
use super::service::{Saved, find, save_in};
use crate::base::db::{PgConnection, Tx, transaction};
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::timing::schedule::Schedule;

/// How a schedule begins that is new by a save. One that is there already goes on as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Begin {
    /// It makes jobs at once.
    #[default]
    AtOnce,
    /// It makes none before it is resumed.
    Paused,
}

impl Saved {
    /// Tells whether the schedule was made.
    pub fn is_new(self) -> bool {
        self.version == 1 && !self.unchanged
    }
}

/// Does as [`super::service::save`]; `begin` tells how the schedule begins if it is new.
///
/// # Errors
/// [`ScheduleError`]; nothing is changed then.
pub fn save_and_begin(
    conn: &mut PgConnection,
    actor: &Actor,
    spec: &Schedule,
    (base, begin): (Option<i32>, Begin),
    message: &str,
) -> Result<Saved, ScheduleError> {
    transaction(conn, "schedules::save", |tx| save_and_begin_in(tx, actor, spec, (base, begin), message))
}

/// Does as [`save_and_begin`] within the caller's transaction.
///
/// # Errors
/// [`ScheduleError`]; the transaction must not be committed then.
pub fn save_and_begin_in(
    tx: &mut Tx<'_>,
    actor: &Actor,
    spec: &Schedule,
    (base, begin): (Option<i32>, Begin),
    message: &str,
) -> Result<Saved, ScheduleError> {
    let saved = save_in(tx, actor, spec, base, message)?;
    if begin == Begin::Paused && saved.is_new() {
        pause_in(tx, actor, &spec.name, "")?;
    }
    Ok(saved)
}

/// Makes a schedule that says what another one says, under a name that is free.
///
/// # Errors
/// [`ScheduleError::NameTaken`]; [`ScheduleError`]; nothing is changed then.
pub fn copy(
    conn: &mut PgConnection,
    actor: &Actor,
    name: &str,
    new: &str,
    begin: Begin,
) -> Result<Saved, ScheduleError> {
    actor.require(Permission::EditSchedules)?;
    transaction(conn, "schedules::copy", |tx| {
        let row = find(tx, actor, name)?;
        let unreadable = || ScheduleError::field("spec", format!("version {} cannot be read", row.version));
        let spec = Schedule { name: new.to_owned(), ..row.schedule().ok_or_else(unreadable)? };
        save_and_begin_in(tx, actor, &spec, (Some(0), begin), &format!("a copy of {name}"))
    })
}
