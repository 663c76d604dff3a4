//! The walk along a plan: its occurrences in the order in which they are decided.
//!
//! Bounded by construction: each step costs one step of a rule, a closed time that swallows several occurrences is jumped over,
//! and a course that finds nothing to run for [`STEPS_MAX`] steps gives up and says where.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter::Peekable;

use chrono::{DateTime, TimeDelta, Utc};

use super::calendar::Roll;
use super::plan::{Fate, Occurrence, Plan};
use super::reason::Reason;
use super::rule::Slots;
use super::zone::{Slot, Touch};

/// So many times of rules are looked at in vain before a course gives up, fewer where each is weighed against many exclusions: that nothing
/// is left is told within some 50 ms.
pub const STEPS_MAX: usize = 40_000;

/// A jump costs as much as looking at so many.
const STEPS_OF_JUMP: usize = 10;

/// So many more are looked at for each run that is found, so that a rule of which hardly anything is left costs no more in all.
const STEPS_PER_RUN: usize = 1_000;

/// So many are told one by one before the rest of a closed time is told together.
const TOLD_MAX: usize = 3;

/// The occurrences of a plan from a moment on.
pub struct Course<'p> {
    plan: &'p Plan,
    from: DateTime<Utc>,
    rules: Vec<Peekable<Slots<'p>>>,
    /// Decided, and not given because something earlier may come.
    waiting: BinaryHeap<Reverse<Waiting>>,
    last_run: Option<DateTime<Utc>>,
    /// So much earlier may something run than its rules name it.
    back: TimeDelta,
    /// The closed time that swallowed the last ones, and how many.
    swallowed: (Option<DateTime<Utc>>, usize),
    steps_left: usize,
    /// The last time of a rule that was looked at.
    looked: DateTime<Utc>,
}

struct Waiting(Occurrence);

impl Waiting {
    fn key(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.0.moment, self.0.at)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl<'p> Course<'p> {
    pub(super) fn new(plan: &'p Plan, from: DateTime<Utc>) -> Self {
        // what runs now was delayed last, and rolled before that
        let begin = plan.delayed_from(from) - rolled_by(plan, &[Roll::Next, Roll::ModifiedNext]);
        let begin = plan.start.map_or(begin, |start| begin.max(start));
        let rules = streams(plan, begin);
        Self {
            plan,
            from,
            back: plan.back(),
            rules,
            waiting: BinaryHeap::new(),
            last_run: None,
            swallowed: (None, 0),
            steps_left: STEPS_MAX,
            looked: begin,
        }
    }

    /// Gives where the course gave up, if it did: nothing runs before, and what comes after is not known.
    pub fn gave_up(&self) -> Option<DateTime<Utc>> {
        (self.steps_left == 0).then_some(self.looked)
    }

    /// The next time that a rule names; those of several rules at one instant are one.
    fn slot(&mut self) -> Option<Slot> {
        let next = self.rules.iter_mut().filter_map(|rule| rule.peek().copied());
        // one that a clock change moved there keeps away none that is there by itself
        let is_moved = |touch| matches!(touch, Touch::AfterGap | Touch::Shifted);
        let first = next.min_by_key(|slot| (slot.at, slot.touch == Touch::LeftOut, is_moved(slot.touch), *slot))?;
        for rule in &mut self.rules {
            while rule.peek().is_some_and(|slot| slot.at <= first.at) {
                rule.next();
            }
        }
        Some(first)
    }

    fn peek(&mut self) -> Option<DateTime<Utc>> {
        self.rules.iter_mut().filter_map(|rule| rule.peek().map(|slot| slot.at)).min()
    }

    /// Decides times of rules until the first of those that wait can be given.
    fn decide(&mut self) {
        let back = self.back;
        while self.steps_left > 0 {
            let Some(next) = self.peek() else { return };
            let is_first = |Reverse(first): &Reverse<Waiting>| first.0.moment <= next - back;
            if self.waiting.peek().is_some_and(is_first) {
                return;
            }
            if self.plan.end.is_some_and(|end| next >= end) {
                self.rules.clear();
                return;
            }
            let Some(slot) = self.slot() else { return };
            (self.looked, self.steps_left) = (slot.at, self.steps_left.saturating_sub(1 + self.plan.exclude.len() / 4));
            self.weigh(slot);
        }
    }

    fn weigh(&mut self, slot: Slot) {
        let (fate, closed_until) = self.plan.decide(slot);
        let moment = if let Fate::Runs(at, _) = fate { at } else { slot.at };
        let Slot { at, local, touch } = slot;
        let mut occurrence = Occurrence { at, local, touch, moment, fate, until: None };
        if let Some(until) = closed_until.filter(|until| *until > slot.at) {
            let many = if self.swallowed.0 == closed_until { self.swallowed.1 + 1 } else { 1 };
            self.swallowed = (closed_until, many);
            if many > TOLD_MAX {
                occurrence.until = Some(until);
                self.jump(until);
            }
        }
        self.waiting.push(Reverse(Waiting(occurrence)));
    }

    /// Goes on with what the rules name from `to` on.
    fn jump(&mut self, to: DateTime<Utc>) {
        self.steps_left = self.steps_left.saturating_sub(STEPS_OF_JUMP);
        self.rules = streams(self.plan, to);
    }
}

impl Plan {
    /// Gives how much earlier something may run than its rules name it.
    pub fn back(&self) -> TimeDelta {
        rolled_by(self, &[Roll::Previous, Roll::ModifiedNext])
    }
}

/// How far from its day a business day may lie, if the plan rolls one of these ways.
fn rolled_by(plan: &Plan, ways: &[Roll]) -> TimeDelta {
    match &plan.business {
        // a clock change may come between, and the day has not begun
        Some(business) if ways.contains(&business.roll) => {
            TimeDelta::days(i64::from(business.days.longest_closure()) + 2)
        }
        _ => TimeDelta::zero(),
    }
}

fn streams(plan: &Plan, from: DateTime<Utc>) -> Vec<Peekable<Slots<'_>>> {
    plan.rules.iter().map(|rule| rule.slots(plan.zone, plan.change, from).telling().peekable()).collect()
}

impl Iterator for Course<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        loop {
            self.decide();
            let Reverse(Waiting(mut occurrence)) = self.waiting.pop()?;
            if let Some(at) = occurrence.runs_at() {
                if self.last_run == Some(at) {
                    occurrence.fate = Fate::Skipped(Reason::Merged);
                } else {
                    self.last_run = Some(at);
                    self.steps_left = STEPS_MAX.min(self.steps_left + STEPS_PER_RUN);
                }
            }
            if occurrence.moment >= self.from {
                return Some(occurrence);
            }
        }
    }
}
