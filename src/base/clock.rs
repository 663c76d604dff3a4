//! Wall clocks as arguments. The only place that reads the time of day.
//!
//! Decisions about leases use the database's clock (`clock_timestamp()` in the statement itself); this clock serves
//! rules, pages and tests. Durations are measured with [`std::time::Instant`], self-fencing with [`boottime`].

use std::cell::Cell;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// The time of day, in UTC.
pub type Time = DateTime<Utc>;

/// Something that knows what time it is.
pub trait Clock: Send + Sync {
    /// Tells the present moment in UTC.
    fn now(&self) -> Time;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place where the wall clock is read
    fn now(&self) -> Time {
        Utc::now()
    }
}

/// A clock that stands still until somebody moves it.
#[derive(Debug)]
pub struct ManualClock(Mutex<Time>);

impl ManualClock {
    /// Makes a clock that shows `start`.
    pub fn at(start: Time) -> Self {
        Self(Mutex::new(start))
    }

    /// Moves the clock forward by `step`.
    pub fn advance(&self, step: Duration) {
        let mut shown = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *shown += step;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Tells the time since boot, counting time spent suspended (`CLOCK_BOOTTIME`).
///
/// `Instant` stops while a machine sleeps; a lease in the database does not, so a node measures its own deadline with this.
pub fn boottime() -> Duration {
    read(libc::CLOCK_BOOTTIME)
}

/// Tells how much CPU time this thread has used.
pub fn thread_cpu() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Tells how much CPU time this thread had used at most a millisecond before `now`. Reading the thread's clock is a system
/// call; for many short pieces of work it is asked once.
pub fn thread_cpu_lately(now: Instant) -> Duration {
    thread_local! {
        static LAST: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
    }
    match LAST.get() {
        Some((at, used)) if now.saturating_duration_since(at) < Duration::from_millis(1) => used,
        _ => {
            let used = thread_cpu();
            LAST.set(Some((now, used)));
            used
        }
    }
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut spec = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `spec` is a valid place to write to; both clocks exist on every Linux since 2.6.39.
    unsafe { libc::clock_gettime(clock, &mut spec) };
    Duration::new(spec.tv_sec.unsigned_abs(), spec.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let start = DateTime::UNIX_EPOCH;
        let clock = ManualClock::at(start);

        clock.advance(Duration::from_secs(90));

        assert_eq!(clock.now() - start, chrono::TimeDelta::seconds(90));
    }

    #[test]
    fn time_since_boot_never_runs_backwards() {
        let first = boottime();

        assert!(boottime() >= first);
    }
}
