//! Reading a document so that every fault has its place: first the shape that the published schema names, then each part
//! as its type, then what [`TemplateSpec::check`] asks for.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{SpecError, TemplateSpec, template_schema};
use crate::base::pointer::Place;
use crate::base::text::TemplateName;
use crate::queue::params::Params;

/// Most faults that are told of one document.
pub const FAULTS_MAX: usize = 100;
/// The parts of a document that are read on their own, so that a fault within one names it.
const PARTS: [&str; 9] = ["command", "http", "sql", "handler", "defaults", "limits", "debounce", "unique", "requires"];

/// What a document came to.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadTemplate {
    /// The name, if one stands there and may be one.
    pub name: Option<TemplateName>,
    /// What it says; absent when it could not be understood as a whole.
    pub spec: Option<TemplateSpec>,
    /// Everything that is wrong; empty = it may be saved.
    pub faults: Vec<SpecError>,
}

/// Reads a document with or without `kind` and `name`.
pub fn read_template(document: &Value) -> ReadTemplate {
    let mut shape = Shape { faults: Vec::new() };
    let whole = with_head(document);
    shape.value(&whole, &template_schema(), &Place::ROOT);
    shape.faults.truncate(FAULTS_MAX);
    let name = name(document, &mut shape.faults);
    let misshapen = !shape.faults.is_empty();
    let spec = spec(&whole, &mut shape.faults);
    if let Some(spec) = spec.as_ref().filter(|_| !misshapen) {
        shape.faults.extend(spec.check());
    }
    ReadTemplate { name, spec, faults: shape.faults }
}

/// Puts in the head that a document without its own may leave out, so that one schema serves both.
fn with_head(document: &Value) -> Value {
    let Value::Object(fields) = document else { return document.clone() };
    let mut whole = fields.clone();
    whole.entry("kind").or_insert_with(|| "Template".into());
    whole.entry("name").or_insert_with(|| "unnamed".into());
    Value::Object(whole)
}

fn name(document: &Value, faults: &mut Vec<SpecError>) -> Option<TemplateName> {
    let text = document.get("name")?.as_str()?; // another kind of value is a fault of shape
    match TemplateName::parse(text) {
        Ok(name) => Some(name),
        Err(error) => {
            faults.push(SpecError { pointer: "/name".into(), message: error.0 });
            None
        }
    }
}

/// Reads the parts; one that cannot be read adds its fault, if its shape has none already.
fn spec(whole: &Value, faults: &mut Vec<SpecError>) -> Option<TemplateSpec> {
    let before = faults.len();
    let mut fields: Map<String, Value> = whole.as_object()?.clone();
    fields.remove("kind");
    fields.remove("name");
    if let Some(Err(error)) = fields.get("params").map(Params::parse) {
        faults.push(SpecError { pointer: format!("/params{}", error.pointer), message: error.message });
    }
    let parts: Vec<_> = PARTS.into_iter().filter_map(|part| Some((part, fields.get(part)?))).collect();
    for (part, value) in parts {
        let pointer = format!("/{part}");
        if let Some(message) = unreadable(part, value).filter(|_| !told(faults, &pointer)) {
            faults.push(SpecError { pointer, message });
        }
    }
    if faults.len() > before {
        return None;
    }
    match serde_json::from_value(Value::Object(fields)) {
        Ok(spec) => Some(spec),
        Err(error) => {
            if faults.is_empty() {
                faults.push(SpecError { pointer: String::new(), message: error.to_string() });
            }
            None
        }
    }
}

fn told(faults: &[SpecError], pointer: &str) -> bool {
    faults.iter().any(|fault| fault.pointer == pointer || fault.pointer.starts_with(&format!("{pointer}/")))
}

fn unreadable(part: &str, value: &Value) -> Option<String> {
    fn fault<T: DeserializeOwned>(value: &Value) -> Option<String> {
        T::deserialize(value).err().map(|error| error.to_string())
    }
    match part {
        "command" => fault::<super::CommandWork>(value),
        "http" => fault::<super::HttpWork>(value),
        "sql" => fault::<super::SqlWork>(value),
        "handler" => fault::<super::HandlerWork>(value),
        "limits" => fault::<super::Limits>(value),
        "debounce" => fault::<super::Debounce>(value),
        "unique" => fault::<super::Unique>(value),
        "requires" => fault::<super::Labels>(value),
        _ => fault::<super::Defaults>(value),
    }
}

struct Shape {
    faults: Vec<SpecError>,
}

impl Shape {
    fn fault(&mut self, at: &Place<'_>, message: impl Into<String>) {
        self.faults.push(SpecError { pointer: at.to_string(), message: message.into() });
    }

