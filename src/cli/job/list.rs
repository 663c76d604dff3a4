//! `millrace job list`.

use clap::Args;
use serde_json::{Value, json};

use super::show::plain;
use super::{Answer, Failure, Session};
use crate::admin::jobs::search::search;
use crate::admin::jobs::{Detail, PAGE_ROWS_MAX, json as told_as};
use crate::base::clock::{Clock, Time};
use crate::cli::answer::columns;

/// Longest error in a line, in characters.
const ERROR_CHARS_MAX: usize = 60;

/// Which jobs.
#[derive(Args, Debug)]
pub(in crate::cli) struct Flags {
    /// What is typed into the console's search box: 'state:failed -tag:test attempt:>2 created:-24h "free text"'
    query: Vec<String>,
    /// Most jobs
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE_ROWS_MAX)))]
    limit: u32,
    /// Jobs older than this one
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
}

pub(super) fn run(session: &Session, flags: &Flags) -> Result<Answer, Failure> {
    let fields = vec![("q".to_owned(), flags.query.join(" "))];
    let found = search(&mut *session.connect()?, &session.clock, &session.actor, fields, (flags.after, flags.limit))?;
    let now = session.clock.now();
    let mut rows = vec![
        ["ID", "STATE", "TEMPLATE", "QUEUE", "PRIO", "ATTEMPT", "AGE", "NODE", "ERROR"].map(String::from).to_vec(),
    ];
    rows.extend(found.jobs.iter().map(|job| row(job, now)));
    let jobs: Vec<Value> = found.jobs.iter().map(|job| told_as::in_list(&session.actor, job)).collect();
    let answer = Answer::new(columns(&rows), json!({ "jobs": jobs, "next": found.next }));
    Ok(match found.next {
        Some(next) => answer.noting(format!("There are more: --after {next}")),
        None => answer,
    })
}

fn row(job: &Detail, now: Time) -> Vec<String> {
    let error = job.error.as_deref().map(plain).unwrap_or_default();
    vec![
        job.id.to_string(),
        job.state().to_string(),
        job.template.clone(),
        job.queue.clone(),
        job.priority.to_string(),
        job.attempt.to_string(),
        age(now - job.created_at),
        job.node.clone().unwrap_or_else(|| "-".into()),
        error.chars().take(ERROR_CHARS_MAX).collect(),
    ]
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
    use chrono::TimeDelta;

    #[test]
    fn ages_are_short() {
        let told = [0, 119, 120, 7_199, 7_200, 172_800].map(|seconds| age(TimeDelta::seconds(seconds)));

        assert_eq!(told, ["0s", "119s", "2m", "119m", "2h", "2d"]);
    }
}
