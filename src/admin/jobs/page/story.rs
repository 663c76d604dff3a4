//! Everything a job's page is made of, read in one go.

use super::names;
use crate::admin::jobs::expected::{Expected, expected};
use crate::admin::jobs::kin::{Named, named};
use crate::admin::jobs::pace::{Usual, usual};
use crate::admin::jobs::service::{sees_payload, visible_error};
use crate::admin::jobs::trail::{Child, InBulk, Record, Reopened, children, in_bulk, reopened, trail};
use crate::admin::jobs::{Attempt, Detail, Explanation, Recent, Run, attempts, explain, recent_runs};
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Actor;
use crate::queue::state::JobState;

/// Jobs of the same template that are shown as bars.
pub const RUNS_MAX: i64 = 40;

/// A job with what belongs to it.
#[derive(Debug, Clone)]
pub struct Story {
    /// The job.
    pub job: Detail,
    /// Its attempts that did not succeed, in order.
    pub attempts: Vec<Attempt>,
    /// Why it does not run.
    pub explanation: Explanation,
    /// When it may start.
    pub expected: Option<Expected>,
    /// The last jobs of its template that the actor may see.
    pub runs: Vec<Run>,
    /// There may be more of them than were looked at.
    pub has_more_runs: bool,
    /// Jobs that were made from it, as far as the actor may see them.
    pub children: Vec<Child>,
    /// The jobs that it names.
    pub named: Named,
    /// What people did to it.
    pub trail: Vec<Record>,
    /// What was done to it together with others.
    pub in_bulk: Vec<InBulk>,
    /// When it was retried after it had ended.
    pub reopened: Vec<Reopened>,
}

impl Story {
    /// Reads what belongs to `job`. `runs` are taken as they are when given: reading them costs more than all the rest.
    ///
    /// # Errors
    /// Database failures.
    pub fn read(conn: &mut PgConnection, actor: &Actor, job: Detail, runs: Option<Recent>) -> Result<Self, DbError> {
        let explanation = explain(conn, &job)?.within(conn, &actor.scope)?;
        let expected = expected(conn, &job, &explanation)?;
        let Recent { runs, may_have_more } = match runs {
            Some(runs) => runs,
            None => recent_runs(conn, &actor.scope, job.template_id, RUNS_MAX)?,
        };
        let mut story = Self {
            attempts: attempts(conn, job.id)?,
            children: children(conn, &actor.scope, job.id)?,
            named: named(conn, &actor.scope, &job)?,
            trail: trail(conn, actor, job.id)?,
            in_bulk: in_bulk(conn, actor, job.id)?,
            reopened: reopened(conn, job.id)?,
            explanation,
            expected,
            runs,
            has_more_runs: may_have_more,
            job,
        };
        names::in_story(conn, &mut story)?;
        story.hide_words_from(actor);
        Ok(story)
    }

    /// Takes out what failures and progress say, unless `actor` may see what jobs work on.
    fn hide_words_from(&mut self, actor: &Actor) {
        self.job.unique_key = self.job.shown_key(actor).map(str::to_owned);
        if sees_payload(actor) {
            return;
        }
        self.explanation.hide_values();
        let errors = self.attempts.iter_mut().map(|attempt| &mut attempt.error).chain([&mut self.job.error]);
        for error in errors.filter_map(Option::as_mut) {
            *error = visible_error(actor, error).to_owned();
        }
        self.attempts.iter_mut().for_each(|attempt| attempt.trace = None);
        self.job.message = None;
    }

    /// Tells what its template's jobs usually take.
    pub fn usual(&self) -> Option<Usual> {
        let done = self.runs.iter().filter(|run| run.state() == JobState::Succeeded && run.id != self.job.id);
        usual(done.map(|run| run.run_ms).collect())
    }
}

#[cfg(test)]
pub(super) mod sample {
    //! Stories for tests of templates.

    use super::*;
    use crate::admin::jobs::Reason;
    use crate::admin::jobs::forecast::Start;
    use crate::admin::jobs::sample::{attempt, job};
    use crate::base::clock::Time;
    use crate::queue::job::{Fence, JobId};
    use serde_json::json;

    /// A moment of the sample day, in seconds after the job was enqueued.
    pub(in crate::admin::jobs::page) fn at(seconds: i64) -> Time {
        "2026-11-24T13:05:00Z".parse::<Time>().expect("a time") + chrono::Duration::seconds(seconds)
    }

    /// The job of the mock-ups in `state`, with one failed attempt, at 13:32:08 UTC.
    pub(in crate::admin::jobs::page) fn story(state: JobState) -> Story {
        let started = !state.is_waiting() && state != JobState::Expired;
        let job = Detail {
            asked_for: Some(at(1_320)),
            since: Some(at(1_407)),
            run_at: matches!(state, JobState::Scheduled | JobState::Retrying).then(|| at(1_640)),
            started_at: started.then(|| at(1_407)),
            finished_at: state.is_terminal().then(|| at(1_600)),
            attempt: if started { 2 } else { 1 },
            fence: started.then_some(Fence(9)),
            node: started.then(|| "mil-01".into()),
            heartbeat_at: Some(at(1_627)),
            done: (state == JobState::Running).then_some(3_200),
            total: Some(5_000),
            message: Some("batch 16 of 25".into()),
            error: (state == JobState::Failed).then(|| "HTTP 503 <b>".into()),
            output: (state == JobState::Succeeded).then(|| json!({ "rows": 5_000 })),
            parked_by: Some("giulia@example.org".into()),
            park_reason: Some("supplier asked".into()),
            cancel_at: (state == JobState::Running).then(|| at(1_625)),
            cancel_by: Some("giulia@example.org".into()),
            parent: Some(JobId(5)),
            deadline: Some(at(3_600)),
            ..job(state)
        };
        let reasons = match state {
            JobState::Ready => vec![Reason::SlotsBusy { busy: 96, slots: 96 }, Reason::InLine { position: 43 }],
            JobState::Scheduled => vec![Reason::NotDue { run_at: at(1_640) }],
            JobState::Retrying => vec![Reason::Backoff { run_at: at(1_640) }],
            JobState::Held => vec![Reason::Held { by: "giulia".into(), reason: Some("supplier asked".into()) }],
            JobState::Blocked => vec![Reason::Blocked],
            _ => Vec::new(),
        };
        Story {
            attempts: vec![attempt(1, at(1_322), at(1_363), "failed")],
            explanation: Explanation { state, reasons, free_slots: 0 },
            expected: (state == JobState::Ready).then_some(Expected::Pace(Start {
                likely: std::time::Duration::from_secs(12),
                earliest: std::time::Duration::from_secs(8),
                latest: std::time::Duration::from_secs(16),
            })),
            runs: Vec::new(),
            has_more_runs: false,
            children: Vec::new(),
            named: Named::default(),
            reopened: Vec::new(),
            in_bulk: Vec::new(),
            trail: vec![Record {
                at: at(1_625),
                actor: "giulia@example.org".into(),
                act: "job.cancel".into(),
                accepted: true,
                after: None,
                reason: Some("<script>".into()),
            }],
            job,
        }
    }
}
