//! Jobs that were running when their node went down, time and again. One of them may be the cause, so they run apart: the
//! next crash then blames one of them, and its neighbours are not held with it.
//!
//! They are put off before anything runs, because a claimed job counts as interrupted whether its code had begun or not.

use std::collections::HashSet;
use std::time::Duration;

use super::Shared;
use crate::base::db::Link;
use crate::base::random;
use crate::engine::run;
use crate::queue::claim::Claimed;
use crate::queue::job::JobId;
use crate::queue::retry::SUSPECT_INTERRUPTIONS;
use crate::queue::settle::{Settlement, settle};
use crate::queue::sweep;

/// How long those wait that cannot run now, and how much longer at most.
const WAIT: Duration = Duration::from_secs(2);

/// Keeps what may run now, each with whether it is a suspect (at most one is), and puts the other suspects off.
pub(super) fn postpone(link: &mut Link, shared: &Shared, claimed: Vec<Claimed>) -> Vec<(Claimed, bool)> {
    let suspects = find(link, &claimed);
    let mut is_free = !shared.buffer.holds_suspect();
    let (mut kept, mut put_off) = (Vec::with_capacity(claimed.len()), Vec::new());
    for job in claimed {
        let suspect = suspects.contains(&job.job_id);
        if suspect && !is_free {
            put_off.push(postponed(shared, &job));
        } else {
            is_free &= !suspect;
            kept.push((job, suspect));
        }
    }
    put_off_now(link, shared, put_off);
    kept
}

/// Finds those that were interrupted twice or more.
fn find(link: &mut Link, claimed: &[Claimed]) -> HashSet<JobId> {
    let old = |job: &&Claimed| i64::from(job.attempt) > SUSPECT_INTERRUPTIONS;
    let again: Vec<JobId> = claimed.iter().filter(old).map(|job| job.job_id).collect();
    if again.is_empty() {
        return HashSet::new();
    }
    link.with(|conn| sweep::suspects(conn, &again)).unwrap_or_else(|error| {
        tracing::warn!(%error, "interruptions could not be read; these jobs run one at a time");
        again.into_iter().collect()
    })
}

fn postponed(shared: &Shared, job: &Claimed) -> Settlement {
    run::postponed(job, shared.clock.now(), WAIT + WAIT.mul_f64(random::unit()))
}

/// Settled here and now: before the one that runs can take the node down.
fn put_off_now(link: &mut Link, shared: &Shared, results: Vec<Settlement>) {
    if results.is_empty() {
        return;
    }
    tracing::info!(jobs = results.len(), "jobs that were interrupted before wait for each other");
    if let Err(error) = link.with(|conn| settle(conn, shared.me, &results)) {
        tracing::warn!(%error, "they could not be put off at once");
        results.into_iter().for_each(|result| shared.results.push(result));
    }
}
