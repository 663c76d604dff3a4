//! What the page of a schedule's form is made of beside the form itself.

use super::args::ArgFields;
use super::fields::WINDOW;
use super::minute::{Better, better};
use crate::admin::schedules::load::{Asking, Load, load};
use crate::admin::schedules::{RunMark, ScheduleError, ScheduleRow, history};
use crate::admin::{calendars, templates};
use crate::base::clock::Time;
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::schedules::{Known, calendars_named};
use crate::timing::document::{Calendars, Fault};
use crate::timing::schedule::Schedule;
use crate::web::form::Form;
use crate::web::params::Control;

/// A calendar that can be minded.
pub struct CalendarLine {
    pub name: String,
    pub field: String,
    pub title: String,
    pub has_windows: bool,
}

/// What the page is made of beside the form.
pub(super) struct Around {
    pub(super) row: Option<ScheduleRow>,
    pub(super) marks: Vec<RunMark>,
    pub(super) templates: Vec<String>,
    pub(super) calendars: Vec<CalendarLine>,
    pub(super) known: Option<Known>,
    pub(super) faults: Vec<Fault>,
    pub(super) load: Option<Load>,
    /// The quieter minute that the form can take.
    pub(super) better: Option<Better>,
    pub(super) arguments: Option<Vec<Control>>,
    pub(super) sources: Vec<String>,
}

/// Reads it for a schedule as it is or would be.
pub(super) fn around(
    conn: &mut PgConnection,
    actor: &Actor,
    row: Option<ScheduleRow>,
    spec: Option<Schedule>,
    now: Time,
) -> Result<Around, ScheduleError> {
    let marks = match &row {
        Some(row) => history::marks(conn, row.id)?,
        None => Vec::new(),
    };
    let names = templates::list(conn)?.into_iter().filter(|row| {
        row.active_version.is_some() && row.state().as_str() != "archived" && actor.scope.covers(&row.queue, &[])
    });
    let templates = names.map(|row| row.name).collect();
    let calendars = calendars::list(conn, &actor.scope, None)?.iter().map(calendar_line).collect();
    let (mut known, mut faults, mut minded) = (None, Vec::new(), Calendars::new());
    if let Some(spec) = spec {
        minded = calendars_named(conn, &spec.timing().calendars())?;
        match Known::of(spec, &minded) {
            Ok(found) => {
                faults = found.policies.fit(&found.plan, now, 1).err().unwrap_or_default();
                known = Some(found);
            }
            Err(found) => faults = found,
        }
    }
    // of what leaves nothing no run is looked for a second time
    let followed = known.as_ref().filter(|_| faults.is_empty());
    let next = followed.and_then(|known| known.plan.course(now).find_map(|one| one.runs_at()));
    let own = row.as_ref().map(|row| row.id);
    let load = next.map(|at| load(conn, &actor.scope, Asking { at, own, marks: &marks })).transpose()?;
    let better = followed.zip(load.as_ref()).and_then(|(known, load)| better(known, &minded, load));
    let (arguments, sources) = (None, Vec::new());
    Ok(Around { row, marks, templates, calendars, known, faults, load, better, arguments, sources })
}

impl Around {
    /// Asks for the arguments with these fields.
    pub(super) fn ask(&mut self, fields: Option<&ArgFields>, form: &Form, old: Option<&Schedule>) {
        self.arguments = fields.map(|fields| fields.controls(form, old));
        self.sources = fields.map(ArgFields::sources).unwrap_or_default();
    }
}

fn calendar_line(row: &calendars::CalendarRow) -> CalendarLine {
    let calendar = row.calendar();
    CalendarLine {
        name: row.name.clone(),
        field: format!("{WINDOW}{}", row.name),
        title: calendar.as_ref().map(|calendar| calendar.title.clone()).unwrap_or_default(),
        has_windows: calendar.is_some_and(|calendar| !calendar.windows.is_empty()),
    }
}
