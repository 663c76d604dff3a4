//! The OpenAPI document as people read it: groups of operations, each with a call to try.

use serde_json::Value;

use super::openapi::resolved;
use crate::web::span::Span;

/// Operations of one area.
pub(super) struct Group {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) text: Vec<Span>,
    pub(super) operations: Vec<Operation>,
}

/// One operation.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) summary: String,
    pub(super) text: Vec<Span>,
    /// `jobs:write`; empty = open.
    pub(super) scope: String,
    pub(super) role: String,
    pub(super) parameters: Vec<Field>,
    pub(super) answers: Vec<Answer>,
    /// Statuses of refusals, which all are problems.
    pub(super) problems: String,
    pub(super) call: String,
    /// Schemas that its body and answers name.
    pub(super) schemas: Vec<String>,
}

/// A parameter, or a member of a schema.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) required: bool,
    pub(super) text: Vec<Span>,
}

/// A status and what it means.
pub(super) struct Answer {
    pub(super) status: String,
    pub(super) text: Vec<Span>,
}

/// A shape that bodies and answers have.
pub(super) struct Schema {
    pub(super) name: String,
    pub(super) text: Vec<Span>,
    pub(super) fields: Vec<Field>,
    /// Allowed values, when it is a list of words.
    pub(super) words: Vec<String>,
}

/// Makes the groups in the order of the document's tags. `origin` is where the calls go to.
pub(super) fn groups(document: &Value, origin: &str) -> Vec<Group> {
    let of_tag = |tag: &Value| {
        let name = text_of(tag, "name");
        let operations = operations(document, &name, origin);
        Group { name: capital(&name), id: name, text: spans(&text_of(tag, "description")), operations }
    };
    let groups = list(&document["tags"]).iter().map(of_tag);
    groups.filter(|group| !group.operations.is_empty()).collect()
}

fn operations(document: &Value, tag: &str, origin: &str) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            if list(&operation["tags"]).iter().any(|known| known == tag) {
                found.push(shown(document, (method, path), operation, origin));
            }
        }
    }
    found
}

fn shown(document: &Value, (method, path): (&str, &str), operation: &Value, origin: &str) -> Operation {
    let (problems, answers): (Vec<_>, Vec<_>) = operation["responses"]
        .as_object()
        .into_iter()
        .flatten()
        .partition(|(_, answer)| answer["$ref"] == "#/components/responses/Problem");
    Operation {
        id: text_of(operation, "operationId"),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text_of(operation, "summary"),
        text: spans(&text_of(operation, "description")),
        scope: text_of(operation, "x-token-scope"),
        role: text_of(operation, "x-role"),
        parameters: list(&operation["parameters"]).iter().map(|one| parameter(document, one)).collect(),
        answers: answers
            .into_iter()
            .map(|(status, answer)| Answer {
                status: status.clone(),
                text: spans(&text_of(resolved(document, answer), "description")),
            })
            .collect(),
        problems: problems.iter().map(|(status, _)| status.as_str()).collect::<Vec<_>>().join(", "),
        call: call((method, path), operation, origin),
        schemas: schemas_named(document, operation),
    }
}

fn parameter(document: &Value, parameter: &Value) -> Field {
    let parameter = resolved(document, parameter);
    let place = text_of(parameter, "in");
    Field {
        name: text_of(parameter, "name"),
        kind: format!("{}, {place}", kind(&parameter["schema"])),
        required: parameter["required"] == true,
        text: spans(&text_of(parameter, "description")),
    }
}

/// A command line that does it.
fn call((method, path): (&str, &str), operation: &Value, origin: &str) -> String {
    let path = path.replace("{id}", "4711").replace("{name}", "default");
    let query = list(&operation["parameters"]).iter().find_map(|one| {
        let example = one.get("example").filter(|_| one["in"] == "query")?.as_str()?;
        Some(format!(" -G --data-urlencode '{}={example}'", text_of(one, "name")))
    });
    let mut call = format!("curl -sS '{origin}{path}'");
    if !text_of(operation, "x-token-scope").is_empty() {
        call.push_str(" \\\n  -H \"Authorization: Bearer $MILLRACE_TOKEN\"");
    }
    if method == "get" {
        return call + &query.unwrap_or_default();
    }
    call.push_str(&format!(" \\\n  -X {}", method.to_uppercase()));
    if let Some(example) = operation.pointer("/requestBody/content/application~1json/example") {
        call.push_str(&format!(" -H 'Content-Type: application/json' \\\n  -d '{example}'"));
    }
    call
}

/// Begins a word with a capital letter.
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Names of schemas in body and answers, without the one of problems, which all have.
fn schemas_named(document: &Value, operation: &Value) -> Vec<String> {
    let mut names = Vec::new();
    walk(document, &operation["requestBody"], &mut names, 0);
    walk(document, &operation["responses"], &mut names, 0);
    names.retain(|name| name != "Problem");
    names
}

