//! The order of parameters, which `jsonb` forgets.

use serde_json::{Map, Value};

use super::schema::{ListRules, Schema, Shape};

/// Writes the order of every object with several parameters down as `order`.
pub(super) fn pin(source: &mut Value, schema: &Schema) {
    each_schema(source, schema, &|words, shape| {
        let Shape::Object(rules) = shape else { return };
        if rules.properties.len() > 1 {
            let names = rules.properties.iter().map(|(name, _)| Value::from(name.as_str()));
            words.insert("order".into(), names.collect());
        } else {
            words.shift_remove("order");
        }
    });
}

/// Brings keywords and parameters into their order and takes `order` away.
pub(super) fn unpin(source: &mut Value, schema: &Schema) {
    each_schema(source, schema, &|words, shape| {
        let mut ordered: Vec<_> = std::mem::take(words).into_iter().collect();
        ordered.sort_by_key(|(keyword, _)| rank(keyword));
        words.extend(ordered);
        let Shape::Object(rules) = shape else { return };
        words.shift_remove("order");
        let Some(Value::Object(properties)) = words.get_mut("properties") else { return };
        let ordered = rules.properties.iter().filter_map(|(name, _)| properties.remove_entry(name));
        *properties = ordered.collect();
    });
}

/// Gives a keyword's place: what people read first comes first, nested schemas last.
fn rank(keyword: &str) -> usize {
    const FIRST: [&str; 6] = ["type", "title", "description", "secret", "format", "default"];
    const LAST: [&str; 5] = ["required", "additionalProperties", "order", "properties", "items"];
    let last = || LAST.iter().position(|known| *known == keyword).map(|at| FIRST.len() + 1 + at);
    FIRST.iter().position(|known| *known == keyword).or_else(last).unwrap_or(FIRST.len())
}

type Act<'a> = &'a dyn Fn(&mut Map<String, Value>, &Shape);

fn each_schema(source: &mut Value, schema: &Schema, act: Act<'_>) {
    let Value::Object(words) = source else { return };
    match &schema.shape {
        Shape::Object(rules) => {
            for (name, inner) in &rules.properties {
                if let Some(source) = words.get_mut("properties").and_then(|all| all.get_mut(name)) {
                    each_schema(source, inner, act);
                }
            }
        }
        Shape::List(ListRules { items: Some(items), .. }) => {
            if let Some(source) = words.get_mut("items") {
                each_schema(source, items, act);
            }
        }
        Shape::List(_) | Shape::Text(_) | Shape::Number(_) | Shape::Flag => {}
    }
    act(words, &schema.shape);
}
