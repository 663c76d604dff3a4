//! A queue gets a limit while its jobs run here: they take places, and those that no worker has begun go back and ask.

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::{Shared, give_back};
use crate::base::db::{DbError, Link};
use crate::queue::job::QueueId;
use crate::queue::limits::{self, Held, Hold, Holding, queue_key};

/// How long a write of results is waited for; it takes milliseconds unless the database is away.
const WRITE_WAIT_MAX: Duration = Duration::from_millis(100);

/// Takes places for what this node runs of queues whose limits were set after change number `heard`, up to number `change`.
/// `false` = results are being written all the time; come again.
pub(super) fn adopt(link: &mut Link, shared: &Shared, heard: i64, change: i64) -> Result<bool, DbError> {
    let _claiming = shared.claiming.lock().unwrap_or_else(PoisonError::into_inner);
    let queues = link.with(|conn| limits::limited_since(conn, heard))?;
    let has_no_place = |queue: QueueId, lanes: &Held| {
        let key = queue_key(queue);
        queues.contains(&queue) && !lanes.iter().any(|hold| *hold.key == *key)
    };
    let unbegun = shared.buffer.take_those(|one| has_no_place(one.job.queue_id, &one.lanes));
    give_back(shared, unbegun);
    let Some(_settling) = settling(shared) else { return Ok(false) };
    link.with(|conn| limits::adopt(conn, shared.me, (queues.as_slice(), change), |held| note(shared, held)))?;
    Ok(true)
}

fn settling(shared: &Shared) -> Option<MutexGuard<'_, ()>> {
    let end = Instant::now() + WRITE_WAIT_MAX;
    loop {
        match shared.settling.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(guard)) => return Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() >= end => return None,
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_micros(200)),
        }
    }
}

/// Notes the places of what this node holds, for whoever gives them back, and lists those of all that runs here.
fn note(shared: &Shared, held: &[Holding]) -> Vec<Held> {
    let mut places = shared.places.lock().unwrap_or_else(PoisonError::into_inner);
    for (job, fence, queue) in held {
        let key = queue_key(*queue);
        let lanes = places.entry((*job, *fence)).or_default();
        if !lanes.iter().any(|hold| *hold.key == *key) {
            *lanes = lanes.iter().cloned().chain([Hold { key: key.into(), amount: 1 }]).collect();
            shared.adopted.store(true, Ordering::SeqCst);
        }
    }
    places.values().cloned().collect()
}
