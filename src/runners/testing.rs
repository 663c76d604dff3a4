//! Attempts for the tests of the runners.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::base::clock::SystemClock;
use crate::queue::job::{Fence, JobId};
use crate::queue::template::TemplateSpec;
use crate::queue::work::{JobContext, JobFacts, Taken, Veil};

/// Makes the first attempt of a job with these arguments, which may take 30 s.
pub(crate) fn job(args: Value) -> JobContext {
    job_within(args, Duration::from_secs(30))
}

/// Makes the first attempt of a job that may take `timeout`.
pub(crate) fn job_within(args: Value, timeout: Duration) -> JobContext {
    JobContext::new(facts(args), Some(timeout), Arc::new(SystemClock))
}

pub(crate) fn facts(args: Value) -> JobFacts {
    use std::sync::atomic::{AtomicI64, Ordering};
    static NEXT: AtomicI64 = AtomicI64::new(1_000);
    JobFacts {
        veil: Veil::default(),
        job: JobId(NEXT.fetch_add(1, Ordering::Relaxed)),
        attempt: 1,
        max_attempts: 3,
        fence: Fence(77),
        template: "test".into(),
        version: 1,
        queue: "default".into(),
        node: "node".into(),
        args: args.into(),
        occurrence: None,
        checkpoint: None,
        created_at: chrono::DateTime::UNIX_EPOCH,
        started_at: chrono::DateTime::UNIX_EPOCH,
        waiting_since: chrono::DateTime::UNIX_EPOCH,
        deadline: None,
    }
}

/// Reads a template that must be without fault.
pub(crate) fn template(spec: Value) -> TemplateSpec {
    let spec: TemplateSpec = serde_json::from_value(spec).unwrap();
    assert_eq!(spec.check(), []);
    spec
}

/// Gives what was logged, each line after the letter of its level.
pub(crate) fn lines(taken: &Taken) -> Vec<String> {
    taken.lines.iter().map(|line| format!("{} {}", line.level.letter(), line.text)).collect()
}
