//! What differs between two documents, field by field.

use serde::Serialize;
use serde_json::Value;

use crate::base::pointer::Place;

/// Most changes that are listed.
pub const CHANGES_MAX: usize = 500;
/// Lines that a unified difference shows around each change.
const CONTEXT_LINES: usize = 3;

/// One place where two documents differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// JSON pointer.
    pub pointer: String,
    /// What stood there; absent when it was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What stands there now; absent when it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Lists the places where `after` differs from `before`: members of objects one by one, lists as a whole.
pub fn changes(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut found = Vec::new();
    compare(Some(before), Some(after), &Place::ROOT, &mut found);
    found.truncate(CHANGES_MAX);
    found
}

/// Spells the difference of two texts as `diff -u` does, under the two names.
pub fn unified(before: &str, after: &str, (old, new): (&str, &str)) -> String {
    let diff = similar::TextDiff::from_lines(before, after);
    diff.unified_diff().context_radius(CONTEXT_LINES).header(old, new).to_string()
}

fn compare(before: Option<&Value>, after: Option<&Value>, at: &Place<'_>, found: &mut Vec<FieldChange>) {
    if before == after {
        return;
    }
    let (Some(Value::Object(old)), Some(Value::Object(new))) = (before, after) else {
        found.push(FieldChange { pointer: at.to_string(), before: before.cloned(), after: after.cloned() });
        return;
    };
    for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
        compare(old.get(name), new.get(name), &at.key(name), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_member_that_differs_is_named() {
        let before = json!({ "a": 1, "gone": true, "o": { "x": [1], "y": 2 }, "same": [1, { "b": 2 }] });
        let after = json!({ "same": [1, { "b": 2 }], "a": 2, "o": { "x": [1, 2], "y": 2, "z/": 3 } });

        let found: Vec<_> =
            changes(&before, &after).into_iter().map(|change| serde_json::to_string(&change).unwrap()).collect();

        assert_eq!(
            found,
            [
                r#"{"pointer":"/a","before":1,"after":2}"#,
                r#"{"pointer":"/gone","before":true}"#,
                r#"{"pointer":"/o/x","before":[1],"after":[1,2]}"#,
                r#"{"pointer":"/o/z~1","after":3}"#,
            ]
        );
        assert_eq!(changes(&before, &before), []);
    }

    #[test]
    fn texts_are_compared_as_diff_does() {
        let shown = unified("a\nb\n", "a\nc\n", ("v1", "v2"));

        assert_eq!(shown, "--- v1\n+++ v2\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
        assert_eq!(unified("a\n", "a\n", ("v1", "v2")), "");
    }
}
