//! `millrace schedule …`: schedules as files, what they did and will do, and acts on them.

mod file;
mod preview;
mod text;

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::json;

use super::{Answer, Failure, Globals, Session};
use crate::admin::schedules::backfill::{self, CONCURRENCY_MAX, Wish};
use crate::admin::schedules::{
    ApplyError, Documents, OCCURRENCES_MAX, Page, ScheduleError, ScheduleFilter, Standing, apply, json as view,
    occurrences, service, show,
};
use crate::base::db::PgConnection;
use crate::base::document::DOCUMENTS_BYTES_MAX;
use crate::queue::ring;
use crate::queue::schedules::ByHand;

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
        /// Most schedules
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(i32).range(1..=200))]
        limit: i32,
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
        /// Most occurrences
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=i64::from(OCCURRENCES_MAX)))]
        limit: i32,
    },
    /// Lists its versions, the latest first
    Versions {
        /// The schedule
        name: String,
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

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Preview(asked) => preview::run(asked),
        Command::Apply { file, message } => apply_file(globals, &file, message.as_deref().unwrap_or_default()),
        other => {
            let session = Session::open(globals)?;
            let conn = &mut *session.connect()?;
            with_database(&session, conn, other)
        }
    }
}

/// Reads the whole file before the database is opened: a faulty one changes nothing anywhere.
fn apply_file(globals: &Globals, path: &Path, message: &str) -> Result<Answer, Failure> {
    let name = if path == Path::new("-") { "<stdin>".to_owned() } else { path.display().to_string() };
    let text = text_of(path)?;
    let file::Read { documents, places } = file::read(&name, &text)?;
    if documents == Documents::default() {
        return Err(Failure::refused(format!("{name} holds no schedule and no calendar")));
    }
    let session = Session::open(globals)?;
    let conn = &mut *session.connect()?;
    let applied = apply(conn, &session.actor, &documents, message).map_err(|error| match error {
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

fn with_database(session: &Session, conn: &mut PgConnection, command: Command) -> Result<Answer, Failure> {
    let actor = &session.actor;
    let why = |reason: Option<String>| reason.unwrap_or_default();
    match command {
        Command::List { text, state, template, calendar, limit } => {
            let filter =
                ScheduleFilter { text, standing: state, template, calendar, limit, ..ScheduleFilter::default() };
            let (rows, strips) = show::list(conn, actor, &filter)?;
            Ok(text::list(&rows, &strips))
        }
        Command::Show { name } => {
            let row = show::one(conn, actor, &name)?;
            let spec = show::visible_spec(conn, actor, &row)?;
            text::document(&row, &spec)
        }
        Command::History { name, limit } => {
            let row = show::one(conn, actor, &name)?;
            let (rows, _) = occurrences(conn, row.id, &Page { limit, ..Page::default() })?;
            Ok(text::history(&rows))
        }
        Command::Versions { name } => Ok(text::versions(&show::versions(conn, actor, &name)?)),
        Command::Pause { name, reason } => {
            let row = service::pause(conn, actor, &name, &why(reason))?;
            Ok(Answer::new(format!("{name} is paused: its occurrences are left out."), view::schedule(&row, &[], None)))
        }
        Command::Resume { name, reason } => {
            let row = service::resume(conn, actor, &name, &why(reason))?;
            let next = row.next_at.map(|at| format!(" It runs next at {}.", super::answer::moment(at)));
            Ok(Answer::new(format!("{name} is enabled.{}", next.unwrap_or_default()), view::schedule(&row, &[], None)))
        }
        Command::RunNow { name, reason } => run_now(session, conn, &name, &why(reason)),
        Command::Rollback { name, version, reason } => {
            let saved = service::roll_back(conn, actor, &name, version, &why(reason))?;
            let text =
                format!("{name}: version {} has the content of version {version} and is in force", saved.version);
            Ok(Answer::new(text, json!({ "name": name, "version": saved.version, "unchanged": saved.unchanged })))
        }
        Command::Backfill { name, from, to, newest_first, missing_only, concurrency, dry_run, reason } => {
            let wish = Wish { from, to, newest_first, missing_only, concurrency };
            if dry_run {
                return Ok(text::dry_run(&backfill::dry_run(conn, actor, &name, &wish)?));
            }
            Ok(text::backfill(&backfill::start(conn, actor, &name, &wish, &why(reason))?))
        }
        Command::BackfillState { id, stop, resume, reason } => Ok(text::backfill(&match (stop, resume) {
            (true, _) => backfill::stop(conn, actor, id, &why(reason))?,
            (_, true) => backfill::resume(conn, actor, id, &why(reason))?,
            (false, false) => backfill::show(conn, actor, id)?,
        })),
        Command::Remove { name, reason } => {
            service::remove(conn, actor, &name, &why(reason))?;
            Ok(Answer::new(format!("{name} was removed; jobs that it made go on."), json!({ "removed": name })))
        }
        Command::Preview(_) | Command::Apply { .. } => Err(Failure::usage("this command needs no database")),
    }
}

fn run_now(session: &Session, conn: &mut PgConnection, name: &str, reason: &str) -> Result<Answer, Failure> {
    let ByHand::Made { job, behind } = service::run_now(conn, &session.actor, name, reason)? else {
        return Err(Failure::refused("no job was made"));
    };
    ring::notify(conn)?;
    let waits = behind.map(|behind| format!(" It waits for the end of job {behind}.")).unwrap_or_default();
    Ok(Answer::new(format!("Job {job} of {name} is enqueued.{waits}"), json!({ "job": job, "behind": behind })))
}
