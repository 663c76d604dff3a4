//! How far a running job is and when it may be done. Pure; the numbers are the work's own.

use std::time::Duration;

use crate::base::clock::Time;

/// Below this age a rate says nothing.
const AGE_MIN: Duration = Duration::from_secs(1);
/// Beyond this an estimate is not worth showing.
const LEFT_MAX: Duration = Duration::from_secs(30 * 86_400);

/// How far something is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Units done.
    pub done: u64,
    /// Units in all; `None` = not known.
    pub total: Option<u64>,
    /// Whole percent, cut; 100 only when all is done. `None` without a total.
    pub percent: Option<u8>,
    /// Units a second since the attempt began; `None` while too young.
    pub rate: Option<f64>,
    /// Time left at that rate; `None` when it cannot be told.
    pub left: Option<Duration>,
}

/// Tells the pace of an attempt that began at `started` and has reported `done` of `total` (0 = not known).
pub fn pace(done: i64, total: i64, started: Option<Time>, now: Time) -> Pace {
    let done = u64::try_from(done).unwrap_or(0);
    let total = u64::try_from(total).ok().filter(|total| *total > 0);
    let age = started.and_then(|started| (now - started).to_std().ok()).filter(|age| *age >= AGE_MIN);
    let rate = age.map(|age| done as f64 / age.as_secs_f64()).filter(|rate| *rate > 0.0);
    Pace { done, total, percent: total.map(|total| percent(done, total)), rate, left: left(done, total, rate) }
}

fn percent(done: u64, total: u64) -> u8 {
    (u128::from(done) * 100 / u128::from(total)).min(100) as u8
}

fn left(done: u64, total: Option<u64>, rate: Option<f64>) -> Option<Duration> {
    let seconds = total?.saturating_sub(done) as f64 / rate?;
    Duration::try_from_secs_f64(seconds).ok().filter(|left| *left <= LEFT_MAX)
}

/// What jobs of one template usually take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usual {
    /// Half of them took less, in milliseconds.
    pub median_ms: i64,
    /// Nine of ten took less, in milliseconds.
    pub most_ms: i64,
    /// How many were looked at.
    pub jobs: usize,
}

/// Fewest jobs from which something usual is told.
const USUAL_JOBS_MIN: usize = 5;

/// Tells what is usual from the run times of jobs that succeeded; `None` from fewer than five.
pub fn usual(mut run_ms: Vec<i64>) -> Option<Usual> {
    if run_ms.len() < USUAL_JOBS_MIN {
        return None;
    }
    run_ms.sort_unstable();
    let at = |share: usize| run_ms[(run_ms.len() - 1) * share / 100];
    Some(Usual { median_ms: at(50), most_ms: at(90), jobs: run_ms.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(seconds: i64) -> (Time, Time) {
        (Time::UNIX_EPOCH, Time::UNIX_EPOCH + chrono::Duration::seconds(seconds))
    }

    #[test]
    fn an_estimate_comes_from_the_rate() {
        let (start, now) = after(221);

        let pace = pace(3_200, 5_000, Some(start), now);

        assert_eq!((pace.percent, pace.total), (Some(64), Some(5_000)));
        assert!((pace.rate.unwrap_or_default() - 14.48).abs() < 0.01);
        assert_eq!(pace.left.map(|left| left.as_secs()), Some(124));
    }

    #[test]
    fn what_is_not_known_is_not_invented() {
        let (start, now) = after(60);

        assert_eq!(pace(7, 0, Some(start), now).percent, None);
        assert_eq!(pace(7, 0, Some(start), now).left, None);
        assert_eq!(pace(0, 10, Some(start), now).left, None);
        assert_eq!(pace(5, 10, None, now).left, None);
        assert_eq!(pace(5, 10, Some(now), now).left, None);
        assert_eq!(pace(1, 10, Some(now), start).rate, None); // clocks disagree
    }

    #[test]
    fn usual_needs_several_jobs() {
        assert_eq!(usual(vec![1, 2, 3, 4]), None);
        let usual = usual((1..=10).rev().collect());
        assert_eq!(usual, Some(Usual { median_ms: 5, most_ms: 9, jobs: 10 }));
    }

    proptest! {
        #[test]
        fn a_percentage_is_one(done in any::<i64>(), total in any::<i64>(), age in 0i64..10_000_000) {
            let (start, now) = after(age);
            let pace = pace(done, total, Some(start), now);
            prop_assert!(pace.percent.is_none_or(|percent| percent <= 100));
            prop_assert!(pace.percent != Some(100) || pace.total.is_some_and(|total| pace.done >= total));
        }
    }
}
