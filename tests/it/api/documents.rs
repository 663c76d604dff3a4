//! The OpenAPI document and its page.

use std::collections::BTreeSet;

use serde_json::Value;

use super::stage::Server;

#[test]
fn every_route_is_described_and_every_description_has_a_route() {
    let server = Server::start();

    let document = server.stranger().get("/api/v1/openapi.json").expect(200);

    assert_eq!(document["openapi"], "3.1.0");
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            described.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let routes = server.table.rows().filter(|(_, path, _)| path.starts_with("/api/v1/"));
    let routed: BTreeSet<String> = routes.map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(described, routed);
}

#[test]
fn operations_are_told_apart_and_complete() {
    let server = Server::start();
    let document = server.stranger().get("/api/v1/openapi.json").expect(200);

    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{place}");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{place}");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let named = |name: &str| parameters.iter().any(|one| resolved(&document, one)["name"] == name);
            assert_eq!(named("Idempotency-Key"), matches!(method.as_str(), "post" | "put"), "{place}");
            for part in path.split('/').filter_map(|part| part.strip_prefix('{')) {
                assert!(named(part.trim_end_matches('}')), "{place}");
            }
        }
    }
}

fn resolved<'v>(document: &'v Value, value: &'v Value) -> &'v Value {
    value["$ref"].as_str().map_or(value, |place| document.pointer(&place[1..]).unwrap())
}

#[test]
fn people_read_the_same_without_a_script() {
    let server = Server::start();

    let page = server.stranger().get("/api/docs");

    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    for text in [
        "Enqueue a job",
        "/api/v1/jobs/{id}/explain",
        "jobs:write",
        "curl -sS",
        "Idempotency-Key",
        "id=\"schema-Job\"",
        "OpenAPI 3.1",
    ] {
        assert!(page.text.contains(text), "{text}");
    }
    assert!(!page.text.contains("cdn") && !page.text.contains("<script>"));
}
