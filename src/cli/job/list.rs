//! `millrace job list`.

use chrono::TimeDelta;
use clap::Args;
use serde_json::{Value, json};

use super::show::plain;
use super::{Answer, Failure, Session};
use crate::admin::jobs::search::search;
use crate::admin::jobs::sorted::Within;
use crate::admin::jobs::{Detail, PAGE_ROWS_MAX, json as told_as};
use crate::base::clock::{Clock, Time};
use crate::cli::answer::{columns, moment};
use crate::web::format::duration_ms;

/// Longest error in a line, in characters.
const ERROR_CHARS_MAX: usize = 60;

/// Which jobs.
#[derive(Args, Debug)]
pub(in crate::cli) struct Flags {
    /// What is typed into the console's search box: 'state:failed -tag:test attempt:>2 created:-24h "free text"'
    query: Vec<String>,
    /// Another order: id (oldest first), activity, wait, run, due, attempt or priority; a minus turns it around: --sort=-run
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
    sort: Option<String>,
    /// What is shown of each job, apart by commas: id, state, template, queue, priority, attempt, age, node, error, version, created,
    /// due, wait, run, tags, by
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = column)]
    columns: Vec<Shown>,
    /// Most jobs
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE_ROWS_MAX)))]
    limit: u32,
    /// Jobs behind this one in the order of numbers
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
}

/// A column of the table: its name, its heading, what stands in it.
type Shown = (&'static str, &'static str, fn(&Detail, Time) -> String);

/// The columns there are.
const COLUMNS: [Shown; 16] = [
    ("id", "ID", |job, _| job.id.to_string()),
    ("state", "STATE", |job, _| job.state().to_string()),
    ("template", "TEMPLATE", |job, _| job.template.clone()),
    ("queue", "QUEUE", |job, _| job.queue.clone()),
    ("priority", "PRIO", |job, _| job.priority.to_string()),
    ("attempt", "ATTEMPT", |job, _| job.attempt.to_string()),
    ("age", "AGE", |job, now| age(now - job.created_at)),
    ("node", "NODE", |job, _| or_dash(job.node.clone())),
    ("error", "ERROR", |job, _| {
        job.error.as_deref().map(plain).unwrap_or_default().chars().take(ERROR_CHARS_MAX).collect()
    }),
    ("version", "VERSION", |job, _| job.version.to_string()),
    ("created", "CREATED", |job, _| moment(job.created_at)),
    ("due", "DUE", |job, _| or_dash(job.run_at.map(moment))),
    ("wait", "WAIT", |job, now| {
        or_dash(job.since.map(|since| length(job.started_at.or(job.finished_at).unwrap_or(now) - since)))
    }),
    ("run", "RUN", |job, now| or_dash(job.started_at.map(|started| length(job.finished_at.unwrap_or(now) - started)))),
    ("tags", "TAGS", |job, _| plain(&job.tags.join(","))),
    ("by", "BY", |job, _| plain(&job.enqueued_by)),
];

/// Those that are shown when nothing is said.
const USUAL: usize = 9;

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".into())
}

fn length(length: TimeDelta) -> String {
    duration_ms(length.num_milliseconds().max(0))
}

fn column(name: &str) -> Result<Shown, String> {
    let known = COLUMNS.into_iter().find(|(known, ..)| *known == name);
    known.ok_or_else(|| format!("columns are {}", COLUMNS.map(|(name, ..)| name).join(", ")))
}

pub(super) fn run(session: &Session, flags: &Flags) -> Result<Answer, Failure> {
    let mut fields = vec![("q".to_owned(), flags.query.join(" "))];
    fields.extend(flags.sort.iter().map(|sort| ("sort".to_owned(), sort.clone())));
    let found = search(&mut *session.connect()?, &session.clock, &session.actor, fields, (flags.after, flags.limit))?;
    let now = session.clock.now();
    let shown = if flags.columns.is_empty() { &COLUMNS[..USUAL] } else { &flags.columns[..] };
    let mut rows: Vec<Vec<String>> = vec![shown.iter().map(|(_, heading, _)| (*heading).to_owned()).collect()];
    rows.extend(found.jobs.iter().map(|job| shown.iter().map(|(.., text)| text(job, now)).collect()));
    let jobs: Vec<Value> = found.jobs.iter().map(|job| told_as::in_list(&session.actor, job)).collect();
    let within = found.within.map(Within::words);
    let answer = Answer::new(columns(&rows), json!({ "jobs": jobs, "sorted_within": within, "next": found.next }));
    let sorted = within.map(|within| format!("Sorted within {within}."));
    let more = found.next.map(|next| format!("There are more: --after {next}"));
    let notes: Vec<String> = sorted.into_iter().chain(more).collect();
    Ok(if notes.is_empty() { answer } else { answer.noting(notes.join("\n")) })
}

/// Says a length of time in its largest unit.
pub(super) fn age(length: chrono::TimeDelta) -> String {
    match length.num_seconds().max(0) {
        seconds @ 0..=119 => format!("{seconds}s"),
        seconds @ 120..=7_199 => format!("{}m", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        let told = [0, 119, 120, 7_199, 7_200, 172_800].map(|seconds| age(TimeDelta::seconds(seconds)));

        assert_eq!(told, ["0s", "119s", "2m", "119m", "2h", "2d"]);
    }
}
