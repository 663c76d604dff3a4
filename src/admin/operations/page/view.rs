//! One operation in the words of the pages.

use crate::admin::operations::bounds::{is_spent, needed_to_resume, require};
use crate::admin::operations::service::{sees_file, sees_query};
use crate::admin::operations::{Bulk, Format, Operation, OperationState};
use crate::queue::actor::Actor;
use crate::web::format::{self, Stamp, between, duration, grouped};
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// An operation as a page shows it.
#[derive(Debug, Clone)]
pub struct View {
    pub id: i64,
    pub href: String,
    /// `Retry 5,000 jobs`, `Move to mail: at least 12,000 jobs`.
    pub title: String,
    pub tone: Tone,
    /// Its state in a word.
    pub word: &'static str,
    /// Parts of the query; `Ticked jobs` when they were named one by one.
    pub chips: Vec<String>,
    /// The list of what matches now; empty for named jobs and for those who may not see the query.
    pub list: String,
    /// Percent of what was expected; `None` = not known.
    pub percent: Option<u8>,
    /// `3,200 of 5,000`.
    pub progress: String,
    pub done: String,
    /// What is done to jobs, in a word: `ready again`.
    pub outcome: &'static str,
    /// Running jobs that were told; empty for none.
    pub asked: String,
    pub skipped: String,
    /// Matching jobs that were gone when it came to them; empty for none.
    pub missing: String,
    /// `420 jobs/s`, with the limit if there is one; empty before it began.
    pub rate: String,
    /// `about 12 s left`; empty when not known.
    pub left: String,
    pub started: Stamp,
    pub by: String,
    pub reason: String,
    /// How long it ran, or has run.
    pub length: String,
    /// What has to be said: why it failed, who stopped it, that it waits for a node.
    pub said: String,
    /// Where the file of an export is; empty before it is done.
    pub file: String,
    /// What that file is: `Download the jobs, CSV`.
    pub file_words: &'static str,
    /// It writes jobs down and changes none.
    pub is_export: bool,
    /// It was done to some job.
    pub has_acted: bool,
    pub may_stop: bool,
    pub may_resume: bool,
}

impl View {
    /// Describes `operation` to `actor`.
    pub fn new(operation: &Operation, actor: &Actor, shell: &Shell) -> Self {
        let acts = require(actor, &operation.act).is_ok();
        let sees = sees_query(actor, operation);
        Self {
            id: operation.id.0,
            href: paths::operation(operation.id.0),
            title: title(&operation.act, operation.expected, operation.looked, shell),
            tone: tone(operation),
            word: word(operation.state),
            chips: chips(operation, sees),
            list: if sees && operation.job_ids.is_none() { list_of(operation) } else { String::new() },
            percent: percent(operation),
            progress: progress(operation),
            done: number(operation.done),
            outcome: operation.act.outcome(),
            asked: if operation.asked > 0 { number(operation.asked) } else { String::new() },
            skipped: number(operation.skipped),
            missing: missing(operation),
            rate: rate(operation),
            left: left(operation),
            started: shell.stamp(operation.started_at),
            by: operation.by.clone(),
            reason: operation.reason.clone().unwrap_or_default(),
            length: duration(between(operation.started_at, operation.finished_at.unwrap_or(shell.now))),
            said: said(operation),
            file: file(operation, sees_file(actor, operation)),
            file_words: file_words(&operation.act),
            is_export: !operation.act.changes_jobs(),
            has_acted: operation.act.changes_jobs() && operation.done + operation.asked > 0,
            may_stop: acts && operation.state == OperationState::Running,
            may_resume: acts && may_go_on(operation) && actor.may(needed_to_resume(operation)),
        }
    }

    /// Gives the address of what an operator does to it.
    pub fn act(&self, verb: &str) -> String {
        paths::operation_act(self.id, verb)
    }
}

/// An export that is as long as a file may be has nothing to resume.
fn may_go_on(operation: &Operation) -> bool {
    operation.is_resumable() && (operation.act.changes_jobs() || !is_spent(operation))
}

fn number(of: i64) -> String {
    grouped(of.unsigned_abs())
}

/// Gives the number of jobs in words: `1 job`, `5,000 jobs`.
pub fn jobs(of: i64) -> String {
    if of == 1 { "1 job".into() } else { format!("{} jobs", number(of)) }
}

/// Names an act with its value: `Move to mail`.
pub fn verb(act: &Bulk, shell: &Shell) -> String {
    match act {
        Bulk::Retry => "Retry".into(),
        Bulk::Cancel => "Cancel".into(),
        Bulk::Hold => "Hold".into(),
        Bulk::Release => "Release".into(),
        Bulk::Discard => "Discard".into(),
        Bulk::Reschedule(at) => format!("Reschedule to {}:", shell.stamp(*at).text),
        Bulk::Priority(priority) => format!("Give priority {priority} to"),
        Bulk::Move(queue) => format!("Move to {queue}:"),
        Bulk::Export(_) => "Export".into(),
    }
}

