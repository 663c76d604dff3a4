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
    let date = dates::of(days, plan.months, time.listed == 0);
    let is_close = time.listed == 1 && (date.starts_with("on ") || date.starts_with("every "));
    let border = if date.is_empty() || is_close { "" } else { "," };
    let space = if date.is_empty() { "" } else { " " };
    let never = if plan.is_possible() { "" } else { ", which never comes" };
    format!("{}{border}{space}{date}{never}", time.text)
}
