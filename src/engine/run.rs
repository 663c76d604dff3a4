//! One attempt: from a claimed job to the result that is settled.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::buffer::Assigned;
use super::pool::Running;
use super::usage::Place;
use super::{Shared, panics};
use crate::base::clock::Time;
use crate::queue::claim::Claimed;
use crate::queue::retry::{FailedAttempt, Next, after_failure};
use crate::queue::settle::{AttemptOutcome, Ending, Settlement, Trouble};
use crate::queue::template::{Defaults, RunnerKind, TemplateSpec};
use crate::queue::work::{
    Ended, Failure, JobContext, JobFacts, Outcome, Report, Resources, Runner, Stop, StoredArgs, Veil, kept_trace,
};

/// Longest output kept, in bytes of JSON.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;

/// Who does which kind of template.
#[derive(Clone, Default)]
pub struct Runners(HashMap<RunnerKind, Arc<dyn Runner>>);

impl Runners {
    /// Sets who does `kind`.
    #[must_use]
    pub fn with(mut self, kind: RunnerKind, runner: impl Runner + 'static) -> Self {
        self.0.insert(kind, Arc::new(runner));
        self
    }

    /// Says how work of one kind is counted and bounded here.
    pub(crate) fn bounds(&self, kind: RunnerKind) -> &str {
        self.0.get(&kind).map_or("", |runner| runner.bounds())
    }

    fn run(&self, job: &JobContext, spec: &TemplateSpec) -> Report {
        match self.0.get(&spec.runner) {
            Some(runner) => runner.run(job, spec),
            None => Report::plain(Ok(Outcome::give_up(format!("this node runs no {} jobs", spec.runner.as_str())))),
        }
    }
}

/// The life of a worker thread.
pub(crate) fn work(shared: &Arc<Shared>, slot: usize) {
    while let Some(assigned) = shared.buffer.take(slot, shared.pool.is_quick(), || shared.pool.may_leave(slot)) {
        call_if_wanted(shared);
        let suspect = assigned.suspect;
        run(shared, slot, assigned);
        shared.buffer.ended(suspect); // after the result is queued: whoever sees neither sees the end
        call_if_wanted(shared);
    }
}

/// The dispatcher may have asked to be told when there is room.
fn call_if_wanted(shared: &Shared) {
    if shared.buffer.is_called() {
        shared.work_bell.nudge();
    }
}

fn run(shared: &Shared, slot: usize, mut assigned: Assigned) {
    let started_at = shared.clock.now();
    if shared.fence.time_left().is_zero() {
        return shared.results.push_from(slot, returned(&assigned, started_at)); // it may be somebody else's by now
    }
    let version = Arc::clone(&assigned.version);
    let spec = match &version.spec {
        Ok(spec) => spec,
        Err(error) => return shared.results.push_from(slot, unreadable(&assigned.job, started_at, error)),
    };
    if let Err(error) = assigned.job.args.check() {
        return shared.results.push_from(slot, unfit(&assigned, started_at, error));
    }
    let facts = facts(shared, &mut assigned, spec, started_at);
    let context = JobContext::new(facts, timeout(&assigned, spec), Arc::clone(&shared.clock));
    let running = Arc::new(Running::new(context));
    assigned.place.iter_mut().for_each(Place::begin);
    shared.pool.enter(slot, Arc::clone(&running));
    let report = attempt(shared, &running.context, spec);
    match settlement(shared, &assigned, spec, &running, report) {
        Some(result) => {
            shared.pool.ran(result.ran());
            shared.results.push_from(slot, result);
        }
        None => settled_itself(shared, &assigned),
    }
    shared.pool.leave(slot);
}

/// The work has recorded its own end: what it leaves behind goes to others.
fn settled_itself(shared: &Shared, assigned: &Assigned) {
    if assigned.job.marks.is_ordered() || assigned.job.marks.is_scheduled() {
        shared.work_bell.ring(); // whose turn it is now may be in the line
    }
    let attempt = (assigned.job.job_id, assigned.job.fence);
    let was_adopted = || {
        shared.adopted.load(Ordering::SeqCst)
            && shared.places.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&attempt)
    };
    if !assigned.lanes.is_empty() || was_adopted() {
        shared.results.push_self_settled(attempt);
    }
}

