//! Asking the lanes for those claimed jobs that have limits, before anything of them runs.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::Shared;
use crate::base::db::Link;
use crate::engine::buffer::Assigned;
use crate::queue::aging::is_overdue;
use crate::queue::claim::flush;
use crate::queue::job::{QueueId, TemplateId};
use crate::queue::limits::{Ask, Candidate, Held, LimitKeys, Rule, Verdict, admit, places, rules};
use crate::queue::settle::Settlement;

/// Who brings a claim to disk before anything of it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlushedBy {
    /// The claim itself.
    Claim,
    /// The decision about the limits of its jobs, or a flush in its place: claim and decision then cost one flush.
    Decision,
}

/// Keeps what may run, and tells who is to flush the next claim: when lanes were asked now, they will likely be asked again.
/// The others have left their leases: they wait in a lane or are cancelled.
pub(super) fn ask(
    link: &mut Link,
    shared: &Shared,
    assigned: Vec<Assigned>,
    queue_limits: &HashMap<QueueId, u32>,
    flushed_by: FlushedBy,
) -> (Vec<Assigned>, FlushedBy) {
    let now = shared.clock.now();
    let waited = |one: &Assigned| (now - one.job.since).to_std().unwrap_or_default();
    let overdue = |one: &Assigned| is_overdue(one.job.priority, waited(one), shared.settings.aging);
    let turn = |one: &Assigned| (!overdue(one), one.job.priority, is_fresh(one));
    let Split { mut free, bounded, asks } = split(assigned, queue_limits, turn);
    let decided = if asks.is_empty() {
        let is_due = flushed_by == FlushedBy::Decision && !free.is_empty();
        let flushed = if is_due { link.with(flush) } else { Ok(()) };
        flushed.map(|()| Vec::new())
    } else {
        link.with(|conn| admit(conn, shared.me, &asks, |place| Settlement::unstarted(&bounded[place].job, now)))
    };
    match decided {
        Ok(verdicts) => {
            let admitted = admitted(bounded, &verdicts);
            note_places(shared, &admitted);
            free = merged(free, admitted);
        }
        Err(error) => {
            tracing::warn!(%error, "limits could not be asked; the jobs are given back");
            shared.recount.store(true, Ordering::SeqCst); // it may have been done all the same
            let lost = match flushed_by {
                FlushedBy::Claim => Vec::new(),
                FlushedBy::Decision => std::mem::take(&mut free),
            };
            lost.iter().chain(&bounded).for_each(|one| shared.results.push(Settlement::unstarted(&one.job, now)));
        }
    }
    (free, if asks.is_empty() { FlushedBy::Claim } else { FlushedBy::Decision })
}

/// Jobs without limits, jobs with limits, and what is asked for these.
struct Split {
    free: Vec<Assigned>,
    bounded: Vec<Assigned>,
    asks: Vec<Ask>,
}

/// It comes for the first time; the others may have been let in by a lane, and stand behind fresh ones that came later.
fn is_fresh(one: &Assigned) -> bool {
    one.job.seq == one.job.job_id.0
}

/// They ask by their `turn`: whom a lane has let in has its place, before those who never asked.
fn split<T: Ord>(
    mut assigned: Vec<Assigned>,
    queue_limits: &HashMap<QueueId, u32>,
    turn: impl Fn(&Assigned) -> T,
) -> Split {
    let is_free = |one: &Assigned| one.job.limit_keys.is_none() && !queue_limits.contains_key(&one.job.queue_id);
    if assigned.iter().all(is_free) {
        return Split { free: assigned, bounded: Vec::new(), asks: Vec::new() };
    }
    let mut known = Known::default();
    let mut split = Split { free: Vec::new(), bounded: Vec::new(), asks: Vec::new() };
    assigned.sort_by_key(turn); // stable: alike ones keep their places in line
    for mut one in assigned {
        let bounds = known.of(&one, queue_limits);
        if bounds.rules.is_empty() {
            split.free.push(one);
            continue;
        }
        one.lanes = bounds.lanes;
        let is_fresh = is_fresh(&one);
        let candidate = Candidate { rules: bounds.rules, is_fresh, kept: Held::default() };
        split.asks.push(Ask { job: one.job.job_id, fence: one.job.fence, candidate });
        split.bounded.push(one);
    }
    split
}

/// What holds for jobs of one kind.
#[derive(Clone, Default)]
struct Bounds {
    rules: Arc<[Rule]>,
    /// The lanes in which it takes places.
    lanes: Held,
}

impl Bounds {
    fn of(one: &Assigned, queue_limits: &HashMap<QueueId, u32>) -> Self {
        let job = &one.job;
        let Ok(spec) = &one.version.spec else { return Self::default() };
        let keys = job.limit_keys.as_ref().map(LimitKeys::list).unwrap_or_default();
        let rules = rules(job.queue_id, queue_limits.get(&job.queue_id).copied(), &keys, &spec.limits);
        Self { lanes: places(&rules).collect(), rules }
    }
}

/// What holds for the kinds of jobs of one claim: many jobs share few keys, which are only looked at.
#[derive(Default)]
struct Known(HashMap<(TemplateId, i32, QueueId), HashMap<Option<LimitKeys>, Bounds>>);

impl Known {
    fn of(&mut self, one: &Assigned, queue_limits: &HashMap<QueueId, u32>) -> Bounds {
        let job = &one.job;
        let kinds = self.0.entry((job.template_id, job.version, job.queue_id)).or_default();
        if let Some(bounds) = kinds.get(&job.limit_keys) {
            return bounds.clone();
        }
        let bounds = Bounds::of(one, queue_limits);
        kinds.insert(job.limit_keys.clone(), bounds.clone());
        bounds
    }
}

/// Nearly always all of them, which then need not be moved.
fn admitted(bounded: Vec<Assigned>, verdicts: &[Verdict]) -> Vec<Assigned> {
    let is_admitted = |verdict: &Verdict| *verdict == Verdict::Admitted;
    if verdicts.iter().all(is_admitted) {
        return bounded;
    }
    bounded.into_iter().zip(verdicts).filter_map(|(one, verdict)| is_admitted(verdict).then_some(one)).collect()
}

/// Puts jobs with and without limits into the order in which they start.
fn merged(free: Vec<Assigned>, bounded: Vec<Assigned>) -> Vec<Assigned> {
    let (mut all, fewer) = if free.len() < bounded.len() { (bounded, free) } else { (free, bounded) };
    all.extend(fewer);
    all.sort_by_key(|one| (one.job.priority, one.job.seq));
    all
}

/// Notes the places that jobs took, for whoever gives them back.
fn note_places(shared: &Shared, admitted: &[Assigned]) {
    let mut places = shared.places.lock().unwrap_or_else(PoisonError::into_inner);
    places.extend(admitted.iter().map(|one| ((one.job.job_id, one.job.fence), Arc::clone(&one.lanes))));
}
