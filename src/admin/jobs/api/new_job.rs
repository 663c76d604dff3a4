//! What the JSON of a job that somebody wants done means: each field with its type, unknown ones refused.

use serde_json::{Map, Value};

use crate::queue::enqueue::{NewJob, YEAR_MS};
use crate::queue::job::JobId;
use crate::queue::template::{ATTEMPTS_MAX, TIMEOUT_MS_MAX};
use crate::web::api::Fields;
use crate::web::form::Problem;

/// Reads a job that stands at the pointer `at`. The rules of its values are checked by the service.
///
/// # Errors
/// Every field that is missing, unknown or of the wrong type.
pub(super) fn new_job(value: Value, at: &str) -> Result<NewJob, Vec<Problem>> {
    let mut fields = Fields::of(value, at);
    let job = NewJob {
        template: fields.required_text("template"),
        version: fields.whole("version", 1..=i64::from(i32::MAX)),
        args: fields.value("args").unwrap_or_else(|| Value::Object(Map::new())),
        queue: fields.text("queue"),
        priority: fields.whole("priority", 1..=5),
        run_at: fields.time("run_at"),
        delay_ms: fields.whole("delay_ms", 0..=YEAR_MS as i64),
        unique_key: fields.text("unique_key"),
        unique_for_ms: fields.whole("unique_for_ms", 1..=YEAR_MS as i64),
        ordering_key: fields.text("ordering_key"),
        tags: fields.texts("tags"),
        max_attempts: fields.whole("max_attempts", 1..=i64::from(ATTEMPTS_MAX)),
        timeout_ms: fields.whole("timeout_ms", 100..=TIMEOUT_MS_MAX as i64),
        deadline: fields.time("deadline"),
        parent: fields.whole("parent", 1..=i64::MAX).map(JobId),
    };
    fields.end().map(|()| job)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_field_of_a_job_is_read() {
        let whole = json!({"template": "mail.send", "version": 2, "args": {"to": "x"}, "queue": "mail", "priority": 2,
            "run_at": "2026-12-01T00:00:00Z", "unique_key": "k", "unique_for_ms": 1000, "ordering_key": "o", "tags": ["a"],
            "max_attempts": 5, "timeout_ms": 1000, "deadline": "2026-12-02T00:00:00Z", "parent": 7});

        let job = new_job(whole.clone(), "").unwrap();

        assert_eq!(serde_json::to_value(&job).unwrap(), whole);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults = new_job(json!({"templat": "x", "priority": "high", "version": 1.5}), "/4").unwrap_err();

        let places: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(places, ["/4/template", "/4/version", "/4/priority", "/4/templat"]);
    }
}
