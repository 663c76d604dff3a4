//! Jobs that stand under this node's lease although nobody here knows of them: the answer to their claim was lost, or their
//! result could not be recorded. While the node lives no sweep finds them, so it gives them back itself.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::Shared;
use crate::base::db::{DbError, Link};
use crate::queue::job::{Fence, JobId};
use crate::queue::settle::Settlement;
use crate::queue::{hand_back, limits};

/// Time between two looks. A job is given back when two of them in a row find it unknown.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Younger leases are left alone.
const LEASE_AGE_MIN: Duration = Duration::from_secs(2);

type Attempt = (JobId, Fence);

/// What the last look found.
#[derive(Debug)]
pub(super) struct LostJobs {
    looked: Instant,
    suspects: HashSet<Attempt>,
}

impl Default for LostJobs {
    fn default() -> Self {
        Self { looked: Instant::now(), suspects: HashSet::new() }
    }
}

impl LostJobs {
    /// Looks when it is time to. Only the settler may call it, between two batches: then every result is either in the
    /// lanes or in `aside`.
    pub(super) fn look(&mut self, shared: &Shared, link: &mut Link, aside: &VecDeque<Settlement>) {
        if self.looked.elapsed() < LOOK_EVERY || shared.fence.time_left().is_zero() {
            return;
        }
        if shared.recount.load(Ordering::SeqCst)
            && let Err(error) = Self::recount(shared, link)
        {
            tracing::debug!(%error, "places of lanes could not be counted");
        }
        match self.give_back(shared, link, aside) {
            Ok(0) => {}
            Ok(jobs) => {
                tracing::warn!(jobs, "gave back jobs that were claimed and then lost from sight");
                shared.work_bell.ring();
            }
            Err(error) => tracing::debug!(%error, "lost jobs could not be looked for"),
        }
    }

    fn give_back(&mut self, shared: &Shared, link: &mut Link, aside: &VecDeque<Settlement>) -> Result<usize, DbError> {
        // leases first: what is claimed after this is not asked about
        let held = link.with(|conn| hand_back::held(conn, shared.me, LEASE_AGE_MIN))?;
        let Some(known) = known(shared, aside) else { return Ok(0) }; // a claim is under way: look again soon
        self.looked = Instant::now();
        let unknown: HashSet<Attempt> = held.into_iter().filter(|attempt| !known.contains(attempt)).collect();
        // a worker between taking a job and registering it is seen nowhere, but not twice
        let lost: Vec<Attempt> = unknown.intersection(&self.suspects).copied().collect();
        self.suspects = unknown;
        if lost.is_empty() {
            return Ok(0);
        }
        let given_back = link.with(|conn| hand_back::hand_back(conn, shared.me, &lost))?;
        let mut places = shared.places.lock().unwrap_or_else(PoisonError::into_inner);
        lost.iter().for_each(|attempt| drop(places.remove(attempt)));
        drop(places);
        shared.recount.store(true, Ordering::SeqCst); // they may have held places, or not
        Ok(given_back)
    }

    /// Writes what this node really uses of lanes. Nothing is settled meanwhile, because the settler calls it, and nothing
    /// admitted, because it holds the lock of those who claim.
    fn recount(shared: &Shared, link: &mut Link) -> Result<(), DbError> {
        let Ok(_claiming) = shared.claiming.try_lock() else { return Ok(()) };
        let places = shared.places.lock().unwrap_or_else(PoisonError::into_inner);
        let running: Vec<_> = places.values().cloned().collect();
        drop(places);
        link.with(|conn| limits::recount(conn, shared.me, running.iter()))?;
        shared.recount.store(false, Ordering::SeqCst);
        Ok(())
    }
}

/// Lists what is known, in the order in which jobs move; `None` while claimed jobs are on their way into the buffer.
fn known(shared: &Shared, aside: &VecDeque<Settlement>) -> Option<HashSet<Attempt>> {
    let claiming = match shared.claiming.try_lock() {
        Ok(claiming) => claiming,
        Err(TryLockError::Poisoned(claiming)) => claiming.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    let mut known: HashSet<Attempt> = shared.buffer.attempts().into_iter().collect();
    drop(claiming);
    known.extend(shared.pool.running().iter().map(|running| (running.context.job(), running.context.fence())));
    known.extend(shared.results.attempts());
    known.extend(aside.iter().map(|result| (result.job, result.fence)));
    Some(known)
}
