//! Waiting for jobs to end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Answer, Failure, Session};
use crate::admin::jobs::{Detail, details, json as told_as};
use crate::base::db::PgConnection;
use crate::base::signals;
use crate::queue::job::JobId;
use crate::queue::state::JobState;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// Jobs that are looked at in one statement.
const LOOK_JOBS_MAX: usize = 500;
/// Jobs that are told one by one; of more only sums are told.
const TOLD_MAX: usize = 100;

/// How jobs ended.
pub(super) struct Waited {
    by: crate::queue::actor::Actor,
    ended: Vec<Detail>,
    states: BTreeMap<JobState, usize>,
    /// Removed by retention before they were looked at.
    gone: usize,
}

/// Waits until all jobs have ended.
///
/// # Errors
/// They have not ended within `patience`; the database failed; somebody asked to end.
pub(super) fn until_ended(
    session: &Session,
    conn: &mut PgConnection,
    mut waiting: Vec<JobId>,
    patience: Duration,
) -> Result<Waited, Failure> {
    signals::listen();
    let until = Instant::now() + patience;
    let mut waited = Waited { by: session.actor.clone(), ended: Vec::new(), states: BTreeMap::new(), gone: 0 };
    loop {
        waiting = waited.look(conn, waiting)?;
        if waiting.is_empty() {
            waited.ended.sort_by_key(|job| job.id); // in the order in which they were enqueued, not in which they ended
            return Ok(waited);
        }
        if Instant::now() >= until {
            return Err(Failure::refused(format!("{} jobs have not ended in time", waiting.len())));
        }
        if signals::asked_to_end() > 0 {
            return Err(Failure::refused(format!("stopped waiting for {} jobs; they go on", waiting.len())));
        }
        std::thread::sleep(LOOK);
    }
}

impl Waited {
    /// Takes note of those that have ended and gives the others.
    fn look(&mut self, conn: &mut PgConnection, waiting: Vec<JobId>) -> Result<Vec<JobId>, Failure> {
        let mut still = Vec::new();
        for jobs in waiting.chunks(LOOK_JOBS_MAX) {
            let found = details(conn, &self.by.scope, jobs)?;
            self.gone += jobs.len() - found.len();
            for job in found {
                if !job.state().is_terminal() {
                    still.push(job.id);
                    continue;
                }
                *self.states.entry(job.state()).or_default() += 1;
                if self.ended.len() < TOLD_MAX {
                    self.ended.push(job);
                }
            }
        }
        Ok(still)
    }

    /// Says how they ended; exit code 1 unless all succeeded.
    pub(super) fn answer(self) -> Result<Answer, Failure> {
        let succeeded = self.states.get(&JobState::Succeeded).copied().unwrap_or(0);
        let all: usize = self.states.values().sum::<usize>() + self.gone;
        let answer = Answer::new(self.text(), self.json());
        match all - succeeded {
            0 => Ok(answer),
            1 if all == 1 => Err(Failure::refused("millrace: the job did not succeed").saying(answer)),
            failed => Err(Failure::refused(format!("millrace: {failed} of {all} jobs did not succeed")).saying(answer)),
        }
    }

    fn text(&self) -> String {
        if self.states.values().sum::<usize>() > self.ended.len() {
            return self.states.iter().map(|(state, jobs)| format!("{jobs} {state}")).collect::<Vec<_>>().join("\n");
        }
        let line = |job: &Detail| match &job.error {
            Some(error) => format!("{} {}: {}", job.id, job.state(), super::show::plain(error)),
            None => format!("{} {}", job.id, job.state()),
        };
        self.ended.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> serde_json::Value {
        let jobs: Vec<_> = self.ended.iter().map(|job| told_as::in_list(&self.by, job)).collect();
        match jobs.as_slice() {
            [one] if self.states.values().sum::<usize>() == 1 => one.clone(),
            _ => {
                json!({ "jobs": jobs, "states": self.states.iter().map(|(state, jobs)| (state.as_str(), jobs)).collect::<BTreeMap<_, _>>() })
            }
        }
    }
}
