//! The worker threads: one thread is one slot. Their number follows the work between two bounds, as the dispatcher decides
//! (`dispatcher::scaling`); threads beyond it end when they are idle, the last one first.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::settings::{Scaling, SlotBounds};
use super::{Shared, run, spawn};
use crate::queue::job::JobId;
use crate::queue::log::Chunk;
use crate::queue::work::{JobContext, Stop, Taken};

/// Who cancelled a job, and why.
type Canceller = (String, Option<String>);

/// Jobs that take less are short: more threads than cores would only get into each other's way.
const QUICK: Duration = Duration::from_micros(250);
/// Not known yet how long jobs take.
const UNKNOWN: u64 = u64::MAX;

/// A job that runs in a slot.
pub(crate) struct Running {
    pub(crate) context: JobContext,
    /// What of its words is written.
    pub(crate) written: Mutex<Written>,
    /// Who cancelled it, and why.
    pub(crate) cancelled: Mutex<Option<Canceller>>,
}

impl Running {
    pub(crate) fn new(context: JobContext) -> Self {
        Self { context, written: Mutex::default(), cancelled: Mutex::default() }
    }
}

/// What of an attempt's words is written. Chunks stay here until the flusher has committed them, so that the settling
/// transaction can write those that it has not: none is lost between the two.
#[derive(Default)]
pub(crate) struct Written {
    chunks: i32,
    lines: i32,
    pending: Vec<Chunk>,
    /// The last checkpoint, until it is written.
    pub(crate) checkpoint: Option<Value>,
    /// A progress or checkpoint row may exist.
    pub(crate) signed: bool,
}

impl Written {
    /// Keeps the checkpoint, makes the next chunk from what was said, and gives all chunks that are not known to be written.
    pub(crate) fn next(&mut self, context: &JobContext, said: Taken) -> Vec<Chunk> {
        if said.checkpoint.is_some() {
            self.checkpoint = said.checkpoint;
        }
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

    /// This checkpoint is committed.
    pub(crate) fn saved(&mut self, checkpoint: &Value) {
        self.checkpoint = self.checkpoint.take().filter(|newer| newer != checkpoint);
    }
}

/// What runs in a slot. Aligned, so that a worker that registers its job contends with nobody.
#[derive(Default)]
#[repr(align(128))]
struct Slot {
    busy: AtomicBool,
    running: Mutex<Option<Arc<Running>>>,
}

impl Slot {
    fn set(&self, running: Option<Arc<Running>>) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = running;
    }

