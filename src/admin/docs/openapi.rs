//! Puts the OpenAPI document together.

use serde_json::{Map, Value, json};

use crate::queue::permission::Permission;

/// The written parts. The first one is the frame that the others are added to.
pub(super) const PARTS: [&str; 12] = [
    include_str!("openapi/base.json"),
    include_str!("openapi/jobs.json"),
    include_str!("openapi/acts.json"),
    include_str!("openapi/operations.json"),
    include_str!("openapi/queues.json"),
    include_str!("openapi/schedules.json"),
    include_str!("openapi/failures.json"),
    include_str!("openapi/templates.json"),
    include_str!("openapi/calendars.json"),
    include_str!("openapi/views.json"),
    include_str!("openapi/health.json"),
    include_str!("openapi/about.json"), // stands last
];

/// One route of the API: method in small letters, address, and what it needs; no permission = open to everybody.
pub(super) type ApiRoute = (String, &'static str, Option<Permission>);

/// Makes the document for these routes: operations without a route are left out.
///
/// # Errors
/// A part is no JSON; a test reads them all.
pub(super) fn document(routes: &[ApiRoute]) -> Result<Value, serde_json::Error> {
    let mut whole = Value::Object(Map::new());
    for part in PARTS {
        add(&mut whole, serde_json::from_str(part)?);
    }
    if let Some(paths) = whole["paths"].as_object_mut() {
        for (path, operations) in paths.iter_mut() {
            finish_path(path, operations, routes);
        }
        paths.retain(|_, operations| operations.as_object().is_some_and(|operations| !operations.is_empty()));
    }
    Ok(whole)
}

/// Objects are joined, lists appended.
fn add(whole: &mut Value, part: Value) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (name, value) in part {
                match whole.get_mut(&name) {
                    Some(known) => add(known, value),
                    None => drop(whole.insert(name, value)),
                }
            }
        }
        (Value::Array(whole), Value::Array(part)) => whole.extend(part),
        (whole, part) => *whole = part,
    }
}

fn finish_path(path: &str, operations: &mut Value, routes: &[ApiRoute]) {
    let Some(operations) = operations.as_object_mut() else { return };
    let access = |method: &str| {
        routes.iter().find(|(known, at, _)| known == method && *at == path).map(|(_, _, permission)| *permission)
    };
    operations.retain(|method, _| access(method).is_some());
    for (method, operation) in operations.iter_mut() {
        if let Some(permission) = access(method).flatten() {
            finish(method, path, operation, permission);
        }
    }
}

/// Adds what every operation with a token shares.
fn finish(method: &str, path: &str, operation: &mut Value, permission: Permission) {
    operation["x-token-scope"] = json!(permission.scope_text());
    operation["x-role"] = json!(permission.least_role().as_str());
    if method == "post" {
        let mut parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        parameters.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
        operation["parameters"] = Value::Array(parameters);
    }
    let mut refusals = vec!["401", "403", "429", "503"];
    refusals.extend(path.contains('{').then_some("404"));
    match operation.get("requestBody") {
        Some(_) => refusals.extend(["400", "413", "422"]),
        None => refusals.push("422"),
    }
    refusals.sort_unstable();
    for status in refusals {
        operation["responses"][status] = json!({ "$ref": "#/components/responses/Problem" });
    }
}

/// Follows `{"$ref": "#/…"}` within the document; anything else is itself.
pub(super) fn resolved<'v>(document: &'v Value, value: &'v Value) -> &'v Value {
    let target = value.get("$ref").and_then(Value::as_str).and_then(|place| place.strip_prefix('#'));
    target.and_then(|place| document.pointer(place)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined() {
        let mut whole = json!({"a": {"x": 1}, "list": [1]});
        add(&mut whole, json!({"a": {"y": 2}, "list": [2], "b": 3}));

        assert_eq!(whole, json!({"a": {"x": 1, "y": 2}, "list": [1, 2], "b": 3}));
    }

    #[test]
    fn operations_know_their_scope_and_their_refusals() {
        let routes = [("post".to_owned(), "/api/v1/jobs", Some(Permission::Enqueue))];
        let document = document(&routes).unwrap();

        assert_eq!(document["paths"].as_object().unwrap().len(), 1);
        let enqueue = &document["paths"]["/api/v1/jobs"]["post"];
        assert_eq!((&enqueue["x-token-scope"], &enqueue["x-role"]), (&json!("jobs:write"), &json!("operator")));
        assert!(document["paths"]["/api/v1/jobs"].get("get").is_none());
        for status in ["200", "201", "400", "401", "403", "413", "422", "429", "503"] {
            assert!(enqueue["responses"].get(status).is_some(), "{status}");
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(document: &Value, value: &Value) {
            if value.get("$ref").is_some() {
                assert!(!std::ptr::eq(resolved(document, value), value), "{value}");
            }
            match value {
                Value::Object(members) => members.values().for_each(|value| walk(document, value)),
                Value::Array(items) => items.iter().for_each(|value| walk(document, value)),
                _ => {}
            }
        }
        let mut whole = Value::Object(Map::new());
        for part in PARTS {
            add(&mut whole, serde_json::from_str(part).unwrap());
        }

        walk(&whole, &whole);
    }
}
