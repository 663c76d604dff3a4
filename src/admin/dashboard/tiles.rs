//! The four health tiles: a number, its target or what it is measured by, and its course.

use std::time::Duration;

use super::sentences::jobs;
use super::view::Facts;
use super::{Span, Totals};
use crate::admin::health::Peak;
use crate::web::charts::{Spark, spark};
use crate::web::format::{duration, percent};
use crate::web::shell::Shell;

/// Of so many jobs one may fail: a target of 99.9 %.
const JOBS_PER_FAILURE: i64 = 1_000;
/// From this many times slower on it is said in times and no more in percent.
const TIMES_FROM: f64 = 3.0;

/// A health tile.
pub struct Tile {
    /// What.
    pub label: &'static str,
    /// It keeps its target, does not, or has none.
    pub kept: Option<bool>,
    /// The number.
    pub value: String,
    /// Its unit.
    pub unit: String,
    /// What it means.
    pub text: String,
    /// Its course over the range.
    pub spark: Spark,
}

/// Makes the four health tiles.
pub fn tiles(facts: &Facts, span: Span, shell: &Shell) -> Vec<Tile> {
    vec![success(facts, span), wait(facts, span, shell), run(facts, span, shell), busy(facts, span, shell)]
}

fn success(facts: &Facts, span: Span) -> Tile {
    let day = facts.slow.day;
    let ended = day.succeeded + day.failed;
    let course: Vec<f64> = facts.steps.iter().map(|step| step.succeeded as f64).collect();
    let (kept, text) = budget(ended, day.failed);
    Tile {
        label: "Success, 24 h",
        kept: (ended > 0).then_some(kept),
        value: if ended == 0 { "–".into() } else { share(day.succeeded, ended) },
        unit: String::new(),
        text: if ended == 0 { "no job has ended yet".into() } else { text },
        spark: spark(&course, "ld", format!("jobs that succeeded, {}", span.words())),
    }
}

/// Tells whether the target is kept, and how much may still fail: one job of a thousand may.
fn budget(ended: i64, failed: i64) -> (bool, String) {
    let spent = failed as f64 * JOBS_PER_FAILURE as f64 / ended.max(1) as f64;
    let left = match spent {
        spent if spent <= 1.0 => format!("{:.0}% of budget left", (1.0 - spent) * 100.0),
        _ => format!("budget passed, {} failed", jobs(failed)),
    };
    (spent <= 1.0, format!("target 99.9% · {left}"))
}

/// A share near to all with two decimals, never rounded up.
fn share(part: i64, whole: i64) -> String {
    let hundredths = part * 10_000 / whole.max(1);
    match hundredths {
        9_900..10_000 => format!("99.{:02}%", hundredths - 9_900),
        _ => percent(part.unsigned_abs(), whole.unsigned_abs()),
    }
}

/// Says of which part of the range percentiles are, if not of all of it.
fn of_part(totals: &Totals, shell: &Shell) -> Option<String> {
    let since = shell.stamp(totals.since?).text;
    Some(format!("only since {since}: more cannot be added up at once"))
}

fn wait(facts: &Facts, span: Span, shell: &Shell) -> Tile {
    let totals = &facts.slow.totals;
    let (value, unit) = measured(totals.wait_p95);
    let worst = totals.wait_worst.as_ref();
    let target = worst.and_then(|(name, _)| facts.queues.lines.iter().find(|queue| queue.name == *name)?.target());
    let text = match (worst, target) {
        (Some((name, wait)), Some(target)) => {
            format!("{name} waits longest: {} of {} target", duration(*wait), duration(target))
        }
        (Some((name, wait)), None) => format!("{name} waits longest: {}", duration(*wait)),
        (None, _) => "from ready to started".into(),
    };
    Tile {
        label: "Wait, p95",
        kept: worst.zip(target).map(|((_, wait), target)| *wait <= target),
        value,
        unit,
        text: of_part(totals, shell).unwrap_or(text),
        spark: spark(&totals.wait_trend, "l1", format!("waiting time p95, {}", span.words())),
    }
}

fn run(facts: &Facts, span: Span, shell: &Shell) -> Tile {
    let totals = &facts.slow.totals;
    let (value, unit) = measured(totals.run_p95);
    let both = totals.run_p95.zip(facts.slow.run_week_ago);
    let text = both.map_or_else(|| "of the last attempt".into(), |(now, then)| beside(now, then));
    Tile {
        label: "Run time, p95",
        kept: None,
        value,
        unit,
        text: of_part(totals, shell).unwrap_or(text),
        spark: spark(&totals.run_trend, "l1", format!("run time p95, {}", span.words())),
    }
}

