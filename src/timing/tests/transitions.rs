//! Every change of every zone's clock from 2020 to 2035, under each policy.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Timelike, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

use super::oracle::{Clock, Sets};
use crate::timing::{ClockChange, Gap, Overlap, Plan, Rule};

/// A change of the clock.
struct Change {
    zone: Tz,
    at: DateTime<Utc>,
    /// The wall-clock times on both sides.
    before: NaiveDateTime,
    after: NaiveDateTime,
}

fn offset(zone: Tz, second: i64) -> i64 {
    let at = DateTime::from_timestamp(second, 0).expect("a time");
    i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc())
}

/// Changes that are alike (the same instant and offsets) are of one zone.
fn changes() -> Vec<Change> {
    let second = |text: &str| text.parse::<DateTime<Utc>>().expect("a time").timestamp();
    let (begin, end, step) = (second("2020-01-01T00:00:00Z"), second("2036-01-01T00:00:00Z"), 12 * 3_600);
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    for zone in TZ_VARIANTS {
        let mut at = begin;
        let mut here = offset(zone, at);
        while at < end {
            let there = offset(zone, at + step);
            if here != there {
                let (mut low, mut high) = (at, at + step);
                while low + 1 < high {
                    let middle = low + (high - low) / 2;
                    if offset(zone, middle) == here { low = middle } else { high = middle }
                }
                if seen.insert((high, here, there)) {
                    let local = |offset: i64| DateTime::from_timestamp(high + offset, 0).expect("a time").naive_utc();
                    let at = DateTime::from_timestamp(high, 0).expect("a time");
                    found.push(Change { zone, at, before: local(here), after: local(there) });
                }
            }
            (at, here) = (at + step, there);
        }
    }
    found
}

/// A rule for one time of the day, as text and as sets.
fn daily(time: NaiveDateTime) -> (String, Sets) {
    let (minute, hour) = (time.minute(), time.hour());
    let sets =
        Sets { minutes: vec![minute], hours: vec![hour], days: None, months: (1..=12).collect(), weekdays: None };
    (format!("{minute} {hour} * * *"), sets)
}

#[test]
fn every_change_of_a_clock_does_what_each_policy_says() {
    let gaps = [None, Some(Gap::Skip), Some(Gap::RunAfter), Some(Gap::Shift)];
    let overlaps = [None, Some(Overlap::First), Some(Overlap::Second), Some(Overlap::Both)];
    let changes = changes();
    assert!(changes.len() > 300, "{} changes", changes.len());
    for change in changes {
        let (low, high) = (change.before.min(change.after), change.before.max(change.after));
        let quarter = (high - low) / 4;
        let times = [daily(low + quarter), daily(low + quarter * 3)];
        let (from, to) = (change.at - TimeDelta::hours(30), change.at + TimeDelta::hours(30));
        let clock = Clock::new(change.zone, from, 60 * 60);
        for (gap, overlap) in gaps.into_iter().flat_map(|gap| overlaps.map(|overlap| (gap, overlap))) {
            let policy = (gap.unwrap_or(Gap::RunAfter), overlap.unwrap_or(Overlap::First));
            let all: BTreeSet<i64> = times.iter().flat_map(|(_, sets)| clock.runs(sets, policy)).collect();
            let within = from.timestamp() / 60 + 120..to.timestamp() / 60 - 120;
            let expected: Vec<i64> = all.into_iter().filter(|run| within.contains(run)).collect();

            let rule = |text: &str| Rule::parse(text, change.zone).expect("a rule");
            let plan = Plan {
                rules: times.iter().map(|(text, _)| rule(text)).collect(),
                ..Plan::of(rule(&times[0].0), change.zone, ClockChange { gap, overlap })
            };
            let runs = plan.runs(from + TimeDelta::hours(2), to - TimeDelta::hours(2));
            let found: Vec<i64> = runs.map(|at| at.timestamp() / 60).collect();

            assert_eq!(
                found, expected,
                "{} at {}: {} and {}, {gap:?} {overlap:?}",
                change.zone, change.at, times[0].0, times[1].0
            );
        }
    }
}
