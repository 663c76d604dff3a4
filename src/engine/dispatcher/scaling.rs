//! How many worker threads the pool has: more when what waits would not begin soon, fewer when most of them have been idle
//! for a while. The rule is pure; every decision is recorded with its reason.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::Shared;
use crate::base::db::{DbError, Link};
use crate::engine::pool::Pool;
use crate::engine::settings::SlotBounds;
use crate::queue::claim::Above;
use crate::queue::job::QueueId;
use crate::queue::pool_sizes::{self, PoolSize, WAITING_MAX};

/// Work that waits should be gone within this time.
const DRAIN_WITHIN: Duration = Duration::from_millis(20);
/// Time between two decisions while work waits.
pub(super) const EVERY: Duration = Duration::from_millis(10);
/// Time to the next look after one that changed nothing.
const EVERY_QUIET: Duration = Duration::from_millis(100);
/// Jobs that take less are not helped by more threads.
const SHORT: Duration = Duration::from_micros(250);
/// Most decisions that wait to be written; the database may be away for long.
const UNWRITTEN_MAX: usize = 1_000;

/// What a decision is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Facts {
    bounds: SlotBounds,
    size: u32,
    busy: u32,
    /// Jobs that wait for a thread.
    waiting: u32,
    /// How long a job takes, if it is known.
    run: Option<Duration>,
    /// Most threads that were at work at once within the time of quiet that has just passed.
    busiest: Option<u32>,
}

impl Facts {
    /// How long the jobs that wait would take with the threads there are.
    fn drain(&self) -> Option<Duration> {
        self.run.map(|run| run.mul_f64(f64::from(self.waiting) / f64::from(self.size.max(1))))
    }
}

/// Gives the new size and why; `None` = it is right as it is.
fn decide(facts: &Facts) -> Option<(u32, String)> {
    let Facts { bounds, size, busy, waiting, .. } = *facts;
    if waiting > 0 && busy >= size && size < bounds.max {
        return grown(facts);
    }
    let busiest = facts.busiest.filter(|_| waiting == 0 && busy < size)?;
    if size <= bounds.min || busiest * 2 > size {
        return None;
    }
    let next = (size / 2).max(busiest + busiest.div_ceil(4)).max(bounds.min);
    let most = if busiest == 1 { "1 was".into() } else { format!("{busiest} were") };
    (next < size).then(|| (next, format!("at most {most} at work at once of late")))
}

fn grown(facts: &Facts) -> Option<(u32, String)> {
    let Facts { bounds, size, waiting, .. } = *facts;
    let drain = facts.drain();
    if drain.is_some_and(|drain| drain <= DRAIN_WITHIN) {
        return None;
    }
    let wanted = drain.map_or(size * 2, |drain| {
        let times = drain.as_secs_f64() / DRAIN_WITHIN.as_secs_f64();
        (f64::from(size) * times).ceil().min(f64::from(bounds.max)) as u32
    });
    // one for each that waits is enough, and doubling is fast enough
    let next = wanted.clamp(size + 1, size * 2).min(size.saturating_add(waiting)).min(bounds.max);
    let jobs = match waiting {
        1 => "1 job waits".into(),
        n if n >= WAITING_MAX.unsigned_abs() => format!("{n} jobs or more wait"),
        n => format!("{n} jobs wait"),
    };
    let why = match drain {
        None => format!("{jobs}, and how long they take is not known yet"),
        Some(drain) => format!("{jobs} and would take {}", told(drain)),
    };
    Some((next, why))
}

fn told(length: Duration) -> String {
    if length < Duration::from_secs(1) {
        format!("{} ms", length.as_millis())
    } else {
        format!("{:.1} s", length.as_secs_f64())
    }
}

/// Decides again and again.
#[derive(Debug)]
pub(super) struct Scaler {
    bounds: SlotBounds,
    /// The size by the decisions; in a dry run the pool has all its threads all the same.
    size: u32,
    look_at: Instant,
    busiest: u32,
    quiet_since: Instant,
}

impl Scaler {
    pub(super) fn new(bounds: SlotBounds, now: Instant) -> Self {
        Self { bounds, size: bounds.min, look_at: now, busiest: 0, quiet_since: now }
    }

