//! How many jobs to have at hand: what the slots finish in a tenth of a second, so that long jobs are claimed one by one
//! and short ones by the thousand.

use std::time::{Duration, Instant};

use crate::queue::claim::CLAIM_BATCH_MAX;

/// The workers should find work for about this long.
const AHEAD: Duration = Duration::from_millis(100);

/// Most jobs to have at hand: one claim that is being worked off, and the next.
const AHEAD_JOBS_MAX: u32 = 2 * CLAIM_BATCH_MAX;
/// Jobs that take longer are claimed when a slot is free for them, not before.
const LONG: Duration = Duration::from_millis(50);

/// What is known of the workers' speed.
#[derive(Debug)]
pub(super) struct Pace {
    taken: u64,
    taken_at: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { taken: 0, taken_at: now }
    }

    /// Looks at the number of jobs that workers have taken so far.
    pub(super) fn look(&mut self, taken: u64, now: Instant) {
        if taken != self.taken {
            (self.taken, self.taken_at) = (taken, now);
        }
    }

    /// Tells since when no worker has taken a job.
    pub(super) fn still_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.taken_at)
    }

    /// Gives how many jobs `slots` finish in a tenth of a second, from how long jobs took of late. Zero when that is not
    /// known.
    pub(super) fn ahead(&self, slots: u32, run: Option<Duration>, now: Instant) -> u32 {
        let Some(run) = run else { return 0 };
        // jobs that were short until now may be long today: when nothing moves, believe that
        let run = if self.still_for(now) > AHEAD { run.max(self.still_for(now)) } else { run };
        if run > LONG {
            return 0;
        }
        let jobs = AHEAD.as_secs_f64() * f64::from(slots) / run.as_secs_f64().max(1e-6);
        jobs.min(f64::from(AHEAD_JOBS_MAX)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_the_jobs_the_more_are_claimed() {
        let now = Instant::now();
        let pace = Pace::new(now);
        let ahead = |ms| pace.ahead(8, Some(Duration::from_millis(ms)), now);

        assert_eq!([ahead(0), ahead(1), ahead(20), ahead(10_000)], [AHEAD_JOBS_MAX, 800, 40, 0]);
        assert_eq!(pace.ahead(8, None, now), 0);
    }

    #[test]
    fn what_does_not_move_is_not_called_short() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.look(5, start);

        let later = start + Duration::from_secs(2);
        assert_eq!(pace.ahead(8, Some(Duration::from_micros(5)), later), 0);
        pace.look(6, later);
        assert_eq!(pace.ahead(8, Some(Duration::from_micros(5)), later), AHEAD_JOBS_MAX);
    }
}
