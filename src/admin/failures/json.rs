//! Groups as the API and the command line write them.

use serde_json::{Value, json};

use super::detail::{Attempt, Note, Share};
use super::differs::Compared;
use super::read::{Course, GroupRow};
use super::service::sees_messages;
use crate::base::clock::Time;
use crate::queue::actor::Actor;

/// Writes a group; the message as it was only for those who may read it.
pub fn group_json(group: &GroupRow, actor: &Actor, now: Time) -> Value {
    json!({
        "fingerprint": group.fingerprint,
        "template": group.template,
        "state": group.state(now).as_str(),
        "message": group.message,
        "error": sees_messages(actor).then_some(&group.error),
        "first_seen": group.first_seen,
        "last_seen": group.last_seen,
        "first_job": group.first_job.0,
        "last_job": group.last_job.0,
        "first_version": group.first_version,
        "last_version": group.last_version,
        "attempts": group.attempts,
        "jobs_failed": group.jobs_failed,
        "muted_until": group.muted_until,
        "handled_at": group.handled_at,
        "handled_by": group.handled_by,
        "handled_from": group.handled_from,
        "returned_at": group.returned_at,
        "assignee": group.assignee_email,
        "ticket": group.ticket,
    })
}

/// Adds to a group what is known of it from near.
pub fn whole_json(mut group: Value, (course, shares): (Option<&Course>, &[Share]), notes: &[Note]) -> Value {
    let of = |kind: &str| -> Vec<Value> {
        let lines = shares.iter().filter(|share| share.kind == kind);
        lines.map(|share| json!({ "name": share.name, "attempts": share.attempts, "last_hour": share.last })).collect()
    };
    group["attempts_24h"] = json!(course.map_or(0, |course| course.attempts));
    group["versions"] = json!(of("version"));
    group["nodes"] = json!(of("node"));
    group["queues"] = json!(of("queue"));
    let note = |note: &Note| json!({ "at": note.at, "author": note.author, "note": note.note });
    group["notes"] = notes.iter().map(note).collect();
    group
}

/// Writes the newest attempts of a group.
pub(super) fn attempts_json(attempts: &[Attempt], actor: &Actor) -> Value {
    let one = |attempt: &Attempt| {
        json!({
            "job": attempt.job.0,
            "number": attempt.number,
            "finished_at": attempt.at,
            "node": attempt.node,
            "queue": attempt.queue,
            "version": attempt.version,
            "job_ended": attempt.ended,
            "error": attempt.error.as_ref().filter(|_| sees_messages(actor)),
        })
    };
    attempts.iter().map(one).collect()
}

/// Writes what differs between failing and succeeding jobs.
pub(super) fn compared_json(compared: &Compared) -> Value {
    let one = |difference: &super::differs::Difference| {
        json!({
            "field": difference.field,
            "value": difference.value,
            "failing": difference.failing,
            "succeeding": difference.succeeding,
        })
    };
    json!({
        "failing": compared.failing,
        "succeeding": compared.succeeding,
        "differences": compared.differences.iter().map(one).collect::<Vec<_>>(),
    })
}
