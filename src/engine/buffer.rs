//! Claimed jobs that wait for a worker thread.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::queue::catalog::Version;
use crate::queue::claim::Claimed;

/// A claimed job with everything its run needs.
pub(crate) struct Assigned {
    pub(crate) job: Claimed,
    pub(crate) version: Arc<Version>,
    pub(crate) queue_name: Arc<str>,
    pub(crate) checkpoint: Option<Value>,
}

#[derive(Default)]
struct Inner {
    jobs: VecDeque<Assigned>,
    waiting: usize,
    closed: bool,
    filled_at: Option<Instant>,
}

/// A queue between the dispatcher and the workers.
#[derive(Default)]
pub(crate) struct Buffer {
    inner: Mutex<Inner>,
    filled: Condvar,
}

impl Buffer {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds jobs and wakes as many idle workers.
    pub(crate) fn fill(&self, jobs: Vec<Assigned>) {
        let mut inner = self.lock();
        let woken = inner.waiting.min(jobs.len());
        inner.jobs.extend(jobs);
        inner.filled_at = Some(Instant::now());
        drop(inner);
        (0..woken).for_each(|_| self.filled.notify_one());
    }

    /// Takes the next job, waiting for one; `None` once closed. Tells how many are left behind it.
    pub(crate) fn take(&self) -> Option<(Assigned, usize)> {
        let mut inner = self.lock();
        loop {
            if let Some(job) = inner.jobs.pop_front() {
                return Some((job, inner.jobs.len()));
            }
            if inner.closed {
                return None;
            }
            inner.waiting += 1;
            inner = self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner);
            inner.waiting -= 1;
        }
    }

    /// Takes everything that no worker has taken.
    pub(crate) fn take_all(&self) -> Vec<Assigned> {
        self.lock().jobs.drain(..).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Tells how long the buffer has held jobs that no idle worker was there to take.
    pub(crate) fn stuck_for(&self) -> Duration {
        let inner = self.lock();
        match inner.filled_at {
            Some(at) if !inner.jobs.is_empty() && inner.waiting == 0 => at.elapsed(),
            _ => Duration::ZERO,
        }
    }

    /// Ends the workers that wait.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }
}