    /// Tells whether more threads may come, so that waiting for a free one should not last long.
    pub(super) fn may_grow(&self) -> bool {
        self.size < self.bounds.max
    }

    /// Looks, if it is time, whether the pool should have another size, and gives it that. `still` = so long no thread has
    /// taken a job; `queues` tells the queues in whose lines jobs may wait, and where these begin.
    pub(super) fn look(
        &mut self,
        link: &mut Link,
        shared: &Arc<Shared>,
        still: Option<Duration>,
        queues: impl FnOnce() -> Vec<(QueueId, Above)>,
    ) -> Result<(), DbError> {
        self.obey(shared);
        let (now, busy) = (Instant::now(), shared.pool.busy());
        self.busiest = self.busiest.max(busy);
        if self.bounds.min == self.bounds.max || now < self.look_at {
            return Ok(());
        }
        self.look_at = now + EVERY;
        // jobs that were short until now may be long today: when nothing moves, believe that
        let run = shared.pool.average_run().map(|run| run.max(still.unwrap_or_default()));
        let wants_more = self.may_grow() && busy >= self.size && run.is_none_or(|run| run >= SHORT);
        let mut waiting = 0;
        if wants_more {
            // beyond its size are those of a dry run, which would wait, and those that end after a larger pool's last job
            let beyond = if shared.settings.scaling.dry_run { busy - self.size } else { 0 };
            waiting = beyond + shared.buffer.held() as u32;
            let queues = queues();
            if !queues.is_empty() {
                self.look_at = now + EVERY_QUIET;
                waiting += link.with(|conn| pool_sizes::waiting(conn, &queues))?;
            }
        }
        let busiest = self.take_busiest(now, busy, shared.settings.scaling.quiet);
        let facts = Facts { bounds: self.bounds, size: self.size, busy: busy.min(self.size), waiting, run, busiest };
        if let Some((size, reason)) = decide(&facts) {
            self.look_at = now + EVERY;
            self.change(shared, &facts, (size, reason));
        }
        Ok(())
    }

    /// Obeys bounds that were set since the last look, at once: also in a dry run, which leaves only its own decisions
    /// without effect.
    fn obey(&mut self, shared: &Arc<Shared>) {
        let (bounds, own) = (shared.pool.bounds(), shared.settings.slots);
        if bounds == self.bounds {
            return;
        }
        self.bounds = bounds;
        let dry = shared.settings.scaling.dry_run;
        let (before, after) = if dry { (shared.pool.size(), bounds.max) } else { (self.size, bounds.hold(self.size)) };
        let reason = if bounds == own {
            format!("the bounds are {bounds} again, as the node's own setting says")
        } else {
            format!("somebody set the bounds to {bounds}")
        };
        let busy = shared.pool.busy();
        tracing::info!(before, after, busy, %reason, "worker threads");
        record(
            shared,
            PoolSize {
                at: shared.clock.now(),
                slots_before: before as i32,
                slots_after: after as i32,
                busy: busy as i32,
                waiting: shared.buffer.held().min(WAITING_MAX as usize) as i32,
                drain_ms: None,
                reason,
                applied: true,
            },
        );
        self.size = bounds.hold(self.size);
        (self.busiest, self.quiet_since) = (busy, Instant::now());
        Pool::resize(shared, after);
    }

    /// Takes the most threads at work within a time of quiet, when one has just passed.
    fn take_busiest(&mut self, now: Instant, busy: u32, quiet: Duration) -> Option<u32> {
        (now.duration_since(self.quiet_since) >= quiet).then(|| {
            self.quiet_since = now;
            std::mem::replace(&mut self.busiest, busy)
        })
    }

