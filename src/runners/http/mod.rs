//! HTTP calls as work, and for webhooks: to the public internet only, unless an administrator allows more.
//!
//! ```text
//! HttpWork ─prepare─▶ HttpRequest ─call─▶ a thread of its own: resolve ─check every address─▶ connect to one of them
//!                                   │                          ▲ redirect: checked like the first address
//!                                   │ waits for the answer, the job's stop or the time limit; then shuts the socket down
//!                                   ▼
//!                                 HttpAnswer ─answer─▶ output, status ─▶ Report
//! ```
mod address;
mod answer;
mod call;
mod prepare;
mod resolver;
mod rules;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use address::is_public;
pub use call::{CallError, HttpAnswer, HttpRequest, call};
pub use rules::HttpRules;

use crate::queue::template::{HttpWork, TemplateSpec};
use crate::queue::work::{Failure, JobContext, Level, Outcome, Report, Resources, Runner};

/// Runs the templates whose runner is `http`.
#[derive(Debug, Clone, Default)]
pub struct HttpRunner {
    rules: Arc<HttpRules>,
}

impl HttpRunner {
    /// Makes the runner of a node.
    pub fn new(rules: HttpRules) -> Self {
        Self { rules: Arc::new(rules) }
    }
}

impl Runner for HttpRunner {
    fn run(&self, job: &JobContext, template: &TemplateSpec) -> Report {
        let Some(work) = &template.http else {
            return Report::plain(Ok(Outcome::give_up("the template has no HTTP call")));
        };
        if let Err(stop) = job.check() {
            return Report::plain(Err(Failure::from(stop)));
        }
        let limit = Duration::from_millis(work.timeout_ms).min(job.time_left().unwrap_or(Duration::MAX));
        let request = match prepare::request(job, work, limit) {
            Ok(request) => request,
            Err(failure) => return Report::plain(Ok(Outcome::GiveUp(failure))), // the same arguments fail again
        };
        let started = Instant::now();
        match call(&request, &self.rules, Some(job)) {
            Ok(answer) => answered(job, work, &request, &answer, started.elapsed()),
            Err(error) => Report::plain(unanswered(job, &request, error)),
        }
    }
}

fn answered(job: &JobContext, work: &HttpWork, request: &HttpRequest, answer: &HttpAnswer, took: Duration) -> Report {
    let (status, bytes, ms) = (answer.status, answer.body.len(), took.as_millis());
    job.log(Level::Info, &format!("{} {} → {status}, {bytes} bytes, {ms} ms", request.method, request.origin()));
    job.output(answer::output(answer));
    let resources = Resources { http_status: Some(status), ..Resources::default() };
    Report::measured(answer::ended(work, answer, job.clock().now()), resources)
}

fn unanswered(job: &JobContext, request: &HttpRequest, error: CallError) -> Result<Outcome, Failure> {
    let (method, origin) = (&request.method, request.origin());
    if let CallError::Stopped(stop) = error {
        return Err(Failure::from(stop));
    }
    job.check()?; // the attempt's own time may have been the limit
    let failure = Failure::new(format!("{method} {origin}: {error}"));
    match error {
        CallError::Refused(_) => Ok(Outcome::GiveUp(failure)),
        CallError::TimedOut(_) | CallError::Failed(_) | CallError::Stopped(_) => Err(failure),
    }
}

#[cfg(test)]
mod tests;
