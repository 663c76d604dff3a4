//! `millrace failure …`: failure groups, by whoever holds the data folder's key.

use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use super::answer::{columns, moment};
use super::{Answer, Failure, Globals, Session};
use crate::admin::failures::service;
use crate::admin::failures::{Act, Filter, GroupRow, ROWS_MAX, Sort, group_json};
use crate::base::clock::{Clock, SystemClock, Time};
use crate::base::length::read_ms;
use crate::queue::failures::GroupState;
use crate::web::ansi::visible;

/// Longest message of a line, in characters.
const MESSAGE_CHARS_MAX: usize = 80;

/// Commands about failure groups.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Lists failure groups, those that failed last first unless another order is asked for
    List {
        /// Only in these states, with commas: new, rising, steady, returned, quiet, muted, handled
        #[arg(long, value_delimiter = ',', value_parser = state)]
        state: Vec<GroupState>,
        /// Only of this template
        #[arg(long)]
        template: Option<String>,
        /// Only those that no version before this one had
        #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i32).range(1..))]
        since: Option<i32>,
        /// Most first: last seen, first seen, or attempts that failed ever (last, first, most)
        #[arg(long, default_value = "last", value_parser = sort)]
        sort: Sort,
        /// Most groups
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=ROWS_MAX))]
        limit: i64,
    },
    /// Shows one failure group
    Show {
        /// Its fingerprint
        fingerprint: String,
    },
    /// Puts a group aside for a time, or takes it back with --off
    Mute {
        /// Its fingerprint
        fingerprint: String,
        /// For how long, such as 8h or 7d
        #[arg(long = "for", value_name = "LENGTH", default_value = "1d")]
        length: String,
        /// Hears of it again
        #[arg(long)]
        off: bool,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Marks a group handled, or opens it again with --off
    Handle {
        /// Its fingerprint
        fingerprint: String,
        /// From which version of the template on it should not come again; not at all when absent
        #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i32).range(1..))]
        from: Option<i32>,
        /// It was not handled after all
        #[arg(long)]
        off: bool,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Gives a group to somebody to look after, or to nobody
    Assign {
        /// Its fingerprint
        fingerprint: String,
        /// Address of an operator or admin; nobody when absent
        person: Option<String>,
    },
}

fn state(text: &str) -> Result<GroupState, String> {
    GroupState::parse(text).ok_or_else(|| "a state is new, rising, steady, returned, quiet, muted or handled".into())
}

fn sort(text: &str) -> Result<Sort, String> {
    Sort::parse(text).ok_or_else(|| "an order is last, first or most".into())
}

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    let session = Session::open(globals)?;
    let conn = &mut *session.connect()?;
    let (actor, now) = (&session.actor, SystemClock.now());
    let (fingerprint, act, reason) = match command {
        Command::List { state, template, since, sort, limit } => {
            let template = template.unwrap_or_default();
            let filter = Filter { states: state, template, since_version: since, sort, ..Filter::default() };
            let page = service::list(conn, actor, &filter, limit)?;
            let heading = ["FINGERPRINT", "STATE", "TEMPLATE", "ATTEMPTS", "LAST SEEN", "MESSAGE"];
            let mut rows = vec![heading.map(String::from).to_vec()];
            rows.extend(page.rows.iter().map(|group| row(group, now)));
            let groups: Vec<Value> = page.rows.iter().map(|group| group_json(group, actor, now)).collect();
            return Ok(Answer::new(columns(&rows), json!({ "failures": groups })));
        }
        Command::Show { fingerprint } => {
            let group = service::find(conn, actor, &fingerprint)?;
            return Ok(Answer::new(facts(&group, now), group_json(&group, actor, now)));
        }
        Command::Mute { fingerprint, off: true, reason, .. } => (fingerprint, Act::Unmute, reason),
        Command::Mute { fingerprint, length, reason, .. } => {
            let ms = read_ms(&length).map_err(Failure::usage)?;
            // what is too far away is refused by the service
            let length = Duration::from_millis(ms).min(Duration::from_secs(10 * 366 * 86_400));
            (fingerprint, Act::Mute(now + length), reason)
        }
        Command::Handle { fingerprint, off: true, reason, .. } => (fingerprint, Act::Reopen, reason),
        Command::Handle { fingerprint, from, reason, .. } => (fingerprint, Act::Handle(from), reason),
        Command::Assign { fingerprint, person } => {
            let person = person.map(|email| service::person(conn, &email)).transpose()?;
            (fingerprint, Act::Assign(person), None)
        }
    };
    let group = service::act(conn, actor, &fingerprint, (&act, reason.as_deref().unwrap_or_default(), now))?;
    Ok(Answer::new(told(&act, &group, now), group_json(&group, actor, now)))
}

fn row(group: &GroupRow, now: Time) -> Vec<String> {
    vec![
        group.fingerprint.clone(),
        group.state(now).as_str().into(),
        group.template.clone(),
        group.attempts.to_string(),
        group.last_seen.format("%Y-%m-%d %H:%M").to_string(),
        message(group).chars().take(MESSAGE_CHARS_MAX).collect(),
    ]
}

fn message(group: &GroupRow) -> String {
    visible(group.error.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim())
}

fn facts(group: &GroupRow, now: Time) -> String {
    let lines = [
        ("state", group.state(now).as_str().to_owned()),
        ("template", group.template.clone()),
        ("message", message(group)),
        ("versions", format!("{} to {}", group.first_version, group.last_version)),
        ("attempts", format!("{}, of which {} ended their job", group.attempts, group.jobs_failed)),
        ("first seen", format!("{} (job {})", moment(group.first_seen), group.first_job)),
        ("last seen", format!("{} (job {})", moment(group.last_seen), group.last_job)),
        ("assigned to", group.assignee_email.clone().unwrap_or_else(|| "nobody".into())),
        ("ticket", group.ticket.clone().unwrap_or_else(|| "none".into())),
    ];
    lines.map(|(name, value)| format!("{name:<12} {value}")).join("\n")
}

fn told(act: &Act, group: &GroupRow, now: Time) -> String {
    let print = &group.fingerprint;
    match act {
        Act::Mute(until) => format!("The group {print} is muted until {}.", moment(*until)),
        Act::Handle(Some(from)) => format!("The group {print} is marked handled from version {from} on."),
        Act::Handle(None) => format!("The group {print} is marked handled."),
        Act::Assign(Some(_)) => {
            format!("The group {print} is assigned to {}.", group.assignee_email.clone().unwrap_or_default())
        }
        Act::Assign(None) => format!("The group {print} is assigned to nobody."),
        Act::Unmute | Act::Reopen | Act::Note(_) | Act::Ticket(_) => {
            format!("The group {print} is {} now.", group.state(now).as_str())
        }
    }
}
