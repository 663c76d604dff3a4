//! Pieces of five bytes, and a Bloom filter of them: which texts can hold a searched one.
//!
//! Bloom, "Space/Time Trade-offs in Hash Coding with Allowable Errors", 1970: a bit that is not set proves absence; set ones may be
//! chance. With six bits a piece and two probes about one piece in twelve is there by chance; a text of eight letters has four.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Bytes of a piece.
const GRAM_BYTES: usize = 5;
/// Bits of the filter for each different piece.
const BITS_PER_GRAM: usize = 6;
/// Fewest bits of a filter.
const BITS_MIN: usize = 1_024;
/// Most different pieces that are kept apart; beyond, the filter says "maybe" more often.
const GRAMS_MAX: usize = 1_000_000;
/// Most pieces of a searched text that are asked for.
const ASKED_MAX: usize = 24;

/// Pieces are small numbers already.
#[derive(Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = mixed(number);
    }
}

/// Collects the pieces of texts.
#[derive(Default)]
pub struct Grams(HashSet<u64, BuildHasherDefault<Itself>>);

impl Grams {
    /// Adds the pieces of `text`, whatever the case of its ASCII letters.
    pub fn add(&mut self, text: &str) {
        if self.0.len() < GRAMS_MAX {
            self.0.extend(text.as_bytes().windows(GRAM_BYTES).map(gram));
        }
    }

    /// Writes the filter; its length in bits is a multiple of 8.
    pub fn filter(&self) -> Vec<u8> {
        let bits = (self.0.len() * BITS_PER_GRAM).max(BITS_MIN).next_multiple_of(8);
        let mut filter = vec![0_u8; bits / 8];
        for gram in &self.0 {
            for probe in probes(*gram) {
                let bit = (probe % bits as u64) as usize;
                filter[bit / 8] |= 1 << (bit % 8);
            }
        }
        filter
    }
}

/// A piece as a number, in lower case.
fn gram(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(byte.to_ascii_lowercase()))
}

/// Spreads a number over all bits (splitmix64, Steele, Lea and Flood 2014).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// The two numbers that say which bits a piece has: of 63 bits, which a bigint holds.
fn probes(gram: u64) -> [u64; 2] {
    let first = mixed(gram);
    [first >> 1, mixed(first) >> 1]
}

/// Gives the numbers whose bits are all set in the filter of any text that holds `text`, whatever the case; modulo the filter's
/// length they are the bits. `None` = the text is too short, or has letters whose cases only the database knows.
pub fn asked(text: &str) -> Option<Vec<i64>> {
    let windows = text.as_bytes().windows(GRAM_BYTES);
    let grams: Vec<u64> = windows.filter(|window| window.is_ascii()).map(gram).collect();
    let step = grams.len().div_ceil(ASKED_MAX).max(1);
    let probes: Vec<i64> =
        grams.iter().step_by(step).flat_map(|gram| probes(*gram)).map(|probe| probe as i64).collect();
    (!probes.is_empty()).then_some(probes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn may_hold(filter: &[u8], text: &str) -> bool {
        let bits = filter.len() as i64 * 8;
        asked(text).is_none_or(|probes| {
            probes.iter().all(|probe| {
                let bit = (probe % bits) as usize;
                filter[bit / 8] >> (bit % 8) & 1 == 1
            })
        })
    }

    fn filter(texts: &[String]) -> Vec<u8> {
        let mut grams = Grams::default();
        texts.iter().for_each(|text| grams.add(text));
        grams.filter()
    }

    #[test]
    fn what_is_not_there_is_nearly_always_known_not_to_be() {
        let texts: Vec<String> =
            (0..4_096).map(|n| format!("{{\"order\": {}, \"country\": \"it\"}}", n * 7_919 + 13)).collect();
        let filter = filter(&texts);

        let by_chance = (0..1_000).filter(|n| may_hold(&filter, &format!("zyzzyva-{n}"))).count();
        assert!(by_chance < 20, "{by_chance} of 1000");
        assert!(filter.len() < 64 * 1_024, "{}", filter.len());
    }

    #[test]
    fn short_texts_prove_nothing() {
        assert_eq!(asked("abcd"), None);
        assert_eq!(asked("äöüéß"), None);
        assert_eq!(asked("abcde").map(|probes| probes.len()), Some(2));
        assert!(asked(&"x1y2z3".repeat(1_000)).is_some_and(|probes| probes.len() <= 2 * ASKED_MAX));
        assert_eq!(filter(&[]).len(), BITS_MIN / 8);
    }

    proptest! {
        #[test]
        fn what_is_there_is_never_said_not_to_be(texts in prop::collection::vec(".{0,60}", 1..20), which in any::<prop::sample::Index>(), from in 0_usize..60, length in 0_usize..60) {
            let filter = filter(&texts);
            let text = which.get(&texts);
            let part: String = text.chars().skip(from).take(length).collect();

            prop_assert!(may_hold(&filter, &part));
            prop_assert!(may_hold(&filter, &part.to_ascii_uppercase()));
        }
    }
}
