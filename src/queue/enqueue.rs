//! Enqueueing from Rust: the same rules as the SQL functions (a test compares them), all problems of all jobs at once.

use std::collections::HashMap;

use chrono::Datelike;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::args::ArgsPlace;
use super::job::JobId;
use super::params::{Params, ParamsError};
use super::template::{ATTEMPTS_MAX, TIMEOUT_MS_MAX};
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};
use crate::base::text::{QueueName, TemplateName};

/// Most jobs of one call.
pub const JOBS_PER_CALL_MAX: usize = 10_000;
/// Longest delay, unique period: one year in milliseconds.
pub const YEAR_MS: u64 = 31_536_000_000;
/// Years of times; others stand in no form and in no JSON.
pub const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;
/// Most tags of a job.
pub const TAGS_MAX: usize = 20;

/// What somebody wants to be done. The JSON form is that of `POST /api/v1/jobs`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// The template's name.
    pub template: String,
    /// A published version; the active one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// The arguments, an object.
    #[serde(default = "no_args")]
    pub args: Value,
    /// Queue; as the template says when absent. A new name makes a new queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// 1 (highest) to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// Not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<Time>,
    /// Not before so many milliseconds have passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// While an unfinished job has this key, that job is returned instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_key: Option<String>,
    /// The key holds for so many milliseconds, finished or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_for_ms: Option<u64>,
    /// Jobs of one key run one at a time, in the order in which they were committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordering_key: Option<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Counted attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u16>,
    /// Longest time of one attempt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Expires when not started by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Time>,
    /// The job it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<JobId>,
}

fn no_args() -> Value {
    Value::Object(serde_json::Map::new())
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Stable name of the rule: `unknown-template`, `bad-args`, …
    pub code: &'static str,
    /// JSON pointer into the job, prefixed by its place in a list.
    pub pointer: String,
    /// The sentence for a person.
    pub message: String,
}

impl Refusal {
    /// Says it as a sentence that names what it is about: the rules of parameters only say what is wrong with one.
    pub fn sentence(&self) -> String {
        let argument = self.pointer.split_once("args/").map(|(_, name)| name.replace('/', "."));
        match argument.filter(|_| !self.message.starts_with("the ")) {
            Some(name) => format!("args.{name} {}", self.message),
            None => self.message.clone(),
        }
    }
}

/// Why nothing was enqueued.
#[derive(Debug, thiserror::Error)]
pub enum EnqueueError {
    /// Rules were broken; every one that was found. Nothing was enqueued.
    #[error("{}", .0.first().map_or("refused", |refusal| refusal.message.as_str()))]
    Refused(Vec<Refusal>),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A job that exists now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName, Serialize, Deserialize)]
pub struct Enqueued {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: JobId,
    /// Its unique key was taken: this is the job that has it.
    #[diesel(sql_type = Bool)]
    pub existing: bool,
}

/// Enqueues `jobs` in order within the caller's transaction, all or none; absent arguments get the defaults of their
/// templates. Ring the nodes after the commit.
///
/// # Errors
/// [`EnqueueError::Refused`] with every broken rule; the transaction may go on.
pub fn enqueue(tx: &mut Tx<'_>, by: &str, jobs: &[NewJob]) -> Result<Vec<Enqueued>, EnqueueError> {
    if jobs.len() > JOBS_PER_CALL_MAX {
        let message = format!("{} jobs in one call, at most {JOBS_PER_CALL_MAX} are allowed", jobs.len());
        let refusal = Refusal { code: "too-many-jobs", pointer: String::new(), message };
        return Err(EnqueueError::Refused(vec![refusal]));
    }
    let templates = templates(tx, jobs)?;
    let found: Vec<Option<&Found>> = jobs.iter().map(|job| templates.get(&version_of(job))).collect();
    let jobs: Vec<NewJob> = jobs.iter().zip(&found).map(|(job, found)| filled(job, *found)).collect();
    let refusals = check(&jobs, &found);
    if !refusals.is_empty() {
        return Err(EnqueueError::Refused(refusals));
    }
    insert(tx, by, &jobs)
}

