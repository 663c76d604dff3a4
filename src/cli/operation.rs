//! `millrace operation …`: one act on many jobs, by whoever holds the data folder's key.

use std::io::{self, ErrorKind, Write};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::answer::columns;
use super::{Answer, Failure, Globals, Session};
use crate::admin::jobs::query::parse;
use crate::admin::operations::api::view;
use crate::admin::operations::service::{self, preview};
use crate::admin::operations::turn::{self, Turn};
use crate::admin::operations::{Bulk, Operation, OperationId, Plan, Which, read};
use crate::base::db::PgConnection;
use crate::queue::job::JobId;
use crate::web::ansi::visible;

/// Commands about bulk operations.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Does one act to every job that a query finds; the nodes work on it
    Start(Flags),
    /// Lists operations, newest first
    List {
        /// Operations older than this one
        #[arg(long, value_name = "ID")]
        after: Option<i64>,
    },
    /// Shows one operation and the jobs that it left alone
    Show {
        /// The operation
        id: OperationId,
    },
    /// Prints the file of an export that is done
    File {
        /// The operation
        id: OperationId,
    },
    /// Stops an operation after its present chunk
    Stop(Turned),
    /// Lets an operation go on that was stopped or failed
    Resume(Turned),
}

/// An operation and why.
#[derive(Args, Debug)]
pub(super) struct Turned {
    /// The operation
    id: OperationId,
    /// Why; recorded with your name
    #[arg(long)]
    reason: Option<String>,
}

/// What can be done to many jobs.
#[derive(ValueEnum, Debug, Clone, Copy)]
enum Act {
    Retry,
    Cancel,
    Hold,
    Release,
    Reschedule,
    Priority,
    Move,
    Discard,
    Export,
}

/// What is done to which jobs.
#[derive(Args, Debug)]
pub(super) struct Flags {
    /// The act
    act: Act,
    /// Which jobs, as in the console's search box: 'state:failed queue:mail error:"refused"'
    query: Vec<String>,
    /// These jobs instead of a query
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    ids: Vec<JobId>,
    /// Only counts them
    #[arg(long)]
    preview: bool,
    /// Most jobs per second
    #[arg(long, value_name = "N")]
    rate: Option<i32>,
    /// The new time of `reschedule`, RFC 3339
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    /// The new priority of `priority`, 1 to 5
    #[arg(long, value_name = "N")]
    priority: Option<i16>,
    /// The queue to `move` to
    #[arg(long, value_name = "QUEUE")]
    to: Option<String>,
    /// The file that `export` makes
    #[arg(long, value_name = "csv|jsonl", default_value = "csv")]
    format: String,
    /// Why; recorded with your name
    #[arg(long)]
    reason: Option<String>,
}

impl Flags {
    fn plan(&self) -> Result<Plan, Failure> {
        let mut value = Map::new();
        value.extend(self.run_at.as_ref().map(|at| ("run_at".to_owned(), json!(at))));
        value.extend(self.priority.map(|priority| ("priority".to_owned(), json!(priority))));
        value.extend(self.to.as_ref().map(|queue| ("queue".to_owned(), json!(queue))));
        value.insert("format".into(), json!(self.format));
        let name = self.act.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let act = Bulk::read(&name, &Value::Object(value)).map_err(|error| Failure::refused(error.to_string()))?;
        let parsed = parse(&self.query.join(" "));
        if !parsed.problems.is_empty() {
            let told: Vec<String> = parsed.problems.iter().map(ToString::to_string).collect();
            return Err(Failure::refused(told.join("\n")));
        }
        let which = match (self.query.is_empty(), self.ids.is_empty()) {
            (_, true) => Which::Query(parsed.query),
            (true, false) => Which::Ids(self.ids.clone()),
            (false, false) => return Err(Failure::refused("give a query or --ids, not both")),
        };
        let reason = self.reason.clone().unwrap_or_default();
        Ok(Plan { act, which, zone: chrono_tz::UTC, rate_per_s: self.rate, reason })
    }
}

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    let plan = if let Command::Start(flags) = &command { Some(flags.plan()?) } else { None };
    let session = Session::open(globals)?;
    let conn = &mut *session.connect()?;
    match command {
        Command::Start(flags) => start(&session, conn, plan.as_ref(), flags.preview),
        Command::List { after } => list(&session, conn, after),
        Command::Show { id } => show(&session, conn, id),
        Command::File { id } => file(&session, conn, id),
        Command::Stop(turned) => turn(&session, conn, &turned, Turn::Stop),
        Command::Resume(turned) => turn(&session, conn, &turned, Turn::Resume),
    }
}

