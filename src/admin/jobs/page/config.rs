//! What was in force for a job, and where each of it comes from: the job itself, its template, its queue, a pool, or Millrace.

use super::ran::environment;
use super::story::Story;
use crate::admin::jobs::Detail;
use crate::admin::jobs::bounds::{Bounds, bounds};
use crate::admin::templates::facts::{Fact, defaults, resource_words};
use crate::admin::templates::{joining_facts, limit_facts};
use crate::base::db::{DbError, PgConnection};
use crate::queue::template::TemplateSpec;
use crate::web::format::grouped;
use crate::web::paths;
use crate::web::shell::Shell;

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What it is.
    pub label: String,
    /// What is in force.
    pub words: String,
    /// Where that was said.
    pub from: From,
}

/// Where a setting was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// In words: `this job`, `template v7`, `queue imports`.
    pub text: String,
    /// Its page; empty for none.
    pub href: String,
}

/// Reads what is in force for a job; empty when its version cannot be read.
///
/// # Errors
/// Database failures.
pub fn read(conn: &mut PgConnection, story: &Story, shell: &Shell) -> Result<Vec<Setting>, DbError> {
    let job = &story.job;
    let Ok(spec) = serde_json::from_value::<TemplateSpec>(job.spec.clone()) else { return Ok(Vec::new()) };
    let pools: Vec<&str> = spec.limits.reserve.keys().map(String::as_str).collect();
    let bounds = bounds(conn, &job.queue, &pools)?;
    Ok(settings(job, &spec, &bounds, shell))
}

fn settings(job: &Detail, spec: &TemplateSpec, bounds: &Bounds, shell: &Shell) -> Vec<Setting> {
    let mut all = of_defaults(job, spec);
    all.extend(of_job(job, spec, shell));
    let more = limit_facts::limits(&spec.limits).into_iter().chain(limit_facts::requires(&spec.requires));
    let more = more.chain(joining_facts::joining(spec));
    all.extend(more.map(|fact| from_fact(fact, of_template(job))));
    all.extend(of_queue(job, bounds));
    all.extend(of_pools(spec, bounds));
    all.extend(of_command(job, spec));
    all
}

fn setting(label: &str, words: impl Into<String>, from: From) -> Setting {
    Setting { label: label.to_owned(), words: words.into(), from }
}

fn from_fact(fact: Fact, from: From) -> Setting {
    setting(fact.label, fact.lines.join(", "), from)
}

fn this_job() -> From {
    From { text: "this job".into(), href: String::new() }
}

fn of_template(job: &Detail) -> From {
    From { text: format!("template v{}", job.version), href: paths::template_version(&job.template, job.version) }
}

fn built_in() -> From {
    From { text: "Millrace".into(), href: String::new() }
}

/// What the template gives by default, or the job has of its own.
fn of_defaults(job: &Detail, spec: &TemplateSpec) -> Vec<Setting> {
    let said = &spec.defaults;
    let mut force = said.clone();
    force.queue.clone_from(&job.queue);
    force.priority = job.priority;
    force.tags.clone_from(&job.tags);
    force.max_attempts = job.max_attempts.map_or(said.max_attempts, i16::unsigned_abs);
    force.timeout_ms = job.timeout_ms.map_or(said.timeout_ms, i64::unsigned_abs);
    let source = |label: &str| {
        let (own, key) = match label {
            "Queue" => (force.queue != said.queue, "queue"),
            "Priority" => (force.priority != said.priority, "priority"),
            "Timeout of an attempt" => (job.timeout_ms.is_some(), "timeout_ms"),
            "Retries" => (job.max_attempts.is_some(), "max_attempts"),
            "Retried only" => (false, "retry_if"),
            "When its node is lost" => (false, "on_interrupt"),
            _ => (force.tags != said.tags, "tags"),
        };
        match job.spec.pointer(&format!("/defaults/{key}")) {
            _ if own => this_job(),
            Some(_) => of_template(job),
            None => built_in(),
        }
    };
    let queue = setting("Queue", force.queue.clone(), source("Queue"));
    let facts = defaults(&force).into_iter().map(|fact| {
        let from = source(fact.label);
        from_fact(fact, from)
    });
    std::iter::once(queue).chain(facts).collect()
}

/// What only a job can have.
fn of_job(job: &Detail, spec: &TemplateSpec, shell: &Shell) -> Vec<Setting> {
    let of_rule = format!("u{}:", job.template_id.0);
    let is_of_rule = spec.unique.is_some() && job.unique_key.as_ref().is_some_and(|key| key.starts_with(&of_rule));
    let given_by = if is_of_rule { of_template(job) } else { this_job() };
    let own = [
        ("Not before", job.asked_for.map(|at| shell.stamp(at).text), this_job()),
        ("Deadline", job.deadline.map(|at| shell.stamp(at).text), this_job()),
        ("Unique key", job.unique_key.clone(), given_by),
        ("Ordering key", job.ordering_key.clone(), this_job()),
    ];
    own.into_iter().filter_map(|(label, words, from)| Some(setting(label, words?, from))).collect()
}

