//! The rules that the simulation drives: the program's own, or a broken one that must be caught.

use std::time::Duration;

use crate::base::clock::Time;
use crate::engine::fence::Fence;
use crate::queue::limits::{Candidate, Lanes, Verdict, decide};
use crate::queue::retry::{FailedAttempt, Next, after_failure, after_interruption};
use crate::queue::template::Defaults;
use crate::queue::work::Resources;

/// The rule of limits.
type Decide = fn(Time, &mut Lanes, &[Candidate]) -> Vec<Verdict>;

/// What can be exchanged.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// Policy, attempt, chance.
    pub(super) failed: fn(&Defaults, u16, f64) -> Next,
    /// Policy, attempt, interruptions.
    pub(super) interrupted: fn(&Defaults, u16, u16) -> Next,
    pub(super) decide: Decide,
    pub(super) must_stop: fn(&Fence, Duration) -> bool,
    pub(super) may_claim: fn(&Fence, Duration) -> bool,
    /// Whether a result counts: the fence of the result, and the one that holds the job. SQL's part of the fence.
    pub(super) counts: fn(i64, Option<i64>) -> bool,
}

impl Rules {
    /// The program's own.
    pub(super) fn own() -> Self {
        Self {
            failed: |policy, attempt, chance| {
                let failure = FailedAttempt { error: "it failed", resources: Resources::default() };
                after_failure(policy, attempt, policy.max_attempts, &failure, chance)
            },
            interrupted: |policy, attempt, interruptions| {
                after_interruption(policy, attempt, policy.max_attempts, interruptions)
            },
            decide,
            must_stop: |fence, now| fence.time_left_at(now).is_zero(),
            may_claim: Fence::may_claim_at,
            counts: |fence, holder| holder == Some(fence),
        }
    }
}
