//! When a failed attempt is tried again, in words.

use std::time::Duration;

use crate::queue::retry::wait;
use crate::queue::template::{Backoff, BackoffKind, Defaults};
use crate::web::format::duration;

/// How many attempts a preview shows.
pub const ATTEMPTS_SHOWN_MAX: u16 = 6;

/// The wait before one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The attempt that it comes before, from 2.
    pub attempt: u16,
    /// Its usual length.
    pub usual: String,
    /// Between what it lies because of the random part; empty without one.
    pub between: String,
}

/// Gives the waits before the attempts 2 to 6, or fewer when there are fewer attempts.
pub fn waits(defaults: &Defaults) -> Vec<Wait> {
    let last = defaults.max_attempts.min(ATTEMPTS_SHOWN_MAX);
    (1..last).map(|failed| one_wait(&defaults.backoff, failed)).collect()
}

fn one_wait(backoff: &Backoff, failed: u16) -> Wait {
    let [least, usual, most] = [0.0, 0.5, 1.0].map(|chance| wait(backoff, failed, chance));
    let between = if least == most { String::new() } else { format!("{} to {}", duration(least), duration(most)) };
    Wait { attempt: failed + 1, usual: duration(usual), between }
}

/// Says in one sentence how often and when a job is tried.
pub fn sentence(defaults: &Defaults) -> String {
    if defaults.max_attempts == 1 {
        return "Tried once; a failed attempt is not repeated.".into();
    }
    let times = defaults.max_attempts;
    format!("Tried up to {times} times. After a failed attempt it waits {}.", growth(&defaults.backoff))
}

fn growth(backoff: &Backoff) -> String {
    let (base, most) = (length(backoff.base_ms), length(backoff.max_ms));
    let grown = match backoff.kind {
        BackoffKind::Constant => base,
        BackoffKind::Linear => format!("{base} longer each time, at most {most}"),
        BackoffKind::Exponential if backoff.factor <= 1.0 => base,
        BackoffKind::Exponential => format!("{base}, then {} times longer each time, at most {most}", backoff.factor),
        BackoffKind::List => {
            let waits: Vec<String> = backoff.delays_ms.iter().take(10).map(|wait| length(*wait)).collect();
            let more = if backoff.delays_ms.len() > waits.len() { ", …" } else { "" };
            format!("{}{more}; the last wait repeats", waits.join(", "))
        }
    };
    if backoff.jitter > 0.0 { format!("{grown}, each wait ±{} %", percent(backoff.jitter)) } else { grown }
}

fn length(ms: u64) -> String {
    duration(Duration::from_millis(ms))
}

/// Shortest spelling of a fraction as a percentage: 0.2 is `20`, 0.125 is `12.5`.
fn percent(fraction: f64) -> f64 {
    (fraction * 100_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(kind: BackoffKind, jitter: f64) -> Defaults {
        let backoff =
            Backoff { kind, base_ms: 1_500, factor: 2.0, max_ms: 10_000, jitter, delays_ms: vec![1_000, 60_000] };
        Defaults { max_attempts: 5, backoff, ..Defaults::default() }
    }

    #[test]
    fn the_first_waits_are_those_of_the_engine() {
        let shown: Vec<_> = waits(&defaults(BackoffKind::Exponential, 0.2))
            .into_iter()
            .map(|wait| format!("{} {} ({})", wait.attempt, wait.usual, wait.between))
            .collect();

        assert_eq!(
            shown,
            [
                "2 1.5 s (1.2 s to 1.8 s)",
                "3 3.0 s (2.4 s to 3.6 s)",
                "4 6.0 s (4.8 s to 7.2 s)",
                "5 10 s (9.6 s to 10 s)"
            ]
        );
        assert_eq!(waits(&Defaults { max_attempts: 1, ..Defaults::default() }), []);
        assert_eq!(waits(&Defaults { max_attempts: 100, ..Defaults::default() }).len(), 5);
    }

    #[test]
    fn each_kind_has_its_words() {
        let say = |kind, jitter| sentence(&defaults(kind, jitter));

        assert_eq!(say(BackoffKind::Constant, 0.0), "Tried up to 5 times. After a failed attempt it waits 1.5 s.");
        assert_eq!(
            say(BackoffKind::Exponential, 0.2),
            "Tried up to 5 times. After a failed attempt it waits 1.5 s, then 2 times longer each time, at most 10 s, each wait ±20 %."
        );
        assert!(say(BackoffKind::Linear, 0.0).contains("1.5 s longer each time, at most 10 s"));
        assert!(say(BackoffKind::List, 0.125).contains("1.0 s, 1m; the last wait repeats, each wait ±12.5 %"));
        assert_eq!(
            sentence(&Defaults { max_attempts: 1, ..Defaults::default() }),
            "Tried once; a failed attempt is not repeated."
        );
    }
}
