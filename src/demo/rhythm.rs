//! When work comes in: the same rule makes the past and feeds the present, so that one goes over into the other.

use chrono::{Datelike, TimeDelta, Timelike, Weekday};

use super::dice::Dice;
use crate::base::clock::Time;

/// Longest step in which the rate is taken as constant.
const STEP: TimeDelta = TimeDelta::minutes(1);
/// Share of the peak that comes in during the quietest hour.
const NIGHT: f64 = 0.3;
/// Share of a weekday that comes in on Saturday and Sunday.
const WEEKEND: f64 = 0.55;

/// When jobs of one template come in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rhythm {
    /// As people shop: so many a minute at the peak of a weekday, fewer at night and at weekends.
    People(f64),
    /// Every so many minutes, so many minutes after the full hour.
    Every {
        /// Length of the period; divides a day.
        minutes: i64,
        /// When within the period.
        phase: i64,
    },
    /// Once a day, at this minute of the day in UTC.
    Daily(i64),
    /// Once a week, at this minute of the day in UTC.
    Weekly(Weekday, i64),
}

impl Rhythm {
    /// Lists when jobs come in after `from` and up to `to`, oldest first.
    pub fn arrivals(self, from: Time, to: Time, dice: &mut Dice) -> Vec<Time> {
        match self {
            Self::People(peak) => people(peak, from, to, dice),
            Self::Every { minutes, phase } => regular(minutes, phase, from, to),
            Self::Daily(minute) => regular(24 * 60, minute, from, to),
            Self::Weekly(day, minute) => {
                regular(24 * 60, minute, from, to).into_iter().filter(|at| at.weekday() == day).collect()
            }
        }
    }
}

fn people(peak: f64, from: Time, to: Time, dice: &mut Dice) -> Vec<Time> {
    let mut found = Vec::new();
    let mut start = from;
    while start < to {
        let step = STEP.min(to - start);
        let length_us = step.num_microseconds().unwrap_or_default();
        let expected = peak * share(start) * length_us as f64 / 60e6;
        let mut within: Vec<i64> = (0..dice.poisson(expected)).map(|_| dice.between(1, length_us)).collect();
        within.sort_unstable();
        found.extend(within.into_iter().map(|us| start + TimeDelta::microseconds(us)));
        start += step;
    }
    found
}

/// Share of the peak at a moment: a bow over the day, highest in the early afternoon.
fn share(at: Time) -> f64 {
    let hour = f64::from(at.num_seconds_from_midnight()) / 3_600.0;
    let bow = (1.0 - ((hour - 14.0) / 12.0 * std::f64::consts::PI).cos()) / 2.0;
    let day = 1.0 - bow.powf(1.5) * (1.0 - NIGHT);
    let weekend = matches!(at.weekday(), Weekday::Sat | Weekday::Sun);
    if weekend { day * WEEKEND } else { day }
}

fn regular(minutes: i64, phase: i64, from: Time, to: Time) -> Vec<Time> {
    let (period, phase) = (minutes * 60, phase * 60);
    let first = (from.timestamp() - phase).div_euclid(period) + 1;
    let last = (to.timestamp() - phase).div_euclid(period);
    (first..=last).filter_map(|n| Time::from_timestamp(n * period + phase, 0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().expect("a time")
    }

    #[test]
    fn regular_work_comes_once_however_the_time_is_cut() {
        let (from, to) = (at("2026-11-23T00:00:00Z"), at("2026-11-24T00:00:00Z"));
        let rhythm = Rhythm::Every { minutes: 15, phase: 3 };
        let whole = rhythm.arrivals(from, to, &mut Dice::of(1));

        let mut parts = Vec::new();
        let mut start = from;
        while start < to {
            let end = start + TimeDelta::seconds(7 * 60 + 13);
            parts.extend(rhythm.arrivals(start, end.min(to), &mut Dice::of(1)));
            start = end;
        }

        assert_eq!(whole.len(), 96);
        assert_eq!(parts, whole);
    }

    #[test]
    fn people_shop_by_day_and_on_weekdays() {
        let count = |from: &str, hours: i64| {
            let from = at(from);
            Rhythm::People(3.0).arrivals(from, from + TimeDelta::hours(hours), &mut Dice::of(3)).len()
        };

        assert!(count("2026-11-23T12:00:00Z", 4) > 2 * count("2026-11-23T00:00:00Z", 4));
        assert!(count("2026-11-23T00:00:00Z", 24) * 2 > 3 * count("2026-11-22T00:00:00Z", 24));
    }

    #[test]
    fn weekly_work_comes_on_its_day() {
        let from = at("2026-11-01T00:00:00Z");
        let days = Rhythm::Weekly(Weekday::Mon, 360).arrivals(from, from + TimeDelta::days(28), &mut Dice::of(1));

        assert_eq!(days.len(), 4);
        assert!(days.iter().all(|day| day.weekday() == Weekday::Mon && day.hour() == 6));
    }
}