/// Deepest level at which names of schemas are looked for.
const LEVELS_MAX: usize = 12;

fn walk(document: &Value, value: &Value, names: &mut Vec<String>, level: usize) {
    if level > LEVELS_MAX {
        return;
    }
    if let Some(target) = value.get("$ref").and_then(Value::as_str) {
        match target.strip_prefix("#/components/schemas/") {
            Some(name) if !names.iter().any(|known| known == name) => names.push(name.to_owned()),
            Some(_) => {}
            None => walk(document, resolved(document, value), names, level + 1),
        }
        return;
    }
    match value {
        Value::Object(members) => members.values().for_each(|value| walk(document, value, names, level + 1)),
        Value::Array(items) => items.iter().for_each(|value| walk(document, value, names, level + 1)),
        _ => {}
    }
}

/// Makes the schemas, by name.
pub(super) fn schemas(document: &Value) -> Vec<Schema> {
    let mut schemas: Vec<Schema> = document["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, schema)| Schema {
            name: name.clone(),
            text: spans(&text_of(schema, "description")),
            fields: fields(schema),
            words: words(schema),
        })
        .collect();
    schemas.sort_by(|a, b| a.name.cmp(&b.name));
    schemas
}

fn fields(schema: &Value) -> Vec<Field> {
    let required = list(&schema["required"]);
    let field = |(name, one): (&String, &Value)| Field {
        name: name.clone(),
        kind: kind(one),
        required: required.iter().any(|known| known == name),
        text: spans(&text_of(one, "description")),
    };
    schema["properties"].as_object().into_iter().flatten().map(field).collect()
}

fn words(schema: &Value) -> Vec<String> {
    list(&schema["enum"]).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Says in a few words what a value may be.
fn kind(schema: &Value) -> String {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        return target.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let plain = match &schema["type"] {
        Value::String(one) => one.clone(),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".into(),
    };
    let more = match (&schema["format"], &schema["items"], words(schema)) {
        (Value::String(format), _, _) if format != "int64" => format!(", {format}"),
        (_, items @ Value::Object(_), _) => format!(" of {}", kind(items)),
        (_, _, words) if !words.is_empty() => format!(": {}", words.join(", ")),
        _ => String::new(),
    };
    format!("{plain}{more}{}", bounds(schema))
}

fn bounds(schema: &Value) -> String {
    match (&schema["minimum"], &schema["maximum"], &schema["maxLength"]) {
        (Value::Number(min), Value::Number(max), _) => format!(", {min} to {max}"),
        (_, _, Value::Number(max)) => format!(", at most {max} characters"),
        _ => String::new(),
    }
}

/// Splits a text into paragraphs.
pub(super) fn paragraphs(text: &str) -> Vec<Vec<Span>> {
    text.split("\n\n").map(spans).collect()
}

/// Code stands between backticks, strong words between double stars.
fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    for (at, piece) in text.split('`').enumerate() {
        if at % 2 == 1 {
            spans.push(Span::new("mono", piece));
            continue;
        }
        let parts = piece.split("**").enumerate();
        spans.extend(parts.map(|(at, part)| Span::new(if at % 2 == 1 { "b" } else { "" }, part)));
    }
    spans.retain(|span| !span.text.is_empty());
    spans
}

fn text_of(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn marked_words_become_pieces() {
        assert_eq!(
            spans("Send **one** `Bearer`."),
            [
                Span::plain("Send "),
                Span::new("b", "one"),
                Span::plain(" "),
                Span::new("mono", "Bearer"),
                Span::plain(".")
            ]
        );
        assert!(spans("").is_empty());
    }

    #[test]
    fn kinds_are_told_in_words() {
        for (schema, words) in [
            (json!({"type": "integer", "minimum": 1, "maximum": 5}), "integer, 1 to 5"),
            (json!({"type": ["string", "null"], "format": "date-time"}), "string or null, date-time"),
            (json!({"type": "array", "items": {"$ref": "#/components/schemas/Job"}}), "array of Job"),
            (json!({"type": "string", "enum": ["a", "b"]}), "string: a, b"),
            (json!({}), "any"),
        ] {
            assert_eq!(kind(&schema), words);
        }
    }

    #[test]
    fn a_call_can_be_pasted_into_a_shell() {
        let operation = json!({"x-token-scope": "jobs:write", "requestBody": {"content": {"application/json": {"example": {"reason": "x"}}}}});

        assert_eq!(
            call(("post", "/api/v1/jobs/{id}/hold"), &operation, "http://h"),
            "curl -sS 'http://h/api/v1/jobs/4711/hold' \\\n  -H \"Authorization: Bearer $MILLRACE_TOKEN\" \\\n  -X POST -H 'Content-Type: application/json' \\\n  -d '{\"reason\":\"x\"}'"
        );
    }
}
