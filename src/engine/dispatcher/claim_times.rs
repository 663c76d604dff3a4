//! How long claims took in the last minute, for the node's row: the first figure to rise when the database suffers.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::queue::histogram::Histogram;
use crate::queue::node::ClaimTime;

/// A minute is so many slices.
const SLICES: usize = 6;
/// Length of one.
const SLICE: Duration = Duration::from_secs(10);

/// The claims of the last minute, in slices that are forgotten one by one.
#[derive(Debug, Default)]
pub(crate) struct ClaimTimes(Mutex<VecDeque<(Instant, Histogram)>>);

impl ClaimTimes {
    /// Counts a claim that was begun at `begun` and has been answered just now.
    pub(crate) fn add(&self, begun: Instant) {
        self.count(begun, begun.elapsed());
    }

    fn count(&self, begun: Instant, took: Duration) {
        let mut slices = self.slices();
        if slices.back().is_none_or(|(start, _)| begun.saturating_duration_since(*start) >= SLICE) {
            slices.push_back((begun, Histogram::default()));
            let surplus = slices.len().saturating_sub(SLICES);
            slices.drain(..surplus);
        }
        if let Some((_, slice)) = slices.back_mut() {
            slice.add(took);
        }
    }

    /// Sums up what was claimed in the minute before `now`, or up to a slice less.
    pub(crate) fn last_minute(&self, now: Instant) -> ClaimTime {
        let mut all = Histogram::default();
        let minute = SLICE * SLICES as u32;
        for (_, slice) in self.slices().iter().filter(|(start, _)| now.saturating_duration_since(*start) < minute) {
            all.merge(slice);
        }
        ClaimTime {
            claims: u32::try_from(all.count()).unwrap_or(u32::MAX),
            p50: all.quantile(0.5),
            p99: all.quantile(0.99),
        }
    }

    fn slices(&self) -> MutexGuard<'_, VecDeque<(Instant, Histogram)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_minute_counts() {
        let (times, start) = (ClaimTimes::default(), Instant::now());
        assert_eq!(times.last_minute(start), ClaimTime::default());

        for second in 0..120 {
            let took = if second < 50 { Duration::from_millis(90) } else { Duration::from_millis(1) };
            times.count(start + Duration::from_secs(second), took);
        }

        let told = times.last_minute(start + Duration::from_secs(119));
        assert_eq!(told.claims, 60);
        assert!(told.p99.is_some_and(|p99| p99 < Duration::from_millis(2)), "{told:?}");
        assert_eq!(times.last_minute(start + Duration::from_secs(300)).claims, 0);
        assert!(times.slices().len() <= SLICES);
    }
}
