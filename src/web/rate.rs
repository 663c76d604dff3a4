//! How much a token or an address may ask for: a bucket that fills again, kept in this node's memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Requests that a token may make at once, and per second afterwards. Bulk endpoints take thousands of jobs in one.
pub const TOKEN: Allowance = Allowance { burst: 2_000, per_second: 500 };
/// Wrong tokens that an address may send at once, and per second afterwards.
pub const WRONG_TOKEN: Allowance = Allowance { burst: 20, per_second: 1 };
/// Most buckets that are remembered; when there are more, full ones are forgotten (they say nothing), then the fullest half.
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

/// Names whose requests from `address` are counted together: an IPv4 address, or the /64 that one IPv6 network has.
pub fn subject(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}/64", address.to_bits() >> 64),
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
            make_room(&mut buckets, now);
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

fn make_room(buckets: &mut HashMap<String, Bucket>, now: Instant) {
    buckets.retain(|_, bucket| bucket.filled(now) < f64::from(bucket.allowance.burst));
    if buckets.len() <= BUCKETS_MAX / 2 {
        return;
    }
    // those who have asked for little since are forgiven first
    let mut levels: Vec<f64> = buckets.values().map(|bucket| bucket.filled(now)).collect();
    levels.sort_unstable_by(f64::total_cmp);
    let (most, mut kept) = (levels[levels.len() / 2], 0);
    buckets.retain(|_, bucket| {
        let keep = bucket.filled(now) <= most && kept < BUCKETS_MAX / 2;
        kept += usize::from(keep);
        keep
    });
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

    #[test]
    fn the_memory_is_bounded_although_no_bucket_is_full() {
        let (rates, start) = (Rates::default(), Instant::now());
        for who in 0..3 * BUCKETS_MAX {
            rates.take(&who.to_string(), FEW, start).ok();
        }

        assert!(rates.0.lock().expect("not poisoned").len() <= BUCKETS_MAX);
    }

    #[test]
    fn a_network_of_ipv6_is_one_subject() {
        let of = |text: &str| subject(text.parse().expect("an address"));

        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!((of("10.0.0.1"), of("::ffff:10.0.0.1")), ("10.0.0.1".into(), "10.0.0.1".into()));
    }
}