/// Gives the job with the defaults of its template's parameters and the version that it is checked against, so that a
/// version published meanwhile does not get it.
fn filled(job: &NewJob, found: Option<&Found>) -> NewJob {
    let mut job = job.clone();
    job.version = job.version.or(found.and_then(|found| found.version));
    if let Some(Ok(params)) = found.and_then(|found| found.params.as_ref()) {
        job.args = params.with_defaults(&job.args);
    }
    job
}

fn insert(tx: &mut Tx<'_>, by: &str, jobs: &[NewJob]) -> Result<Vec<Enqueued>, EnqueueError> {
    const SQL: &str = "-- queue::enqueue
SELECT id, existing FROM millrace.insert_jobs($1, $2) ORDER BY ord";
    let list = serde_json::to_value(jobs).map_err(|error| DbError::Refused {
        message: format!("the jobs cannot be written as JSON: {error}"),
        pointer: None,
        code: None,
    })?;
    // a template that was archived between the check and the insert fails this statement with a conflict
    Ok(statement(SQL).bind::<Jsonb, _>(list).bind::<Text, _>(by).rows(tx)?)
}

/// Finds every broken rule of `jobs`, each named by its place in the list when there are several.
fn check(jobs: &[NewJob], versions: &[Option<&Found>]) -> Vec<Refusal> {
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

/// Template versions by the name and version that a job asks for.
type Templates = HashMap<(String, Option<i32>), Found>;

fn version_of(job: &NewJob) -> (String, Option<i32>) {
    (job.template.clone(), job.version)
}

/// What has to be known of a template version to check a job.
struct Found {
    state: String,
    version: Option<i32>,
    published: bool,
    /// Its jobs take the places of those that wait.
    debounced: bool,
    /// Absent when any object is taken.
    params: Option<Result<Params, ParamsError>>,
}

#[derive(QueryableByName)]
struct FoundRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Integer>)]
    asked: Option<i32>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Integer>)]
    version: Option<i32>,
    #[diesel(sql_type = Bool)]
    published: bool,
    #[diesel(sql_type = Bool)]
    debounced: bool,
    #[diesel(sql_type = Nullable<Jsonb>)]
    params: Option<Value>,
}

impl FoundRow {
    fn into_entry(self) -> ((String, Option<i32>), Found) {
        let params = self.params.filter(Value::is_object).map(|params| Params::parse(&params));
        let Self { state, version, published, debounced, .. } = self;
        let found = Found { state, version, published, debounced, params };
        ((self.name, self.asked), found)
    }
}

fn templates(tx: &mut Tx<'_>, jobs: &[NewJob]) -> Result<Templates, DbError> {
    const SQL: &str = "-- queue::enqueue::templates
SELECT t.name, a.asked, t.state, v.version, coalesce(v.published_at IS NOT NULL, false) AS published,
    v.debounce IS NOT NULL AS debounced, v.spec -> 'params' AS params
FROM (SELECT DISTINCT * FROM UNNEST($1::text[], $2::integer[])) AS a(name, asked)
JOIN millrace.templates t ON t.name = a.name
LEFT JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = coalesce(a.asked, t.active_version)";
    let rows: Vec<FoundRow> = statement(SQL)
        .bind::<Array<Text>, _>(jobs.iter().map(|job| job.template.replace('\0', "")).collect::<Vec<_>>())
        .bind::<Array<Nullable<Integer>>, _>(jobs.iter().map(|job| job.version).collect::<Vec<_>>())
        .rows(tx)?;
    Ok(rows.into_iter().map(FoundRow::into_entry).collect())
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
        if let Err(error) = super::args::check_value(args) {
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

pub(super) fn is_tag(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._:/@-".contains(c))
}
