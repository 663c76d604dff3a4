//! What of a plan is still to come: how much of it, and when the next.

use crate::base::clock::Time;
use crate::timing::Plan;

/// Most occurrences behind those of a decision that are looked at for how many of them run: five days of a rule that names each second.
const LOOKED_BEHIND_MAX: usize = 500_000;

/// Counts how often a plan runs within `[from, to)`, up to `most`; `None` = that cannot be told without looking too far.
pub(super) fn runs_between(plan: &Plan, from: Time, to: Time, most: usize) -> Option<usize> {
    let (mut from, mut runs, mut left) = (from, 0, LOOKED_BEHIND_MAX);
    loop {
        let mut course = plan.course(from);
        while runs < most {
            left = left.checked_sub(1)?;
            match course.next() {
                Some(one) if one.moment < to => runs += usize::from(one.runs_at().is_some()),
                Some(_) => return Some(runs),
                None => break,
            }
        }
        match course.gave_up() {
            Some(at) if runs < most && at < to && at > from => from = at,
            _ => return Some(runs),
        }
    }
}

/// When a schedule has to be looked at next, and when it runs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// `None` = never.
    pub due_at: Option<Time>,
    /// `None` = never, as far as was looked.
    pub next_at: Option<Time>,
}

/// Tells when something has to be decided from `from` on. Within a closed time that swallows many occurrences that is its end, so that one row
/// tells of all of them.
pub fn next(plan: &Plan, from: Time) -> Next {
    const LOOKED_AT: usize = 6;
    const LOOKED_AT_FOR_NEXT: usize = 20_000;
    let mut course = plan.course(from);
    let mut first = None;
    let mut swallowed = None;
    for one in course.by_ref().take(LOOKED_AT) {
        first = first.or(Some(one.moment));
        if let Some(at) = one.runs_at() {
            let due_at = if swallowed.is_some() { Some(at) } else { first };
            return Next { due_at, next_at: Some(at) };
        }
        swallowed = swallowed.or(one.until);
    }
    let next_at = course.by_ref().take(LOOKED_AT_FOR_NEXT).find_map(|one| one.runs_at());
    let due_at = swallowed.or(first).or(course.gave_up());
    Next { due_at, next_at }
}