fn start(
    session: &Session,
    conn: &mut PgConnection,
    plan: Option<&Plan>,
    only_counts: bool,
) -> Result<Answer, Failure> {
    let Some(plan) = plan else { return Ok(Answer::nothing()) };
    if only_counts {
        let found = preview(conn, &session.clock, &session.actor, plan)?;
        let least = if found.is_partial() { "at least " } else { "" };
        let states: Vec<String> = found.by_state.iter().map(|(state, jobs)| format!("{jobs} {state}")).collect();
        let text = format!("{least}{} jobs match: {}", found.total(), states.join(", "));
        let states: Map<String, Value> =
            found.by_state.iter().map(|(state, jobs)| (state.to_string(), json!(jobs))).collect();
        let text = if found.total() == 0 { "No job that matches allows it.".to_owned() } else { text };
        return Ok(Answer::new(
            text,
            json!({ "jobs": found.total(), "is_exact": !found.is_partial(), "states": states }),
        ));
    }
    let operation = service::start(conn, &session.clock, &session.actor, plan, None)?;
    let id = operation.id;
    let text = format!("Operation {id} has begun: {}. Watch it with: millrace operation show {id}", told(&operation));
    Ok(Answer::new(text, view(&operation, &session.actor)))
}

fn told(operation: &Operation) -> String {
    let many = operation.expected.map_or_else(|| "many jobs".to_owned(), |expected| format!("{expected} jobs"));
    format!("{} {many}", operation.act.name())
}

fn list(session: &Session, conn: &mut PgConnection, after: Option<i64>) -> Result<Answer, Failure> {
    let (operations, next) = service::list(conn, &session.actor, after)?;
    let mut rows =
        vec![["ID", "ACT", "STATE", "LOOKED", "OF", "DONE", "ASKED", "LEFT", "BY"].map(String::from).to_vec()];
    rows.extend(operations.iter().map(row));
    let shown: Vec<Value> = operations.iter().map(|one| view(one, &session.actor)).collect();
    let answer = Answer::new(columns(&rows), json!({ "operations": shown, "next": next }));
    Ok(match next {
        Some(next) => answer.noting(format!("There are more: --after {next}")),
        None => answer,
    })
}

fn row(one: &Operation) -> Vec<String> {
    let of = one.expected.map_or_else(|| "?".to_owned(), |expected| expected.to_string());
    let names = [one.id.to_string(), one.act.name().to_owned(), one.state.as_str().to_owned()];
    let numbers = [one.looked.to_string(), of, one.done.to_string(), one.asked.to_string(), one.skipped.to_string()];
    names.into_iter().chain(numbers).chain([visible(&one.actor)]).collect()
}

fn show(session: &Session, conn: &mut PgConnection, id: OperationId) -> Result<Answer, Failure> {
    let operation = service::find(conn, &session.actor, id)?;
    let (left, _) = service::skipped(conn, &session.actor, id, 0)?;
    let mut lines = vec![
        format!("Operation {id}: {}, {}", told(&operation), operation.state.as_str()),
        format!(
            "{} looked at, {} done, {} asked, {} left alone",
            operation.looked, operation.done, operation.asked, operation.skipped
        ),
    ];
    lines.extend(operation.trouble.as_deref().map(|why| format!("It could not go on: {}", visible(why))));
    lines.extend(left.iter().map(|one| format!("  {}: {}", one.job, visible(&one.reason))));
    let mut shown = view(&operation, &session.actor);
    shown["left_alone"] = left.iter().map(|one| json!({ "job": one.job, "reason": one.reason })).collect();
    Ok(Answer::new(lines.join("\n"), shown))
}

/// Prints part by part, so that a long file needs no memory.
fn file(session: &Session, conn: &mut PgConnection, id: OperationId) -> Result<Answer, Failure> {
    service::file_format(conn, &session.actor, id)?;
    let mut after = 0;
    while let Some((number, body)) = read::part(conn, id, after)? {
        match io::stdout().write_all(&body) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
            written => written?,
        }
        after = number;
    }
    Ok(Answer::nothing())
}

fn turn(session: &Session, conn: &mut PgConnection, turned: &Turned, to: Turn) -> Result<Answer, Failure> {
    let reason = turned.reason.as_deref().unwrap_or_default();
    let operation = turn::turn(conn, &session.actor, turned.id, (to, reason))?;
    let text = match to {
        Turn::Stop => format!("Operation {} is stopped. What was done stays done.", turned.id),
        Turn::Resume => format!("Operation {} goes on.", turned.id),
    };
    Ok(Answer::new(text, view(&operation, &session.actor)))
}
