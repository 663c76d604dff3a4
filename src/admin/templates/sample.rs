//! Arguments that a template would accept, for previews.

use serde_json::{Map, Value, json};

use crate::queue::params::{MASK, Params};

/// Deepest object that is filled; parameters are never nested deeper.
const DEPTH_MAX: usize = 16;
/// Longest text that is made to reach a `minLength`, in characters.
const TEXT_CHARS_MAX: u64 = 200;

/// Makes arguments: defaults and first choices where there are any, else something of the right kind.
pub fn sample(params: &Params) -> Value {
    match value(&params.document(), "", &Map::new(), DEPTH_MAX) {
        Value::Object(map) => Value::Object(map),
        _ => json!({}),
    }
}

/// Makes the value of one parameter; `siblings` are the values made before it.
fn value(schema: &Value, name: &str, siblings: &Map<String, Value>, depth: usize) -> Value {
    let given = [schema.get("default"), schema.pointer("/enum/0"), chosen(schema, siblings)];
    if let Some(value) = given.into_iter().flatten().next() {
        return value.clone();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => text(schema, name).into(),
        Some("integer" | "number") => number(schema),
        Some("boolean") => false.into(),
        Some("array") => list(schema, name, depth),
        _ => object(schema, depth),
    }
}

/// Finds the first choice that the sibling's value allows.
fn chosen<'s>(schema: &'s Value, siblings: &Map<String, Value>) -> Option<&'s Value> {
    let by = schema.get("enum_by")?;
    let parent = siblings.get(by.get("param")?.as_str()?)?;
    let key = parent.as_str().map_or_else(|| parent.to_string(), str::to_owned);
    by.get("choices")?.get(&key)?.get(0)
}

fn text(schema: &Value, name: &str) -> String {
    if schema.get("secret") == Some(&Value::Bool(true)) {
        return MASK.into();
    }
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    let plain = match format {
        "date" => "2026-11-24",
        "date-time" => "2026-11-24T05:30:00Z",
        "email" => "somebody@example.org",
        "uri" => "https://example.org/",
        "duration" => "PT90S",
        _ if starts_at_root(schema) => return format!("/{}", if name.is_empty() { "text" } else { name }),
        _ if name.is_empty() => "text",
        _ => name,
    };
    let length = |word: &str| schema.get(word).and_then(Value::as_u64);
    let mut text = plain.to_owned();
    while (text.chars().count() as u64) < length("minLength").unwrap_or(0).min(TEXT_CHARS_MAX) {
        text.push('x');
    }
    match length("maxLength") {
        Some(most) => text.chars().take(usize::try_from(most).unwrap_or(usize::MAX)).collect(),
        None => text,
    }
}

/// Paths are the most usual texts with a pattern.
fn starts_at_root(schema: &Value) -> bool {
    schema.get("pattern").and_then(Value::as_str).is_some_and(|pattern| pattern.starts_with("^/"))
}

fn number(schema: &Value) -> Value {
    let (least, most) = (schema.get("minimum"), schema.get("maximum"));
    match (least, most) {
        (Some(least), _) => least.clone(),
        (None, Some(most)) if most.as_f64().is_some_and(|most| most < 1.0) => most.clone(),
        _ => 1.into(),
    }
}

fn list(schema: &Value, name: &str, depth: usize) -> Value {
    let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).clamp(1, 3);
    let item = match schema.get("items") {
        Some(items) if depth > 0 => value(items, name, &Map::new(), depth - 1),
        _ => name.into(),
    };
    Value::Array((0..least).map(|_| item.clone()).collect())
}

/// Choices that depend on a sibling are made after it, whatever their order in the form.
fn object(schema: &Value, depth: usize) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object).filter(|_| depth > 0);
    let Some(properties) = properties else { return json!({}) };
    let mut made = Map::new();
    for later in [false, true] {
        let depends = |schema: &Value| schema.get("enum_by").is_some();
        for (name, schema) in properties.iter().filter(|(_, schema)| depends(schema) == later) {
            made.insert(name.clone(), value(schema, name, &made, depth - 1));
        }
    }
    let in_order = properties.keys().filter_map(|name| Some((name.clone(), made.get(name)?.clone())));
    Value::Object(in_order.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_accepted_by_the_parameters_it_was_made_from() {
        let params = Params::parse(&json!({
            "required": ["to", "n"],
            "properties": {
                "city": { "type": "string", "enum_by": { "param": "country", "choices": { "IT": ["Rome"], "FR": ["Paris"] } } },
                "country": { "type": "string", "enum": ["IT", "FR"] },
                "to": { "type": "string", "format": "email" },
                "n": { "type": "integer", "minimum": 7 },
                "low": { "type": "number", "maximum": 0.5 },
                "code": { "type": "string", "minLength": 8, "maxLength": 8 },
                "key": { "type": "string", "secret": true },
                "when": { "type": "string", "format": "date-time" },
                "wait": { "type": "string", "format": "duration" },
                "day": { "type": "string", "format": "date" },
                "page": { "type": "string", "format": "uri" },
                "tags": { "type": "array", "items": { "type": "string" }, "minItems": 2 },
                "deep": { "type": "object", "properties": { "flag": { "type": "boolean" }, "x": { "type": "number", "default": 2.5 } } },
            },
        }))
        .unwrap();

        let sample = sample(&params);

        assert_eq!(params.validate(&sample), []);
        assert_eq!(
            sample.to_string(),
            r#"{"city":"Rome","country":"IT","to":"somebody@example.org","n":7,"low":0.5,"code":"codexxxx","key":"••••","when":"2026-11-24T05:30:00Z","wait":"PT90S","day":"2026-11-24","page":"https://example.org/","tags":["tags","tags"],"deep":{"flag":false,"x":2.5}}"#
        );
    }

    #[test]
    fn a_template_without_parameters_gets_an_empty_object() {
        assert_eq!(sample(&Params::default()), json!({}));
    }
}
