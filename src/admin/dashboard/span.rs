//! The time ranges of the dashboard and the steps in which they are drawn.

use std::time::Duration;

use crate::base::clock::Time;

/// A range that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Span {
    /// 15 minutes by the minute.
    Quarter,
    /// 1 hour by the minute.
    #[default]
    Hour,
    /// 6 hours by 5 minutes.
    SixHours,
    /// 24 hours by 20 minutes.
    Day,
    /// 7 days by 2 hours.
    Week,
}

impl Span {
    /// Every range, shortest first.
    pub const ALL: [Self; 5] = [Self::Quarter, Self::Hour, Self::SixHours, Self::Day, Self::Week];

    /// Gives the value of `range=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quarter => "15m",
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    /// Reads the value of `range=`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.as_str() == text)
    }

    /// Gives the words of the switch.
    pub fn words(self) -> &'static str {
        match self {
            Self::Quarter => "15 min",
            Self::Hour => "1 hour",
            Self::SixHours => "6 hours",
            Self::Day => "24 hours",
            Self::Week => "7 days",
        }
    }

    /// Gives its length.
    pub fn length(self) -> Duration {
        let minutes = match self {
            Self::Quarter => 15,
            Self::Hour => 60,
            Self::SixHours => 360,
            Self::Day => 1_440,
            Self::Week => 10_080,
        };
        Duration::from_secs(minutes * 60)
    }

    /// Gives the length of one bar.
    pub fn bar(self) -> Duration {
        let minutes = match self {
            Self::Quarter | Self::Hour => 1,
            Self::SixHours => 5,
            Self::Day => 20,
            Self::Week => 120,
        };
        Duration::from_secs(minutes * 60)
    }

    /// Gives the start of the bar before the last one: what is older changes no more, apart from what is counted late.
    pub fn recent(self, now: Time) -> Time {
        self.bars(now).iter().rev().nth(1).copied().unwrap_or(now)
    }

    /// Gives the step of the rollups that are read: minutes, or hours for a week.
    pub fn rollup_step_s(self) -> i32 {
        if self == Self::Week { 3_600 } else { 60 }
    }

    /// Gives the starts of all bars up to `now`, oldest first; the last one is not complete.
    pub fn bars(self, now: Time) -> Vec<Time> {
        let bar = self.bar().as_secs() as i64;
        let last = now.timestamp().div_euclid(bar) * bar;
        let count = (self.length().as_secs() / self.bar().as_secs()) as i64;
        (0..count).rev().filter_map(|back| Time::from_timestamp(last - back * bar, 0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_aligned_and_end_with_the_present_one() {
        let now = Time::from_timestamp(1_000_000_030, 0).unwrap();

        for span in Span::ALL {
            let bars = span.bars(now);
            let step = span.bar().as_secs() as i64;
            assert_eq!(bars.len() as u64, span.length().as_secs() / span.bar().as_secs());
            assert!(bars.windows(2).all(|pair| (pair[1] - pair[0]).num_seconds() == step));
            assert!(now - *bars.last().unwrap() < chrono::TimeDelta::seconds(step));
            assert_eq!(Span::parse(span.as_str()), Some(span));
        }
    }
}
