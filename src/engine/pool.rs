//! The worker threads: one thread is one slot. The pool starts at its lower bound and grows to its upper one when jobs wait
//! for threads.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::settings::SlotBounds;
use super::{Shared, run, spawn};
use crate::queue::job::{Fence, JobId};
use crate::queue::log::Chunk;
use crate::queue::work::{JobContext, Stop, Taken};

/// Who cancelled a job, and why.
type Canceller = (String, Option<String>);

/// A job that runs in a slot.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) context: JobContext,
    /// What of its words is written.
    pub(crate) written: Arc<Mutex<Written>>,
    /// Who cancelled it, and why.
    pub(crate) cancelled: Arc<Mutex<Option<Canceller>>>,
}

impl Running {
    pub(crate) fn new(context: JobContext) -> Self {
        Self { context, written: Arc::default(), cancelled: Arc::default() }
    }
}

/// What of an attempt's words is written. Chunks stay here until the flusher has committed them, so that the settling
/// transaction can write those that it has not: none is lost between the two.
#[derive(Default)]
pub(crate) struct Written {
    chunks: i32,
    lines: i32,
    pending: Vec<Chunk>,
    /// A progress or checkpoint row may exist.
    pub(crate) signed: bool,
}

impl Written {
    /// Makes the next chunk from what was said, and gives all chunks that are not known to be written.
    pub(crate) fn next(&mut self, context: &JobContext, said: &Taken) -> Vec<Chunk> {
        if !said.lines.is_empty() {
            let lines = i32::try_from(said.lines.len()).unwrap_or(i32::MAX);
            self.pending.push(Chunk {
                job: context.job(),
                attempt: context.attempt() as i16,
                fence: context.fence(),
                chunk: self.chunks,
                first_line: self.lines + 1,
                lines,
                dropped_bytes: said.dropped_bytes as i64,
                body: Chunk::body_of(&said.lines),
            });
            self.chunks += 1;
            self.lines += lines;
        }
        self.pending.clone()
    }

    /// Chunks before number `next` are committed.
    pub(crate) fn committed(&mut self, next: i32) {
        self.pending.retain(|chunk| chunk.chunk >= next);
    }
}

/// The slots and what runs in them.
pub(crate) struct Pool {
    bounds: SlotBounds,
    started: AtomicU32,
    busy: AtomicU32,
    draining: AtomicBool,
    /// One place per slot; each worker touches only its own, so that registering a job contends with nobody.
    slots: Vec<Mutex<Option<Running>>>,
}

impl Pool {
    pub(crate) fn new(bounds: SlotBounds) -> Self {
        Self {
            bounds,
            started: AtomicU32::new(0),
            busy: AtomicU32::new(0),
            draining: AtomicBool::new(false),
            slots: (0..bounds.max).map(|_| Mutex::new(None)).collect(),
        }
    }

    pub(crate) fn slots_max(&self) -> u32 {
        self.bounds.max
    }

    pub(crate) fn started(&self) -> u32 {
        self.started.load(Ordering::Acquire)
    }

    pub(crate) fn busy(&self) -> u32 {
        self.busy.load(Ordering::Acquire)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Starts threads up to the lower bound, or one more when `grow` and the upper bound allows.
    pub(crate) fn ensure(shared: &Arc<Shared>, grow: bool) {
        let pool = &shared.pool;
        while pool.started() < pool.bounds.min || (grow && pool.started() < pool.bounds.max) {
            let slot = pool.started.fetch_add(1, Ordering::AcqRel);
            // not joined: work that ignores its stop must not keep the process from ending
            drop(spawn(&format!("slot-{slot}"), shared, move |shared| run::work(shared, slot as usize)));
            if pool.started() >= pool.bounds.min {
                break;
            }
        }
    }

    /// Registers what runs in a slot.
    pub(crate) fn enter(&self, slot: usize, running: Running) {
        self.busy.fetch_add(1, Ordering::AcqRel);
        if let Some(place) = self.slots.get(slot) {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        }
    }

    /// Takes out what ran in a slot.
    pub(crate) fn leave(&self, slot: usize) {
        if let Some(place) = self.slots.get(slot) {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        self.busy.fetch_sub(1, Ordering::AcqRel);
    }

    /// Lists what runs now.
    pub(crate) fn running(&self) -> Vec<Running> {
        let started = self.started() as usize;
        let look = |place: &Mutex<Option<Running>>| place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.slots.iter().take(started).filter_map(look).collect()
    }

    /// Tells all running work to stop.
    pub(crate) fn stop_all(&self, why: Stop) {
        self.running().iter().for_each(|running| running.context.stop(why));
    }

    /// Tells one job to stop because somebody cancelled it. `false` = it does not run here (yet, or any more).
    pub(crate) fn cancel(&self, job: JobId, by: &str, reason: Option<&str>) -> bool {
        let Some(running) = self.running().into_iter().find(|running| running.context.job() == job) else {
            return false;
        };
        let mut cancelled = running.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        cancelled.get_or_insert_with(|| (by.to_owned(), reason.map(str::to_owned)));
        drop(cancelled);
        running.context.stop(Stop::Cancelled);
        true
    }

    /// Tells the attempts whose lease is known to be lost to stop.
    pub(crate) fn stop_fences(&self, lost: impl Fn(JobId, Fence) -> bool) {
        let gone = |running: &&Running| lost(running.context.job(), running.context.fence());
        self.running().iter().filter(gone).for_each(|running| running.context.stop(Stop::LeaseLost));
    }
}
