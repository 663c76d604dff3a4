//! Jobs of several callers in one transaction: each is taken or refused for itself, and what they cost is shared.

use serde_json::Value;

use super::check::check;
use super::{Enqueued, Found, NewJob, Refusal, filled, insert_list, templates, unwritable, version_of};
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
    let found = templates(tx, asked.iter().map(|(_, job)| *job))?;
    let mut list = Vec::new();
    let mut apart = Vec::with_capacity(asked.len());
    for (by, job) in asked {
        match checked(job, found.get(&version_of(job)))? {
            Ok(mut job) => {
                job["enqueued_by"] = Value::from(*by);
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
fn checked(job: &NewJob, found: Option<&Found>) -> Result<Result<Value, Apart>, DbError> {
    if job.unique_key.is_some() || job.ordering_key.is_some() || found.is_some_and(|found| found.joins) {
        return Ok(Err(Apart::Alone));
    }
    let job = filled(job, found);
    let refusals = check(std::slice::from_ref(&job), &[found]);
    if !refusals.is_empty() {
        return Ok(Err(Apart::Refused(refusals)));
    }
    serde_json::to_value(job).map(Ok).map_err(unwritable)
}
