//! The details of a job: label and value under each other. What a job does not have is left out.

use super::figures::disk_words;
use super::story::Story;
use crate::admin::jobs::Detail;
use crate::base::clock::Time;
use crate::queue::template::{BackoffKind, Defaults, TemplateSpec};
use crate::web::format::{Stamp, between, bytes, duration, duration_ms, relative};
use crate::web::paths;
use crate::web::shell::Shell;

/// One detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its label.
    pub label: &'static str,
    /// Its value.
    pub value: Value,
}

/// A value and how it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A key or name, in mono.
    Mono(String),
    /// Words that lead somewhere.
    Link {
        /// The words.
        text: String,
        /// Where to.
        href: String,
        /// In mono.
        mono: bool,
    },
    /// A moment and how far away it is.
    Moment(Stamp, String),
    /// Labels, each leading to the jobs that have it.
    Tags(Vec<(String, String)>),
}

/// Lists the details of `story`.
pub fn facts(story: &Story, shell: &Shell) -> Vec<Fact> {
    let job = &story.job;
    let defaults = serde_json::from_value::<TemplateSpec>(job.spec.clone()).map(|spec| spec.defaults).ok();
    let mut all = vec![
        fact("Queue", Value::Link { text: job.queue.clone(), href: paths::queue(&job.queue), mono: false }),
        fact("Priority", Value::Text(job.priority.to_string())),
    ];
    all.extend(
        job.node
            .as_ref()
            .map(|node| fact("Node", Value::Link { text: node.clone(), href: paths::node(node), mono: true })),
    );
    all.extend(times(job, shell));
    all.extend(limits(job, defaults.as_ref(), shell));
    all.extend(keys(job));
    all.extend(used(job));
    all.push(match &job.schedule {
        Some(name) => fact("Schedule", Value::Link { text: name.clone(), href: paths::schedule(name), mono: false }),
        None => fact("Enqueued by", Value::Text(job.enqueued_by.clone())),
    });
    all.extend(job.occurrence.map(|at| fact("Occurrence", moment(at, shell))));
    if !job.tags.is_empty() {
        let tag = |tag: &String| (tag.clone(), paths::with_query(paths::JOBS, &[("tag", tag)]));
        all.push(fact("Tags", Value::Tags(job.tags.iter().map(tag).collect())));
    }
    all
}

fn fact(label: &'static str, value: Value) -> Fact {
    Fact { label, value }
}

fn moment(at: Time, shell: &Shell) -> Value {
    Value::Moment(shell.stamp(at), relative(at, shell.now))
}

fn times(job: &Detail, shell: &Shell) -> Vec<Fact> {
    let times = [
        ("Enqueued", Some(job.created_at)),
        ("Not before", job.run_at.or(job.asked_for)),
        ("Started", job.started_at),
        ("Ended", job.finished_at),
    ];
    let mut facts: Vec<_> = times.into_iter().filter_map(|(label, at)| Some(fact(label, moment(at?, shell)))).collect();
    if let Some((start, end)) = job.started_at.zip(job.finished_at) {
        facts.push(fact("Ran", Value::Text(duration(between(start, end)))));
    }
    facts
}

fn limits(job: &Detail, defaults: Option<&Defaults>, shell: &Shell) -> Vec<Fact> {
    let timeout = job.timeout_ms.or(defaults.and_then(|defaults| i64::try_from(defaults.timeout_ms).ok()));
    let facts = [
        timeout.map(|ms| fact("Timeout", Value::Text(duration_ms(ms)))),
        job.deadline.map(|at| fact("Deadline", moment(at, shell))),
        defaults.map(|defaults| fact("Retry policy", Value::Text(retry(job, defaults)))),
    ];
    facts.into_iter().flatten().collect()
}

/// Says how often and with which waits a failed attempt is repeated.
fn retry(job: &Detail, defaults: &Defaults) -> String {
    let most = job.max_attempts.map_or(defaults.max_attempts, i16::unsigned_abs);
    if most <= 1 {
        return "one attempt".into();
    }
    let backoff = &defaults.backoff;
    let ms = |ms: u64| duration_ms(i64::try_from(ms).unwrap_or(i64::MAX));
    let waits = match backoff.kind {
        BackoffKind::Constant => format!("every {}", ms(backoff.base_ms)),
        BackoffKind::Linear => format!("linear, {} to {}", ms(backoff.base_ms), ms(backoff.max_ms)),
        BackoffKind::Exponential => format!("exponential, {} to {}", ms(backoff.base_ms), ms(backoff.max_ms)),
        BackoffKind::List => backoff.delays_ms.iter().map(|delay| ms(*delay)).collect::<Vec<_>>().join(", "),
    };
    format!("{most} attempts, {waits}")
}

fn keys(job: &Detail) -> Vec<Fact> {
    let keys = [("Unique key", &job.unique_key), ("Ordering key", &job.ordering_key)];
    keys.into_iter().filter_map(|(label, key)| Some(fact(label, Value::Mono(key.clone()?)))).collect()
}

fn used(job: &Detail) -> Vec<Fact> {
    let facts = [
        job.cpu_ms.map(|ms| fact("CPU time", Value::Text(duration_ms(ms.into())))),
        job.peak_memory_bytes.map(|size| fact("Peak memory", Value::Text(bytes(size)))),
        disk_words((job.read_bytes, job.written_bytes)).map(|words| fact("Disks", Value::Text(words))),
        job.ran_as.clone().map(|user| fact("Ran as", Value::Mono(user))),
        job.exit_code.map(|code| fact("Exit code", Value::Text(code.to_string()))),
        job.http_status.map(|status| fact("HTTP status", Value::Text(status.to_string()))),
    ];
    facts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::story;
    use super::*;
    use crate::queue::state::JobState;
    use crate::web::shell::sample::shell;

    #[test]
    fn a_retry_policy_is_one_sentence() {
        let mut job = story(JobState::Ready).job;
        let mut defaults = Defaults::default();
        assert_eq!(retry(&job, &defaults), "3 attempts, exponential, 1.0 s to 10m");

        defaults.backoff.kind = BackoffKind::List;
        defaults.backoff.delays_ms = vec![1_000, 60_000];
        assert_eq!(retry(&job, &defaults), "3 attempts, 1.0 s, 1m");

        job.max_attempts = Some(1);
        assert_eq!(retry(&job, &defaults), "one attempt");
    }

    #[test]
    fn what_a_job_has_not_is_left_out() {
        let labels = |state| facts(&story(state), &shell()).into_iter().map(|fact| fact.label).collect::<Vec<_>>();

        assert!(!labels(JobState::Ready).contains(&"Node") && labels(JobState::Running).contains(&"Node"));
        assert!(labels(JobState::Succeeded).contains(&"Ran") && !labels(JobState::Running).contains(&"Ran"));
    }
}
