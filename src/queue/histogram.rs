//! Log-scaled histograms of durations: mergeable, exact in count, at most 2 % off in value.
//!
//! The bucket of `v` microseconds is `ceil(ln v / ln γ)` with `γ = 1.02 / 0.98`; a bucket's middle `2 γ^i / (γ + 1)` is
//! then within 2 % of every value in it (DDSketch, Masson, Rim and Lee, VLDB 2019). Stored sparsely as
//! `bucket, count, bucket, count, …` in an `integer[]`.

use std::collections::BTreeMap;
use std::time::Duration;

/// Relative error of a bucket's middle against any value in it.
pub const RELATIVE_ERROR: f64 = 0.02;
/// Longest duration told apart, about 36 years in microseconds; longer ones share the last bucket.
const MICROS_MAX: f64 = 1.15e15;

fn gamma() -> f64 {
    (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)
}

/// Counts of durations by bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<i32, i64>);

impl Histogram {
    /// Counts one duration. What is under a microsecond counts as one.
    pub fn add(&mut self, length: Duration) {
        *self.0.entry(bucket(length.as_micros() as f64)).or_default() += 1;
    }

    /// Adds everything that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// Tells how many durations were counted.
    pub fn count(&self) -> i64 {
        self.0.values().sum()
    }

    /// Tells whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the duration below or at which the share `q` (0 to 1) of all lies, within 2 %; `None` when empty.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let rank = (q.clamp(0.0, 1.0) * (self.count() - 1).max(0) as f64).floor() as i64;
        let mut seen = 0;
        let found = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen > rank
        });
        found.map(|(bucket, _)| middle(*bucket))
    }

    /// Gives the stored form: bucket, count, bucket, count, … with rising buckets.
    pub fn to_row(&self) -> Vec<i32> {
        let saturated = |count: &i64| i32::try_from(*count).unwrap_or(i32::MAX);
        self.0.iter().flat_map(|(bucket, count)| [*bucket, saturated(count)]).collect()
    }

    /// Reads the stored form. A trailing half pair is left out.
    pub fn from_row(row: &[i32]) -> Self {
        let mut histogram = Self::default();
        for pair in row.chunks_exact(2) {
            *histogram.0.entry(pair[0]).or_default() += i64::from(pair[1]);
        }
        histogram
    }

    /// Lists `(upper bound, count)` of every bucket that counted something, rising.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, i64)> + '_ {
        self.0.iter().map(|(bucket, count)| (micros(gamma().powi(*bucket)), *count))
    }
}

fn bucket(micros: f64) -> i32 {
    (micros.clamp(1.0, MICROS_MAX).ln() / gamma().ln()).ceil() as i32
}

fn middle(bucket: i32) -> Duration {
    micros(2.0 * gamma().powi(bucket) / (gamma() + 1.0))
}

fn micros(value: f64) -> Duration {
    Duration::from_secs_f64(value / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(lengths: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        lengths.iter().for_each(|micros| histogram.add(Duration::from_micros(*micros)));
        histogram
    }

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_two_percent(mut lengths in prop::collection::vec(1u64..10_000_000_000, 1..200), q in 0.0f64..=1.0) {
            let told = of(&lengths).quantile(q).unwrap().as_secs_f64() * 1e6;

            lengths.sort_unstable();
            let exact = lengths[(q * (lengths.len() - 1) as f64).floor() as usize] as f64;
            prop_assert!((told - exact).abs() <= exact * (RELATIVE_ERROR + 1e-6) + 1e-3, "{told} {exact}");
        }

        #[test]
        fn merging_is_adding_all(a in prop::collection::vec(1u64..1_000_000_000, 0..50), b in prop::collection::vec(1u64..1_000_000_000, 0..50)) {
            let mut merged = of(&a);
            merged.merge(&of(&b));

            prop_assert_eq!(merged, of(&[a, b].concat()));
        }

        #[test]
        fn the_stored_form_round_trips(lengths in prop::collection::vec(0u64..u64::MAX / 2, 0..50)) {
            let histogram = of(&lengths);

            prop_assert_eq!(Histogram::from_row(&histogram.to_row()), histogram);
        }
    }
}