    fn value(&mut self, value: &Value, schema: &Value, at: &Place<'_>) {
        if let Some(sentence) = misfit(value, schema) {
            return self.fault(at, sentence);
        }
        match value {
            Value::Object(fields) => self.object(fields, schema, at),
            Value::Array(elements) => {
                let Some(items) = schema.get("items") else { return };
                for (index, element) in elements.iter().enumerate() {
                    self.value(element, items, &at.index(index));
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, schema: &Value, at: &Place<'_>) {
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (name, value) in fields {
            match (known.and_then(|known| known.get(name)), others) {
                (Some(schema), _) => self.value(value, schema, &at.key(name)),
                (None, Some(Value::Bool(false))) => self.fault(&at.key(name), unknown(known)),
                (None, Some(schema)) => self.value(value, schema, &at.key(name)),
                (None, None) => {}
            }
        }
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.fault(&at.key(name), "is missing");
            }
        }
    }
}

fn unknown(known: Option<&Map<String, Value>>) -> String {
    let names: Vec<&str> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
    format!("is no field here; known are {}", names.join(", "))
}

/// Says what is wrong with the value itself: its kind, its choice, its size.
fn misfit(value: &Value, schema: &Value) -> Option<String> {
    if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
        let sentence = options.iter().map(|option| misfit(value, option)).collect::<Option<Vec<_>>>();
        return sentence.map(|_| "is none of the forms that are taken here, such as 200 or \"500-599\"".into());
    }
    if let Some(only) = schema.get("const").filter(|only| *only != value) {
        return Some(format!("must be {}", plain(only)));
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array).filter(|choices| !choices.contains(value)) {
        return Some(format!("must be one of {}", choices.iter().map(plain).collect::<Vec<_>>().join(", ")));
    }
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_kind(value, kind)) {
        let wanted: Vec<&str> = kinds.into_iter().map(kind_words).collect();
        return Some(format!("must be {}, not {}", wanted.join(" or "), kind_of(value)));
    }
    range(value, schema).or_else(|| pattern(value, schema))
}

fn range(value: &Value, schema: &Value) -> Option<String> {
    let number = value.as_f64()?;
    let (low, high) = (schema.get("minimum"), schema.get("maximum"));
    let below = low.and_then(Value::as_f64).is_some_and(|low| number < low);
    let above = high.and_then(Value::as_f64).is_some_and(|high| number > high);
    if !below && !above {
        return None;
    }
    Some(match (low, high) {
        (Some(low), Some(high)) => format!("goes from {low} to {high}"),
        (Some(low), None) => format!("is at least {low}"),
        (_, high) => format!("is at most {}", high.unwrap_or(&Value::Null)),
    })
}

/// Patterns of names are told better where names are parsed; only statuses are left to the schema.
fn pattern(value: &Value, schema: &Value) -> Option<String> {
    let pattern = schema.get("pattern")?.as_str().filter(|pattern| pattern.starts_with("^[1-5]"))?;
    let fits = regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(value.as_str().unwrap_or_default()));
    (!fits).then(|| "is no status or range of statuses".into())
}

fn is_kind(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn kind_words(kind: &str) -> &str {
    match kind {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object of fields",
        other => other,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(document: Value) -> Vec<String> {
        read_template(&document).faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_document_has_no_fault_with_or_without_its_head() {
        let body = json!({ "runner": "http", "http": { "url": "http://a/", "expect": [200, "300-399"] } });
        let mut whole = body.clone();
        whole["kind"] = "Template".into();
        whole["name"] = "shop.ping".into();

        assert_eq!(faults(body.clone()), [""; 0]);
        assert_eq!(read_template(&whole).name.map(|name| name.to_string()), Some("shop.ping".into()));
        assert_eq!(read_template(&whole).spec, read_template(&body).spec);
    }

    #[test]
    fn a_document_with_required_labels_is_read() {
        let document = json!({ "runner": "handler", "handler": { "name": "a" }, "requires": { "gpu": "1" } });

        let read = read_template(&document);

        assert_eq!(read.faults, []);
        assert_eq!(read.spec.unwrap().requires["gpu"], "1");
    }

    #[test]
    fn every_misshapen_place_is_told_at_once() {
        let document = json!({
            "kind": "Schedule", "name": "A b", "runner": "comand", "descripton": "x",
            "command": { "argv": "tar", "env": { "A": 1 }, "success_codes": [0, 256], "limits": { "cpu": 1 } },
            "http": { "method": "GET", "expect": ["99"] },
            "params": { "type": "object", "properties": { "a": { "type": "text" } } },
            "defaults": { "priority": 9, "timeout_ms": -1, "backoff": { "factor": "2" }, "tags": null },
        });

        assert_eq!(
            faults(document),
            [
                "/kind: must be Template",
                "/runner: must be one of command, http, sql, handler",
                "/descripton: is no field here; known are kind, name, description, runner, command, http, sql, handler, params, defaults, limits, debounce, unique, requires",
                "/command/argv: must be a list, not text",
                "/command/env/A: must be text, not a number",
                "/command/success_codes/1: goes from 0 to 255",
                "/command/limits/cpu: is no field here; known are memory_mib, cpu_s, files, processes, file_size_mib",
                "/http/expect/0: is none of the forms that are taken here, such as 200 or \"500-599\"",
                "/http/url: is missing",
                "/defaults/priority: goes from 1 to 5",
                "/defaults/timeout_ms: goes from 100 to 604800000",
                "/defaults/backoff/factor: must be a number, not text",
                "/defaults/tags: must be a list, not nothing",
                "/name: a template's name may hold only a-z, 0-9, '.', '_' and '-', but \"A b\" holds 'A'",
                "/params/properties/a/type: must be object, string, number, integer, boolean or array, not \"text\"",
            ]
        );
    }

    #[test]
    fn what_only_types_refuse_names_its_part() {
        let statuses = json!({ "runner": "http", "http": { "url": "http://a/", "expect": ["300-200"] } });

        assert_eq!(faults(statuses), ["/http: statuses lie between 100 and 599 and ranges rise, 300-200 does not"]);
        assert_eq!(faults(json!([])), ["must be an object of fields, not a list"].map(|text| format!(": {text}")));
        assert_eq!(faults(json!({ "runner": "sql" })), ["/sql: is missing: the runner is sql"]);
    }

    #[test]
    fn what_is_understood_is_given_although_it_may_not_be_saved() {
        let read = read_template(&json!({ "runner": "handler", "handler": { "name": "A" } }));

        assert!(read.spec.is_some());
        assert_eq!(read.faults.len(), 1);
    }
}
