//! `millrace job show`.

use serde_json::{Value, json};

use super::{Answer, Failure, Session, refused};
use crate::admin::jobs::expected::expected;
use crate::admin::jobs::{Attempt, Detail, Explanation, attempts, explain, json as told_as, no_more_attempts, service};
use crate::base::clock::{Clock, Time};
use crate::cli::answer::{columns, moment};
use crate::queue::job::JobId;
use crate::queue::state::JobState;
use crate::web::ansi::visible;

pub(super) fn run(session: &Session, id: JobId) -> Result<Answer, Failure> {
    let conn = &mut *session.connect()?;
    let job = service::find(conn, &session.actor, id).map_err(refused)?;
    let past = attempts(conn, id)?;
    let why = explain(conn, &job)?;
    let mut shown = told_as::job(&session.actor, &job);
    let text = text(&job, &shown, &past, &why);
    shown["attempts"] = json!(told_as::attempts(&session.actor, &job, &past));
    shown["reasons"] = told_as::explanation(id, &why, None, session.clock.now())["reasons"].clone();
    Ok(Answer::new(text, shown))
}

/// `millrace job explain`.
pub(super) fn explained(session: &Session, id: JobId) -> Result<Answer, Failure> {
    let conn = &mut *session.connect()?;
    let job = service::find(conn, &session.actor, id).map_err(refused)?;
    let why = explain(conn, &job)?;
    let (expected, now) = (expected(conn, &job, &why)?, session.clock.now());
    let mut told: Vec<String> = why.reasons.iter().map(|reason| visible(&told_as::sentence(reason))).collect();
    if !told.is_empty() {
        told.push(match expected {
            Some(expected) => format!("{}.", expected.sentence(now)),
            None => "When it starts cannot be told.".into(),
        });
    }
    let text = match job.state() {
        JobState::Failed => {
            let error = job.error.as_deref().map(plain).unwrap_or_default();
            format!("Job {id} failed: {error}\n{}", no_more_attempts(&job))
        }
        state if told.is_empty() => format!("Job {id} is {state}: nothing holds it up."),
        _ => told.join("\n"),
    };
    Ok(Answer::new(text, told_as::explanation(id, &why, expected, now)))
}

/// Shows the first line of what somebody else wrote, with invisible characters made visible: a terminal obeys them.
pub(super) fn plain(text: &str) -> String {
    visible(text.lines().next().unwrap_or_default())
}

fn text(job: &Detail, shown: &Value, past: &[Attempt], why: &Explanation) -> String {
    let mut text = columns(&facts(job, shown));
    for reason in &why.reasons {
        text.push_str(&format!("\n- {}", visible(&told_as::sentence(reason))));
    }
    if !past.is_empty() {
        let mut rows = vec![["ATTEMPT", "OUTCOME", "NODE", "STARTED", "ENDED", "WHY"].map(String::from).to_vec()];
        rows.extend(past.iter().map(row));
        text.push_str(&format!("\n\n{}", columns(&rows)));
    }
    text
}

fn facts(job: &Detail, shown: &Value) -> Vec<Vec<String>> {
    let or_dash = |at: Option<Time>| at.map(moment);
    let compact = |name: &str| Some(shown[name].to_string()).filter(|text| text != "null" && text != "{}");
    let lines = [
        ("job", Some(job.id.to_string())),
        ("state", Some(job.state().to_string())),
        ("template", Some(format!("{}@{}", job.template, job.version))),
        ("queue", Some(format!("{}, priority {}", job.queue, job.priority))),
        ("attempt", Some(format!("{} of {}", job.attempt, shown["max_attempts"]))),
        ("arguments", compact("args")),
        ("tags", Some(job.tags.join(", ")).filter(|tags| !tags.is_empty())),
        ("unique key", job.unique_key.clone()),
        ("ordering key", job.ordering_key.clone()),
        ("enqueued", Some(format!("{} by {}", moment(job.created_at), job.enqueued_by))),
        ("not before", or_dash(job.run_at.or(job.asked_for))),
        ("deadline", or_dash(job.deadline)),
        ("started", or_dash(job.started_at)),
        ("finished", or_dash(job.finished_at)),
        ("node", job.node.clone()),
        ("progress", compact("progress")),
        ("output", compact("output")),
        ("error", job.error.as_deref().map(plain)),
    ];
    let line = |(name, value): (&str, Option<String>)| Some(vec![name.to_owned(), visible(&value?)]);
    lines.into_iter().filter_map(line).collect()
}

fn row(attempt: &Attempt) -> Vec<String> {
    vec![
        attempt.number.to_string(),
        attempt.outcome.clone(),
        attempt.node.clone().unwrap_or_else(|| "-".into()),
        attempt.started_at.map_or_else(|| "-".into(), moment),
        moment(attempt.finished_at),
        attempt.error.as_deref().map(plain).unwrap_or_default(),
    ]
}
