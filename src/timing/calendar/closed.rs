//! Whether windows leave room: work that waits for the end of a window has to come to run some day.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use super::CLOSED_DAYS_MAX;
use super::window::{Opening, When};

/// Looks for a stretch longer than [`CLOSED_DAYS_MAX`] that windows cover without a gap, and gives a sentence about it.
///
/// Recurring windows are looked at together over the years 2024 to 2028 (at most 1,827 days of 100 windows), single ones together
/// in their order. A longer stretch made of both is allowed; it is bounded, because each of the two is.
pub(super) fn too_long(openings: &[Opening]) -> Option<String> {
    let first = NaiveDate::from_ymd_opt(2024, 1, 1)?;
    let recurring: Vec<&Opening> = openings.iter().filter(|opening| recurs(opening)).collect();
    let days = first.iter_days().take(5 * 365 + 2);
    let of_day = |day| {
        let mut stretches: Vec<_> = recurring.iter().filter_map(|opening| opening.on(day)).collect();
        stretches.sort_unstable();
        stretches
    };
    longest(days.flat_map(of_day)).or_else(|| {
        let single = |opening: &Opening| match opening.when {
            When::Once(from, to) => Some((from, to)),
            When::Recurring { .. } => None,
        };
        let mut stretches: Vec<_> = openings.iter().filter_map(single).collect();
        stretches.sort_unstable();
        longest(stretches.into_iter())
    })
}

fn recurs(opening: &Opening) -> bool {
    match opening.when {
        When::Once(..) => false,
        When::Recurring { .. } => true,
    }
}

/// Joins stretches that come in the order of their beginnings.
fn longest(stretches: impl Iterator<Item = (NaiveDateTime, NaiveDateTime)>) -> Option<String> {
    let mut joined: Option<(NaiveDateTime, NaiveDateTime)> = None;
    for (begin, end) in stretches {
        let (from, to) = match joined {
            Some((from, to)) if begin <= to => (from, to.max(end)),
            _ => (begin, end),
        };
        if to - from > TimeDelta::days(CLOSED_DAYS_MAX) {
            return Some(format!(
                "they leave no gap for more than {CLOSED_DAYS_MAX} days from {from} on: work that waits for their end would not run"
            ));
        }
        joined = Some((from, to));
    }
    None
}
