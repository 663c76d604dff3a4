//! Jobs, attempts and log lines as programs are told, by the API and by the command line. Scripts rely on the names.

use serde_json::{Value, json};

use super::expected::Expected;
use super::service::{sees_payload, visible_args, visible_error};
use super::{Attempt, Detail, Explanation, PoolWait, Reason};
use crate::base::clock::Time;
use crate::queue::actor::Actor;
use crate::queue::fit::written;
use crate::queue::job::JobId;
use crate::queue::log::StoredLine;
use crate::queue::state::JobState;
use crate::queue::template::{Defaults, TemplateSpec};

/// Shows one job, as `actor` may see it.
pub fn job(actor: &Actor, job: &Detail) -> Value {
    let mut shown = in_list(actor, job);
    shown["output"] = job.output.clone().filter(|_| sees_payload(actor)).unwrap_or_default();
    shown
}

/// Shows a job without its output, which a list leaves out.
pub fn in_list(actor: &Actor, job: &Detail) -> Value {
    let defaults = defaults(job);
    let mut shown = json!({
        "id": job.id, "template": job.template, "version": job.version, "state": job.state(), "queue": job.queue,
        "priority": job.priority, "args": visible_args(actor, job), "tags": job.tags, "attempt": job.attempt,
        "max_attempts": job.most_attempts(), "fence": job.fence, "run_at": job.run_at.or(job.asked_for), "created_at": job.created_at,
        "started_at": job.started_at, "finished_at": job.finished_at, "deadline": job.deadline, "unique_key": job.shown_key(actor),
        "ordering_key": job.ordering_key, "parent": job.parent, "schedule": job.schedule, "occurrence": job.occurrence, "run": null, "step": null,
        "progress": progress(actor, job), "error": error(actor, job), "node": job.node,
    });
    more(&mut shown, job, job.timeout_ms.unwrap_or_else(|| i64::try_from(defaults.timeout_ms).unwrap_or(i64::MAX)));
    shown
}

/// What the fixed list of names does not hold.
fn more(shown: &mut Value, job: &Detail, timeout_ms: i64) {
    shown["timeout_ms"] = json!(timeout_ms);
    shown["enqueued_by"] = json!(job.enqueued_by);
    shown["held"] = job.parked_by.as_ref().map_or(Value::Null, |by| json!({ "by": by, "reason": job.park_reason }));
    shown["cancel"] = job.cancel_by.as_ref().map_or(Value::Null, |by| json!({ "by": by, "at": job.cancel_at }));
    for (name, value) in [
        ("cpu_ms", json!(job.cpu_ms)),
        ("peak_memory_bytes", json!(job.peak_memory_bytes)),
        ("read_bytes", json!(job.read_bytes)),
        ("written_bytes", json!(job.written_bytes)),
        ("ran_as", json!(job.ran_as)),
        ("exit_code", json!(job.exit_code)),
        ("http_status", json!(job.http_status)),
    ] {
        shown[name] = value;
    }
}

/// A version that this program cannot read has the defaults of none.
fn defaults(job: &Detail) -> Defaults {
    serde_json::from_value::<TemplateSpec>(job.spec.clone()).map(|spec| spec.defaults).unwrap_or_default()
}

fn progress(actor: &Actor, job: &Detail) -> Value {
    let message = job.message.as_ref().filter(|_| sees_payload(actor));
    match (job.done, job.total) {
        (None, None) => Value::Null,
        (done, total) => {
            json!({ "done": done.unwrap_or(0), "total": total.filter(|total| *total > 0), "message": message })
        }
    }
}

fn error(actor: &Actor, job: &Detail) -> Value {
    let told = |text: &String| json!({ "message": visible_error(actor, text), "fingerprint": job.fingerprint });
    job.error.as_ref().map_or(Value::Null, told)
}

/// Shows all attempts of a job, oldest first: those that did not succeed, and the one that runs or succeeded.
pub fn attempts(actor: &Actor, job: &Detail, past: &[Attempt]) -> Vec<Value> {
    let last = match job.state() {
        JobState::Running => Some(last(job, "running")),
        JobState::Succeeded => Some(last(job, "succeeded")),
        _ => None, // it stands among the others
    };
    past.iter().map(|one| attempt(actor, one)).chain(last).collect()
}

fn attempt(actor: &Actor, past: &Attempt) -> Value {
    let error = past.error.as_deref().map(|text| visible_error(actor, text));
    let trace = past.trace.as_ref().filter(|_| sees_payload(actor));
    let failed = error.map(|message| json!({ "message": message, "fingerprint": past.fingerprint, "trace": trace }));
    json!({
        "number": past.number, "fence": past.fence, "node": past.node, "started_at": past.started_at,
        "finished_at": past.finished_at, "outcome": past.outcome, "counted": past.counted, "reason": error.map(first_line),
        "exit_code": past.exit_code, "http_status": past.http_status, "cpu_ms": past.cpu_ms,
        "peak_memory_bytes": past.peak_memory_bytes, "read_bytes": past.read_bytes, "written_bytes": past.written_bytes,
        "ran_as": past.ran_as, "error": failed, "log_bytes": past.log_bytes.unwrap_or(0),
    })
}

