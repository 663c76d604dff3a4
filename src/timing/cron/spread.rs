//! The stable hash behind `H`. It decides when people's jobs run, so it may never change: the tests hold its values.

use super::field::Field;

pub(super) const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// A name from which each field gets a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spread(u64);

impl Spread {
    /// The spread of a name: FNV-1a (64 bit, Fowler, Noll and Vo) over its bytes in UTF-8.
    pub(super) fn new(name: &str) -> Self {
        Spread(fnv(FNV_START, name.as_bytes()))
    }

    /// The number of one field: FNV-1a goes on over the byte 255, which no name holds, and the field's name, and the
    /// finaliser of SplitMix64 (Steele, Lea and Flood 2014) mixes the result, since FNV's low bits alone are weak.
    pub(super) fn of(self, field: Field) -> u64 {
        mixed(fnv(fnv(self.0, &[255]), field.name().as_bytes()))
    }
}

/// A number that stays the same for a name.
pub fn stable_number(name: &str) -> u64 {
    mixed(fnv(Spread::new(name).0, &[255]))
}

pub(super) fn fnv(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

pub(super) fn mixed(number: u64) -> u64 {
    let once = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    twice ^ (twice >> 31)
}