fn attempt(shared: &Shared, context: &JobContext, spec: &TemplateSpec) -> Report {
    let report = panics::catch(|| shared.runners.run(context, spec))
        .unwrap_or_else(|(message, trace)| Report::plain(Err(Failure { trace, ..Failure::new(message) })));
    Report { ended: covered(report.ended, &context.facts().veil), ..report }
}

/// Covers the secrets in what is told of a failure.
fn covered(ended: Ended, veil: &Veil) -> Ended {
    let cover = |failure: Failure| Failure {
        message: veil.cover(&failure.message).into_owned(),
        trace: failure.trace.map(|trace| veil.cover(&trace).into_owned()),
        ..failure
    };
    match ended {
        Ok(Outcome::GiveUp(failure)) => Ok(Outcome::GiveUp(cover(failure))),
        Ok(Outcome::RetryAfter(failure, after)) => Ok(Outcome::RetryAfter(cover(failure), after)),
        Ok(done @ (Outcome::Done | Outcome::Snooze(_))) => Ok(done),
        Err(failure) => Err(cover(failure)),
    }
}

fn timeout(assigned: &Assigned, spec: &TemplateSpec) -> Option<Duration> {
    let own = assigned.job.timeout_ms.map(i64::unsigned_abs);
    Some(Duration::from_millis(own.unwrap_or(spec.defaults.timeout_ms)))
}

fn attempts_max(assigned: &Assigned, defaults: &Defaults) -> u16 {
    assigned.job.max_attempts.map_or(defaults.max_attempts, i16::unsigned_abs)
}

/// Moves the arguments and the checkpoint out of `assigned`: they may be large.
fn facts(shared: &Shared, assigned: &mut Assigned, spec: &TemplateSpec, started_at: Time) -> JobFacts {
    let max_attempts = attempts_max(assigned, &spec.defaults);
    let job = &mut assigned.job;
    JobFacts {
        job: job.job_id,
        attempt: job.attempt.unsigned_abs(),
        max_attempts,
        fence: job.fence,
        template: Arc::clone(&assigned.version.template),
        version: job.version,
        queue: Arc::clone(&assigned.queue_name),
        node: Arc::clone(&shared.node),
        veil: veil(spec, &job.args),
        args: job.args.clone(),
        occurrence: assigned.occurrence.take(),
        checkpoint: assigned.checkpoint.take(),
        created_at: job.created_at,
        waiting_since: job.since,
        started_at,
        deadline: job.deadline,
    }
}

/// Covers the values of the template's secret parameters.
fn veil(spec: &TemplateSpec, args: &StoredArgs) -> Veil {
    if !spec.params.has_secrets() {
        return Veil::default(); // the arguments need not be read
    }
    Veil::over(spec.params.secrets(args))
}

/// Turns the report into the result that is settled; `None` when the work settled itself.
fn settlement(
    shared: &Shared,
    assigned: &Assigned,
    spec: &TemplateSpec,
    running: &Running,
    report: Report,
) -> Option<Settlement> {
    if report.settled {
        return None;
    }
    let context = &running.context;
    let ending = ending(assigned, spec, running, report);
    let mut written = running.written.lock().unwrap_or_else(PoisonError::into_inner);
    let said = context.take_said();
    let last_words = written.last(context, said);
    Some(Settlement {
        lanes: Arc::clone(&assigned.lanes),
        started_at: Some(context.facts().started_at),
        resources: ending.1,
        log_bytes: context.log_bytes(),
        live: written.signed,
        last_words,
        checkpoint: written.checkpoint.take(),
        ending: ending.0,
        ..Settlement::unstarted(&assigned.job, shared.clock.now())
    })
}

