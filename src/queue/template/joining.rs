//! What becomes of a new job when one like it waits already: it takes its place after a while, or is not made at all.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::Check;
use crate::base::pointer::Place;

/// Shortest wait of a debounce, in milliseconds.
pub const WAIT_MS_MIN: u64 = 100;
/// Longest wait of a debounce, in milliseconds: 31 days.
pub const WAIT_MS_MAX: u64 = 31 * 24 * 3_600_000;
/// Longest time that a key may be taken, in milliseconds: one year.
pub const UNIQUE_MS_MAX: u64 = 31_536_000_000;

/// A job waits for a quiet time; each newer one with the same values takes the place of the one that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debounce {
    /// The parameters whose values make the key; none = one for the template.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// A job begins when no newer one came for so many milliseconds.
    pub wait_ms: u64,
    /// It begins so many milliseconds after the first at the latest; absent = whenever it becomes quiet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait_ms: Option<u64>,
    /// What the newer one takes over.
    #[serde(default)]
    pub mode: DebounceMode,
    /// The parameter, a list, to which `accumulate` adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// What the newer job takes over from the one whose place it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DebounceMode {
    /// Nothing: the last one counts.
    #[default]
    Last,
    /// The items of one list, before its own.
    Accumulate,
}

impl DebounceMode {
    /// Gives its name in files and forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Accumulate => "accumulate",
        }
    }
}

/// Of jobs with the same values only one is made; whoever asks for another is given that one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unique {
    /// The parameters whose values make the key; none = one job for the template.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// The key is taken for so many milliseconds, ended or not; absent = as `states` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// Until when a job has the key.
    #[serde(default)]
    pub states: UniqueStates,
}

/// Until when a job has its key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UniqueStates {
    /// Until it ends.
    #[default]
    Unfinished,
    /// Until it runs: what comes later may have missed it.
    Waiting,
}

impl UniqueStates {
    /// Gives its name in files and forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unfinished => "unfinished",
            Self::Waiting => "waiting",
        }
    }
}

impl Check<'_> {
    pub(super) fn joining(&mut self, debounce: Option<&Debounce>, unique: Option<&Unique>) {
        if let Some(debounce) = debounce {
            self.debounce(debounce, &Place::ROOT.key("debounce"));
        }
        if let Some(unique) = unique {
            let at = Place::ROOT.key("unique");
            self.key_params(&unique.by, &at.key("by"));
            let range = format!("goes from 1 to {UNIQUE_MS_MAX} (one year)");
            self.require(unique.for_ms.is_none_or(|ms| (1..=UNIQUE_MS_MAX).contains(&ms)), &at.key("for_ms"), &range);
            let both = unique.for_ms.is_some() && unique.states == UniqueStates::Waiting;
            self.require(!both, &at.key("states"), "cannot be waiting when for_ms says how long the key is taken");
            let clash = "cannot stand beside debounce: its newer jobs take the place of the one that waits";
            self.require(debounce.is_none(), &at, clash);
        }
    }

    fn debounce(&mut self, debounce: &Debounce, at: &Place<'_>) {
        let range = || format!("goes from {WAIT_MS_MIN} to {WAIT_MS_MAX} (31 days)");
        let fits = |ms: u64| (WAIT_MS_MIN..=WAIT_MS_MAX).contains(&ms);
        self.require(fits(debounce.wait_ms), &at.key("wait_ms"), &range());
        self.require(debounce.max_wait_ms.is_none_or(fits), &at.key("max_wait_ms"), &range());
        let is_longer = debounce.max_wait_ms.is_none_or(|max| max >= debounce.wait_ms);
        self.require(is_longer, &at.key("max_wait_ms"), "is shorter than wait_ms");
        self.key_params(&debounce.by, &at.key("by"));
        match (&debounce.field, debounce.mode) {
            (None, DebounceMode::Last) => {}
            (Some(_), DebounceMode::Last) => self.fault(&at.key("field"), "is only for the mode accumulate"),
            (None, DebounceMode::Accumulate) => {
                self.fault(&at.key("field"), "is missing: name a parameter that is a list")
            }
            (Some(field), DebounceMode::Accumulate) => self.accumulated(field, debounce, &at.key("field")),
        }
    }

    fn accumulated(&mut self, field: &str, debounce: &Debounce, at: &Place<'_>) {
        let kind = self.spec.params.stored().pointer(&format!("/properties/{field}/type")).and_then(Value::as_str);
        self.require(kind == Some("array"), at, "must be a parameter that is a list");
        self.require(
            !debounce.by.iter().any(|name| name == field),
            at,
            "makes the key, so lists that differ never meet",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::TemplateSpec;
    use serde_json::{Value, json};

    fn faults(more: Value) -> Vec<String> {
        let mut spec = json!({ "runner": "handler", "handler": { "name": "a" },
            "params": { "type": "object", "properties": { "customer": { "type": "string" }, "ids": { "type": "array" } } } });
        for (name, value) in more.as_object().unwrap() {
            spec[name] = value.clone();
        }
        let spec: TemplateSpec = serde_json::from_value(spec).unwrap();
        spec.check().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_makes_sense_is_taken() {
        let debounce = json!({ "by": ["customer"], "wait_ms": 5_000, "max_wait_ms": 60_000, "mode": "accumulate", "field": "ids" });

        assert_eq!(faults(json!({ "debounce": debounce })), [""; 0]);
        assert_eq!(faults(json!({ "debounce": { "wait_ms": 100 } })), [""; 0]);
        assert_eq!(faults(json!({ "unique": { "by": ["customer"], "states": "waiting" } })), [""; 0]);
        assert_eq!(faults(json!({ "unique": { "for_ms": 1_000 } })), [""; 0]);
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_the_reason() {
        let debounce =
            json!({ "by": ["custmer"], "wait_ms": 200, "max_wait_ms": 100, "mode": "accumulate", "field": "customer" });
        let unique = json!({ "by": ["x"], "for_ms": 0, "states": "waiting" });

        assert_eq!(
            faults(json!({ "debounce": debounce, "unique": unique })),
            [
                "/debounce/max_wait_ms: is shorter than wait_ms",
                "/debounce/by/0: custmer is none of the parameters",
                "/debounce/field: must be a parameter that is a list",
                "/unique/by/0: x is none of the parameters",
                "/unique/for_ms: goes from 1 to 31536000000 (one year)",
                "/unique/states: cannot be waiting when for_ms says how long the key is taken",
                "/unique: cannot stand beside debounce: its newer jobs take the place of the one that waits",
            ]
        );
        assert_eq!(
            faults(json!({ "debounce": { "wait_ms": 1, "mode": "accumulate" } })),
            [
                "/debounce/wait_ms: goes from 100 to 2678400000 (31 days)",
                "/debounce/field: is missing: name a parameter that is a list"
            ]
        );
        let in_key = json!({ "by": ["ids"], "wait_ms": 100, "mode": "accumulate", "field": "ids" });
        assert_eq!(
            faults(json!({ "debounce": in_key })),
            ["/debounce/field: makes the key, so lists that differ never meet"]
        );
        assert_eq!(
            faults(json!({ "debounce": { "wait_ms": 100, "field": "ids" } })),
            ["/debounce/field: is only for the mode accumulate"]
        );
    }
}
