//! From what a template and a queue say to the rules of one job.

use std::sync::Arc;
use std::time::Duration;

use super::decide::{Bound, Rule};
use crate::queue::job::QueueId;
use crate::queue::template::{Limits, Rate, WhenFull};

/// Gives the key of a queue's lane.
pub fn queue_key(queue: QueueId) -> String {
    format!("q{}", queue.0)
}

/// Gives the key of a pool's lane.
pub fn pool_key(pool: &str) -> String {
    format!("p{pool}")
}

/// Tells whether a key is that of a pool's lane.
pub(super) fn is_of_pool(key: &str) -> bool {
    key.starts_with('p')
}

/// Tells whether people change what the lane of that key bounds while jobs are decided about: a queue's or a pool's.
pub(super) fn is_live(key: &str) -> bool {
    key.starts_with('q') || is_of_pool(key)
}

impl Rule {
    /// Gives the rule with what its lane bounds now; `None` = nothing any more. It still counts, so that places are given back
    /// as they were taken.
    pub(super) fn now(&self, most: Option<u32>) -> Self {
        let bound = match self.bound {
            Bound::Running { when_full, .. } => Bound::Running { jobs_max: most.unwrap_or(u32::MAX), when_full },
            Bound::Pool { reserves, .. } => Bound::Pool { reserves, amount: most },
            other @ (Bound::Here { .. } | Bound::Rate { .. }) => other,
        };
        Self { bound, key: Arc::clone(&self.key) }
    }
}

/// Gives the rules that hold for a job: `keys` are those of its row, `limits` those of its template's version. A key whose
/// limit the version does not have bounds nothing.
pub fn rules(queue: QueueId, queue_jobs_max: Option<u32>, keys: &[String], limits: &Limits) -> Arc<[Rule]> {
    let of_queue = queue_jobs_max.map(|jobs_max| Rule {
        key: queue_key(queue).into(),
        bound: Bound::Running { jobs_max, when_full: WhenFull::Wait },
    });
    of_queue.into_iter().chain(keys.iter().filter_map(|key| rule(key, limits))).collect()
}

fn rule(key: &str, limits: &Limits) -> Option<Rule> {
    let bound = match key.as_bytes().first()? {
        b't' => Bound::Running { jobs_max: limits.concurrency?, when_full: WhenFull::Wait },
        b'n' => Bound::Here { jobs_max: limits.concurrency_per_node? },
        b'k' => {
            let keyed = limits.keyed.as_ref()?;
            Bound::Running { jobs_max: keyed.jobs, when_full: keyed.when_full }
        }
        b'r' => rate(limits.rate.as_ref()?),
        b'p' => Bound::Pool { reserves: *limits.reserve.get(key.get(1..)?)?, amount: None }, // told when it is asked
        _ => return None,
    };
    Some(Rule { key: key.into(), bound })
}

fn rate(rate: &Rate) -> Bound {
    let interval = Duration::from_millis(rate.per_ms) / rate.jobs.max(1);
    let burst = rate.burst.unwrap_or(rate.jobs).max(1);
    Bound::Rate { interval, tolerance: interval * (burst - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_key_finds_its_limit() {
        let limits: Limits = serde_json::from_value(
            json!({ "concurrency": 5, "concurrency_per_node": 2, "rate": { "jobs": 2, "per_ms": 1_000 }, "reserve": { "mem": 512 } }),
        )
        .unwrap();
        let keys = ["t7", "n7", "k7:[1]", "r7:[]", "pmem", "pother"].map(str::to_owned);

        let found = rules(QueueId(3), Some(9), &keys, &limits);

        let shown: Vec<&str> = found.iter().map(|rule| &*rule.key).collect();
        assert_eq!(shown, ["q3", "t7", "n7", "r7:[]", "pmem"], "the version has no keyed limit");
        let even = Bound::Rate { interval: Duration::from_millis(500), tolerance: Duration::from_millis(500) };
        assert_eq!(found[3].bound, even);
        assert_eq!(found[4].now(Some(4_096)).bound, Bound::Pool { reserves: 512, amount: Some(4_096) });
    }
}
