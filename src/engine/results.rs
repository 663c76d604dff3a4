//! Results that wait to be settled. Kept while the database is away; what was written is taken out afterwards.
//!
//! Each slot has a lane of its own, so that workers meet neither each other nor, for long, the settler.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::queue::job::{Fence, JobId};
use crate::queue::settle::{SETTLE_BATCH_MAX, Settlement};

/// Results of one slot. Aligned, so that neighbours do not share a cache line.
#[derive(Default)]
#[repr(align(128))]
struct Lane(Mutex<Vec<Settlement>>);

impl Lane {
    fn lock(&self) -> MutexGuard<'_, Vec<Settlement>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many lanes were used so far. Aligned: the workers read it with each result, and it is hardly ever written.
#[repr(align(128))]
struct Used(AtomicUsize);

/// A queue between the workers and the settler.
pub(crate) struct Results {
    /// One lane for results that come from no slot, then one per slot.
    lanes: Vec<Lane>,
    /// Lanes from this number on have never held anything.
    used: Used,
    in_hand: AtomicUsize,
    /// Blocked results that the settler has set aside.
    aside: AtomicUsize,
    /// Attempts that have recorded their own end: only the places that they took are left to be given back.
    self_settled: Mutex<Vec<(JobId, Fence)>>,
    closed: AtomicBool,
    /// The settler sleeps, or is about to.
    asleep: AtomicBool,
    gate: Mutex<()>,
    filled: Condvar,
}

impl Results {
    /// Makes room for so many slots.
    pub(crate) fn new(slots: u32) -> Self {
        Self {
            lanes: (0..=slots).map(|_| Lane::default()).collect(),
            used: Used(AtomicUsize::new(1)),
            in_hand: AtomicUsize::new(0),
            aside: AtomicUsize::new(0),
            self_settled: Mutex::default(),
            closed: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            gate: Mutex::default(),
            filled: Condvar::new(),
        }
    }

    /// Adds the result of a job that ran in `slot`.
    pub(crate) fn push_from(&self, slot: usize, result: Settlement) {
        self.push_to(slot + 1, result);
    }

    /// Adds the result of a job that never reached a slot.
    pub(crate) fn push(&self, result: Settlement) {
        self.push_to(0, result);
    }

    fn push_to(&self, number: usize, result: Settlement) {
        if number >= self.used.0.load(Ordering::SeqCst) {
            self.used.0.fetch_max(number + 1, Ordering::SeqCst); // before the result is there, or it might not be seen
        }
        if let Some(lane) = self.lanes.get(number) {
            lane.lock().push(result);
        }
        self.wake();
    }

    /// The lanes that may hold results.
    fn lanes(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter().take(self.used.0.load(Ordering::SeqCst))
    }

    /// An attempt has recorded its own end and leaves places behind.
    pub(crate) fn push_self_settled(&self, attempt: (JobId, Fence)) {
        self.lock_self_settled().push(attempt);
        self.wake();
    }

    /// Takes the attempts that have recorded their own end.
    pub(crate) fn take_self_settled(&self) -> Vec<(JobId, Fence)> {
        std::mem::take(&mut *self.lock_self_settled())
    }

    fn lock_self_settled(&self) -> MutexGuard<'_, Vec<(JobId, Fence)>> {
        self.self_settled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // either the settler sees the lane, or we see that it sleeps: both look after they have written
        if self.asleep.load(Ordering::SeqCst) {
            let _gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
            self.asleep.store(false, Ordering::SeqCst);
            self.filled.notify_one();
        }
    }

    /// Moves up to a batch into the empty `batch`, waiting at most `limit` for the first result. `false` once closed and
    /// empty.
    ///
    /// A lone result never waits for company: what came while the last batch was written is the next batch.
    pub(crate) fn take_batch(&self, batch: &mut Vec<Settlement>, limit: Duration) -> bool {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.asleep.store(true, Ordering::SeqCst);
        if self.len() == 0 && self.lock_self_settled().is_empty() && !self.closed.load(Ordering::SeqCst) {
            gate = self.filled.wait_timeout(gate, limit).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.asleep.store(false, Ordering::SeqCst);
        drop(gate);
        self.take_more(batch);
        !(self.closed.load(Ordering::SeqCst) && batch.is_empty())
    }

    /// Moves what has come into `batch`, up to a batch in all.
    pub(crate) fn take_more(&self, batch: &mut Vec<Settlement>) {
        self.in_hand.store(1, Ordering::SeqCst); // before they leave the lanes, or they were nowhere for a moment
        for lane in self.lanes() {
            let mut lane = lane.lock();
            let more = lane.len().min(SETTLE_BATCH_MAX.saturating_sub(batch.len()));
            batch.extend(lane.drain(..more));
        }
        self.in_hand.store(batch.len(), Ordering::SeqCst);
    }

    /// The batch in hand was written or given up; so many results are set aside.
    pub(crate) fn done(&self, aside: usize) {
        self.aside.store(aside, Ordering::SeqCst); // before the hand is empty, or they were nowhere for a moment
        self.in_hand.store(0, Ordering::SeqCst);
    }

    /// Lists the attempts whose results wait in the lanes.
    pub(crate) fn attempts(&self) -> Vec<(JobId, Fence)> {
        self.lanes()
            .flat_map(|lane| lane.lock().iter().map(|result| (result.job, result.fence)).collect::<Vec<_>>())
            .collect()
    }

    /// Nothing waits and nothing is being written.
    pub(crate) fn is_idle(&self) -> bool {
        // in this order: see take_more and done
        self.len() == 0 && self.in_hand.load(Ordering::SeqCst) == 0 && self.aside.load(Ordering::SeqCst) == 0
    }

    /// Tells how many results wait.
    pub(crate) fn len(&self) -> usize {
        self.lanes().map(|lane| lane.lock().len()).sum()
    }

    pub(crate) fn close(&self) {
        let _gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.closed.store(true, Ordering::SeqCst);
        self.filled.notify_all();
    }
}
