//! The six fields of a cron rule: their names, the numbers and words that may stand in them.

/// The days of the week as a rule writes them; 0 is Sunday.
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// The months as a rule writes them; the first is 1.
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// One field of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Weekday,
}

impl Field {
    /// What people call it; also part of the hash behind `H`, so it may never change.
    pub(super) fn name(self) -> &'static str {
        match self {
            Field::Second => "second",
            Field::Minute => "minute",
            Field::Hour => "hour",
            Field::Day => "day",
            Field::Month => "month",
            Field::Weekday => "weekday",
        }
    }

    /// The least and the greatest number that may be written; 0 and 7 are both Sunday.
    pub(super) fn bounds(self) -> (u8, u8) {
        match self {
            Field::Second | Field::Minute => (0, 59),
            Field::Hour => (0, 23),
            Field::Day => (1, 31),
            Field::Month => (1, 12),
            Field::Weekday => (0, 7),
        }
    }

    /// The least value.
    pub(super) fn first(self) -> u8 {
        self.bounds().0
    }

    /// The greatest value; of weekdays 6, Saturday.
    pub(super) fn last(self) -> u8 {
        match self {
            Field::Weekday => 6,
            Field::Second | Field::Minute | Field::Hour | Field::Day | Field::Month => self.bounds().1,
        }
    }

    /// How many values there are: what a range goes round by, and the greatest step.
    pub(super) fn size(self) -> u8 {
        self.last() - self.first() + 1
    }

    /// The value behind a number that went past the last one: hour 25 is 1, weekday 7 is Sunday.
    pub(super) fn fold(self, number: u8) -> u8 {
        if number > self.last() { number - self.size() } else { number }
    }

    /// The number that a three-letter name stands for, in any case.
    pub(super) fn named(self, word: &str) -> Option<u8> {
        let at = self.names().iter().position(|name| name.eq_ignore_ascii_case(word))?;
        u8::try_from(at).ok().map(|at| at + self.first())
    }

    /// What may be written, for messages: `0 to 7 or SUN to SAT`.
    pub(super) fn choice(self) -> &'static str {
        match self {
            Field::Second | Field::Minute => "0 to 59",
            Field::Hour => "0 to 23",
            Field::Day => "1 to 31",
            Field::Month => "1 to 12 or JAN to DEC",
            Field::Weekday => "0 to 7 or SUN to SAT",
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Field::Month => &MONTHS,
            Field::Weekday => &WEEKDAYS,
            Field::Second | Field::Minute | Field::Hour | Field::Day => &[],
        }
    }
}
