//! The pools of the simulation: who is let in, and what is kept for him on his way.

use std::sync::Arc;

use super::database::{Database, Keep};
use crate::queue::limits::{Bound, Candidate, Hold, Rule, Verdict, still_kept};
use crate::queue::state::JobState;

/// Shortest time for which something is kept.
const KEEP_MS: u64 = 10_000;

/// Tells whether a job that needs so much can ever be let in.
pub(super) fn fits(rule: &Rule, need: u32) -> bool {
    !matches!(rule.bound, Bound::Pool { amount: Some(amount), .. } if need > amount)
}

impl Database {
    pub(super) fn candidate(&self, job: usize) -> Candidate {
        let row = &self.jobs[job];
        let kept = self.kept.iter().filter(|keep| keep.job == job).map(|keep| keep.hold.clone()).collect();
        Candidate { rules: row.rules.as_slice().into(), is_fresh: row.is_fresh, kept }
    }

    pub(super) fn kept_of(&self, key: &str) -> u32 {
        self.kept.iter().filter(|keep| *keep.hold.key == *key).map(|keep| keep.hold.amount).sum()
    }

    /// A job was decided about: what it does not wait to use is free again.
    pub(super) fn forget_kept(&mut self, job: usize, verdict: Option<&Verdict>) {
        let stays = |hold: &Hold| {
            verdict.is_some_and(|verdict| still_kept(std::slice::from_ref(hold), verdict).next().is_some())
        };
        self.kept.retain(|keep| keep.job != job || stays(&keep.hold));
    }

    /// Lets those in for whom there is enough, in their order, and keeps it for them.
    pub(super) fn let_in_to_pools(&mut self) {
        let (jobs, leases, now_ms) = (&self.jobs, &self.leases, self.now_ms);
        let comes = |job: usize| match jobs[job].state {
            JobState::Running => leases.values().any(|lease| lease.job == job && lease.places.is_empty()),
            state => state == JobState::Ready,
        };
        self.kept.retain(|keep| keep.until_ms > now_ms && comes(keep.job));
        let pools = jobs.iter().flat_map(|job| &job.rules).filter_map(|rule| match rule.bound {
            Bound::Pool { amount: Some(amount), .. } => Some((Arc::clone(&rule.key), amount)),
            _ => None,
        });
        for (key, amount) in pools.collect::<std::collections::BTreeMap<_, _>>() {
            let mut free = amount.saturating_sub(self.used(&key) + self.kept_of(&key));
            for job in 0..self.jobs.len() {
                let row = &self.jobs[job];
                let Some((_, _, need)) = row.gated.as_ref().filter(|(lane, _, _)| **lane == *key) else { continue };
                if *need > free {
                    break; // nobody goes before it
                }
                let (need, waited) = (*need, self.now_ms - row.due_ms.min(self.now_ms));
                free -= need;
                let hold = Hold { key: Arc::clone(&key), amount: need };
                self.kept.push(Keep { job, hold, until_ms: self.now_ms + waited.max(KEEP_MS) });
                self.jobs[job].gated = None;
            }
        }
    }
}
