//! Claimed jobs that wait for a worker thread.
//!
//! One line for all, and a lane for each worker: when jobs are short a worker takes several at once into its own lane, so
//! that handing over does not cost more than running. Whoever finds nothing else takes from the lanes of others.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::usage::Place;
use crate::queue::catalog::Version;
use crate::queue::claim::Claimed;
use crate::queue::job::{Fence, JobId};
use crate::queue::limits::Held;
use crate::queue::work::Occurrence;

/// Most jobs that a worker takes at once.
const LANE_MAX: usize = 32;
/// A worker takes at most this part of what is there, so that the others find some too.
const LANE_SHARE: usize = 8;

/// A claimed job with everything its run needs.
pub(crate) struct Assigned {
    pub(crate) job: Claimed,
    pub(crate) version: Arc<Version>,
    pub(crate) queue_name: Arc<str>,
    pub(crate) checkpoint: Option<Value>,
    /// The time of a schedule that it stands for.
    pub(crate) occurrence: Option<Occurrence>,
    /// The lanes in which it took a place when it was admitted.
    pub(crate) lanes: Held,
    /// Its place among the jobs of its queue on this node.
    pub(crate) place: Option<Place>,
    /// It may be what takes its nodes down: no two of these are here at once.
    pub(crate) suspect: bool,
    /// When it was claimed.
    pub(crate) since: Instant,
}

#[derive(Default)]
struct Line {
    jobs: VecDeque<Assigned>,
    /// Only lanes below this number may hold jobs: they are filled under the lock of the line.
    lanes: usize,
    /// Workers that wait.
    asleep: usize,
    closed: bool,
}

/// One worker's jobs. Aligned, so that neighbours do not share a cache line.
#[derive(Default)]
#[repr(align(128))]
struct Lane(Mutex<VecDeque<Assigned>>);

