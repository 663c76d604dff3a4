//! `millrace queue …`: queues, by whoever holds the data folder's key.

use clap::Subcommand;
use serde_json::{Value, json};

use super::answer::columns;
use super::{Answer, Failure, Globals, Session};
use crate::admin::queues::service::{self, Act};
use crate::admin::queues::{JOBS_MAX, QueueRow, WAIT_TARGET_MS_MAX, WEIGHT_MAX, Wish};
use crate::web::ansi::visible;
use crate::web::format::duration;

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
    /// Sets limits of a queue; those that are not named stay as they are
    #[command(group = clap::ArgGroup::new("limits").required(true).multiple(true))]
    Limit {
        /// The queue
        name: String,
        /// Share of the slots when several queues have work
        #[arg(long, value_name = "N", group = "limits", value_parser = clap::value_parser!(i32).range(1..=i64::from(WEIGHT_MAX)))]
        weight: Option<i32>,
        /// Most jobs of it that run at once on all nodes
        #[arg(long, value_name = "N|none", group = "limits", value_parser = jobs)]
        concurrency: Option<Jobs>,
        /// Most jobs of it that run at once on each node
        #[arg(long, value_name = "N|none", group = "limits", value_parser = jobs)]
        concurrency_per_node: Option<Jobs>,
        /// How long its oldest job should wait at most, in milliseconds; the dashboard tells when it is passed
        #[arg(long, value_name = "MS|none", group = "limits", value_parser = target)]
        wait_target_ms: Option<Target>,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
}

/// A number of jobs, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Jobs(Option<i32>);

fn jobs(text: &str) -> Result<Jobs, String> {
    let known = if text == "none" { Some(None) } else { text.parse().ok().map(Some) };
    let allowed = |jobs: &Option<i32>| jobs.is_none_or(|jobs| (1..=JOBS_MAX).contains(&jobs));
    known.filter(allowed).map(Jobs).ok_or_else(|| format!("allowed is a number from 1 to {JOBS_MAX}, or none"))
}

/// A wait target in milliseconds, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target(Option<i32>);

fn target(text: &str) -> Result<Target, String> {
    let known = if text == "none" { Some(None) } else { text.parse().ok().map(Some) };
    let allowed = |ms: &Option<i32>| ms.is_none_or(|ms| (1..=WAIT_TARGET_MS_MAX).contains(&ms));
    let told = || format!("allowed is a number of milliseconds from 1 to {WAIT_TARGET_MS_MAX}, or none");
    known.filter(allowed).map(Target).ok_or_else(told)
}

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    let session = Session::open(globals)?;
    match command {
        Command::List => list(&session),
        Command::Pause { name, reason } => act(&session, &name, (Act::Pause, reason), "paused"),
        Command::Resume { name, reason } => act(&session, &name, (Act::Resume, reason), "resumed"),
        Command::Limit { name, weight, concurrency, concurrency_per_node, wait_target_ms, reason } => {
            let to = Wish {
                weight,
                concurrency: concurrency.map(|jobs| jobs.0),
                concurrency_per_node: concurrency_per_node.map(|jobs| jobs.0),
                wait_target_ms: wait_target_ms.map(|target| target.0),
            };
            act(&session, &name, (Act::Limit { to, seen: None }, reason), "changed")
        }
    }
}

fn act(session: &Session, name: &str, (act, reason): (Act, Option<String>), done: &str) -> Result<Answer, Failure> {
    let conn = &mut *session.connect()?;
    let queue = service::act(conn, &session.actor, name, (act, reason.as_deref().unwrap_or_default()))?;
    Ok(Answer::new(format!("The queue {} was {done}.", queue.name), facts(&queue)))
}

fn list(session: &Session) -> Result<Answer, Failure> {
    let queues = service::list(&mut *session.connect()?, &session.actor)?;
    let heading = [
        "QUEUE",
        "WEIGHT",
        "AT ONCE",
        "PER NODE",
        "TARGET",
        "READY",
        "RUNNING",
        "SCHEDULED",
        "RETRYING",
        "HELD",
        "STATE",
    ];
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
    let numbers = [jobs.ready, jobs.running, jobs.scheduled, jobs.retrying, jobs.held].map(|number| number.to_string());
    let bounds = [queue.limits.concurrency, queue.limits.concurrency_per_node];
    let bounds = bounds.map(|jobs| jobs.map_or_else(|| "-".into(), |jobs| jobs.to_string()));
    let target = queue.limits.wait_target().map_or_else(|| "-".into(), duration);
    let named = [queue.name.clone(), queue.limits.weight.to_string()];
    named.into_iter().chain(bounds).chain([target]).chain(numbers).chain([state]).collect()
}

fn facts(queue: &QueueRow) -> Value {
    json!({
        "name": queue.name,
        "weight": queue.limits.weight,
        "concurrency": queue.limits.concurrency,
        "concurrency_per_node": queue.limits.concurrency_per_node,
        "wait_target_ms": queue.limits.wait_target_ms,
        "created_at": queue.created_at,
        "paused": queue.paused(),
        "counts": queue.jobs,
        "oldest_ready_at": queue.oldest_ready_at,
    })
}
