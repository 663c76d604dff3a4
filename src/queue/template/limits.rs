//! How many jobs of a template run at once, what they reserve, and how many begin within a time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::base::pointer::Place;
use crate::base::text::{NodeName, PoolName};
use crate::queue::fit::{Labels, REQUIRES_CHARS_MAX, REQUIRES_MAX, written};

/// Most jobs at once that a limit may name.
pub const JOBS_MAX: u32 = 100_000;
/// Most parameters that make a key.
pub const KEY_PARAMS_MAX: usize = 8;
/// Most pools of which a job reserves.
pub const RESERVE_MAX: usize = 8;
/// Most that a pool holds, and that a job reserves of it.
pub const AMOUNT_MAX: u32 = 1_000_000_000;
/// Longest time of a rate, in milliseconds: 31 days.
pub const RATE_MS_MAX: u64 = 31 * 24 * 3_600_000;

/// The limits of a template. All that are there hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most of its jobs that run at once on all nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Most of its jobs that run at once on each node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_per_node: Option<u32>,
    /// Most of its jobs with the same values of some parameters that run at once on all nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyed: Option<Keyed>,
    /// How many of its jobs begin within a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// What each of its jobs reserves while it runs: amounts by the names of pools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reserve: BTreeMap<String, u32>,
}

impl Limits {
    /// Tells whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A limit for each combination of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyed {
    /// The parameters whose values make the key.
    pub by: Vec<String>,
    /// Most jobs of a key that run at once.
    pub jobs: u32,
    /// What becomes of one more.
    #[serde(default)]
    pub when_full: WhenFull,
}

/// What becomes of a job that finds its key's places taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// It waits.
    #[default]
    Wait,
    /// It is cancelled.
    SkipNewest,
    /// It waits, and the oldest that runs is cancelled.
    CancelOldest,
}

impl WhenFull {
    /// Gives its name in files and forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::SkipNewest => "skip_newest",
            Self::CancelOldest => "cancel_oldest",
        }
    }
}

/// A token bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The parameters whose values make the key; none = one bucket for the template.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// So many jobs begin …
    pub jobs: u32,
    /// … within so many milliseconds.
    pub per_ms: u64,
    /// Most that begin at once after a quiet time; absent = `jobs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