fn title(act: &Bulk, expected: Option<i64>, looked: i64, shell: &Shell) -> String {
    let many = match expected {
        Some(expected) => jobs(expected),
        None => format!("at least {}", jobs(looked)),
    };
    format!("{} {many}", verb(act, shell))
}

fn tone(operation: &Operation) -> Tone {
    match operation.state {
        OperationState::Running => Tone::Running,
        OperationState::Stopped => Tone::Paused,
        OperationState::Done => Tone::Done,
        OperationState::Failed => Tone::Failed,
    }
}

fn word(state: OperationState) -> &'static str {
    match state {
        OperationState::Running => "Running",
        OperationState::Stopped => "Stopped",
        OperationState::Done => "Done",
        OperationState::Failed => "Failed",
    }
}

fn chips(operation: &Operation, sees: bool) -> Vec<String> {
    match &operation.job_ids {
        Some(ids) => vec![format!("{} named one by one", jobs(ids.len() as i64))],
        None if !sees => vec!["the filter needs the role analyst, operator or admin".into()],
        None if operation.query.is_everything() => vec!["every job".into()],
        None => operation.query.parts().iter().map(ToString::to_string).collect(),
    }
}

fn file(operation: &Operation, sees: bool) -> String {
    let is_there = sees && operation.state == OperationState::Done && !operation.act.changes_jobs();
    if is_there { paths::operation_file(operation.id.0) } else { String::new() }
}

/// Two tables can be had of an export: the jobs themselves, and what became of each.
fn file_words(act: &Bulk) -> &'static str {
    match act {
        Bulk::Export(Format::JsonLines) => "Download the jobs, JSON lines",
        _ => "Download the jobs, CSV",
    }
}

fn list_of(operation: &Operation) -> String {
    paths::with_query(paths::JOBS, &[("q", &operation.query.to_string())])
}

fn percent(operation: &Operation) -> Option<u8> {
    let expected = operation.expected.filter(|expected| *expected > 0);
    match (operation.state, expected) {
        (OperationState::Done, _) => Some(100),
        (_, Some(expected)) => u8::try_from((operation.looked * 100 / expected).clamp(0, 99)).ok(),
        (_, None) => None,
    }
}

fn progress(operation: &Operation) -> String {
    match operation.expected {
        Some(expected) => format!("{} of {}", number(operation.looked), number(expected.max(operation.looked))),
        None => number(operation.looked),
    }
}

fn missing(operation: &Operation) -> String {
    let gone = operation.expected.map_or(0, |expected| expected - operation.looked);
    if operation.state == OperationState::Done && gone > 0 { number(gone) } else { String::new() }
}

fn rate(operation: &Operation) -> String {
    let of = |rate: f64| if rate >= 10.0 { number(rate.round() as i64) } else { format!("{rate:.1}") };
    let come = operation.rate().map(|rate| format!("{} jobs/s", of(rate)));
    match (come, operation.rate_per_s) {
        (Some(come), Some(most)) => format!("{come}, at most {}", number(i64::from(most))),
        (Some(come), None) => come,
        (None, Some(most)) => format!("at most {} jobs/s", number(i64::from(most))),
        (None, None) => String::new(),
    }
}

fn left(operation: &Operation) -> String {
    let more = operation.expected.map(|expected| expected - operation.looked).filter(|more| *more > 0);
    let rate = operation.rate().filter(|_| operation.state == OperationState::Running);
    match (more, rate) {
        (Some(more), Some(rate)) => {
            let seconds = ((more as f64 / rate).min(1e9) as u64).max(1);
            let long = || format::duration(std::time::Duration::from_secs(seconds));
            format!("about {} left", if seconds < 60 { format!("{seconds} s") } else { long() })
        }
        _ => String::new(),
    }
}

fn said(operation: &Operation) -> String {
    match operation.state {
        OperationState::Failed => format!(
            "It could not go on: {}.{}",
            operation.trouble.as_deref().unwrap_or("the cause is not known"),
            if is_spent(operation) { "" } else { " Resume it when the cause is mended." }
        ),
        OperationState::Stopped => format!(
            "{} stopped it. What was done stays done; resume it to go on with the rest.",
            operation.stopped_by.as_deref().unwrap_or("Somebody")
        ),
        OperationState::Running if operation.waits_for_node => {
            "It waits for a node that works on it. Is an engine running?".into()
        }
        OperationState::Running | OperationState::Done => String::new(),
    }
}
