//! `millrace calendar …`: business calendars, by whoever holds the data folder's key. Files of calendars are saved by
//! `millrace schedule apply`.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use chrono::Datelike;
use clap::Subcommand;
use serde_json::json;

use super::answer::{columns, moment};
use super::{Answer, Failure, Globals, Session};
use crate::admin::calendars::facts::{self, YEARS};
use crate::admin::calendars::import::{Merge, merged};
use crate::admin::calendars::service::{self, CalendarError, Saved};
use crate::admin::calendars::{CalendarRow, json as view, words};
use crate::base::clock::{Clock, Time};
use crate::base::db::PgConnection;
use crate::base::text::CalendarName;
use crate::queue::actor::Actor;
use crate::timing::calendar::Calendar;
use crate::timing::ics;
use crate::web::ansi::visible;

/// Commands about calendars.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Lists calendars with their next holiday and how many schedules mind them
    List,
    /// Prints what a calendar says, as a file that `millrace schedule apply` takes
    Show {
        /// The calendar
        name: String,
    },
    /// Prints its holidays as an iCalendar file
    Export {
        /// The calendar
        name: String,
        /// First year; this year when absent
        #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i32).range(i64::from(*YEARS.start())..=i64::from(*YEARS.end())))]
        from: Option<i32>,
        /// Last year; the one after the first when absent
        #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i32).range(i64::from(*YEARS.start())..=i64::from(*YEARS.end())))]
        to: Option<i32>,
    },
    /// Puts the all-day events of an iCalendar file into a calendar, and makes it if there is none
    Import {
        /// The file; - reads stdin
        file: PathBuf,
        /// The calendar
        #[arg(long)]
        name: String,
        /// They take the place of the days that it has of its own
        #[arg(long)]
        replace: bool,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Removes a calendar that no schedule minds
    Remove {
        /// The calendar
        name: String,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
}

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    let session = Session::open(globals)?;
    let conn = &mut *session.connect()?;
    let (actor, now) = (&session.actor, session.clock.now());
    match command {
        Command::List => {
            let rows = service::list(conn, actor)?;
            let heading = ["CALENDAR", "HOLIDAYS OF", "NEXT HOLIDAY", "WINDOWS", "SCHEDULES", "TITLE", "CHANGED"];
            let mut lines = vec![heading.map(String::from).to_vec()];
            lines.extend(rows.iter().map(|row| line(row, now)));
            let shown = rows.iter().map(|row| view::calendar(row, now)).collect::<Vec<_>>();
            Ok(Answer::new(columns(&lines), json!({ "calendars": shown })))
        }
        Command::Show { name } => {
            let (row, users) = service::find(conn, actor, &name)?;
            let text = serde_saphyr::to_string(&readable(&row)?)?;
            let minded = match users.as_slice() {
                [] => "no schedule minds it".to_owned(),
                some => format!("schedules that mind it: {}", some.join(", ")),
            };
            Ok(Answer::new(text, view::whole(&row, &users, now)).noting(minded))
        }
        Command::Export { name, from, to } => {
            let (row, _) = service::find(conn, actor, &name)?;
            let calendar = readable(&row)?;
            let days = row.days().ok_or_else(|| not_understood(&row))?;
            let from = from.or(to).unwrap_or_else(|| view::today(&row, now).year());
            let to = to.unwrap_or((from + 1).min(*YEARS.end()));
            if to < from {
                return Err(Failure::usage(format!("--to {to} is before --from {from}")));
            }
            let text = ics::export(&days, &calendar.title, from..=to, now);
            Ok(Answer::new(text.clone(), json!({ "name": name, "from": from, "to": to, "ics": text })))
        }
        Command::Import { file, name, replace, reason } => {
            let merge = if replace { Merge::Replace } else { Merge::Add };
            import(conn, actor, (&file, &name, merge), reason.as_deref().unwrap_or("from an iCalendar file"))
        }
        Command::Remove { name, reason } => {
            service::remove(conn, actor, &name, reason.as_deref().unwrap_or_default())?;
            Ok(Answer::new(format!("The calendar {name} was removed."), json!({ "removed": name })))
        }
    }
}

fn not_understood(row: &CalendarRow) -> Failure {
    Failure::refused(format!("this version of Millrace does not understand what the calendar {} says", row.name))
}

fn readable(row: &CalendarRow) -> Result<Calendar, Failure> {
    row.calendar().ok_or_else(|| not_understood(row))
}

fn line(row: &CalendarRow, now: Time) -> Vec<String> {
    let said = row.calendar();
    let next = row.days().and_then(|days| facts::next_holiday(&days, view::today(row, now)));
    let places = said.iter().flat_map(|said| &said.holidays).map(words::place).collect::<Vec<_>>();
    let windows = said.iter().flat_map(|said| &said.windows).map(words::window).collect::<Vec<_>>();
    vec![
        row.name.clone(),
        visible(&places.join(", ")),
        next.map(|next| format!("{} {}", next.date, visible(&next.name))).unwrap_or_default(),
        windows.join("; "),
        row.schedules.to_string(),
        visible(&said.map(|said| said.title).unwrap_or_default()),
        moment(row.updated_at),
    ]
}

fn import(
    conn: &mut PgConnection,
    actor: &Actor,
    (file, name, merge): (&Path, &str, Merge),
    reason: &str,
) -> Result<Answer, Failure> {
    let told = |error: ics::IcsError| Failure::refused(format!("{}: {error}", file.display()));
    let imported = ics::import(&text_of(file)?).map_err(told)?;
    let (calendar, seen) = match service::find(conn, actor, name) {
        Ok((row, _)) => (readable(&row)?, row.version),
        Err(CalendarError::NotFound(_)) => (Calendar::empty(CalendarName::parse(name)?), 0),
        Err(error) => return Err(error.into()),
    };
    let merged = merged(&calendar, &imported, merge);
    let saved = match service::save(conn, actor, &merged.calendar, Some(seen), reason) {
        Err(CalendarError::Refused(problems)) => {
            let lines: Vec<String> = problems.iter().map(|one| format!("{}: {}", one.path, one.message)).collect();
            return Err(Failure::refused(format!("nothing was saved:\n{}", lines.join("\n"))));
        }
        other => other?,
    };
    let verb = match saved {
        Saved::Made => "was made",
        Saved::Changed => "was changed",
        Saved::Unchanged => "is as it was",
    };
    let text = format!(
        "{name} {verb}: {} added, {} known already, {} dropped",
        merged.added.len(),
        merged.known,
        merged.dropped
    );
    let left_out: Vec<String> = imported.not_taken.iter().map(|one| visible(&one.to_string())).collect();
    let shown = json!({ "name": name, "added": merged.added, "known": merged.known, "dropped": merged.dropped, "not_taken": left_out });
    let answer = Answer::new(text, shown);
    Ok(if left_out.is_empty() { answer } else { answer.noting(left_out.join("\n")) })
}

/// Reads no more than a file may have, and a byte more, so that a longer one is refused.
fn text_of(path: &Path) -> Result<String, Failure> {
    let cannot = |error: io::Error| Failure::refused(format!("cannot read {}: {error}", path.display()));
    let most = ics::BYTES_MAX as u64 + 1;
    let mut text = String::new();
    if path == Path::new("-") {
        io::stdin().take(most).read_to_string(&mut text).map_err(cannot)?;
    } else {
        std::fs::File::open(path).map_err(cannot)?.take(most).read_to_string(&mut text).map_err(cannot)?;
    }
    Ok(text)
}