/// Says how run times changed within a week.
fn beside(now: Duration, then: Duration) -> String {
    let ratio = now.as_secs_f64() / then.as_secs_f64().max(1e-6);
    let change = (ratio - 1.0) * 100.0;
    match ratio {
        _ if change.abs() < 2.5 => "as a week ago".into(), // that far may a percentile be off
        ratio if ratio >= TIMES_FROM => format!("{ratio:.0} times as long as a week ago"),
        _ if change > 0.0 => format!("{change:.0}% slower than a week ago"),
        _ => format!("{:.0}% faster than a week ago", -change),
    }
}

fn busy(facts: &Facts, span: Span, shell: &Shell) -> Tile {
    let (busy, all) = (facts.fleet.busy, facts.fleet.slots);
    let course: Vec<f64> = facts.steps.iter().map(|step| step.run_us as f64).collect();
    let peak = facts.slow.peak.map(|peak| format!(" · {}", peaked(peak, shell))).unwrap_or_default();
    Tile {
        label: "Slots busy",
        kept: None,
        value: if all == 0 { "–".into() } else { percent(busy.unsigned_abs(), all.unsigned_abs()) },
        unit: String::new(),
        text: if all == 0 { "no node is up".into() } else { format!("{busy} of {all}{peak}") },
        spark: spark(&course, "l1", format!("time spent running, {}", span.words())),
    }
}

/// Says when the nodes were busiest in the last day.
fn peaked(peak: Peak, shell: &Shell) -> String {
    let (busy, slots) = (i64::from(peak.busy), i64::from(peak.slots.max(1)));
    format!("peak {}% at {}", busy * 100 / slots, peak.at.with_timezone(&shell.zone).format("%H:%M"))
}

/// A duration as number and unit, `38` and `s`; a dash when nothing was measured.
fn measured(length: Option<Duration>) -> (String, String) {
    let Some(length) = length else { return ("–".into(), String::new()) };
    let text = duration(length);
    match text.rsplit_once(' ') {
        Some((number, unit)) if !number.contains(char::is_alphabetic) => (number.to_owned(), unit.to_owned()),
        _ => (text, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::shell::sample::shell;

    #[test]
    fn a_measured_duration_splits_into_number_and_unit() {
        assert_eq!(measured(Some(Duration::from_millis(842))), ("842".into(), "ms".into()));
        assert_eq!(measured(Some(Duration::from_secs(252))), ("4m 12s".into(), String::new()));
        assert_eq!(measured(None), ("–".into(), String::new()));
    }

    #[test]
    fn the_budget_is_one_failure_in_a_thousand() {
        for (ended, failed, kept, words) in [
            (10_000, 0, true, "target 99.9% · 100% of budget left"),
            (100_000, 39, true, "target 99.9% · 61% of budget left"),
            (1_000, 1, true, "target 99.9% · 0% of budget left"),
            (999, 1, false, "target 99.9% · budget passed, 1 job failed"),
            (10, 3, false, "target 99.9% · budget passed, 3 jobs failed"),
        ] {
            assert_eq!(budget(ended, failed), (kept, words.to_owned()), "{failed} of {ended}");
        }
    }

    #[test]
    fn a_share_near_to_all_is_told_with_two_decimals_and_never_rounded_up() {
        assert_eq!([share(99_940, 100_000), share(99_999, 100_000), share(7, 7)], ["99.94%", "99.99%", "100%"]);
        assert_eq!(share(1, 2), "50%");
    }

    #[test]
    fn run_times_are_told_beside_those_of_a_week_ago() {
        let told = |now, then| beside(Duration::from_millis(now), Duration::from_millis(then));
        assert_eq!(
            [told(970, 1_000), told(1_120, 1_000), told(1_020, 1_000), told(9_000, 1_000)],
            [
                "3% faster than a week ago",
                "12% slower than a week ago",
                "as a week ago",
                "9 times as long as a week ago"
            ]
        );
    }

    #[test]
    fn a_peak_is_told_with_its_time() {
        let peak = Peak { busy: 94, slots: 100, at: shell().now };
        assert!(peaked(peak, &shell()).starts_with("peak 94% at "));
    }
}
