//! Rules in plain English. Sentences are made of what a rule *means* (its sets), not of how it is spelt: `0-59/5` and
//! `*/5` read the same, and `H` reads as it was spread.

mod dates;
mod set;
mod times;

use super::days::Days;
use super::search::Plan;

/// The sentence of a rule, without a full stop.
pub(super) fn of(plan: &Plan, days: &Days) -> String {
    let time = times::of(plan.times);
    let date = dates::of(days, plan.months, !time.starts_with("At"));
    let never = if plan.is_possible() { "" } else { ", which never comes" };
    if date.is_empty() { format!("{time}{never}") } else { format!("{time}, {date}{never}") }
}
