//! Commands about schedules that are stored.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::out::Out;
use super::{Command, begin, text};
use crate::admin::schedules::backfill::{self, Wish};
use crate::admin::schedules::compare::compared;
use crate::admin::schedules::preview::Preview;
use crate::admin::schedules::{
    Cursor, Page, SCHEDULES_MAX, ScheduleError, ScheduleFilter, json as view, occurrences, older_backfills, service,
    show,
};
use crate::base::clock::Clock;
use crate::base::db::PgConnection;
use crate::cli::answer::moment;
use crate::cli::{Answer, Failure, Session};
use crate::queue::actor::Actor;
use crate::queue::ring;
use crate::queue::schedules::{self as firing, ByHand};

pub(super) fn run(
    session: &Session,
    conn: &mut PgConnection,
    command: Command,
    as_json: bool,
) -> Result<Answer, Failure> {
    let actor = &session.actor;
    match command {
        Command::List { .. } => list(conn, actor, command),
        Command::Show { name } => {
            let row = show::one(conn, actor, &name)?;
            let spec = show::visible_spec(conn, actor, &row)?;
            text::document(&row, &spec)
        }
        Command::Export { names } => export(conn, actor, &names, as_json),
        Command::Next { name, from, to, count } => {
            let row = show::one(conn, actor, &name)?;
            let known = firing::known(conn, row.id, row.version)?.map_err(ScheduleError::NoJob)?;
            let range = (from.unwrap_or_else(|| session.clock.now()), to);
            let ahead = Preview::of(&known.plan, view::sentences(&row), range, usize::from(count));
            Ok(text::ahead(&ahead, known.plan.zone))
        }
        Command::History { name, before, outcome, backfill, limit } => {
            let row = show::one(conn, actor, &name)?;
            let (rows, is_more) = occurrences(conn, row.id, &Page { before, outcome, backfill, limit })?;
            Ok(text::history(&rows, is_more))
        }
        Command::Versions { name } => Ok(text::versions(&show::versions(conn, actor, &name)?)),
        Command::Diff { name, from, to } => {
            let found = compared(conn, actor, &name, (Some(from), Some(to)))?;
            let told = found["unified"].as_str().unwrap_or_default().to_owned();
            let answer = Answer::new(told.as_str(), found);
            Ok(if told.is_empty() { answer.noting("They say the same.") } else { answer })
        }
        Command::Backfills { name, after, limit } => {
            let row = show::one(conn, actor, &name)?;
            let (rows, is_more) = older_backfills(conn, row.id, after, limit)?;
            Ok(text::backfills(&rows, is_more))
        }
        other => act(session, conn, other),
    }
}

fn act(session: &Session, conn: &mut PgConnection, command: Command) -> Result<Answer, Failure> {
    let actor = &session.actor;
    let why = |reason: Option<String>| reason.unwrap_or_default();
    match command {
        Command::Clone { name, new, paused } => {
            let saved = service::copy(conn, actor, &name, &new, begin(paused))?;
            ring::tell_schedules(conn)?;
            let stands = if paused { " It is paused." } else { "" };
            let shown = json!({ "name": new, "from": name, "version": saved.version, "paused": paused });
            Ok(Answer::new(format!("{new} says what {name} says.{stands}"), shown))
        }
        Command::Pause { name, reason } => {
            let row = service::pause(conn, actor, &name, &why(reason))?;
            Ok(Answer::new(format!("{name} is paused: its occurrences are left out."), view::schedule(&row, &[], None)))
        }
        Command::Resume { name, reason } => {
            let row = service::resume(conn, actor, &name, &why(reason))?;
            let next = row.next_at.map(|at| format!(" It runs next at {}.", moment(at)));
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
        _ => Err(Failure::usage("this command needs no database")),
    }
}

fn list(conn: &mut PgConnection, actor: &Actor, command: Command) -> Result<Answer, Failure> {
    let Command::List { text, state, template, calendar, sort, after, limit } = command else {
        return Err(Failure::usage("this command lists nothing"));
    };
    let place = after.map(|text| {
        Cursor::parse(&text, sort).ok_or_else(|| Failure::usage("--after takes what a list in the same order said"))
    });
    let after = place.transpose()?;
    let filter = ScheduleFilter { text, standing: state, template, calendar, sort, after, limit };
    let (rows, strips, next) = show::page(conn, actor, filter)?;
    Ok(text::list(&rows, &strips, next.as_deref()))
}

/// Prints page by page, so that very many schedules need no memory.
fn export(conn: &mut PgConnection, actor: &Actor, names: &[String], as_json: bool) -> Result<Answer, Failure> {
    // a name that is wrong prints nothing
    for name in names {
        show::one(conn, actor, name)?;
    }
    let mut failed = None;
    Out::open().print(|out| {
        let mut parts = Parts { out, as_json, is_first: true };
        parts.begin()?;
        match exported(conn, actor, names, &mut parts) {
            Err(Told::Written(error)) => return Err(error),
            Err(Told::Refused(failure)) => failed = Some(failure),
            Ok(()) => {}
        }
        parts.end()
    })?;
    failed.map_or_else(|| Ok(Answer::nothing()), Err)
}

fn exported(conn: &mut PgConnection, actor: &Actor, names: &[String], parts: &mut Parts<'_>) -> Result<(), Told> {
    for name in names {
        let row = show::one(conn, actor, name)?;
        parts.put(&show::visible_spec(conn, actor, &row)?)?;
    }
    let mut filter = ScheduleFilter { limit: SCHEDULES_MAX, ..ScheduleFilter::default() };
    while names.is_empty() {
        let (rows, _, next) = show::page(conn, actor, filter.clone())?;
        for row in &rows {
            parts.put(&show::visible_spec(conn, actor, row)?)?;
        }
        let Some(next) = next else { break };
        filter.after = Cursor::parse(&next, filter.sort);
    }
    Ok(())
}

/// Why an export ended early.
enum Told {
    Written(io::Error),
    Refused(Failure),
}

impl From<io::Error> for Told {
    fn from(error: io::Error) -> Self {
        Self::Written(error)
    }
}

impl From<ScheduleError> for Told {
    fn from(error: ScheduleError) -> Self {
        Self::Refused(error.into())
    }
}

/// The documents of an export, one after the other.
struct Parts<'o> {
    out: &'o mut dyn Write,
    as_json: bool,
    is_first: bool,
}

impl Parts<'_> {
    fn begin(&mut self) -> io::Result<()> {
        if self.as_json { write!(self.out, "{{\"schedules\":[") } else { Ok(()) }
    }

    fn put(&mut self, spec: &Value) -> Result<(), Told> {
        let separator = match (self.is_first, self.as_json) {
            (true, _) => "",
            (false, true) => ",",
            (false, false) => "---\n",
        };
        self.is_first = false;
        match self.as_json {
            true => write!(self.out, "{separator}{spec}")?,
            false => {
                let text = crate::admin::schedules::document_text(spec)
                    .ok_or_else(|| Told::Refused(Failure::refused("a schedule cannot be written as YAML")))?;
                writeln!(self.out, "{separator}{}", text.trim_end())?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        if self.as_json { writeln!(self.out, "]}}") } else { Ok(()) }
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
