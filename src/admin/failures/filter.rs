//! Which groups are asked for, in which order, over which time.

use chrono::{DurationRound, TimeDelta};

use crate::base::clock::Time;
use crate::queue::failures::GroupState;

/// The time that counts and trends of a list cover, up to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Range {
    /// 24 hours, by the hour.
    #[default]
    Day,
    /// 7 days, by six hours.
    Week,
    /// 30 days, by the day.
    Month,
}

impl Range {
    /// Every range.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// Gives its name in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// Reads its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.as_str() == text)
    }

    /// Gives the hours of one bar.
    pub fn bar_hours(self) -> i64 {
        match self {
            Self::Day => 1,
            Self::Week => 6,
            Self::Month => 24,
        }
    }

    /// Gives the number of bars.
    pub fn bars(self) -> i64 {
        match self {
            Self::Day => 24,
            Self::Week => 28,
            Self::Month => 30,
        }
    }

    /// Gives the shortest range that reaches back to `seen`; the longest if none does.
    pub fn reaching(seen: Time, now: Time) -> Self {
        Self::ALL.into_iter().find(|range| range.from(now) <= seen).unwrap_or(Self::Month)
    }

    /// Gives the hour in which it begins.
    pub fn from(self, now: Time) -> Time {
        let hour = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
        hour - TimeDelta::hours(self.bars() * self.bar_hours() - 1)
    }
}

/// What a list is sorted by, always the greatest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Last seen.
    #[default]
    Last,
    /// First seen.
    First,
    /// Attempts that failed, ever.
    Most,
}

impl Sort {
    /// Every order.
    pub const ALL: [Self; 3] = [Self::Last, Self::First, Self::Most];

    /// Gives its name in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::First => "first",
            Self::Most => "most",
        }
    }

    /// Reads its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == text)
    }

    /// Gives its column.
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Last => "g.last_seen",
            Self::First => "g.first_seen",
            Self::Most => "g.attempts",
        }
    }

    /// Writes the value of a cursor as SQL compares it.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Last | Self::First => "timestamptz 'epoch' + $9 * interval '1 microsecond'",
            Self::Most => "$9",
        }
    }
}

/// The row beside which a page begins: what it is sorted by (microseconds since 1970, or a number), and its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// What the list is sorted by.
    pub key: i64,
    /// Its fingerprint.
    pub fingerprint: String,
    /// The page before the row, not the one after it.
    pub is_before: bool,
}

impl Cursor {
    /// Reads `KEY.FINGERPRINT`.
    pub fn parse(text: &str, is_before: bool) -> Option<Self> {
        let (key, fingerprint) = text.split_once('.')?;
        let is_print = fingerprint.len() == 16 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(Self { key: key.parse().ok()?, fingerprint: fingerprint.to_owned(), is_before }).filter(|_| is_print)
    }
}

/// Which groups are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Any of these states; empty = the open ones and the quiet ones, which is what a list begins with.
    pub states: Vec<GroupState>,
    /// Only of this template.
    pub template: String,
    /// Only with failures in this queue.
    pub queue: String,
    /// Only with this text in the message.
    pub text: String,
    /// Only those that no lower version of the template had.
    pub since_version: Option<i32>,
    /// Counts and trends.
    pub range: Range,
    /// The order.
    pub sort: Sort,
    /// Where the page begins; `None` = at the first row.
    pub cursor: Option<Cursor>,
}

impl Filter {
    /// Tells whether anything but the states narrows the list.
    pub fn narrows(&self) -> bool {
        !self.template.is_empty() || !self.queue.is_empty() || !self.text.is_empty() || self.since_version.is_some()
    }

    /// The text as a pattern.
    pub(super) fn pattern(&self) -> String {
        let literal = self.text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        if self.text.is_empty() { String::new() } else { format!("%{literal}%") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_with_the_present_hour() {
        let now: Time = "2026-11-30T12:40:00Z".parse().expect("a time");

        assert_eq!(Range::Day.from(now).to_rfc3339(), "2026-11-29T13:00:00+00:00");
        assert_eq!(Range::Week.from(now).to_rfc3339(), "2026-11-23T13:00:00+00:00");
    }

    #[test]
    fn the_range_of_a_group_reaches_back_to_when_it_was_seen() {
        let now = Time::from_timestamp(1_800_000_000, 0).unwrap();
        let reaching = |hours| Range::reaching(now - TimeDelta::hours(hours), now);

        assert_eq!(
            [0, 22, 24, 166, 168, 719, 9_000].map(reaching).map(Range::as_str),
            ["24h", "24h", "7d", "7d", "30d", "30d", "30d"]
        );
    }

    #[test]
    fn a_cursor_is_a_number_and_a_fingerprint() {
        let read = |text| Cursor::parse(text, false).map(|cursor| cursor.key);

        assert_eq!(read("17.0123456789abcdef"), Some(17));
        for bad in ["", "17", "x.0123456789abcdef", "17.0123", "17.0123456789abcdeg"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn asterisks_of_patterns_are_meant_as_they_stand() {
        assert_eq!(Filter { text: "50%_\\".into(), ..Filter::default() }.pattern(), "%50\\%\\_\\\\%");
    }
}