    fn get(&self) -> Option<Arc<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The slots and what runs in them.
pub(crate) struct Pool {
    bounds: SlotBounds,
    /// How many threads there should be.
    size: AtomicU32,
    /// How many there are: the slots below this number.
    started: AtomicU32,
    /// The engine ends: for good.
    draining: AtomicBool,
    /// Somebody wants the node to take no new work, until they change their mind.
    resting: AtomicBool,
    /// All work has to stop, also what begins now.
    stopping: Mutex<Option<Stop>>,
    slots: Vec<Slot>,
    /// How long jobs took of late, in nanoseconds: a moving average that follows the last few of them.
    average_ns: AtomicU64,
    cores: usize,
}

impl Pool {
    pub(crate) fn new(bounds: SlotBounds, scaling: Scaling) -> Self {
        Self {
            bounds,
            size: AtomicU32::new(if scaling.dry_run { bounds.max } else { bounds.min }),
            started: AtomicU32::new(0),
            draining: AtomicBool::new(false),
            resting: AtomicBool::new(false),
            stopping: Mutex::default(),
            slots: (0..bounds.max).map(|_| Slot::default()).collect(),
            average_ns: AtomicU64::new(UNKNOWN),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// Tells how many jobs may run at once.
    pub(crate) fn size(&self) -> u32 {
        self.size.load(Ordering::Acquire)
    }

    pub(crate) fn started(&self) -> u32 {
        self.started.load(Ordering::Acquire)
    }

    pub(crate) fn busy(&self) -> u32 {
        let started = self.slots.iter().take(self.started() as usize);
        started.filter(|slot| slot.busy.load(Ordering::SeqCst)).count() as u32
    }

    /// Counts how long a job took.
    pub(crate) fn ran(&self, length: Duration) {
        let ns = u64::try_from(length.as_nanos()).unwrap_or(UNKNOWN - 1).min(UNKNOWN - 1);
        let average = self.average_ns.load(Ordering::Relaxed);
        // two workers at once may lose one of their jobs: an average does not mind
        let next = if average == UNKNOWN { ns } else { average - average / 8 + ns / 8 };
        self.average_ns.store(next, Ordering::Relaxed);
    }

    /// Tells how long jobs took of late, if any has run.
    pub(crate) fn average_run(&self) -> Option<Duration> {
        let ns = self.average_ns.load(Ordering::Relaxed);
        (ns != UNKNOWN).then(|| Duration::from_nanos(ns))
    }

    /// Tells whether jobs are short of late.
    pub(crate) fn is_quick(&self) -> bool {
        self.average_run().is_some_and(|run| run < QUICK)
    }

    /// How many sleeping workers fresh jobs should wake at most.
    pub(crate) fn wake_max(&self) -> usize {
        if self.is_quick() { self.cores.saturating_sub(self.busy() as usize) } else { usize::MAX }
    }

    /// Tells whether the engine ends.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Tells whether new work may be taken.
    pub(crate) fn takes_work(&self) -> bool {
        !self.is_draining() && !self.resting.load(Ordering::Acquire)
    }

    /// Takes no new work while `rests`. Tells whether that changed.
    pub(crate) fn rest(&self, rests: bool) -> bool {
        self.resting.swap(rests, Ordering::AcqRel) != rests
    }

    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Gives the pool another size: starts what is missing; idle threads beyond it end by themselves.
    pub(crate) fn resize(shared: &Arc<Shared>, size: u32) {
        let pool = &shared.pool;
        pool.size.store(size, Ordering::Release);
        while pool.started() < size {
            Self::start_one(shared);
        }
        shared.buffer.wake_all();
    }

    /// Tells an idle thread whether it ends: when there are more than there should be, and it is the last.
    pub(crate) fn may_leave(&self, slot: usize) -> bool {
        let Ok(slot) = u32::try_from(slot) else { return false };
        slot >= self.size()
            && self.started.compare_exchange(slot + 1, slot, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn start_one(shared: &Arc<Shared>) {
        let slot = shared.pool.started.fetch_add(1, Ordering::AcqRel);
        // not joined: work that ignores its stop must not keep the process from ending
        drop(spawn(&format!("slot-{slot}"), shared, move |shared| run::work(shared, slot as usize)));
    }

    /// Starts threads up to the lower bound, or one more when `grow` and the pool's size allows.
    pub(crate) fn ensure(shared: &Arc<Shared>, grow: bool) {
        let pool = &shared.pool;
        while pool.started() < pool.bounds.min || (grow && pool.started() < pool.size()) {
            Self::start_one(shared);
            if pool.started() >= pool.bounds.min {
                break;
            }
        }
    }

    /// Registers what runs in a slot.
    pub(crate) fn enter(&self, slot: usize, running: Arc<Running>) {
        if let Some(slot) = self.slots.get(slot) {
            slot.busy.store(true, Ordering::SeqCst);
            slot.set(Some(Arc::clone(&running)));
        }
        // after it can be seen: either stop_for_good finds it there, or it finds this
        if let Some(why) = *self.stopping() {
            running.context.stop(why);
        }
    }

    fn stopping(&self) -> MutexGuard<'_, Option<Stop>> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out what ran in a slot.
    pub(crate) fn leave(&self, slot: usize) {
        if let Some(slot) = self.slots.get(slot) {
            slot.set(None);
            slot.busy.store(false, Ordering::SeqCst);
        }
    }

    /// Lists what runs now.
    pub(crate) fn running(&self) -> Vec<Arc<Running>> {
        self.slots.iter().take(self.started() as usize).filter_map(Slot::get).collect()
    }

    /// Tells all work to stop, also what begins later: the engine ends.
    pub(crate) fn stop_for_good(&self, why: Stop) {
        *self.stopping() = Some(why);
        self.stop_all(why);
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
}
