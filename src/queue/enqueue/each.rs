//! Jobs of several callers in one transaction: each is taken or refused for itself, and what they cost is shared.

use serde_json::Value;

use super::check::check;
use super::{Enqueued, Found, NewJob, Refusal, filled, insert_list, templates, unwritable, version_of};
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx};

/// Why a job was not enqueued with the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Apart {
    /// It breaks these rules.
    Refused(Vec<Refusal>),
    /// What becomes of it depends on other jobs. Whoever waits for those must not let others wait: enqueue it by itself.
    Alone,
}

/// Enqueues jobs, each in the name of the one that stands beside it, and tells in their order what became of them.
///
/// # Errors
/// Database failures; none is enqueued then.
pub fn enqueue_each(tx: &mut Tx<'_>, asked: &[(&str, &NewJob)]) -> Result<Vec<Result<Enqueued, Apart>>, DbError> {
    let all: Vec<Asked<'_>> =
        asked.iter().map(|(by, job)| Asked { by: (*by).to_owned(), job, occurrence: None, turn: None }).collect();
    enqueue_apart(tx, &all, |job, found| depends_on_others(job, found) || job.ordering_key.is_some())
}

/// A schedule's row, and the instant that its rules name.
pub type OccurrenceOf = (i32, Time);

/// A job that is asked for.
pub struct Asked<'j> {
    /// In whose name.
    pub by: String,
    /// The job.
    pub job: &'j NewJob,
    /// The occurrence that it is of.
    pub occurrence: Option<OccurrenceOf>,
    /// The key in which the jobs of its schedule wait for one another; no caller can ask for such a key.
    pub turn: Option<String>,
}

/// Enqueues jobs of schedules, whose rows the caller has locked, as [`enqueue_each`] does.
/// Those that depend on jobs of others are made, too, when `with_others`.
///
/// # Errors
/// Database failures; none is enqueued then.
pub fn enqueue_occurrences(
    tx: &mut Tx<'_>,
    asked: &[Asked<'_>],
    with_others: bool,
) -> Result<Vec<Result<Enqueued, Apart>>, DbError> {
    enqueue_apart(tx, asked, |job, found| !with_others && depends_on_others(job, found))
}

fn depends_on_others(job: &NewJob, found: Option<&Found>) -> bool {
    job.unique_key.is_some() || found.is_some_and(|found| found.joins)
}

fn enqueue_apart(
    tx: &mut Tx<'_>,
    asked: &[Asked<'_>],
    is_alone: impl Fn(&NewJob, Option<&Found>) -> bool,
) -> Result<Vec<Result<Enqueued, Apart>>, DbError> {
    let found = templates(tx, asked.iter().map(|one| one.job))?;
    let mut list = Vec::new();
    let mut apart = Vec::with_capacity(asked.len());
    for Asked { by, job, occurrence, turn } in asked {
        let found = found.get(&version_of(job));
        let is_in_turn = turn.is_some();
        match if is_alone(job, found) { Err(Apart::Alone) } else { checked(job, found, is_in_turn)? } {
            Ok(mut job) => {
                job["enqueued_by"] = Value::from(by.as_str());
                if let Some(turn) = turn {
                    job["ordering_key"] = turn.as_str().into();
                }
                if let Some((schedule, at)) = occurrence {
                    (job["schedule_id"], job["occurrence"]) = ((*schedule).into(), at.to_rfc3339().into());
                }
                list.push(job);
                apart.push(None);
            }
            Err(why) => apart.push(Some(why)),
        }
    }
    let wanted = list.len();
    let made = if list.is_empty() { Vec::new() } else { insert_list(tx, "", Value::Array(list))? };
    if made.len() != wanted {
        return Err(DbError::Corrupt(format!("{} jobs were made of {wanted}", made.len())));
    }
    let mut made = made.into_iter();
    Ok(apart.into_iter().filter_map(|apart| apart.map_or_else(|| made.next().map(Ok), |why| Some(Err(why)))).collect())
}

/// Gives the description to be inserted.
fn checked(job: &NewJob, found: Option<&Found>, is_in_turn: bool) -> Result<Result<Value, Apart>, DbError> {
    let job = filled(job, found);
    let mut refusals = check(std::slice::from_ref(&job), &[found]);
    if is_in_turn && found.is_some_and(|found| found.debounced) {
        let message = format!("the template {:?} debounces its jobs: they cannot wait for one another", job.template);
        refusals.push(Refusal { code: "bad-job", pointer: "/ordering_key".into(), message });
    }
    if !refusals.is_empty() {
        return Ok(Err(Apart::Refused(refusals)));
    }
    serde_json::to_value(job).map(Ok).map_err(unwritable)
}