fn last(job: &Detail, outcome: &str) -> Value {
    json!({
        "number": job.attempt, "fence": job.fence, "node": job.node, "started_at": job.started_at,
        "finished_at": job.finished_at, "outcome": outcome, "counted": true, "reason": null, "exit_code": job.exit_code,
        "http_status": job.http_status, "cpu_ms": job.cpu_ms, "peak_memory_bytes": job.peak_memory_bytes,
        "read_bytes": job.read_bytes, "written_bytes": job.written_bytes, "ran_as": job.ran_as, "error": null,
        "log_bytes": job.log_bytes,
    })
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Shows why a job is not running, each reason with its facts and the sentence for a person, and when it is expected to start.
pub fn explanation(job: JobId, told: &Explanation, expected: Option<Expected>, now: Time) -> Value {
    let reason = |reason: &Reason| {
        let mut shown = json!(reason);
        shown["message"] = json!(sentence(reason));
        shown
    };
    let reasons: Vec<Value> = told.reasons.iter().map(reason).collect();
    json!({ "id": job, "state": told.state, "reasons": reasons, "expected": expected.map(|expected| expected.told(now)) })
}

/// Says a reason in words, without full stop.
pub fn sentence(reason: &Reason) -> String {
    let because = |reason: &Option<String>| reason.as_ref().map_or(String::new(), |why| format!(": {why}"));
    match reason {
        Reason::NotDue { run_at } => format!("It waits for its time, {}", run_at.to_rfc3339()),
        Reason::Debounced { run_at, .. } => {
            format!("It waits for a quiet time until {}; a newer one takes its place", run_at.to_rfc3339())
        }
        Reason::Backoff { run_at } => {
            format!("Its last attempt failed; the next one is due at {}", run_at.to_rfc3339())
        }
        Reason::Held { by, reason } => format!("{by} holds it{}", because(reason)),
        Reason::Blocked => "It waits for something else to end".into(),
        Reason::QueuePaused { by, reason } => format!("{by} paused its queue{}", because(reason)),
        Reason::NodeDrained { node, by: Some(by), reason } => {
            format!("{by} drained the node {node}{}", because(reason))
        }
        Reason::NodeDrained { node, by: None, .. } => format!("The node {node} is stopping"),
        Reason::NoNode => "No node that is up serves its queue".into(),
        Reason::NoNodeWith { labels } => format!("No node that is up and serves its queue has {}", written(labels)),
        Reason::SlotsBusy { busy, slots } => format!("{busy} of {slots} slots are busy"),
        Reason::Limit { of, jobs_max, position, holders, .. } => {
            let (of, held) = (if *of == "node" { "template on each node" } else { of }, held_by(holders));
            format!(
                "{jobs_max} jobs of its {of} may run at once and do{held}; it is number {position} of those that wait"
            )
        }
        Reason::Pool(wait) => pool(wait),
        Reason::RateLimit { at, position, .. } => {
            format!(
                "Its turn at the limited rate comes at {}; it is number {position} of those that wait",
                at.to_rfc3339()
            )
        }
        Reason::Turn { key, holder, position, .. } => {
            let who = holder.map_or_else(|| "another job".into(), |job| format!("job {job}"));
            format!("{who} has the turn of the ordering key {key}; it is number {position} of those that wait")
        }
        Reason::InLine { position } => format!("It is number {position} in line"),
    }
}

/// Names who holds what is waited for: `, held by job 7, job 9`; empty when nobody may be named.
fn held_by(holders: &[i64]) -> String {
    let named: Vec<String> = holders.iter().map(|job| format!("job {job}")).collect();
    if named.is_empty() { String::new() } else { format!(", held by {}", named.join(", ")) }
}

fn pool(wait: &PoolWait) -> String {
    let PoolWait { pool, needs, used, kept, position, holders, .. } = wait;
    let Some(amount) = wait.amount else { return format!("It needs {needs} of the pool {pool}, which is gone") };
    if wait.needs_more_than_there_is() {
        return format!("It needs {needs} of {pool}, the pool has {amount}: give it more, or let the job need less");
    }
    let kept = if *kept > 0 { format!(" and {kept} kept for jobs before it") } else { String::new() };
    let held = held_by(holders);
    format!(
        "It needs {needs} of {pool}; of the pool's {amount} are {used} reserved{held}{kept}; it is number {position} of those that wait"
    )
}

/// Gives the place after a line, where a reader goes on: `4711.30`.
pub fn cursor(line: &StoredLine) -> String {
    format!("{}.{}", line.fence, line.number)
}

/// Shows a line of a log.
pub fn log_line(line: &StoredLine) -> Value {
    json!({
        "attempt": line.attempt, "fence": line.fence, "line": line.number, "at": line.line.at,
        "level": line.line.level.as_str(), "text": line.line.text, "cursor": cursor(line),
    })
}

/// Writes a line of a log as plain text, without line end.
pub fn log_text(line: &StoredLine) -> String {
    let at = line.line.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    format!("{at} {:<5} {}", line.line.level.as_str(), line.line.text)
}
