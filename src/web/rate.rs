//! How much a token or an address may ask for: a bucket that fills again, kept in this node's memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Requests that a token may make at once, and per second afterwards. Bulk endpoints take thousands of jobs in one.
pub const TOKEN: Allowance = Allowance { burst: 2_000, per_second: 500 };
/// Wrong tokens that an address may send at once, and per second afterwards.
pub const WRONG_TOKEN: Allowance = Allowance { burst: 20, per_second: 1 };
/// Most buckets that are remembered; when there are more, full ones are forgotten (they say nothing).
const BUCKETS_MAX: usize = 10_000;

/// How much may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// At once, after a pause.
    pub burst: u32,
    /// In the long run.
    pub per_second: u32,
}

struct Bucket {
    left: f64,
    seen: Instant,
    allowance: Allowance,
}

impl Bucket {
    /// Gives what is in it at `now`.
    fn filled(&self, now: Instant) -> f64 {
        let gained = now.saturating_duration_since(self.seen).as_secs_f64() * f64::from(self.allowance.per_second);
        (self.left + gained).min(f64::from(self.allowance.burst))
    }
}

/// The buckets of one node.
#[derive(Default)]
pub struct Rates(Mutex<HashMap<String, Bucket>>);

impl Rates {
    /// Takes one request of `who`.
    ///
    /// # Errors
    /// How long to wait when there is nothing left.
    pub fn take(&self, who: &str, allowance: Allowance, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(who) {
            buckets.retain(|_, bucket| bucket.filled(now) < f64::from(bucket.allowance.burst));
        }
        let whole = Bucket { left: f64::from(allowance.burst), seen: now, allowance };
        let bucket = buckets.entry(who.to_owned()).or_insert(whole);
        (bucket.left, bucket.seen) = (bucket.filled(now), now);
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / f64::from(allowance.per_second)));
        }
        bucket.left -= 1.0;
        Ok(())
    }

    /// Tells, without taking anything, whether `who` has used up everything.
    ///
    /// # Errors
    /// How long to wait when there is nothing left.
    pub fn check(&self, who: &str, now: Instant) -> Result<(), Duration> {
        let buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match buckets.get(who).map(|bucket| (bucket.filled(now), bucket.allowance)) {
            Some((left, allowance)) if left < 1.0 => {
                Err(Duration::from_secs_f64((1.0 - left) / f64::from(allowance.per_second)))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Allowance = Allowance { burst: 3, per_second: 2 };

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let (rates, start) = (Rates::default(), Instant::now());

        for _ in 0..3 {
            assert_eq!(rates.take("a", FEW, start), Ok(()));
        }
        assert_eq!(rates.take("a", FEW, start), Err(Duration::from_millis(500)));
        assert_eq!(rates.take("b", FEW, start), Ok(()));
        assert_eq!(rates.take("a", FEW, start + Duration::from_millis(500)), Ok(()));
        assert!(rates.take("a", FEW, start + Duration::from_millis(500)).is_err());
    }

    #[test]
    fn looking_takes_nothing() {
        let (rates, start) = (Rates::default(), Instant::now());
        for _ in 0..3 {
            assert_eq!((rates.check("a", start), rates.take("a", FEW, start)), (Ok(()), Ok(())));
        }

        assert!(rates.check("a", start).is_err());
        assert_eq!(rates.check("a", start + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn the_memory_is_bounded() {
        let (rates, start) = (Rates::default(), Instant::now());
        for who in 0..BUCKETS_MAX {
            rates.take(&who.to_string(), FEW, start).ok();
        }

        rates.take("one more", FEW, start + Duration::from_secs(10)).ok();

        assert_eq!(rates.0.lock().expect("not poisoned").len(), 1);
    }
}