    fn change(&mut self, shared: &Arc<Shared>, facts: &Facts, (size, reason): (u32, String)) {
        let applied = !shared.settings.scaling.dry_run;
        tracing::info!(before = self.size, after = size, busy = facts.busy, applied, %reason, "worker threads");
        let decided = PoolSize {
            at: shared.clock.now(),
            slots_before: self.size as i32,
            slots_after: size as i32,
            busy: facts.busy as i32,
            waiting: facts.waiting.min(WAITING_MAX.unsigned_abs()) as i32,
            drain_ms: facts.drain().map(|drain| i64::try_from(drain.as_millis()).unwrap_or(i64::MAX)),
            reason,
            applied,
        };
        self.size = size;
        (self.busiest, self.quiet_since) = (facts.busy, Instant::now());
        record(shared, decided);
        if applied {
            Pool::resize(shared, size);
        }
    }
}

/// Keeps a decision until the flusher writes it.
fn record(shared: &Shared, decided: PoolSize) {
    let mut unwritten = shared.decided.lock().unwrap_or_else(PoisonError::into_inner);
    if unwritten.len() < UNWRITTEN_MAX {
        unwritten.push(decided);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FACTS: Facts = Facts {
        bounds: SlotBounds { min: 2, max: 32 },
        size: 4,
        busy: 4,
        waiting: 100,
        run: Some(Duration::from_secs(1)),
        busiest: None,
    };

    #[test]
    fn it_grows_while_what_waits_would_take_long() {
        assert_eq!(decide(&FACTS), Some((8, "100 jobs wait and would take 25.0 s".into())));
        assert_eq!(decide(&Facts { waiting: 1, ..FACTS }), Some((5, "1 job waits and would take 250 ms".into())));
        let unknown = decide(&Facts { run: None, ..FACTS });
        assert_eq!(unknown, Some((8, "100 jobs wait, and how long they take is not known yet".into())));
        assert_eq!(decide(&Facts { size: 20, busy: 20, ..FACTS }).map(|(size, _)| size), Some(32));
        for enough in [
            Facts { run: Some(Duration::from_micros(500)), ..FACTS },
            Facts { busy: 3, ..FACTS },
            Facts { waiting: 0, ..FACTS },
            Facts { size: 32, busy: 32, ..FACTS },
        ] {
            assert_eq!(decide(&enough), None, "{enough:?}");
        }
    }

    #[test]
    fn it_shrinks_when_few_were_at_work_for_a_while() {
        let idle = Facts { size: 16, busy: 0, waiting: 0, busiest: Some(3), ..FACTS };

        assert_eq!(decide(&idle), Some((8, "at most 3 were at work at once of late".into())));
        assert_eq!(decide(&Facts { busiest: Some(8), ..idle }).map(|(size, _)| size), Some(10));
        assert_eq!(decide(&Facts { size: 3, ..idle }), None, "3 of 3 were at work");
        for enough in [
            Facts { busiest: None, ..idle },
            Facts { busiest: Some(9), ..idle },
            Facts { waiting: 1, busy: 16, size: 16, run: Some(Duration::ZERO), ..idle },
            Facts { size: 2, busiest: Some(0), ..idle },
        ] {
            assert_eq!(decide(&enough), None, "{enough:?}");
        }
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds_and_never_takes_a_busy_thread(
            (min, more) in (1_u32..10, 0_u32..40), size in 0_u32..50, busy in 0_u32..50, waiting in 0_u32..1_000,
            run_ms in proptest::option::of(0_u64..10_000), busiest in proptest::option::of(0_u32..50),
        ) {
            let bounds = SlotBounds { min, max: min + more };
            let size = size.clamp(min, min + more);
            let busy = busy.min(size);
            let facts = Facts { bounds, size, busy, waiting, run: run_ms.map(Duration::from_millis), busiest: busiest.map(|most| most.max(busy)) };
            if let Some((next, why)) = decide(&facts) {
                prop_assert!(next != size && (bounds.min..=bounds.max).contains(&next) && !why.is_empty());
                prop_assert!(next > size || next >= busy && waiting == 0);
            }
        }

        #[test]
        fn a_size_is_held_within_new_bounds_and_left_alone_when_it_fits(
            (min, more) in (1_u32..10, 0_u32..40), size in 1_u32..60,
        ) {
            let bounds = SlotBounds { min, max: min + more };
            let held = bounds.hold(size);
            prop_assert!((bounds.min..=bounds.max).contains(&held));
            prop_assert!(held == size || !(bounds.min..=bounds.max).contains(&size));
        }
    }
}
