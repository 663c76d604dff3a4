//! What a text may name.

use chrono::SecondsFormat;
use minijinja::value::{Serde, Value};
use serde_json::json;

use crate::queue::work::JobFacts;

/// The fields of `job`.
pub(super) const JOB_FIELDS: [&str; 8] =
    ["id", "attempt", "fence", "created_at", "queue", "template", "version", "node"];

/// What a text may name. Make it once for each attempt: it converts all arguments.
#[derive(Debug, Clone)]
pub struct RenderContext(Value);

impl RenderContext {
    /// Names what is known of an attempt.
    pub fn of(facts: &JobFacts) -> Self {
        Self(Value::from(Serde(json!({
            "params": *facts.args,
            "checkpoint": facts.checkpoint,
            "job": {
                "id": facts.job,
                "attempt": facts.attempt,
                "fence": facts.fence,
                "created_at": facts.created_at.to_rfc3339_opts(SecondsFormat::Millis, true),
                "queue": facts.queue.as_ref(),
                "template": facts.template.as_ref(),
                "version": facts.version,
                "node": facts.node.as_ref(),
            },
        }))))
    }

    /// Names an invented first attempt, for previews.
    pub fn sample(args: &serde_json::Value) -> Self {
        Self(Value::from(Serde(json!({
            "params": args,
            "checkpoint": null,
            "job": {
                "id": 1, "attempt": 1, "fence": 1, "created_at": "2026-01-01T00:00:00.000Z",
                "queue": "default", "template": "sample", "version": 1, "node": "node",
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
