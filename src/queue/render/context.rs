//! What a text may name.

use chrono::SecondsFormat;
use minijinja::value::{Serde, Value};
use serde_json::json;

use crate::base::clock::Time;
use crate::queue::job::{Fence, JobId};
use crate::queue::work::JobFacts;

/// The fields of `job`.
pub(super) const JOB_FIELDS: [&str; 10] =
    ["id", "attempt", "fence", "created_at", "queue", "template", "version", "node", "schedule", "occurrence"];

/// The moment of the invented attempt.
const SAMPLE_AT: Time = Time::from_timestamp(1_767_225_600, 0).expect("a time"); // 2026-01-01

/// An attempt as texts may name it.
#[derive(Debug, Clone, Copy)]
pub struct NamedAttempt<'a> {
    /// The job.
    pub job: JobId,
    /// The attempt's number.
    pub number: u16,
    /// Its fence.
    pub fence: Fence,
    /// When the job was enqueued.
    pub created_at: Time,
    /// Its queue.
    pub queue: &'a str,
    /// Its template.
    pub template: &'a str,
    /// The template's version.
    pub version: i32,
    /// Where it runs or ran.
    pub node: &'a str,
    /// The schedule that made the job, and the time of it that the job stands for.
    pub occurrence: Option<(&'a str, Time)>,
}

/// Spells the time of a schedule: `2026-11-24T06:30:00Z`.
pub fn spell(occurrence: Time) -> String {
    occurrence.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// What a text may name. Make it once for each attempt: it converts all arguments.
#[derive(Debug, Clone)]
pub struct RenderContext(Value);

impl RenderContext {
    /// Names what is known of an attempt.
    pub fn of(facts: &JobFacts) -> Self {
        let attempt = NamedAttempt {
            job: facts.job,
            number: facts.attempt,
            fence: facts.fence,
            created_at: facts.created_at,
            queue: &facts.queue,
            template: &facts.template,
            version: facts.version,
            node: &facts.node,
            occurrence: facts.occurrence.as_ref().map(|one| (one.schedule.as_str(), one.at)),
        };
        Self::naming(&facts.args, facts.checkpoint.as_ref(), &attempt)
    }

    /// Names an attempt that has ended; what it was begun with is all that is known of its checkpoint: nothing.
    pub fn past(args: &serde_json::Value, attempt: &NamedAttempt<'_>) -> Self {
        Self::naming(args, None, attempt)
    }

    /// Names an invented first attempt, for previews.
    pub fn sample(args: &serde_json::Value) -> Self {
        let (job, fence, created_at) = (JobId(1), Fence(1), SAMPLE_AT);
        let (queue, template, node) = ("default", "sample", "node");
        let occurrence = Some(("sample", SAMPLE_AT));
        Self::past(
            args,
            &NamedAttempt { job, number: 1, fence, created_at, queue, template, version: 1, node, occurrence },
        )
    }

    fn naming(args: &serde_json::Value, checkpoint: Option<&serde_json::Value>, attempt: &NamedAttempt<'_>) -> Self {
        Self(Value::from(Serde(json!({
            "params": args,
            "checkpoint": checkpoint,
            "job": {
                "id": attempt.job,
                "attempt": attempt.number,
                "fence": attempt.fence,
                "created_at": attempt.created_at.to_rfc3339_opts(SecondsFormat::Millis, true),
                "queue": attempt.queue,
                "template": attempt.template,
                "version": attempt.version,
                "node": attempt.node,
                "schedule": attempt.occurrence.map_or("", |(schedule, _)| schedule),
                "occurrence": attempt.occurrence.map(|(_, at)| spell(at)).unwrap_or_default(),
            },
        }))))
    }

    pub(super) fn value(&self) -> Value {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_job_is_there() {
        let job = RenderContext::sample(&json!({})).value().get_attr("job").unwrap();

        for field in JOB_FIELDS {
            assert!(!job.get_attr(field).unwrap().is_undefined(), "{field}");
        }
    }
}
