//! The words of a timeline.

use crate::admin::jobs::{Attempt, Detail};
use crate::queue::state::JobState;

/// Attempts carry their outcome as a word of the database, which its constraint keeps to these.
pub(super) fn ended_in(outcome: &str) -> JobState {
    match outcome {
        "cancelled" => JobState::Cancelled,
        "snoozed" => JobState::Scheduled,
        "handed back" => JobState::Ready,
        _ => JobState::Failed,
    }
}

/// Names an attempt by how it ended.
pub(super) fn title(attempt: &Attempt) -> String {
    format!("Attempt {} {}", attempt.number, attempt.outcome)
}

/// Names the time in which a job had ended, or in which it ended somewhere: `Failed`, `Waiting, then cancelled`.
pub(super) fn ended_title(state: JobState, at_once: bool) -> String {
    match (state, at_once) {
        (JobState::Cancelled, true) => "Cancelled".into(),
        (JobState::Expired, true) => "Expired".into(),
        (_, true) => "Failed".into(),
        (state, false) => format!("Waiting, then {state}"),
    }
}

/// Says where it ran and what it met.
pub(super) fn attempt_note(attempt: &Attempt) -> String {
    let what = match (attempt.http_status, attempt.exit_code) {
        (Some(status), _) => Some(format!("HTTP {status}")),
        (None, Some(code)) => Some(format!("exit code {code}")),
        (None, None) => None,
    };
    attempt.node.clone().into_iter().chain(what).collect::<Vec<_>>().join(" · ")
}

/// Says who holds a job and why.
pub(super) fn held_note(job: &Detail) -> String {
    let by = job.parked_by.as_deref().map(|by| format!("by {by}")).unwrap_or_default();
    match job.park_reason.as_deref() {
        Some(reason) => format!("{by} · {reason}"),
        None => by,
    }
}

/// Gives the first line of an error.
pub(super) fn first_line(text: Option<&str>) -> String {
    text.and_then(|text| text.lines().next()).unwrap_or_default().to_owned()
}
