//! Schedules as programs read them.

use serde_json::{Map, Value, json};

use super::backfill::{Becomes, DryRun, Named};
use super::history::{BackfillRow, OccurrenceRow, RunMark};
use super::read::{ScheduleRow, VersionRow};

/// Writes a schedule; `spec` is what it says, as the reader may see it.
pub fn schedule(row: &ScheduleRow, strip: &[RunMark], spec: Option<&Value>) -> Value {
    let mut shown = json!({
        "name": row.name,
        "description": row.spec.get("description"),
        "template": row.template,
        "queue": row.queue,
        "version": row.version,
        "state": row.standing().as_str(),
        "sentences": sentences(row),
        "timezone": row.spec.get("timezone"),
        "next_at": row.next_at,
        "jobs": row.jobs,
        "trouble": row.trouble,
        "paused": row.paused_at.map(|at| json!({ "at": at, "by": row.paused_by, "reason": row.pause_reason })),
        "ended_at": row.ended_at,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "updated_by": row.updated_by,
        "last": strip.last().map(run),
    });
    if let Some(spec) = spec {
        shown["spec"] = spec.clone();
    }
    shown
}

/// What a schedule says, in sentences.
pub fn sentences(row: &ScheduleRow) -> Vec<String> {
    let Some(spec) = row.schedule() else { return Vec::new() };
    spec.timing().sentences(&spec.name)
}

fn run(mark: &RunMark) -> Value {
    let ended = mark.ended.map(|state| state.as_str());
    json!({ "at": mark.at, "job": mark.job, "state": ended, "run_ms": mark.run_ms })
}

/// Writes an occurrence and what became of it.
pub fn occurrence(row: &OccurrenceRow) -> Value {
    json!({
        "at": row.at,
        "backfill": (row.backfill_id > 0).then_some(row.backfill_id),
        "by_hand": row.backfill_id == -1,
        "version": row.version,
        "outcome": row.outcome().as_str(),
        "cause": row.cause,
        "reason": row.reason,
        "run_at": row.run_at,
        "until": row.until,
        "more": row.more,
        "job": row.job_id,
        "job_state": row.job_ended().map(|state| state.as_str()),
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "finish_by": row.finish_by,
        "decided_at": row.decided_at,
    })
}

/// Writes a version; `spec` is what it says, as the reader may see it.
pub fn version(row: &VersionRow, spec: &Value) -> Value {
    json!({ "version": row.version, "note": row.note, "created_at": row.created_at, "created_by": row.created_by, "spec": spec })
}

/// Writes what a backfill would do.
pub fn dry_run(dry: &DryRun) -> Value {
    let named = |one: &Named| {
        let why = one.moved.as_ref().map(|(_, why)| why);
        let (becomes, reason) = match &one.becomes {
            Becomes::Job => ("job", why),
            Becomes::SecondJob => ("second_job", why),
            Becomes::HasJob => ("has_job", why),
            Becomes::LeftOut(why) => ("left_out", Some(why)),
        };
        let moved_to = one.moved.as_ref().map(|(to, _)| to);
        json!({ "at": one.at, "moved_to": moved_to, "becomes": becomes, "reason": reason })
    };
    json!({
        "jobs": dry.jobs,
        "first": dry.first,
        "have_jobs": dry.have_jobs,
        "left_out": dry.left_out,
        "left_out_more": dry.left_out_more,
        "named": dry.named.iter().map(named).collect::<Vec<_>>(),
        "too_many": dry.is_too_many,
    })
}

/// Writes a backfill as it stands.
pub fn backfill(row: &BackfillRow) -> Value {
    json!({
        "id": row.id,
        "schedule": row.schedule,
        "version": row.version,
        "from": row.from_at,
        "to": row.to_at,
        "order": if row.newest_first { "newest" } else { "oldest" },
        "missing_only": row.missing_only,
        "concurrency": row.concurrency,
        "planned": row.planned,
        "enqueued": row.enqueued,
        "refused": row.refused,
        "state": row.state,
        "reason": row.reason,
        "started_by": row.actor,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "ended_by": row.ended_by,
    })
}

/// Leaves of arguments only their names.
pub(super) fn keys_only(spec: &mut Value) {
    if let Some(Value::Object(args)) = spec.get_mut("args") {
        let hidden: Map<String, Value> = args.keys().map(|name| (name.clone(), Value::from("••••"))).collect();
        *args = hidden;
    }
}