impl Lane {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Assigned>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue between the dispatcher and the workers.
pub(crate) struct Buffer {
    line: Mutex<Line>,
    filled: Condvar,
    lanes: Vec<Lane>,
    put: AtomicU64,
    taken: AtomicU64,
    ended: AtomicU64,
    /// A suspect is here and has not ended.
    suspect: AtomicBool,
    /// The dispatcher wants to know when this few are held; negative = it does not.
    call_at: AtomicI64,
}

impl Buffer {
    /// Makes a buffer with room for so many workers.
    pub(crate) fn new(workers: u32) -> Self {
        Self {
            line: Mutex::default(),
            filled: Condvar::new(),
            lanes: (0..workers).map(|_| Lane::default()).collect(),
            put: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            suspect: AtomicBool::new(false),
            call_at: AtomicI64::new(-1),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds jobs and wakes up to `wake` idle workers.
    pub(crate) fn fill(&self, jobs: Vec<Assigned>, wake: usize) {
        if jobs.is_empty() {
            return;
        }
        if jobs.iter().any(|job| job.suspect) {
            self.suspect.store(true, Ordering::SeqCst);
        }
        let mut line = self.lock();
        let woken = line.asleep.min(jobs.len()).min(wake);
        self.put.fetch_add(jobs.len() as u64, Ordering::SeqCst);
        line.jobs.extend(jobs);
        drop(line);
        (0..woken).for_each(|_| self.filled.notify_one());
    }

    /// Takes the next job for the worker of `slot`, waiting for one; `None` once closed, or when it `leaves`.
    /// `quick` = jobs are short: take some more into the own lane.
    pub(crate) fn take(&self, slot: usize, quick: bool, leaves: impl Fn() -> bool) -> Option<Assigned> {
        if leaves() {
            self.wake_all(); // its lane may hold jobs: the others take them
            return None;
        }
        let own = self.lanes.get(slot).and_then(|lane| lane.lock().pop_front());
        let job = own.or_else(|| self.take_from_line(slot, quick, leaves));
        if job.is_some() {
            self.taken.fetch_add(1, Ordering::SeqCst);
        }
        job
    }

    fn take_from_line(&self, slot: usize, quick: bool, leaves: impl Fn() -> bool) -> Option<Assigned> {
        let mut line = self.lock();
        loop {
            if leaves() {
                self.filled.notify_all(); // it may have been woken for a job that another has to take now
                return None;
            }
            if let Some(job) = line.jobs.pop_front() {
                let more = if quick { (line.jobs.len() / LANE_SHARE).min(LANE_MAX) } else { 0 };
                if let Some(lane) = self.lanes.get(slot).filter(|_| more > 0) {
                    line.lanes = line.lanes.max(slot + 1);
                    lane.lock().extend(line.jobs.drain(..more));
                }
                if !quick && line.asleep > 0 && !line.jobs.is_empty() {
                    self.filled.notify_one(); // each wakes the next, until nobody sleeps beside waiting jobs
                }
                return Some(job);
            }
            if let Some(job) = self.steal(slot, &mut line) {
                return Some(job);
            }
            if line.closed {
                return None;
            }
            line.asleep += 1;
            line = self.filled.wait(line).unwrap_or_else(PoisonError::into_inner);
            line.asleep -= 1;
        }
    }

    /// Takes a job out of another's lane; the own one is empty.
    fn steal(&self, slot: usize, line: &mut Line) -> Option<Assigned> {
        let lanes = self.lanes.iter().take(line.lanes).enumerate();
        let stolen = lanes.filter(|(other, _)| *other != slot).find_map(|(_, lane)| lane.lock().pop_back());
        if stolen.is_none() {
            line.lanes = 0; // all are empty: nobody looks through them again until one is filled
        }
        stolen
    }

    /// Lists the attempts that no worker has taken.
    pub(crate) fn attempts(&self) -> Vec<(JobId, Fence)> {
        let of = |assigned: &Assigned| (assigned.job.job_id, assigned.job.fence);
        let line = self.lock(); // held to the end: jobs move to the lanes under this lock
        let mut attempts: Vec<_> = line.jobs.iter().map(of).collect();
        self.lanes.iter().take(line.lanes).for_each(|lane| attempts.extend(lane.lock().iter().map(of)));
        attempts
    }

    /// Takes everything that no worker has taken. The caller settles it.
    pub(crate) fn take_all(&self) -> Vec<Assigned> {
        self.take_those(|_| true)
    }

    /// Takes those `wanted` that no worker has taken. The caller settles them.
    pub(crate) fn take_those(&self, wanted: impl Fn(&Assigned) -> bool) -> Vec<Assigned> {
        let mut line = self.lock(); // held to the end: jobs move to the lanes under this lock
        let mut jobs = Vec::new();
        let mut part = |held: &mut VecDeque<Assigned>| {
            let (taken, kept): (VecDeque<_>, VecDeque<_>) = std::mem::take(held).into_iter().partition(&wanted);
            *held = kept;
            jobs.extend(taken);
        };
        part(&mut line.jobs);
        self.lanes.iter().take(line.lanes).for_each(|lane| part(&mut lane.lock()));
        drop(line);
        self.taken.fetch_add(jobs.len() as u64, Ordering::SeqCst);
        self.ended.fetch_add(jobs.len() as u64, Ordering::SeqCst);
        if jobs.iter().any(|job| job.suspect) {
            self.suspect.store(false, Ordering::SeqCst);
        }
        jobs
    }

    /// A taken job has ended and its result waits.
    pub(crate) fn ended(&self, suspect: bool) {
        self.ended.fetch_add(1, Ordering::SeqCst);
        if suspect {
            self.suspect.store(false, Ordering::SeqCst);
        }
    }

    /// Tells whether a suspect is here and has not ended.
    pub(crate) fn holds_suspect(&self) -> bool {
        self.suspect.load(Ordering::SeqCst)
    }

    /// Tells how many jobs have not ended, taken or not.
    pub(crate) fn unfinished(&self) -> usize {
        let ended = self.ended.load(Ordering::SeqCst);
        self.put.load(Ordering::SeqCst).saturating_sub(ended) as usize
    }

    /// Tells how many jobs no worker has taken yet.
    pub(crate) fn held(&self) -> usize {
        let taken = self.taken.load(Ordering::SeqCst);
        self.put.load(Ordering::SeqCst).saturating_sub(taken) as usize
    }

    /// Tells how many jobs were taken since the start.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }

    /// Tells how long the first job of the line has waited.
    pub(crate) fn waited(&self, now: Instant) -> Duration {
        let first = self.lock().jobs.front().map(|job| job.since);
        first.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }

    /// Wakes all sleeping workers: some may have to leave.
    pub(crate) fn wake_all(&self) {
        let _line = self.lock(); // whoever is about to sleep has looked before, or sleeps now
        self.filled.notify_all();
    }

    /// Wakes a sleeping worker; `false` = none sleeps.
    pub(crate) fn wake_one(&self) -> bool {
        let asleep = self.lock().asleep > 0;
        self.filled.notify_one();
        asleep
    }

    /// The dispatcher wants a nudge when this few are held, or none.
    pub(crate) fn call_at(&self, held: Option<usize>) {
        self.call_at.store(held.map_or(-1, |held| held as i64), Ordering::SeqCst);
    }

    /// Tells, once, that the dispatcher waits for what just happened.
    pub(crate) fn is_called(&self) -> bool {
        let at = self.call_at.load(Ordering::SeqCst);
        at >= 0
            && self.held() as i64 <= at
            && self.call_at.compare_exchange(at, -1, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// Ends the workers that wait.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }
}