fn ending(assigned: &Assigned, spec: &TemplateSpec, running: &Running, report: Report) -> (Ending, Resources) {
    let resources = report.resources;
    let ending = match report.ended {
        Ok(Outcome::Done) => succeeded(running),
        Ok(Outcome::Snooze(after)) => Ending::Snoozed(after),
        Ok(Outcome::GiveUp(failure)) => stopped(running, &failure).unwrap_or_else(|| Ending::Failed(trouble(failure))),
        Ok(Outcome::RetryAfter(failure, after)) => {
            stopped(running, &failure).unwrap_or_else(|| failed(assigned, spec, resources, failure, Some(after)))
        }
        Err(failure) => stopped(running, &failure).unwrap_or_else(|| failed(assigned, spec, resources, failure, None)),
    };
    (ending, resources)
}

fn succeeded(running: &Running) -> Ending {
    let output = running.context.take_output();
    let size = output.as_ref().map_or(0, |value| value.to_string().len());
    if size > OUTPUT_BYTES_MAX {
        let error = format!("its output has {size} bytes, at most {OUTPUT_BYTES_MAX} are kept");
        return Ending::Failed(trouble(Failure::new(error)));
    }
    Ending::Succeeded { output }
}

/// Work that failed because it was told to stop: by whom decides. A timeout is an ordinary failure.
fn stopped(running: &Running, failure: &Failure) -> Option<Ending> {
    match failure.stop? {
        Stop::Cancelled | Stop::Terminated => {
            let by = running.cancelled.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (by, reason) = by.unwrap_or_else(|| ("millrace".into(), None));
            Some(Ending::Cancelled { by, reason })
        }
        why @ (Stop::Draining | Stop::LeaseLost) => Some(Ending::HandedBack { stopped: Some(why) }),
        Stop::TimedOut => None,
    }
}

fn failed(
    assigned: &Assigned,
    spec: &TemplateSpec,
    resources: Resources,
    failure: Failure,
    after: Option<Duration>,
) -> Ending {
    let attempt = assigned.job.attempt.unsigned_abs();
    let most = attempts_max(assigned, &spec.defaults);
    let facts = FailedAttempt { error: &failure.message, resources };
    let next = after_failure(&spec.defaults, attempt, most, &facts, crate::base::random::unit());
    let next = match next {
        Next::Retry(wait) => Next::Retry(after.unwrap_or(wait).max(Duration::from_millis(1))),
        other => other,
    };
    Ending::of(next, trouble(failure))
}

fn trouble(failure: Failure) -> Trouble {
    let outcome = match failure.stop {
        Some(Stop::TimedOut) => AttemptOutcome::TimedOut,
        _ => AttemptOutcome::Failed,
    };
    Trouble { outcome, error: failure.message, trace: failure.trace.map(kept_trace) }
}

/// The result of a job that was admitted and never started: it goes back, uncounted, with the places it took.
pub(crate) fn returned(assigned: &Assigned, now: Time) -> Settlement {
    Settlement { lanes: Arc::clone(&assigned.lanes), ..Settlement::unstarted(&assigned.job, now) }
}

/// The result of a job that was claimed and has to wait: it comes back after `wait`, uncounted.
pub(crate) fn postponed(job: &Claimed, now: Time, wait: Duration) -> Settlement {
    Settlement { ending: Ending::Postponed(wait), ..Settlement::unstarted(job, now) }
}

/// The result of a job whose deadline passed before it was claimed.
pub(crate) fn expired(job: &Claimed, now: Time) -> Settlement {
    Settlement { ending: Ending::Expired, ..Settlement::unstarted(job, now) }
}

/// The result of a job whose arguments cannot be read: trying again would meet the same ones.
fn unfit(assigned: &Assigned, now: Time, error: String) -> Settlement {
    Settlement { ending: Ending::Failed(trouble(Failure::new(error))), ..returned(assigned, now) }
}

/// The result of a job whose template's version cannot be understood.
pub(crate) fn unreadable(job: &Claimed, now: Time, error: &str) -> Settlement {
    let why = format!("this node cannot read version {} of its template: {error}", job.version);
    let ending = Ending::Held(trouble(Failure::new(&why)), why);
    Settlement { ending, ..Settlement::unstarted(job, now) }
}
