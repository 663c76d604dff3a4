//! Puts rules, dates and exclusions together: the next time of a set, and whether it holds a time.
//!
//! A set is what its rules and RDATEs give, less EXDATEs and what EXRULEs give. Where an EXRULE takes a time away, the search goes on
//! behind the whole second, minute, hour or day that it is known to take from that rule, or behind its end, so that "every second,
//! but not in August" is 31 steps. What such stretches cannot tell is walked, [`SKIPS_MAX`] steps at most.

use super::Recurrence;
use super::civil::{DAY, HORIZON, day_of};
use super::rule::Rule;
use super::steps::step;

/// How many times or stretches in a row EXRULEs may take from a set's rules before it counts as ended: 27 years of days. Divided among
/// the rules.
const SKIPS_MAX: usize = 10_000;

impl Recurrence {
    /// The first time at or after a local second that is in the set.
    pub(super) fn next_second(&self, from: i64) -> Option<i64> {
        let dates = self.dates.get(self.dates.partition_point(|at| *at < from)..).unwrap_or_default();
        let mut best = dates.iter().copied().find(|at| *at <= HORIZON && self.excluded_until(*at, None).is_none());
        for rule in &self.rules {
            best = self.next_of(rule, from, best.unwrap_or(HORIZON)).or(best);
        }
        best
    }

    /// The first time of `from` to `limit` that a rule gives and nothing takes away.
    fn next_of(&self, rule: &Rule, from: i64, limit: i64) -> Option<i64> {
        let mut left = SKIPS_MAX / self.rules.len().max(1);
        let mut from = from;
        loop {
            step();
            let found = rule.next(from, limit)?;
            let Some(end) = self.excluded_until(found, Some(rule)) else { return Some(found) };
            from = end;
            if !self.is_but_date(found) {
                left = left.checked_sub(1)?;
            }
        }
    }

    /// Whether an EXDATE takes a time away. There are so few of them that they need no other bound.
    fn is_but_date(&self, at: i64) -> bool {
        self.but_dates.binary_search(&at).is_ok() || self.but_days.binary_search(&day_of(at)).is_ok()
    }

    /// None for a time that is not excluded; else the end of a stretch that begins with it and in which everything that `rule` gives
    /// is excluded.
    fn excluded_until(&self, at: i64, rule: Option<&Rule>) -> Option<i64> {
        let by_day = self.but_days.binary_search(&day_of(at)).is_ok().then(|| (day_of(at) + 1) * DAY);
        let by_date = self.but_dates.binary_search(&at).is_ok().then_some(at + 1);
        let holding = self.but_rules.iter().filter(|but| but.holds(at));
        let by_rule = holding.map(|but| rule.map_or(at + 1, |rule| but.covers_until(rule, at))).max();
        by_day.into_iter().chain(by_date).chain(by_rule).max()
    }

    /// Whether a local second is in the set.
    pub(super) fn holds_second(&self, at: i64) -> bool {
        let is_meant = self.dates.binary_search(&at).is_ok() || self.rules.iter().any(|rule| rule.holds(at));
        is_meant && at <= HORIZON && self.excluded_until(at, None).is_none()
    }
}
