//! The OpenAPI document and its page.

use std::collections::BTreeSet;

use millrace::queue::permission::Role;
use millrace::web::table::Parameters;
use serde_json::{Value, json};

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
fn every_parameter_of_a_query_is_described_and_others_are_refused() {
    let server = Server::start();
    let document = server.stranger().get("/api/v1/openapi.json").expect(200);

    for (path, taken) in server.table.readings().filter(|(path, _)| path.starts_with("/api/v1/")) {
        let Parameters::Only(taken) = taken else {
            assert_eq!(path, "/api/v1/jobs", "it has the fields of the search");
            continue;
        };
        let parameters = document["paths"][path]["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let parameters = parameters.iter().map(|one| resolved(&document, one)).filter(|one| one["in"] == "query");
        let described: Vec<&str> = parameters.map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(described, taken, "{path}");
    }

    let program = server.program(Role::Admin);
    let job = program.enqueue(&json!({"template": "demo.any"}));
    for (address, name) in [
        ("/api/v1/counts?q=queue:mail".to_owned(), "q"),
        ("/api/v1/failures?xxx=1".to_owned(), "xxx"),
        ("/api/v1/operations?zzz=1".to_owned(), "zzz"),
        (format!("/api/v1/jobs/{job}/log?level=zzz"), "level"),
        (format!("/api/v1/jobs/{job}?limit=1"), "limit"),
        ("/api/v1/jobs?limitt=1".to_owned(), "limitt"),
        ("/api/v1/queues?limit=1".to_owned(), "limit"),
    ] {
        let refusal = program.get(&address).expect(422);
        assert!(refusal["errors"].to_string().contains(name), "{address}: {refusal}");
        assert_eq!(program.send("HEAD", &address, &[], &[]).status, 422, "{address}");
    }
    for after in ["-1.-1", "1.1.1", "1.-1"] {
        program.get(&format!("/api/v1/jobs/{job}/log?after={after}")).expect(422);
    }
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
