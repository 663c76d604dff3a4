//! Asking the lanes for those claimed jobs that have limits, before anything of them runs.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::Shared;
use crate::base::db::Link;
use crate::engine::buffer::Assigned;
use crate::engine::run;
use crate::queue::job::QueueId;
use crate::queue::limits::{Ask, Candidate, Rule, Verdict, admit, rules};

/// Keeps what may run. The others have left their leases: they wait in a lane or are cancelled.
pub(super) fn ask(
    link: &mut Link,
    shared: &Shared,
    assigned: Vec<Assigned>,
    queue_limits: &HashMap<QueueId, u32>,
) -> Vec<Assigned> {
    let (free, bounded): (Vec<_>, Vec<_>) =
        assigned.into_iter().map(|one| (of(&one, queue_limits), one)).partition(|(rules, _)| rules.is_empty());
    let mut kept: Vec<Assigned> = free.into_iter().map(|(_, one)| one).collect();
    if bounded.is_empty() {
        return kept;
    }
    let now = shared.clock.now();
    let asks: Vec<Ask> = bounded
        .iter()
        .map(|(rules, one)| {
            let candidate = Candidate { rules: rules.clone(), is_fresh: one.job.seq == one.job.job_id.0 };
            Ask { job: run::unstarted(&one.job, now), candidate }
        })
        .collect();
    let bounded = bounded.into_iter().map(|(_, one)| one);
    match link.with(|conn| admit(conn, shared.me, &asks)) {
        Ok(verdicts) => {
            for ((one, ask), verdict) in bounded.zip(&asks).zip(verdicts) {
                if verdict == Verdict::Admitted {
                    kept.push(admitted(shared, one, &ask.candidate));
                }
            }
            kept.sort_by_key(|one| (one.job.priority, one.job.seq));
        }
        Err(error) => {
            tracing::warn!(%error, "limits could not be asked; the jobs are given back");
            shared.recount.store(true, Ordering::SeqCst); // it may have been done all the same
            bounded.for_each(|one| shared.results.push(run::unstarted(&one.job, now)));
        }
    }
    kept
}

fn of(one: &Assigned, queue_limits: &HashMap<QueueId, u32>) -> Vec<Rule> {
    let queue = one.job.queue_id;
    match (&one.version.spec, &one.job.limit_keys, queue_limits.get(&queue).copied()) {
        (_, None, None) | (Err(_), ..) => Vec::new(),
        (Ok(spec), keys, jobs_max) => rules(queue, jobs_max, keys.as_deref().unwrap_or_default(), &spec.limits),
    }
}

/// Notes the places that it took, for whoever gives them back.
fn admitted(shared: &Shared, mut one: Assigned, candidate: &Candidate) -> Assigned {
    one.lanes = candidate.places().map(str::to_owned).collect();
    let mut places = shared.places.lock().unwrap_or_else(PoisonError::into_inner);
    places.insert((one.job.job_id, one.job.fence), one.lanes.clone());
    one
}
