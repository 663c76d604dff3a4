//! Chance that can be repeated: one seed gives one past.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Most events that one draw of [`Dice::poisson`] gives; the demo's rates are far below.
const EVENTS_MAX: u32 = 1_000;

/// A sequence of chances.
pub struct Dice(StdRng);

impl Dice {
    /// Begins the sequence of `seed`.
    pub fn of(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// Gives a number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        self.0.random::<f64>()
    }

    /// Tells whether something that happens with this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Gives a whole number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.random_range(low..=high.max(low))
    }

    /// Picks one of several, which must not be none.
    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.0.random_range(0..of.len())]
    }

    /// Gives a length of which half are below `median`; `spread` is the standard deviation of its logarithm.
    pub fn length(&mut self, median: Duration, spread: f64) -> Duration {
        median.mul_f64((self.normal() * spread).clamp(-4.0, 4.0).exp())
    }

    /// A standard normal number (Box and Muller, 1958).
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.unit(), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    /// Tells how many events happen where `mean` are expected (Knuth, TAOCP 2, 3.4.1).
    pub fn poisson(&mut self, mean: f64) -> u32 {
        let limit = (-mean.max(0.0)).exp();
        let (mut events, mut product) = (0, self.unit());
        while product > limit && events < EVENTS_MAX {
            events += 1;
            product *= self.unit();
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let draw = |seed| {
            let mut dice = Dice::of(seed);
            (0..5).map(|_| dice.between(1, 1_000_000)).collect::<Vec<_>>()
        };

        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn the_means_are_as_asked() {
        let mut dice = Dice::of(1);
        let events: u32 = (0..10_000).map(|_| dice.poisson(1.5)).sum();
        let below = (0..10_000).filter(|_| dice.length(Duration::from_secs(1), 0.6) < Duration::from_secs(1)).count();

        assert!((14_500..15_500).contains(&events), "{events}");
        assert!((4_800..5_200).contains(&below), "{below}");
    }
}
