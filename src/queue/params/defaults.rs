//! What is done to arguments: defaults filled in, secrets covered.

use serde_json::{Map, Value};

use super::MASK;
use super::schema::{Choices, ListRules, ObjectRules, Schema, Shape, spell};

/// Adds the default of every parameter that is absent, at every depth.
pub(super) fn fill(schema: &Schema, value: &mut Value) {
    each_inner(schema, value, fill);
    if let (Shape::Object(rules), Value::Object(map)) = (&schema.shape, value) {
        fill_members(rules, map);
    }
}

fn fill_members(rules: &ObjectRules, map: &mut Map<String, Value>) {
    for (name, schema) in rules.parents_first() {
        if map.contains_key(name) {
            continue;
        }
        if let Some(default) = schema.default.as_ref().filter(|default| may_be_chosen(schema, default, map)) {
            let mut default = default.clone();
            fill(schema, &mut default);
            map.insert(name.clone(), default);
        }
    }
}

/// A default that the sibling's value forbids is no default.
fn may_be_chosen(schema: &Schema, value: &Value, siblings: &Map<String, Value>) -> bool {
    match &schema.choices {
        Choices::Free | Choices::OneOf(_) => true,
        Choices::By { param, choices } => {
            let list = siblings.get(param).and_then(|parent| choices.get(&spell(parent)));
            list.is_some_and(|list| list.contains(value))
        }
    }
}

/// Covers secret values, at every depth.
pub(super) fn mask(schema: &Schema, value: &mut Value) {
    if schema.is_secret() {
        *value = Value::from(MASK); // whatever it is: a secret of the wrong kind is a secret too
    } else {
        each_inner(schema, value, mask);
    }
}

/// Tells whether a value of this schema may hold a secret.
pub(super) fn has_secrets(schema: &Schema) -> bool {
    match &schema.shape {
        Shape::Object(rules) => rules.properties.iter().any(|(_, inner)| has_secrets(inner)),
        Shape::List(rules) => rules.items.as_ref().is_some_and(|items| has_secrets(items)),
        _ => schema.is_secret(),
    }
}

/// Collects secret texts, at every depth.
pub(super) fn secrets<'v>(schema: &Schema, value: &'v Value, found: &mut Vec<&'v str>) {
    match (&schema.shape, value) {
        (Shape::Object(rules), Value::Object(map)) => {
            for (name, inner) in &rules.properties {
                if let Some(value) = map.get(name) {
                    secrets(inner, value, found);
                }
            }
        }
        (Shape::List(ListRules { items: Some(items), .. }), Value::Array(list)) => {
            list.iter().for_each(|item| secrets(items, item, found));
        }
        (_, Value::String(text)) if schema.is_secret() => found.push(text),
        _ => {}
    }
}

fn each_inner(schema: &Schema, value: &mut Value, act: fn(&Schema, &mut Value)) {
    match (&schema.shape, value) {
        (Shape::Object(rules), Value::Object(map)) => {
            for (name, inner) in &rules.properties {
                if let Some(value) = map.get_mut(name) {
                    act(inner, value);
                }
            }
        }
        (Shape::List(ListRules { items: Some(items), .. }), Value::Array(list)) => {
            list.iter_mut().for_each(|item| act(items, item));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::Params;
    use serde_json::json;

    #[test]
    fn defaults_are_filled_at_every_depth_and_keep_what_is_there() {
        let params = Params::parse(&json!({ "properties": {
            "n": { "type": "integer", "default": 3 },
            "mail": { "type": "object", "default": {}, "properties": { "from": { "type": "string", "default": "a@b" } } },
            "rows": { "type": "array", "items": { "type": "object", "properties": { "x": { "type": "integer", "default": 1 } } } },
        } }))
        .unwrap();

        let filled = params.with_defaults(&json!({ "rows": [{}, { "x": 2 }], "other": null }));

        assert_eq!(
            filled,
            json!({ "rows": [{ "x": 1 }, { "x": 2 }], "other": null, "n": 3, "mail": { "from": "a@b" } })
        );
    }

    #[test]
    fn a_dependent_default_is_used_only_where_it_fits() {
        let params = Params::parse(&json!({ "properties": {
            "city": { "type": "string", "default": "Rome", "enum_by": { "param": "country", "choices": { "IT": ["Rome"], "FR": ["Paris"] } } },
            "country": { "type": "string", "enum": ["IT", "FR"], "default": "IT" },
        } }))
        .unwrap();

        assert_eq!(params.with_defaults(&json!({})), json!({ "country": "IT", "city": "Rome" }));
        assert_eq!(params.with_defaults(&json!({ "country": "FR" })), json!({ "country": "FR" }));
    }

    #[test]
    fn secrets_are_covered_at_every_depth() {
        let params = Params::parse(&json!({ "properties": {
            "key": { "type": "string", "secret": true },
            "keys": { "type": "array", "items": { "type": "string", "secret": true } },
            "open": { "type": "string" },
        } }))
        .unwrap();

        let masked = params.masked(&json!({ "key": { "odd": "s3cret" }, "keys": ["a", "b"], "open": "x" }));

        assert_eq!(masked, json!({ "key": "••••", "keys": ["••••", "••••"], "open": "x" }));
    }
}
