//! `millrace queue …`: queues, by whoever holds the data folder's key.

use clap::Subcommand;
use serde_json::{Value, json};

use super::answer::columns;
use super::{Answer, Failure, Globals, Session};
use crate::admin::queues::QueueRow;
use crate::admin::queues::service::{self, Act, WEIGHT_MAX};
use crate::queue::ring;
use crate::web::ansi::visible;

/// Commands about queues.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Lists queues with what stands in them
    List,
    /// Lets nodes take nothing more from a queue; what runs goes on
    Pause {
        /// The queue
        name: String,
        /// Why, for those who wonder; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lets nodes take from a queue again
    Resume {
        /// The queue
        name: String,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Sets the limits of a queue
    Limit {
        /// The queue
        name: String,
        /// Share of the slots when several queues have work
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=i64::from(WEIGHT_MAX)))]
        weight: i32,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
}

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    let session = Session::open(globals)?;
    match command {
        Command::List => list(&session),
        Command::Pause { name, reason } => act(&session, &name, (Act::Pause, reason), "paused"),
        Command::Resume { name, reason } => act(&session, &name, (Act::Resume, reason), "resumed"),
        Command::Limit { name, weight, reason } => {
            act(&session, &name, (Act::Weigh { to: weight, seen: None }, reason), "changed")
        }
    }
}

fn act(session: &Session, name: &str, (act, reason): (Act, Option<String>), done: &str) -> Result<Answer, Failure> {
    let conn = &mut *session.connect()?;
    let queue = service::act(conn, &session.actor, name, (act, reason.as_deref().unwrap_or_default()))?;
    ring::notify(conn)?;
    Ok(Answer::new(format!("The queue {} was {done}.", queue.name), facts(&queue)))
}

fn list(session: &Session) -> Result<Answer, Failure> {
    let queues = service::list(&mut *session.connect()?, &session.actor)?;
    let heading = ["QUEUE", "WEIGHT", "READY", "RUNNING", "SCHEDULED", "RETRYING", "HELD", "STATE"];
    let mut rows = vec![heading.map(String::from).to_vec()];
    rows.extend(queues.iter().map(row));
    Ok(Answer::new(columns(&rows), json!({ "queues": queues.iter().map(facts).collect::<Vec<_>>() })))
}

fn row(queue: &QueueRow) -> Vec<String> {
    let state = match queue.paused() {
        None => "takes work".into(),
        Some(paused) => match paused.reason {
            Some(reason) => format!("paused by {}: {}", visible(&paused.name), visible(&reason)),
            None => format!("paused by {}", visible(&paused.name)),
        },
    };
    let jobs = queue.jobs;
    let numbers = [i64::from(queue.weight), jobs.ready, jobs.running, jobs.scheduled, jobs.retrying, jobs.held];
    [queue.name.clone()].into_iter().chain(numbers.map(|number| number.to_string())).chain([state]).collect()
}

fn facts(queue: &QueueRow) -> Value {
    json!({
        "name": queue.name,
        "weight": queue.weight,
        "created_at": queue.created_at,
        "paused": queue.paused(),
        "counts": queue.jobs,
        "oldest_ready_at": queue.oldest_ready_at,
    })
}
