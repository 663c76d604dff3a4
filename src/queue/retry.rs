//! Whether and when to try again: pure rules over the template's policy and the facts of the failed attempt.

use std::time::Duration;

use super::template::{Backoff, BackoffKind, Defaults, OnInterrupt, RetryIf};
use super::work::Resources;

/// Interruptions after which a job is held instead of tried again (G9).
pub const INTERRUPTIONS_MAX: u16 = 3;

/// What comes after a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Try again after this time.
    Retry(Duration),
    /// The job has failed; the sentence says why no further attempt is made.
    Fail(&'static str),
    /// The job is held.
    Hold(&'static str),
}

/// Decides about a failed attempt.
///
/// `attempt` is its number from 1, `chance` a random number in `[0, 1)` for the jitter.
pub fn after_failure(
    policy: &Defaults,
    attempt: u16,
    max_attempts: u16,
    failure: &FailedAttempt<'_>,
    chance: f64,
) -> Next {
    if attempt >= max_attempts {
        return Next::Fail("attempts used up");
    }
    if policy.retry_if.as_ref().is_some_and(|condition| !holds(condition, failure)) {
        return Next::Fail("the template's retry condition does not hold");
    }
    Next::Retry(wait(&policy.backoff, attempt, chance))
}

/// Jobs that were interrupted so often run apart from each other: the next crash then blames one of them and not all.
pub const SUSPECT_INTERRUPTIONS: i64 = INTERRUPTIONS_MAX as i64 - 1;

/// Decides about an attempt whose node was lost, with `interruptions` counting this one.
pub fn after_interruption(policy: &Defaults, attempt: u16, max_attempts: u16, interruptions: u16) -> Next {
    match policy.on_interrupt {
        OnInterrupt::Fail => Next::Fail("the template does not allow a retry after an interruption"),
        OnInterrupt::Hold => Next::Hold("interrupted; the template asks for a person's decision"),
        OnInterrupt::Retry if interruptions >= INTERRUPTIONS_MAX => {
            Next::Hold("interrupted three times: it may be what takes its nodes down")
        }
        OnInterrupt::Retry if attempt >= max_attempts => Next::Fail("interrupted in its last attempt"),
        OnInterrupt::Retry => Next::Retry(Duration::ZERO),
    }
}

/// The facts that a retry condition may ask for.
#[derive(Debug, Clone, Copy)]
pub struct FailedAttempt<'a> {
    /// The error's text.
    pub error: &'a str,
    /// Exit code and status, if any.
    pub resources: Resources,
}

fn holds(condition: &RetryIf, failure: &FailedAttempt<'_>) -> bool {
    failure.resources.exit_code.is_some_and(|code| condition.exit_codes.contains(&code))
        || failure.resources.http_status.is_some_and(|status| condition.http_statuses.holds(status))
        || condition.error_contains.iter().any(|text| failure.error.contains(text.as_str()))
}

/// Gives the wait after failed attempt number `attempt`: the kind's growth, times 1 ± jitter, at most `max_ms`.
pub fn wait(backoff: &Backoff, attempt: u16, chance: f64) -> Duration {
    let base = backoff.base_ms as f64;
    let nth = f64::from(attempt.max(1));
    let grown = match backoff.kind {
        BackoffKind::Constant => base,
        BackoffKind::Linear => base * nth,
        BackoffKind::Exponential => base * backoff.factor.powf(nth - 1.0),
        BackoffKind::List => listed(&backoff.delays_ms, attempt).unwrap_or(base),
    };
    let spread = 1.0 + backoff.jitter.clamp(0.0, 1.0) * (2.0 * chance - 1.0);
    let ms = (grown * spread).clamp(0.0, backoff.max_ms as f64);
    Duration::from_millis(ms as u64)
}

fn listed(delays_ms: &[u64], attempt: u16) -> Option<f64> {
    let at = usize::from(attempt.max(1) - 1).min(delays_ms.len().checked_sub(1)?);
    Some(delays_ms[at] as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(kind: BackoffKind) -> Backoff {
        Backoff { kind, base_ms: 100, factor: 3.0, max_ms: 5_000, jitter: 0.0, delays_ms: vec![7, 9] }
    }

    fn failed(error: &str) -> FailedAttempt<'_> {
        FailedAttempt { error, resources: Resources { exit_code: Some(75), ..Resources::default() } }
    }

    #[test]
    fn waits_grow_as_their_kind_says() {
        let waits = |kind| [1, 2, 3, 9].map(|n| wait(&plain(kind), n, 0.5).as_millis());

        assert_eq!(waits(BackoffKind::Constant), [100, 100, 100, 100]);
        assert_eq!(waits(BackoffKind::Linear), [100, 200, 300, 900]);
        assert_eq!(waits(BackoffKind::Exponential), [100, 300, 900, 5_000]);
        assert_eq!(waits(BackoffKind::List), [7, 9, 9, 9]);
    }

    #[test]
    fn the_last_attempt_is_not_retried() {
        let policy = Defaults::default();

        assert!(matches!(after_failure(&policy, 2, 3, &failed("x"), 0.5), Next::Retry(_)));
        assert_eq!(after_failure(&policy, 3, 3, &failed("x"), 0.5), Next::Fail("attempts used up"));
    }

    #[test]
    fn a_retry_condition_is_any_of_its_parts() {
        let only = |condition| Defaults { retry_if: Some(condition), ..Defaults::default() };
        let by_code = only(RetryIf { exit_codes: vec![75], ..RetryIf::default() });
        let by_text = only(RetryIf { error_contains: vec!["refused".into()], ..RetryIf::default() });

        assert!(matches!(after_failure(&by_code, 1, 3, &failed("x"), 0.5), Next::Retry(_)));
        assert!(matches!(after_failure(&by_text, 1, 3, &failed("connection refused"), 0.5), Next::Retry(_)));
        assert!(matches!(after_failure(&by_text, 1, 3, &failed("x"), 0.5), Next::Fail(_)));
    }

    #[test]
    fn a_job_that_takes_its_nodes_down_is_held() {
        let policy = Defaults::default();

        assert_eq!(after_interruption(&policy, 1, 5, 1), Next::Retry(Duration::ZERO));
        assert!(matches!(after_interruption(&policy, 3, 5, 3), Next::Hold(_)));
        assert!(matches!(after_interruption(&policy, 2, 2, 2), Next::Fail(_)));
    }

    proptest! {
        #[test]
        fn a_wait_is_never_longer_than_its_cap(attempt in 0u16..100, chance in 0.0f64..1.0, jitter in 0.0f64..2.0, base_ms in 0u64..1_000_000, max_ms in 0u64..1_000_000) {
            let backoff = Backoff { base_ms, max_ms, jitter, ..Backoff::default() };

            prop_assert!(wait(&backoff, attempt, chance) <= Duration::from_millis(max_ms));
        }
    }
}