fn of_queue(job: &Detail, bounds: &Bounds) -> Vec<Setting> {
    let from = || From { text: format!("queue {}", job.queue), href: paths::queue(&job.queue) };
    let jobs = |most: i32| {
        if most == 1 { "1 job".to_owned() } else { format!("{} jobs", grouped(most.unsigned_abs().into())) }
    };
    let rows = [
        ("At once in its queue", bounds.concurrency.map(|most| format!("{} on all nodes", jobs(most)))),
        ("At once in its queue on a node", bounds.concurrency_per_node.map(|most| format!("{} on each", jobs(most)))),
        ("Weight of its queue", (bounds.weight > 0).then(|| bounds.weight.to_string())),
    ];
    rows.into_iter().filter_map(|(label, words)| Some(setting(label, words?, from()))).collect()
}

fn of_pools(spec: &TemplateSpec, bounds: &Bounds) -> Vec<Setting> {
    let row = |name: &String| {
        let from = From { text: format!("pool {name}"), href: paths::pool(name) };
        let words = match bounds.pool(name) {
            Some((amount, unit)) => format!("{} {unit} in all", grouped(amount)).replace("  ", " "),
            None => "there is no such pool: it is not waited for".into(),
        };
        setting(&format!("Pool {name}"), words, from)
    };
    spec.limits.reserve.keys().map(row).collect()
}

/// What bounds a program, and the names in its environment; never their values.
fn of_command(job: &Detail, spec: &TemplateSpec) -> Vec<Setting> {
    let Some(work) = &spec.command else { return Vec::new() };
    let bounds = match resource_words(&work.limits) {
        Some(words) => setting("Bounds of the program", words, of_template(job)),
        None => {
            let from = From { text: "its node".into(), href: paths::NODES.into() };
            setting("Bounds of the program", "those that its node gives every command", from)
        }
    };
    let names = environment(work, job);
    let lists = [
        ("Environment, names of the template", names.own, of_template(job)),
        ("Environment, names of the parameters", names.params, of_template(job)),
        ("Environment, passed on from the node", names.passed, of_template(job)),
        ("Environment, of every command", names.fixed, built_in()),
    ];
    let lists = lists.into_iter().filter(|(_, names, _)| !names.is_empty());
    std::iter::once(bounds).chain(lists.map(|(label, names, from)| setting(label, names.join(", "), from))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::{at, story};
    use super::*;
    use crate::queue::state::JobState;
    use crate::web::shell::sample::shell;
    use serde_json::{Value, json};

    fn told(spec: Value, change: fn(&mut Detail)) -> Vec<String> {
        let mut job = story(JobState::Failed).job;
        job.spec = spec;
        change(&mut job);
        let spec = serde_json::from_value(job.spec.clone()).expect("a template");
        let bounds = Bounds {
            weight: 2,
            concurrency: Some(20),
            concurrency_per_node: None,
            pools: json!({ "memory-mb": [4096, "MB"] }),
        };
        let line = |one: Setting| format!("{}: {} ({})", one.label, one.words, one.from.text);
        settings(&job, &spec, &bounds, &shell()).into_iter().map(line).collect()
    }

    #[test]
    fn each_setting_says_where_it_comes_from() {
        let spec = json!({ "runner": "handler", "handler": { "name": "a" },
            "defaults": { "queue": "mail", "priority": 3, "timeout_ms": 60_000, "on_interrupt": "fail" },
            "limits": { "concurrency": 4, "reserve": { "memory-mb": 512, "gone": 1 } } });

        let told = told(spec, |job| {
            job.queue = "imports".into();
            job.timeout_ms = Some(90_000);
            job.unique_key = Some("catalog".into());
            job.deadline = Some(at(3_600));
        });

        for line in [
            "Queue: imports (this job)",
            "Priority: 3 (template v7)",
            "Timeout of an attempt: 1m 30s (this job)",
            "When its node is lost: The job fails (template v7)",
            "Unique key: catalog (this job)",
            "Deadline: 15:05:00 (this job)",
            "At once: 4 jobs on all nodes (template v7)",
            "At once in its queue: 20 jobs on all nodes (queue imports)",
            "Weight of its queue: 2 (queue imports)",
            "Pool memory-mb: 4,096 MB in all (pool memory-mb)",
            "Pool gone: there is no such pool: it is not waited for (pool gone)",
        ] {
            assert!(told.contains(&line.to_owned()), "{line}: {told:#?}");
        }
        let retries = told.iter().find(|line| line.starts_with("Retries: ")).expect("retries");
        assert!(retries.ends_with("(Millrace)"), "nobody said anything else: {retries}");
    }

    #[test]
    fn of_an_environment_only_names_are_told() {
        let told = told(
            json!({ "runner": "command", "command": { "shell": "x", "env": { "TOKEN": "s3cret" }, "env_allow": ["PROXY"],
                "limits": { "memory_mib": 64 } }, "params": { "additionalProperties": true } }),
            |_| {},
        );

        for line in [
            "Bounds of the program: 64 MiB memory (template v7)",
            "Environment, names of the template: TOKEN (template v7)",
            "Environment, names of the parameters: PARAM_SUPPLIER, PARAM_EXPECTED_ROWS (template v7)",
            "Environment, passed on from the node: PROXY (template v7)",
        ] {
            assert!(told.contains(&line.to_owned()), "{line}: {told:#?}");
        }
        assert!(!told.iter().any(|line| line.contains("s3cret")));
    }
}
