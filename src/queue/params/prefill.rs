//! Arguments as the fields of a form.

use serde_json::{Map, Value};

use super::field::{FieldKind, OTHERS, has_own_fields, kind};
use super::schema::{ObjectRules, Schema, Shape, spell};

/// Spells `args` as pairs of name and text.
pub(super) fn write(root: Option<&Schema>, args: &Value) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let Value::Object(map) = args else { return pairs };
    match root.map(|root| &root.shape) {
        Some(Shape::Object(rules)) => write_members(rules, map, "", &mut pairs),
        _ => write_others(map.clone(), "", &mut pairs),
    }
    pairs
}

fn write_members(rules: &ObjectRules, map: &Map<String, Value>, prefix: &str, pairs: &mut Vec<(String, String)>) {
    for (name, schema) in &rules.properties {
        match (has_own_fields(schema), map.get(name)) {
            (_, None) => {}
            (Some(inner), Some(Value::Object(map))) => write_members(inner, map, &format!("{prefix}{name}."), pairs),
            (_, Some(value)) => write_leaf(schema, value, format!("{prefix}{name}"), pairs),
        }
    }
    let others = map.iter().filter(|(name, _)| rules.property(name).is_none());
    write_others(others.map(|(name, value)| (name.clone(), value.clone())).collect(), prefix, pairs);
}

fn write_others(others: Map<String, Value>, prefix: &str, pairs: &mut Vec<(String, String)>) {
    if !others.is_empty() {
        pairs.push((format!("{prefix}{OTHERS}"), Value::Object(others).to_string()));
    }
}

fn write_leaf(schema: &Schema, value: &Value, name: String, pairs: &mut Vec<(String, String)>) {
    match (kind(schema, ""), value) {
        (FieldKind::List(_), Value::Array(list)) if list.is_empty() => pairs.push((name, String::new())),
        (FieldKind::List(_), Value::Array(list)) => {
            pairs.extend(list.iter().map(|element| (name.clone(), spell(element))));
        }
        (FieldKind::Json, value) => pairs.push((name, value.to_string())),
        (_, value) => pairs.push((name, spell(value))),
    }
}
