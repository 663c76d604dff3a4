//! What the jobs of a queue use of this node: places that they hold and slot time. Workers write it, the dispatcher reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::dispatcher::Doorbell;

/// The least that a job costs: below it, jobs are counted instead of measured.
pub(crate) const COST_MIN: Duration = Duration::from_millis(1);

/// What one queue uses. Aligned, so that neighbours do not share a cache line.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct QueueUse {
    base: Instant,
    bell: Arc<Doorbell>,
    /// Jobs that are here and have not ended.
    held: AtomicU32,
    /// The dispatcher waits for one of them to end.
    called: AtomicBool,
    /// Jobs that run and are measured, the sum of their beginnings after `base`, and what was paid for them.
    running: AtomicU32,
    begun_ns: AtomicU64,
    paid_ns: AtomicU64,
    /// What ended jobs used more than was paid for them, since the last look.
    owed_ns: AtomicI64,
    /// Jobs that ended since the last look, and how long they ran.
    ran: AtomicU32,
    ran_ns: AtomicU64,
}

/// What became of a queue's jobs since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spent {
    /// Slot time beyond what was paid, in seconds; negative when less was used.
    pub(crate) owed_s: f64,
    /// Jobs that were measured.
    pub(crate) jobs: u32,
    /// Their slot time in seconds.
    pub(crate) ran_s: f64,
}

impl QueueUse {
    pub(crate) fn new(bell: Arc<Doorbell>) -> Self {
        Self {
            base: Instant::now(),
            bell,
            held: AtomicU32::new(0),
            called: AtomicBool::new(false),
            running: AtomicU32::new(0),
            begun_ns: AtomicU64::new(0),
            paid_ns: AtomicU64::new(0),
            owed_ns: AtomicI64::new(0),
            ran: AtomicU32::new(0),
            ran_ns: AtomicU64::new(0),
        }
    }

    /// Tells how many more may be here when `most` may; when none, the next that ends rings the dispatcher.
    pub(crate) fn free(&self, most: u32) -> u32 {
        self.called.store(true, Ordering::SeqCst); // asked before looking, or the call could be missed
        let free = most.saturating_sub(self.held.load(Ordering::SeqCst));
        if free > 0 {
            self.called.store(false, Ordering::SeqCst);
        }
        free
    }

    /// Tells what the jobs that run have used beyond what was paid for them, in seconds.
    pub(crate) fn running_over_s(&self) -> f64 {
        let running = u64::from(self.running.load(Ordering::SeqCst));
        let since = self.now_ns().wrapping_mul(running).wrapping_sub(self.begun_ns.load(Ordering::SeqCst));
        // the three are not read at one moment: what makes no sense counts as nothing
        let over = i128::from(since as i64) - i128::from(self.paid_ns.load(Ordering::SeqCst));
        over.max(0) as f64 / 1e9
    }

    /// Takes what became of its jobs since the last look.
    pub(crate) fn take(&self) -> Spent {
        Spent {
            owed_s: self.owed_ns.swap(0, Ordering::SeqCst) as f64 / 1e9,
            jobs: self.ran.swap(0, Ordering::SeqCst),
            ran_s: self.ran_ns.swap(0, Ordering::SeqCst) as f64 / 1e9,
        }
    }

    fn now_ns(&self) -> u64 {
        nanos(self.base.elapsed())
    }
}

fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

/// A job's place on this node, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    of: Arc<QueueUse>,
    /// What was paid for it.
    paid: Duration,
    /// Its queue's jobs are known to be short: it is counted, not measured.
    short: bool,
    begun_ns: Option<u64>,
}

impl Place {
    /// Takes a place for a job that is thought to cost `cost`; `None` = nobody knows.
    pub(crate) fn take(of: &Arc<QueueUse>, cost: Option<Duration>) -> Self {
        of.held.fetch_add(1, Ordering::SeqCst);
        let short = cost.is_some_and(|cost| cost <= COST_MIN);
        Self { of: Arc::clone(of), paid: cost.unwrap_or(COST_MIN).max(COST_MIN), short, begun_ns: None }
    }

    /// The job begins to run.
    pub(crate) fn begin(&mut self) {
        let now = self.of.now_ns();
        self.begun_ns = Some(now);
        if !self.short {
            self.of.begun_ns.fetch_add(now, Ordering::SeqCst); // wraps, as the sum does that it is taken from
            self.of.paid_ns.fetch_add(nanos(self.paid), Ordering::SeqCst);
            self.of.running.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn end(&self, begun_ns: u64) {
        let ran = self.of.now_ns().saturating_sub(begun_ns);
        if !self.short {
            self.of.running.fetch_sub(1, Ordering::SeqCst);
            self.of.begun_ns.fetch_sub(begun_ns, Ordering::SeqCst);
            self.of.paid_ns.fetch_sub(nanos(self.paid), Ordering::SeqCst);
        }
        let cost = ran.max(nanos(COST_MIN));
        if !self.short || cost > nanos(COST_MIN) {
            self.of.ran.fetch_add(1, Ordering::SeqCst);
            self.of.ran_ns.fetch_add(ran, Ordering::SeqCst);
            self.of.owed_ns.fetch_add(cost as i64 - nanos(self.paid) as i64, Ordering::SeqCst);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match self.begun_ns {
            Some(begun) => self.end(begun),
            None => drop(self.of.owed_ns.fetch_sub(nanos(self.paid) as i64, Ordering::SeqCst)), // it never ran
        }
        self.of.held.fetch_sub(1, Ordering::SeqCst);
        if self.of.called.load(Ordering::SeqCst) && self.of.called.swap(false, Ordering::SeqCst) {
            self.of.bell.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Arc<QueueUse> {
        Arc::new(QueueUse::new(Arc::new(Doorbell::default())))
    }

    #[test]
    fn places_are_counted_and_given_back() {
        let of = queue();
        let [one, two] = [(); 2].map(|()| Place::take(&of, None));

        assert_eq!([of.free(3), of.free(2)], [1, 0]);
        drop((one, two));
        assert_eq!(of.free(2), 2);
    }

    #[test]
    fn a_job_that_never_ran_costs_nothing_and_one_that_did_what_it_used() {
        let of = queue();
        drop(Place::take(&of, Some(Duration::from_secs(5))));
        assert_eq!(of.take(), Spent { owed_s: -5.0, jobs: 0, ran_s: 0.0 });

        let mut place = Place::take(&of, None);
        place.begin();
        std::thread::sleep(Duration::from_millis(20));
        assert!(of.running_over_s() >= 0.019);
        drop(place);

        let spent = of.take();
        assert!(spent.jobs == 1 && spent.ran_s >= 0.02 && (spent.owed_s - (spent.ran_s - 0.001)).abs() < 1e-6);
        assert_eq!((of.running_over_s(), of.take()), (0.0, Spent::default()));
    }

    #[test]
    fn short_jobs_are_counted_instead_of_measured() {
        let of = queue();
        let mut place = Place::take(&of, Some(COST_MIN));
        place.begin();
        drop(place);

        assert_eq!(of.take(), Spent::default());
    }
}
