//! Results that wait to be settled. Kept while the database is away; what was written is taken out afterwards.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::queue::settle::{SETTLE_BATCH_MAX, Settlement};

#[derive(Default)]
struct Inner {
    waiting: Vec<Settlement>,
    in_hand: usize,
    closed: bool,
}

/// A queue between the workers and the settler.
#[derive(Default)]
pub(crate) struct Results {
    inner: Mutex<Inner>,
    filled: Condvar,
}

impl Results {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, result: Settlement) {
        let mut inner = self.lock();
        let was_empty = inner.waiting.is_empty();
        inner.waiting.push(result);
        drop(inner);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Takes up to a batch, waiting at most `limit` for the first one. `None` once closed and empty.
    ///
    /// A lone result never waits for company: what came while the last batch was written is the next batch.
    pub(crate) fn take_batch(&self, limit: Duration) -> Option<Vec<Settlement>> {
        let mut inner = self.lock();
        if inner.waiting.is_empty() && !inner.closed {
            inner = self.filled.wait_timeout(inner, limit).unwrap_or_else(PoisonError::into_inner).0;
        }
        if inner.waiting.is_empty() {
            return if inner.closed { None } else { Some(Vec::new()) };
        }
        let size = inner.waiting.len().min(SETTLE_BATCH_MAX);
        let batch: Vec<Settlement> = inner.waiting.drain(..size).collect();
        inner.in_hand = batch.len();
        Some(batch)
    }

    /// The batch in hand was written or given up.
    pub(crate) fn done(&self) {
        self.lock().in_hand = 0;
    }

    /// Nothing waits and nothing is being written.
    pub(crate) fn is_idle(&self) -> bool {
        let inner = self.lock();
        inner.waiting.is_empty() && inner.in_hand == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }
}