impl Check<'_> {
    pub(super) fn job_limits(&mut self, limits: &Limits) {
        let at = Place::ROOT.key("limits");
        let of_jobs = |jobs: u32| (1..=JOBS_MAX).contains(&jobs);
        let range = "goes from 1 to 100000";
        self.require(limits.concurrency.is_none_or(of_jobs), &at.key("concurrency"), range);
        self.require(limits.concurrency_per_node.is_none_or(of_jobs), &at.key("concurrency_per_node"), range);
        if let Some(keyed) = &limits.keyed {
            let at = at.key("keyed");
            self.require(of_jobs(keyed.jobs), &at.key("jobs"), range);
            self.require(
                !keyed.by.is_empty(),
                &at.key("by"),
                "is empty: name the parameters whose values make the key",
            );
            self.key_params(&keyed.by, &at.key("by"));
        }
        if let Some(rate) = &limits.rate {
            let at = at.key("rate");
            self.require(of_jobs(rate.jobs), &at.key("jobs"), range);
            self.require(rate.burst.is_none_or(of_jobs), &at.key("burst"), range);
            self.require(
                (100..=RATE_MS_MAX).contains(&rate.per_ms),
                &at.key("per_ms"),
                "goes from 100 to 2678400000 (31 days)",
            );
            self.key_params(&rate.by, &at.key("by"));
        }
        self.reserve(&limits.reserve, &at.key("reserve"));
    }

    fn reserve(&mut self, reserve: &BTreeMap<String, u32>, at: &Place<'_>) {
        self.require(reserve.len() <= RESERVE_MAX, at, "names more than 8 pools");
        for (pool, amount) in reserve {
            let at = at.key(pool);
            if let Err(odd) = PoolName::parse(pool) {
                self.fault(&at, format!("is no pool's name: {odd}"));
            }
            self.require((1..=AMOUNT_MAX).contains(amount), &at, "goes from 1 to 1000000000");
        }
    }

    pub(super) fn requires(&mut self, requires: &Labels) {
        let at = Place::ROOT.key("requires");
        self.require(requires.len() <= REQUIRES_MAX, &at, "names more than 8 labels");
        let length = written(requires).chars().count();
        self.require(length <= REQUIRES_CHARS_MAX, &at, "is longer than 200 characters in all");
        for (name, value) in requires {
            let at = at.key(name);
            self.require(NodeName::parse(name).is_ok(), &at, "is no name of a label: 1 to 64 of a-z 0-9 . _ -");
            let plain = !value.contains(',') && !value.chars().any(char::is_control) && value.trim() == value;
            self.require(plain, &at, "holds a comma, a control character, or space at an end, which no label does");
        }
    }

    pub(super) fn key_params(&mut self, names: &[String], at: &Place<'_>) {
        self.require(names.len() <= KEY_PARAMS_MAX, at, "names more than 8 parameters");
        for (index, name) in names.iter().enumerate() {
            if !self.spec.params.knows(name) {
                self.fault(&at.index(index), format!("{name} is none of the parameters"));
            }
            if self.spec.params.is_secret(name) {
                self.fault(&at.index(index), format!("{name} is a secret, and keys are shown"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::TemplateSpec;
    use serde_json::{Value, json};

    fn faults(limits: Value) -> Vec<String> {
        let spec = json!({ "runner": "handler", "handler": { "name": "a" }, "limits": limits,
            "params": { "type": "object", "properties": { "customer": { "type": "string" } } } });
        let spec: TemplateSpec = serde_json::from_value(spec).unwrap();
        spec.check().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn required_labels_are_such_as_a_node_can_have() {
        let faults = |requires: Value| {
            let spec = json!({ "runner": "handler", "handler": { "name": "a" }, "requires": requires });
            let spec: TemplateSpec = serde_json::from_value(spec).unwrap();
            spec.check().iter().map(ToString::to_string).collect::<Vec<_>>()
        };

        assert_eq!(faults(json!({ "gpu": "1", "zone": "" })), [""; 0]);
        let bad = faults(json!({ "GPU": "1", "a": "1,b=2", "long": "x".repeat(200) }));
        for (told, at) in
            bad.iter().zip(["/requires: is longer", "/requires/GPU: is no name", "/requires/a: holds a comma"])
        {
            assert!(told.starts_with(at), "{told}");
        }
        assert_eq!(bad.len(), 3);
    }

    #[test]
    fn limits_are_within_their_bounds_and_name_parameters() {
        let good = json!({ "concurrency": 5, "concurrency_per_node": 2, "keyed": { "by": ["customer"], "jobs": 1, "when_full": "cancel_oldest" },
            "rate": { "jobs": 10, "per_ms": 1_000 }, "reserve": { "db-connections": 2, "memory-mb": 512 } });
        let bad = json!({ "concurrency": 0, "concurrency_per_node": 0, "keyed": { "by": [], "jobs": 100_001 },
            "rate": { "by": ["custmer"], "jobs": 1, "per_ms": 10, "burst": 0 }, "reserve": { "DB": 1, "memory-mb": 0 } });

        assert_eq!(faults(good), [""; 0]);
        assert_eq!(
            faults(bad),
            [
                "/limits/concurrency: goes from 1 to 100000",
                "/limits/concurrency_per_node: goes from 1 to 100000",
                "/limits/keyed/jobs: goes from 1 to 100000",
                "/limits/keyed/by: is empty: name the parameters whose values make the key",
                "/limits/rate/burst: goes from 1 to 100000",
                "/limits/rate/per_ms: goes from 100 to 2678400000 (31 days)",
                "/limits/rate/by/0: custmer is none of the parameters",
                "/limits/reserve/DB: is no pool's name: a pool's name may hold only a-z, 0-9, '.', '_' and '-', but \"DB\" holds 'D'",
                "/limits/reserve/memory-mb: goes from 1 to 1000000000",
            ]
        );
        let spec = json!({ "runner": "handler", "handler": { "name": "a" }, "limits": { "keyed": { "by": ["pin"], "jobs": 1 } },
            "params": { "type": "object", "properties": { "pin": { "type": "string", "secret": true } } } });
        let told = serde_json::from_value::<TemplateSpec>(spec).unwrap().check();
        assert_eq!(told[0].to_string(), "/limits/keyed/by/0: pin is a secret, and keys are shown");
        let nine: serde_json::Map<String, Value> = (0..9).map(|n| (format!("p{n}"), json!(1))).collect();
        assert_eq!(faults(json!({ "reserve": nine })), ["/limits/reserve: names more than 8 pools"]);
    }
}
