//! The rules of job descriptions: every broken one is found, each named by its place.

use chrono::Datelike;
use serde_json::Value;

use super::{Found, NewJob, Refusal, TAGS_MAX, YEAR_MS, YEARS};
use crate::base::text::{QueueName, TemplateName};
use crate::queue::args::{self, ArgsPlace};
use crate::queue::params::{Params, ParamsError};
use crate::queue::template::{ATTEMPTS_MAX, TIMEOUT_MS_MAX};

/// Ordering keys that begin so are of schedules.
const TURNS_OF_SCHEDULES: &str = "schedule:";

/// Finds every broken rule of `jobs`, each named by its place in the list when there are several.
pub(super) fn check(jobs: &[NewJob], versions: &[Option<&Found>]) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for (place, (job, version)) in jobs.iter().zip(versions).enumerate() {
        let mut found =
            Refusals { at: if jobs.len() == 1 { String::new() } else { format!("/{place}") }, found: Vec::new() };
        found.check_options(job);
        found.check_template(job, *version);
        refusals.extend(found.found);
    }
    refusals
}

struct Refusals {
    at: String,
    found: Vec<Refusal>,
}

impl Refusals {
    fn refuse(&mut self, code: &'static str, field: &str, message: impl Into<String>) {
        let pointer =
            format!("{}{}{field}", self.at, if field.is_empty() || field.starts_with('/') { "" } else { "/" });
        self.found.push(Refusal { code, pointer, message: message.into() });
    }

    fn refuse_unless(&mut self, holds: bool, field: &str, message: &str) {
        if !holds {
            self.refuse("bad-job", field, message);
        }
    }

    fn check_template(&mut self, job: &NewJob, found: Option<&Found>) {
        let name = &job.template;
        if let Err(error) = TemplateName::parse(name) {
            return self.refuse("bad-job", "template", error.0);
        }
        let Some(found) = found else {
            return self.refuse("unknown-template", "template", format!("there is no template called {name:?}"));
        };
        if matches!(found.state.as_str(), "draft" | "archived") {
            let message = format!("the template {name:?} is {}; only active templates can be enqueued", found.state);
            return self.refuse("inactive-template", "template", message);
        }
        match found.version {
            None => {
                let message = format!("the template {name:?} has no version {}", job.version.unwrap_or_default());
                self.refuse("unknown-version", "version", message);
            }
            Some(version) if !found.published => {
                self.refuse(
                    "inactive-version",
                    "version",
                    format!("version {version} of {name:?} was never published"),
                );
            }
            Some(_) => {
                self.check_args(&job.args, found.params.as_ref());
                if found.debounced {
                    self.check_keys_of_debounced(job);
                }
            }
        }
    }

    fn check_keys_of_debounced(&mut self, job: &NewJob) {
        for (field, key) in [("unique_key", &job.unique_key), ("ordering_key", &job.ordering_key)] {
            let message = format!("the template {:?} debounces its jobs: they take no {field}", job.template);
            self.refuse_unless(key.is_none(), field, &message);
        }
    }

    fn check_args(&mut self, args: &Value, params: Option<&Result<Params, ParamsError>>) {
        if let Err(error) = args::check_value(args) {
            let pointer = match &error.at {
                ArgsPlace::Pointer(pointer) => format!("/args{pointer}"),
                _ => "/args".into(),
            };
            return self.refuse("bad-args", &pointer, format!("the arguments {}", error.message));
        }
        match params {
            None => {}
            Some(Ok(params)) => {
                for error in params.validate(args) {
                    self.refuse("bad-args", &format!("/args{}", error.pointer), error.message);
                }
            }
            // a version whose parameters this program cannot read must not be run by wrong rules
            Some(Err(error)) => {
                self.refuse("bad-args", "/args", format!("the template's parameters cannot be read: {error}"))
            }
        }
    }

    fn check_options(&mut self, job: &NewJob) {
        if let Some(Err(error)) = job.queue.as_deref().map(QueueName::parse) {
            self.refuse("bad-job", "queue", error.0);
        }
        let within = |value: Option<u64>, min, max| value.is_none_or(|value| (min..=max).contains(&value));
        self.refuse_unless(
            within(job.priority.map(|p| p.max(0) as u64), 1, 5),
            "priority",
            "priority goes from 1 (highest) to 5",
        );
        self.refuse_unless(within(job.delay_ms, 0, YEAR_MS), "delay_ms", "delay_ms goes from 0 to one year");
        let both = job.delay_ms.is_some() && job.run_at.is_some();
        self.refuse_unless(!both, "delay_ms", "give run_at or delay_ms, not both");
        let attempts = within(job.max_attempts.map(u64::from), 1, u64::from(ATTEMPTS_MAX));
        self.refuse_unless(attempts, "max_attempts", "max_attempts goes from 1 to 100");
        let timeout = within(job.timeout_ms, 100, TIMEOUT_MS_MAX);
        self.refuse_unless(timeout, "timeout_ms", "timeout_ms goes from 100 to 604800000 (7 days)");
        let unique = job.unique_for_ms.is_none() || job.unique_key.is_some();
        self.refuse_unless(unique, "unique_for_ms", "unique_for_ms needs a unique_key");
        self.refuse_unless(
            within(job.unique_for_ms, 1, YEAR_MS),
            "unique_for_ms",
            "unique_for_ms goes from 1 to one year",
        );
        self.refuse_unless(
            job.unique_key.as_deref().is_none_or(is_key),
            "unique_key",
            "unique_key has 1 to 255 characters",
        );
        self.refuse_unless(
            job.ordering_key.as_deref().is_none_or(is_key),
            "ordering_key",
            "ordering_key has 1 to 255 characters",
        );
        self.refuse_unless(
            !job.ordering_key.as_deref().is_some_and(|key| key.starts_with(TURNS_OF_SCHEDULES)),
            "ordering_key",
            "ordering_key cannot begin with schedule: (those are of schedules)",
        );
        for (field, time) in [("run_at", job.run_at), ("deadline", job.deadline)] {
            let message = format!("{field} is no time in RFC 3339 from 1970 to 9999");
            self.refuse_unless(time.is_none_or(|time| YEARS.contains(&time.year())), field, &message);
        }
        self.check_tags(job.tags.as_deref().unwrap_or_default());
    }

    fn check_tags(&mut self, tags: &[String]) {
        self.refuse_unless(tags.len() <= TAGS_MAX, "tags", "tags is a list of at most 20 texts");
        if let Some((place, tag)) = tags.iter().enumerate().find(|(_, tag)| !is_tag(tag)) {
            let shown: String = tag.chars().take(80).collect();
            let message = format!("{shown:?} is no tag: 1 to 64 of letters, digits, . _ : / @ -");
            self.refuse("bad-job", &format!("tags/{place}"), message);
        }
    }
}

fn is_key(text: &str) -> bool {
    (1..=255).contains(&text.chars().count()) && !text.contains('\0')
}

pub(in crate::queue) fn is_tag(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._:/@-".contains(c))
}
