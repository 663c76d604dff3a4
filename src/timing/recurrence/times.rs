//! Sets of times within a day: products of hours, minutes and seconds, kept as bits.

use super::civil::DAY;

/// The first bit at or after `from` that is set.
pub(super) fn next_bit(mask: u64, from: u32) -> Option<u32> {
    let rest = mask & u64::MAX.checked_shl(from)?;
    (rest != 0).then(|| rest.trailing_zeros())
}

/// The bit that is set after `skip` others.
pub(super) fn nth_bit(mask: u64, skip: u32) -> Option<u32> {
    let rest = (0..skip).fold(mask, |rest, _| rest & rest.wrapping_sub(1));
    (rest != 0).then(|| rest.trailing_zeros())
}

/// All times of a day whose hour, minute and second are among those named. None of the three is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeSet {
    /// Bits 0 to 23.
    pub(super) hours: u64,
    /// Bits 0 to 59.
    pub(super) minutes: u64,
    /// Bits 0 to 59.
    pub(super) seconds: u64,
}

impl TimeSet {
    /// Midnight alone.
    pub(super) const MIDNIGHT: Self = Self { hours: 1, minutes: 1, seconds: 1 };

    /// Gives the number of times.
    pub(super) fn len(&self) -> u32 {
        self.hours.count_ones() * self.minutes.count_ones() * self.seconds.count_ones()
    }

    /// Tells whether a time, in seconds of the day, is in the set.
    pub(super) fn holds(&self, time: u32) -> bool {
        let has = |mask: u64, at: u32| 1u64.checked_shl(at).is_some_and(|bit| mask & bit != 0);
        has(self.hours, time / 3_600) && has(self.minutes, time / 60 % 60) && has(self.seconds, time % 60)
    }

    /// Gives the first time at or after `from`, in seconds of the day.
    pub(super) fn first_from(&self, from: u32) -> Option<u32> {
        let (hour, minute, second) = (from / 3_600, from / 60 % 60, from % 60);
        if self.hours & (1u64.checked_shl(hour)?) != 0 {
            if self.minutes & (1 << minute) != 0
                && let Some(second) = next_bit(self.seconds, second)
            {
                return Some(hour * 3_600 + minute * 60 + second);
            }
            if let Some(minute) = next_bit(self.minutes, minute + 1) {
                return Some(hour * 3_600 + minute * 60 + self.seconds.trailing_zeros());
            }
        }
        let hour = next_bit(self.hours, hour + 1)?;
        Some(hour * 3_600 + self.minutes.trailing_zeros() * 60 + self.seconds.trailing_zeros())
    }

    /// Gives the time that stands after `skip` others.
    pub(super) fn nth(&self, skip: u32) -> Option<u32> {
        let (minutes, seconds) = (self.minutes.count_ones(), self.seconds.count_ones());
        let hour = nth_bit(self.hours, skip.checked_div(minutes * seconds)?)?;
        let minute = nth_bit(self.minutes, skip / seconds % minutes)?;
        Some(hour * 3_600 + minute * 60 + nth_bit(self.seconds, skip % seconds)?)
    }

    /// Gives all times in order; at most 86,400.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        std::iter::successors(self.first_from(0), |last| self.first_from(last + 1))
    }

    /// Tells which spans of a day (the day, an hour, a minute, a second; in seconds) hold only times of this set once they hold one, as
    /// far as times of `other` are asked for.
    pub(super) fn covered_span(&self, other: &Self) -> i64 {
        let seconds = other.seconds & !self.seconds == 0;
        let minutes = seconds && other.minutes & !self.minutes == 0;
        match (minutes && other.hours & !self.hours == 0, minutes, seconds) {
            (true, _, _) => DAY,
            (false, true, _) => 3_600,
            (false, false, true) => 60,
            (false, false, false) => 1,
        }
    }
}

/// Which times within one tick of a rule (a day, an hour, a minute, a second) are meant, counted from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Within {
    /// A product of hours, minutes and seconds.
    All(TimeSet),
    /// What BYSETPOS left of it, in order; may be empty.
    Picked(Vec<u32>),
}

impl Within {
    /// Makes the set of a product and positions (1 for the first, −1 for the last); no positions leave all.
    pub(super) fn new(times: TimeSet, positions: &[i16]) -> Self {
        if positions.is_empty() {
            return Self::All(times);
        }
        let len = i64::from(times.len());
        let place = |position: &i16| {
            let position = i64::from(*position);
            u32::try_from(if position > 0 { position - 1 } else { len + position }).ok()
        };
        let mut picked: Vec<u32> = positions.iter().filter_map(place).filter_map(|place| times.nth(place)).collect();
        picked.sort_unstable();
        picked.dedup();
        Self::Picked(picked)
    }

    /// Gives the number of times.
    pub(super) fn len(&self) -> u32 {
        match self {
            Self::All(times) => times.len(),
            Self::Picked(picked) => picked.len() as u32,
        }
    }

    /// Gives the first time at or after `from`.
    pub(super) fn first_from(&self, from: u32) -> Option<u32> {
        match self {
            Self::All(times) => times.first_from(from),
            Self::Picked(picked) => picked.get(picked.partition_point(|time| *time < from)).copied(),
        }
    }
}
