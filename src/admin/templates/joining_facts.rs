//! What becomes of a template's new jobs when one like them waits already, in words.

use super::facts::{Fact, span};
use crate::queue::template::{Debounce, TemplateSpec, Unique, UniqueStates};

/// Says whether only one is made, and whether a newer one takes the place of one that waits; empty when neither.
pub fn joining(spec: &TemplateSpec) -> Vec<Fact> {
    let unique = spec.unique.as_ref().map(|unique| Fact::words("One of a kind", unique_words(unique)));
    let debounce = spec.debounce.as_ref().map(|debounce| Fact::words("Quiet time", debounce_words(debounce)));
    [unique, debounce].into_iter().flatten().collect()
}

fn whose(by: &[String]) -> String {
    if by.is_empty() { String::new() } else { format!(" with the same {}", by.join(", ")) }
}

fn unique_words(unique: &Unique) -> String {
    let whose = whose(&unique.by);
    match (unique.for_ms, unique.states) {
        (Some(ms), _) => format!("one job{whose} within {}", span(ms)),
        (None, UniqueStates::Unfinished) => format!("one job{whose} until it ends"),
        (None, UniqueStates::Waiting) => format!("one job{whose} until it runs"),
    }
}

fn debounce_words(debounce: &Debounce) -> String {
    let latest = debounce.max_wait_ms.map(|ms| format!(", at the latest after {}", span(ms))).unwrap_or_default();
    let takes = match &debounce.field {
        Some(field) => format!("takes its place and its {field}"),
        None => "takes its place".into(),
    };
    format!("{}{latest}; a newer one{} {takes}", span(debounce.wait_ms), whose(&debounce.by))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn told(more: Value) -> Vec<String> {
        let mut spec = json!({ "runner": "handler", "handler": { "name": "a" } });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let spec: TemplateSpec = serde_json::from_value(spec).unwrap();
        joining(&spec).into_iter().map(|fact| fact.lines.join(" ")).collect()
    }

    #[test]
    fn joining_is_told_in_words() {
        let debounce = json!({ "by": ["customer"], "wait_ms": 5_000, "max_wait_ms": 60_000, "mode": "accumulate", "field": "ids" });

        assert_eq!(
            told(json!({ "debounce": debounce, "unique": { "states": "waiting" } })),
            [
                "one job until it runs",
                "5.0 s, at the latest after 1m; a newer one with the same customer takes its place and its ids"
            ]
        );
        assert_eq!(
            told(json!({ "debounce": { "wait_ms": 5_000 }, "unique": { "by": ["a"], "for_ms": 60_000 } })),
            ["one job with the same a within 1m", "5.0 s; a newer one takes its place"]
        );
        assert_eq!(told(json!({})), [""; 0]);
    }
}
