//! `millrace schedule …`: schedules as files, what they did and will do, and acts on them.

mod file;
mod out;
mod preview;
mod stored;
mod text;

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::json;

use super::{Answer, Failure, Globals, Session};
use crate::admin::schedules::backfill::CONCURRENCY_MAX;
use crate::admin::schedules::service::Begin;
use crate::admin::schedules::{
    ApplyError, BACKFILLS_MAX, Documents, OCCURRENCES_MAX, SCHEDULES_MAX, ScheduleError, Sort, Standing, apply,
};
use crate::base::document::DOCUMENTS_BYTES_MAX;
use crate::queue::ring;
use crate::queue::schedules::{BY_HAND, Outcome};

use preview::instant;

/// Commands about schedules.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Prints the instants at which a rule runs, in UTC, one a line; needs no server
    Preview(#[command(flatten)] preview::Asked),
    /// Saves every schedule and calendar of a file; all or none
    Apply {
        /// YAML or JSON, one or several documents; - reads stdin
        file: PathBuf,
        /// What changed and why
        #[arg(long, short)]
        message: Option<String>,
        /// Schedules that are new make no jobs before they are resumed; the others go on as they are
        #[arg(long)]
        paused: bool,
    },
    /// Lists schedules
    List {
        /// Part of a name, a template or a description
        text: Option<String>,
        /// enabled, paused, troubled or ended
        #[arg(long, value_parser = standing)]
        state: Option<Standing>,
        /// Only of this template
        #[arg(long)]
        template: Option<String>,
        /// Only those that mind this calendar
        #[arg(long)]
        calendar: Option<String>,
        /// By name, or by next run (name, next); by next run those without one are left out
        #[arg(long, default_value = "name", value_parser = sort)]
        sort: Sort,
        /// Those behind the last one of a list in the same order
        #[arg(long, value_name = "PLACE")]
        after: Option<String>,
        /// Most schedules
        #[arg(long, default_value_t = SCHEDULES_MAX, value_parser = clap::value_parser!(i32).range(1..=i64::from(SCHEDULES_MAX)))]
        limit: i32,
    },
    /// Prints schedules as a file that `apply` takes; all of them unless named
    Export {
        /// Names
        names: Vec<String>,
    },
    /// Prints what a schedule does next: its occurrences, what is left out or moved and why, changes of the clock
    Next {
        /// The schedule
        name: String,
        /// From then on; now when absent
        #[arg(long, value_name = "TIME", value_parser = instant)]
        from: Option<DateTime<Utc>>,
        /// Before then
        #[arg(long, value_name = "TIME", value_parser = instant)]
        to: Option<DateTime<Utc>>,
        /// Most occurrences
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
    },
    /// Prints what a schedule says, as a file that `apply` takes
    Show {
        /// The schedule
        name: String,
    },
    /// Lists what became of its occurrences, the latest first
    History {
        /// The schedule
        name: String,
        /// Only what is older than this occurrence
        #[arg(long, value_name = "TIME", value_parser = instant)]
        before: Option<DateTime<Utc>>,
        /// Only those that were enqueued, skipped, missed or refused, among the latest 5,000
        #[arg(long, value_parser = outcome)]
        outcome: Option<Outcome>,
        /// Only those of this backfill, or by_hand
        #[arg(long, value_name = "ID", value_parser = made_by)]
        backfill: Option<i32>,
        /// Most occurrences
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=i64::from(OCCURRENCES_MAX)))]
        limit: i32,
    },
    /// Lists its versions, the latest first
    Versions {
        /// The schedule
        name: String,
    },
    /// Compares two versions
    Diff {
        /// The schedule
        name: String,
        /// The older version
        from: i32,
        /// The newer version
        to: i32,
    },
    /// Makes a schedule that says what another one says
    Clone {
        /// The schedule
        name: String,
        /// The name of the new one
        new: String,
        /// It makes no jobs before it is resumed
        #[arg(long)]
        paused: bool,
    },
    /// Leaves its occurrences out from now on
    Pause {
        /// The schedule
        name: String,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lets its occurrences run again
    Resume {
        /// The schedule
        name: String,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Makes one job of it at once
    RunNow {
        /// The schedule
        name: String,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Makes and puts into force a new version with the content of an old one
    Rollback {
        /// The schedule
        name: String,
        /// The version to go back to
        version: i32,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Makes jobs for its occurrences of a range of time
    Backfill {
        /// The schedule
        name: String,
        /// From then on
        #[arg(long, value_name = "TIME", value_parser = instant)]
        from: DateTime<Utc>,
        /// Before then
        #[arg(long, value_name = "TIME", value_parser = instant)]
        to: DateTime<Utc>,
        /// From the end of the range to its begin
        #[arg(long)]
        newest_first: bool,
        /// Only occurrences that have no job yet
        #[arg(long)]
        missing_only: bool,
        /// Most of its jobs that have not ended at a time
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i16).range(1..=i64::from(CONCURRENCY_MAX)))]
        concurrency: i16,
        /// Only tells what would be made
        #[arg(long)]
        dry_run: bool,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lists the backfills of a schedule, the latest first
    Backfills {
        /// The schedule
        name: String,
        /// Backfills older than this one
        #[arg(long, value_name = "ID")]
        after: Option<i32>,
        /// Most backfills
        #[arg(long, default_value_t = BACKFILLS_MAX, value_parser = clap::value_parser!(i32).range(1..=i64::from(BACKFILLS_MAX)))]
        limit: i32,
    },
    /// Shows, stops or resumes a backfill
    BackfillState {
        /// Its number
        id: i32,
        /// Makes no further jobs
        #[arg(long, conflicts_with = "resume")]
        stop: bool,
        /// Goes on where it was stopped
        #[arg(long)]
        resume: bool,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Removes a schedule; jobs that it made go on
    Remove {
        /// The schedule
        name: String,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
}

fn standing(text: &str) -> Result<Standing, String> {
    Standing::parse(text).ok_or_else(|| "it is enabled, paused, troubled or ended".into())
}

fn sort(text: &str) -> Result<Sort, String> {
    match text {
        "name" => Ok(Sort::Name),
        "next" => Ok(Sort::Next),
        _ => Err("an order is name or next".into()),
    }
}

fn outcome(text: &str) -> Result<Outcome, String> {
    Outcome::parse(text).ok_or_else(|| "it is enqueued, skipped, missed or refused".into())
}

fn made_by(text: &str) -> Result<i32, String> {
    match text.parse() {
        _ if text == "by_hand" => Ok(BY_HAND),
        Ok(id) if id > 0 => Ok(id),
        _ => Err("it is the number of a backfill, or by_hand".into()),
    }
}

fn begin(is_paused: bool) -> Begin {
    if is_paused { Begin::Paused } else { Begin::AtOnce }
}

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Preview(asked) => preview::run(asked, globals.json),
        Command::Apply { file, message, paused } => {
            apply_file(globals, &file, (message.as_deref().unwrap_or_default(), begin(paused)))
        }
        other => {
            let session = Session::open(globals)?;
            let conn = &mut *session.connect()?;
            stored::run(&session, conn, other, globals.json)
        }
    }
}

/// Reads the whole file before the database is opened: a faulty one changes nothing anywhere.
fn apply_file(globals: &Globals, path: &Path, how: (&str, Begin)) -> Result<Answer, Failure> {
    let name = if path == Path::new("-") { "<stdin>".to_owned() } else { path.display().to_string() };
    let text = text_of(path)?;
    let file::Read { documents, places } = file::read(&name, &text)?;
    if documents == Documents::default() {
        return Err(Failure::refused(format!("{name} holds no schedule and no calendar")));
    }
    let session = Session::open(globals)?;
    let conn = &mut *session.connect()?;
    let applied = apply(conn, &session.actor, &documents, how).map_err(|error| match error {
        ApplyError::Schedule(schedule, ScheduleError::Refused(faults)) => {
            Failure::refused(format!("nothing was saved:\n{}", places.told(&name, &schedule, &faults)))
        }
        other => Failure::refused(format!("nothing was saved: {other}")),
    })?;
    ring::tell_schedules(conn)?;
    let lines: Vec<String> = applied.iter().map(text::applied).collect();
    Ok(Answer::new(lines.join("\n"), json!({ "applied": applied })))
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let cannot = |error: io::Error| Failure::refused(format!("cannot read {}: {error}", path.display()));
    let most = DOCUMENTS_BYTES_MAX as u64 + 1;
    let mut text = String::new();
    if path == Path::new("-") {
        io::stdin().take(most).read_to_string(&mut text).map_err(cannot)?;
    } else {
        std::fs::File::open(path).map_err(cannot)?.take(most).read_to_string(&mut text).map_err(cannot)?;
    }
    Ok(text)
}
