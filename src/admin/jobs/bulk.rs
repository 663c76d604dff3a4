//! One act on several jobs of a page: each in its own transaction and with its own audit record.

use super::acts::Act;
use super::service::{self, Acted, JobError, Verb};
use crate::base::clock::Clock;
use crate::base::db::PgConnection;
use crate::base::text::note;
use crate::queue::actor::Actor;
use crate::queue::job::JobId;

/// Most jobs of one request: those of a page.
pub const JOBS_MAX: usize = 200;

/// What became of the jobs.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Done at once.
    pub done: usize,
    /// They run; their nodes were told.
    pub asked: usize,
    /// Those it was not done to, with the reason in words.
    pub refused: Vec<(JobId, String)>,
}

/// Does `act` to each job, with one reason. Jobs that changed meanwhile are left alone and listed.
///
/// # Errors
/// [`JobError::Forbidden`], a reason that is too long, and database failures, which end the work where it is.
pub fn act_on_all(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    jobs: &[JobId],
    (act, reason): (Act, &str),
) -> Result<Outcome, JobError> {
    actor.require(act.permission())?;
    note(reason)?;
    let mut outcome = Outcome::default();
    for job in jobs.iter().take(JOBS_MAX) {
        match verb(act).map(|verb| service::act(conn, clock, actor, *job, (verb, reason))) {
            Some(Ok(Acted::Done)) => outcome.done += 1,
            Some(Ok(Acted::Asked)) => outcome.asked += 1,
            Some(Err(error @ (JobError::Db(_) | JobError::Forbidden(_)))) => return Err(error),
            Some(Err(error)) => outcome.refused.push((*job, error.to_string())),
            None => outcome.refused.push((*job, "this is done to one job at a time".into())),
        }
    }
    Ok(outcome)
}

/// Gives the verb of an act that needs no value.
pub fn verb(act: Act) -> Option<Verb> {
    match act {
        Act::Cancel => Some(Verb::Cancel),
        Act::Hold => Some(Verb::Hold),
        Act::Release => Some(Verb::Release),
        Act::Retry | Act::RunNow => Some(Verb::Retry),
        Act::Edit | Act::Reschedule | Act::Priority | Act::Again => None,
    }
}
