//! The limits of a template in words.

use std::collections::BTreeMap;

use super::facts::{Fact, span};
use crate::queue::template::{Keyed, Labels, Limits, Rate, WhenFull};
use crate::web::ansi::visible;
use crate::web::format::grouped;

/// Says how many run at once and begin within a time; empty when nothing limits them.
pub fn limits(limits: &Limits) -> Vec<Fact> {
    let at_once = limits.concurrency.map(|jobs| Fact::words("At once", format!("{} on all nodes", count(jobs))));
    let on_a_node =
        limits.concurrency_per_node.map(|jobs| Fact::words("At once on a node", format!("{} on each", count(jobs))));
    let keyed = limits.keyed.as_ref().map(|keyed| Fact::words("At once of a key", keyed_words(keyed)));
    let rate = limits.rate.as_ref().map(|rate| Fact::words("Rate", rate_words(rate)));
    let reserve = (!limits.reserve.is_empty()).then(|| Fact::words("Reserves", reserve_words(&limits.reserve)));
    [at_once, on_a_node, keyed, rate, reserve].into_iter().flatten().collect()
}

/// Says which nodes run its jobs; `None` = any.
pub fn requires(labels: &Labels) -> Option<Fact> {
    let words: Vec<String> = labels.iter().map(|(name, value)| visible(&format!("{name}={value}"))).collect();
    (!words.is_empty()).then(|| Fact::words("Runs on", format!("nodes with {}", words.join(", "))))
}

fn count(jobs: u32) -> String {
    if jobs == 1 { "1 job".into() } else { format!("{jobs} jobs") }
}

fn reserve_words(reserve: &BTreeMap<String, u32>) -> String {
    let words: Vec<String> =
        reserve.iter().map(|(pool, amount)| format!("{} of {pool}", grouped(u64::from(*amount)))).collect();
    format!("{} while it runs", words.join(", "))
}

fn keyed_words(keyed: &Keyed) -> String {
    let more = match keyed.when_full {
        WhenFull::Wait => "one more waits",
        WhenFull::SkipNewest => "one more is cancelled",
        WhenFull::CancelOldest => "one more takes the place of the oldest, which is cancelled",
    };
    format!("{} with the same {}; {more}", count(keyed.jobs), keyed.by.join(", "))
}

fn rate_words(rate: &Rate) -> String {
    let whose = if rate.by.is_empty() { String::new() } else { format!(" with the same {}", rate.by.join(", ")) };
    let burst = rate.burst.map_or_else(String::new, |burst| format!(", at most {burst} at once"));
    format!("{}{whose} begin within {}{burst}", count(rate.jobs), span(rate.per_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_are_told_in_words() {
        let told: Limits = serde_json::from_value(
            json!({ "concurrency": 1, "concurrency_per_node": 4, "keyed": { "by": ["customer"], "jobs": 2 },
            "rate": { "jobs": 100, "per_ms": 60_000, "burst": 5 }, "reserve": { "db-connections": 2, "memory-mb": 4_096 } }),
        )
        .unwrap();

        let words: Vec<String> = limits(&told).into_iter().map(|fact| fact.lines.join(" ")).collect();

        assert_eq!(
            words,
            [
                "1 job on all nodes",
                "4 jobs on each",
                "2 jobs with the same customer; one more waits",
                "100 jobs begin within 1m, at most 5 at once",
                "2 of db-connections, 4,096 of memory-mb while it runs"
            ]
        );
        assert_eq!(limits(&Limits::default()), []);
    }
}
