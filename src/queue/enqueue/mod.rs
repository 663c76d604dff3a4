//! Enqueueing from Rust: the same rules as the SQL functions (a test compares them), all problems of all jobs at once.

mod check;
mod each;

pub(super) use check::is_tag;
pub use each::{Apart, Asked, OccurrenceOf, enqueue_each, enqueue_occurrences};

use std::collections::HashMap;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::job::JobId;
use super::params::{Params, ParamsError};
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};

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
    let templates = templates(tx, jobs.iter())?;
    let found: Vec<Option<&Found>> = jobs.iter().map(|job| templates.get(&version_of(job))).collect();
    let jobs: Vec<NewJob> = jobs.iter().zip(&found).map(|(job, found)| filled(job, *found)).collect();
    let refusals = check::check(&jobs, &found);
    if !refusals.is_empty() {
        return Err(EnqueueError::Refused(refusals));
    }
    insert(tx, by, &jobs)
}

/// Tells every rule that `job` breaks as things stand; nothing is enqueued.
///
/// # Errors
/// Database failures.
pub fn refusals(tx: &mut Tx<'_>, job: &NewJob) -> Result<Vec<Refusal>, DbError> {
    let templates = templates(tx, std::iter::once(job))?;
    let found = templates.get(&version_of(job));
    Ok(check::check(&[filled(job, found)], &[found]))
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
    let list = serde_json::to_value(jobs).map_err(unwritable)?;
    Ok(insert_list(tx, by, list)?)
}

/// Inserts checked descriptions; those that name who enqueued them (`enqueued_by`) are theirs.
fn insert_list(tx: &mut Tx<'_>, by: &str, list: Value) -> Result<Vec<Enqueued>, DbError> {
    const SQL: &str = "-- queue::enqueue
SELECT id, existing FROM millrace.insert_jobs($1, $2) ORDER BY ord";
    // a template that was archived between the check and the insert fails this statement with a conflict
    statement(SQL).bind::<Jsonb, _>(list).bind::<Text, _>(by).rows(tx)
}

fn unwritable(error: serde_json::Error) -> DbError {
    let message = format!("the jobs cannot be written as JSON: {error}");
    DbError::Refused { message, pointer: None, code: None }
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
    /// What becomes of a job depends on those that are there.
    joins: bool,
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
    #[diesel(sql_type = Bool)]
    joins: bool,
    #[diesel(sql_type = Nullable<Jsonb>)]
    params: Option<Value>,
}

impl FoundRow {
    fn into_entry(self) -> ((String, Option<i32>), Found) {
        let params = self.params.filter(Value::is_object).map(|params| Params::parse(&params));
        let Self { state, version, published, debounced, joins, .. } = self;
        let found = Found { state, version, published, debounced, joins, params };
        ((self.name, self.asked), found)
    }
}

fn templates<'j>(tx: &mut Tx<'_>, jobs: impl Iterator<Item = &'j NewJob> + Clone) -> Result<Templates, DbError> {
    const SQL: &str = "-- queue::enqueue::templates
SELECT t.name, a.asked, t.state, v.version, coalesce(v.published_at IS NOT NULL, false) AS published,
    v.debounce IS NOT NULL AS debounced, num_nonnulls(v.debounce, v.uniqueness) > 0 AS joins, v.spec -> 'params' AS params
FROM (SELECT DISTINCT * FROM UNNEST($1::text[], $2::integer[])) AS a(name, asked)
JOIN millrace.templates t ON t.name = a.name
LEFT JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = coalesce(a.asked, t.active_version)";
    let rows: Vec<FoundRow> = statement(SQL)
        .bind::<Array<Text>, _>(jobs.clone().map(|job| job.template.replace('\0', "")).collect::<Vec<_>>())
        .bind::<Array<Nullable<Integer>>, _>(jobs.map(|job| job.version).collect::<Vec<_>>())
        .rows(tx)?;
    Ok(rows.into_iter().map(FoundRow::into_entry).collect())
}
