//! The worker threads: one thread is one slot. Their number follows the work between two bounds, as the dispatcher decides
//! (`dispatcher::scaling`); threads beyond it end once they have finished their job. People may set other bounds while the
//! engine runs; there is room for as many threads as [`SlotBounds::ceiling`] tells.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::settings::{Scaling, SlotBounds};
use super::{Shared, run, spawn};
use crate::queue::control::{Intent, Manner};
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
    /// Bytes that a full log has left out and no chunk tells yet, and those that chunks tell.
    left_out: i64,
    left_out_told: i64,
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
        self.left_out += said.dropped_bytes as i64;
        // a full log gets no more lines: what it leaves out is told each time it has doubled, or a noisy job would write for ever
        if !said.lines.is_empty() || self.left_out > self.left_out_told {
            let lines = i32::try_from(said.lines.len()).unwrap_or(i32::MAX);
            self.pending.push(Chunk {
                job: context.job(),
                attempt: context.attempt() as i16,
                fence: context.fence(),
                chunk: self.chunks,
                first_line: self.lines + 1,
                lines,
                dropped_bytes: self.left_out,
                body: Chunk::body_of(&said.lines),
            });
            self.chunks += 1;
            self.lines += lines;
            self.left_out_told += std::mem::take(&mut self.left_out);
        }
        self.pending.clone()
    }

    /// As [`Self::next`], for the last time: all that was left out is told.
    pub(crate) fn last(&mut self, context: &JobContext, said: Taken) -> Vec<Chunk> {
        self.left_out_told = 0;
        self.next(context, said)
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

fn packed(bounds: SlotBounds) -> u64 {
    u64::from(bounds.min) << 32 | u64::from(bounds.max)
}

/// The slots and what runs in them.
pub(crate) struct Pool {
    /// The bounds in force: the lower one in the upper half.
    bounds: AtomicU64,
    /// How many threads there should be: those of the slots below this number.
    size: AtomicU32,
    /// Slots from this number on have no thread.
    started: AtomicU32,
    /// Which slots have a thread.
    threads: Mutex<Vec<bool>>,
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
    /// Makes a pool with room for `ceiling` threads.
    pub(crate) fn new(bounds: SlotBounds, ceiling: u32, scaling: Scaling) -> Self {
        Self {
            bounds: AtomicU64::new(packed(bounds)),
            size: AtomicU32::new(if scaling.dry_run { bounds.max } else { bounds.min }),
            started: AtomicU32::new(0),
            threads: Mutex::new(vec![false; ceiling as usize]),
            draining: AtomicBool::new(false),
            resting: AtomicBool::new(false),
            stopping: Mutex::default(),
            slots: (0..ceiling).map(|_| Slot::default()).collect(),
            average_ns: AtomicU64::new(UNKNOWN),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// Tells the bounds in force.
    pub(crate) fn bounds(&self) -> SlotBounds {
        let packed = self.bounds.load(Ordering::Acquire);
        SlotBounds { min: (packed >> 32) as u32, max: packed as u32 }
    }

    /// Sets the bounds; the dispatcher obeys when it looks next. Tells whether they were others before.
    pub(crate) fn bound(&self, bounds: SlotBounds) -> bool {
        self.bounds.swap(packed(bounds), Ordering::AcqRel) != packed(bounds)
    }

    /// Tells how many jobs may run at once.
    pub(crate) fn size(&self) -> u32 {
        self.size.load(Ordering::Acquire)
    }

    fn started(&self) -> u32 {
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

    /// Gives the pool another size: starts what is missing; threads beyond it end by themselves when their job has ended.
    pub(crate) fn resize(shared: &Arc<Shared>, size: u32) {
        shared.pool.size.store(size, Ordering::Release);
        Self::start_missing(shared, size, usize::MAX);
        shared.buffer.wake_all();
    }

    /// Tells a thread between two jobs whether it ends: when it is beyond the size.
    pub(crate) fn may_leave(&self, slot: usize) -> bool {
        let is_beyond = || slot >= self.size() as usize;
        if !is_beyond() {
            return false;
        }
        let mut threads = self.threads();
        // under the lock: whoever makes the pool larger either finds this thread, or finds it gone and starts another
        let leaves = is_beyond();
        if leaves {
            self.mark(&mut threads, slot, false);
        }
        leaves
    }

    fn threads(&self) -> MutexGuard<'_, Vec<bool>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, threads: &mut [bool], slot: usize, is_there: bool) {
        if let Some(thread) = threads.get_mut(slot) {
            *thread = is_there;
        }
        let started = threads.iter().rposition(|is_there| *is_there).map_or(0, |last| last as u32 + 1);
        self.started.store(started, Ordering::Release);
    }

    /// Starts threads that are missing below `size`, at most so many.
    fn start_missing(shared: &Arc<Shared>, size: u32, most: usize) {
        let pool = &shared.pool;
        let mut threads = pool.threads();
        let slots = threads.iter().take(size as usize).enumerate();
        let missing: Vec<usize> = slots.filter(|(_, is_there)| !**is_there).map(|(slot, _)| slot).take(most).collect();
        missing.iter().for_each(|slot| pool.mark(&mut threads, *slot, true));
        drop(threads);
        for slot in missing {
            // not joined: work that ignores its stop must not keep the process from ending
            drop(spawn(&format!("slot-{slot}"), shared, move |shared| run::work(shared, slot)));
        }
    }

    /// Starts threads up to the lower bound, or one more when `grow` and the pool's size allows.
    pub(crate) fn ensure(shared: &Arc<Shared>, grow: bool) {
        let pool = &shared.pool;
        Self::start_missing(shared, pool.bounds().min.min(pool.size()), usize::MAX);
        if grow {
            Self::start_missing(shared, pool.size(), 1);
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
    pub(crate) fn cancel(&self, wanted: &Intent) -> bool {
        let Some(running) = self.running().into_iter().find(|running| running.context.job() == wanted.job_id) else {
            return false;
        };
        let mut cancelled = running.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        cancelled.get_or_insert_with(|| (wanted.wanted_by.clone(), wanted.reason.clone()));
        drop(cancelled);
        running.context.stop(match wanted.manner() {
            Manner::Cancel => Stop::Cancelled,
            Manner::Terminate => Stop::Terminated,
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_beyond_the_size_leave_in_any_order_and_the_others_stay() {
        let pool = Pool::new(SlotBounds { min: 1, max: 4 }, 64, Scaling::default());
        pool.size.store(4, Ordering::Release);
        (0..4).for_each(|slot| pool.mark(&mut pool.threads(), slot, true));
        assert!(!pool.may_leave(3));

        pool.size.store(2, Ordering::Release);

        assert!(pool.may_leave(2) && pool.started() == 4, "the last one is still busy and has to be seen");
        assert!(pool.may_leave(3) && pool.started() == 2);
        assert!(!pool.may_leave(0) && !pool.may_leave(1));
    }

    #[test]
    fn bounds_are_set_together() {
        let own = SlotBounds { min: 2, max: 32 };
        let pool = Pool::new(own, own.ceiling(), Scaling::default());
        let others = own.or(Some((3, 100)));

        assert!(pool.bound(others) && !pool.bound(others));
        assert_eq!((pool.bounds(), own.or(None)), (SlotBounds { min: 3, max: 100 }, own));
        assert_eq!(own.or(Some((200, 900))), SlotBounds { min: 128, max: 128 }, "it has no room for more");
    }

    #[test]
    fn there_is_room_for_four_times_the_setting_within_reason() {
        let ceiling = |max| SlotBounds { min: 1, max }.ceiling();

        assert_eq!([1, 16, 32, 256, 1024, 2000].map(ceiling), [64, 64, 128, 1024, 1024, 2000]);
    }
}
