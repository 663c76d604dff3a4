//! `/api/v1/templates…` as programs see it.

use millrace::queue::permission::Role;
use serde_json::{Value, json};

use crate::api::stage::{Answer, Program, Server};

const PATH: &str = "/api/v1/templates/files.compress";

fn document(argument: &str) -> Value {
    json!({ "runner": "command", "description": "Packs", "command": { "argv": ["/bin/tar", argument] } })
}

fn put(program: &Program, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    program.send("PUT", path, headers, body.to_string().as_bytes())
}

#[test]
fn a_template_is_put_published_compared_and_rolled_back() {
    let server = Server::start();
    let admin = server.program(Role::Admin);

    let made = put(&admin, &format!("{PATH}?message=first"), &[], &document("a"));
    let body = made.expect(201);
    assert_eq!((&body["state"], &body["saved"]), (&json!("draft"), &json!({ "version": 1, "unchanged": false })));
    assert_eq!(made.header("etag"), "\"1\"");
    assert_eq!(put(&admin, PATH, &[], &document("a")).expect(200)["saved"], json!({ "version": 1, "unchanged": true }));
    assert_eq!(admin.post(&format!("{PATH}/publish"), &json!({})).expect(200)["active_version"], 1);
    put(&admin, PATH, &[("If-Match", "\"1\"")], &document("b")).expect(200);
    assert_eq!(
        admin.post(&format!("{PATH}/publish"), &json!({ "version": 2 })).expect(200)["done"],
        json!({ "version": 2, "unchanged": false })
    );

    let read = admin.get(PATH).expect(200);
    assert_eq!((&read["version"]["version"], &read["version"]["active"]), (&json!(2), &json!(true)));
    assert_eq!(read["document"]["command"]["argv"], json!(["/bin/tar", "b"]));
    assert_eq!(admin.get(&format!("{PATH}?version=1")).expect(200)["version"]["message"], "first");
    let again = put(&admin, "/api/v1/templates/copy", &[], &{
        let mut copy = read["document"].clone();
        copy["name"] = "copy".into();
        copy
    });
    assert_eq!(again.expect(201)["name"], "copy", "what was read can be put");

    let diff = admin.get(&format!("{PATH}/diff?from=1&to=2")).expect(200);
    assert_eq!(
        diff["changes"],
        json!([{ "pointer": "/command/argv", "before": ["/bin/tar", "a"], "after": ["/bin/tar", "b"] }])
    );
    assert!(diff["unified"].as_str().unwrap().contains("--- files.compress@1\n+++ files.compress@2\n"));
    let back = admin.post(&format!("{PATH}/rollback"), &json!({ "version": 1 })).expect(200);
    assert_eq!((&back["active_version"], &back["latest_version"]), (&json!(3), &json!(3)));
    let versions = admin.get(&format!("{PATH}/versions?limit=2")).expect(200);
    let numbers: Vec<_> = versions["versions"].as_array().unwrap().iter().map(|one| one["version"].clone()).collect();
    assert_eq!((numbers, &versions["next"]), (vec![json!(3), json!(2)], &json!(2)));
    assert_eq!(admin.get(&format!("{PATH}/versions?after=2")).expect(200)["versions"][0]["version"], 1);
    assert_eq!(admin.post(&format!("{PATH}/archive"), &json!({ "reason": "old" })).expect(200)["state"], "archived");
}

#[test]
fn every_broken_rule_is_told_with_its_pointer() {
    let server = Server::start();
    let operator = server.program(Role::Operator);
    let errors = |body: &Value| -> Vec<String> {
        let told = put(&operator, PATH, &[], body).expect(422);
        let one =
            |error: &Value| format!("{} {}", error["pointer"].as_str().unwrap(), error["detail"].as_str().unwrap());
        told["errors"].as_array().unwrap().iter().map(one).collect()
    };

    assert_eq!(
        errors(
            &json!({ "name": "other", "runner": "http", "http": { "method": "GET", "retries": 3 }, "defaults": { "priority": 0 } })
        ),
        [
            "/name must be files.compress, the name in the address",
            "/http/retries is no field here; known are method, url, headers, body, expect, retry, timeout_ms, redirects",
            "/http/url is missing",
            "/defaults/priority goes from 1 to 5",
        ]
    );
    assert_eq!(
        errors(
            &json!({ "runner": "command", "command": { "argv": ["./run", "{{ params.x }}"] }, "params": { "properties": { "y": { "type": "string" } } } })
        ),
        [
            "/command/argv/0 must be an absolute path, or a bare name that is looked up in PATH",
            "/command/argv/1 params.x is none of the parameters",
        ]
    );
    assert_eq!(errors(&json!({})), ["/runner is missing"]);
    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.templates WHERE name = 'files.compress'"), 0);
}

#[test]
fn odd_bodies_are_refused_precisely() {
    let server = Server::start();
    let operator = server.program(Role::Operator);
    let put = |body: &[u8]| operator.send("PUT", PATH, &[], body);

    assert_eq!(put(b"{\"runner\":").status, 400);
    assert_eq!(put(b"[]").refusal(422), ": must be an object of fields, not a list");
    assert_eq!(put(b"\xff\xfe").status, 400);
    assert!(
        put(b"{\"runner\":\"sql\",\"sql\":{\"statements\":\"\\u0000\"}}").refusal(422).starts_with("/sql/statements")
    );
    let deep = format!("{{\"runner\":\"sql\",\"params\":{}{}}}", "[".repeat(256), "]".repeat(256));
    assert!(put(deep.as_bytes()).refusal(422).contains("nested more than"), "{deep}");
    assert_eq!(put(&vec![b' '; 1024 * 1024 + 1]).status, 413);
    assert_eq!(operator.send("PUT", "/api/v1/templates/A%20b", &[], document("a").to_string().as_bytes()).status, 422);
    assert_eq!(
        operator.send("PUT", "/api/v1/templates/new", &[], document("a").to_string().as_bytes()).refusal(422),
        "/name: new is an address of the console, so no template can have this name"
    );
}

#[test]
fn a_change_from_an_old_version_is_refused() {
    let server = Server::start();
    let operator = server.program(Role::Operator);
    put(&operator, PATH, &[("If-None-Match", "*")], &document("a")).expect(201);
    put(&operator, PATH, &[], &document("b")).expect(200);

    let stale = put(&operator, PATH, &[("If-Match", "\"1\"")], &document("c"));
    assert!(
        stale.refusal(409).contains("version 2 was saved meanwhile; yours was made from version 1"),
        "{}",
        stale.text
    );
    assert_eq!(put(&operator, &format!("{PATH}?base=1"), &[], &document("c")).status, 409);
    assert_eq!(put(&operator, PATH, &[("If-None-Match", "*")], &document("c")).status, 409);
    assert_eq!(put(&operator, &format!("{PATH}?base=2"), &[], &document("c")).expect(200)["saved"]["version"], 3);
    assert!(put(&operator, PATH, &[("If-Match", "x")], &document("d")).refusal(422).starts_with("If-Match: "));
}

#[test]
fn one_key_changes_once() {
    let server = Server::start();
    let admin = server.program(Role::Admin);
    let key = [("Idempotency-Key", "k1")];
    put(&admin, PATH, &key, &document("a")).expect(201);
    put(&admin, PATH, &[], &document("b")).expect(200);

    assert_eq!(put(&admin, PATH, &key, &document("a")).json()["saved"], json!({ "version": 1, "unchanged": false }));
    assert!(put(&admin, PATH, &key, &document("c")).refusal(422).starts_with("Idempotency-Key: "));
    let back = |body: &Value| admin.post_once(&format!("{PATH}/rollback"), "k2", body);
    assert_eq!(back(&json!({ "version": 1 })).expect(200)["done"]["version"], 3);
    assert_eq!(back(&json!({ "version": 1 })).expect(200)["done"]["version"], 3);
    assert_eq!(back(&json!({ "version": 2 })).status, 422);
    assert_eq!(admin.get(&format!("{PATH}/versions")).expect(200)["versions"].as_array().unwrap().len(), 3);
}

#[test]
fn acts_name_what_is_wrong() {
    let server = Server::start();
    let admin = server.program(Role::Admin);
    put(&admin, PATH, &[], &document("a")).expect(201);
    let post = |verb: &str, body: Value| admin.post(&format!("{PATH}/{verb}"), &body);

    assert_eq!(
        post("publish", json!({ "version": 9 })).refusal(422),
        "/version: the template \"files.compress\" has no version 9"
    );
    assert_eq!(post("publish", json!({ "versoin": 1 })).refusal(422), "/versoin: \"versoin\" is not a field here");
    assert_eq!(post("rollback", json!({})).refusal(422), "/version: version is required");
    assert!(
        post("archive", json!({ "reason": "x".repeat(501) }))
            .refusal(422)
            .starts_with("/reason: a note has at most 500")
    );
    assert_eq!(admin.post("/api/v1/templates/no.such/publish", &json!({})).status, 404);
    post("archive", json!({})).expect(200);
    assert!(post("publish", json!({})).refusal(409).contains("is archived, so it cannot be published"));
    assert_eq!(put(&admin, PATH, &[], &document("b")).status, 409);
}

#[test]
fn lists_are_filtered_and_paged() {
    let server = Server::start(); // with demo.any and demo.greet
    let admin = server.program(Role::Admin);
    put(&admin, PATH, &[], &document("a")).expect(201);
    let names = |path: &str| -> (Vec<String>, Value) {
        let body = admin.get(&format!("/api/v1/templates{path}")).expect(200);
        let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
        (body["templates"].as_array().unwrap().iter().map(name).collect(), body["next"].clone())
    };

    assert_eq!(names(""), (vec!["demo.any".into(), "demo.greet".into(), "files.compress".into()], Value::Null));
    assert_eq!(names("?limit=1"), (vec!["demo.any".into()], json!("demo.any")));
    assert_eq!(names("?limit=1&after=demo.any").0, ["demo.greet"]);
    assert_eq!(names("?state=draft").0, ["files.compress"]);
    assert_eq!(names("?runner=handler&q=GREET").0, ["demo.greet"]);
    assert_eq!(
        admin.get("/api/v1/templates?state=asleep").refusal(422),
        "state: state is draft, active, deprecated or archived"
    );
    assert_eq!(admin.get("/api/v1/templates?limit=201").status, 422);
    assert_eq!(admin.get(&format!("{PATH}?version=x")).status, 422);
    assert_eq!(admin.get(&format!("{PATH}?version=9")).status, 404);
}

#[test]
fn a_token_needs_the_scope_and_its_owner_the_role() {
    let server = Server::start();
    let status = |scopes: &[&str], method: &str, path: &str, body: Value| {
        server.with_scopes(scopes).send(method, path, &[], body.to_string().as_bytes()).status
    };

    assert_eq!(status(&["templates:read"], "GET", "/api/v1/templates", json!({})), 200);
    assert_eq!(status(&["jobs:read"], "GET", "/api/v1/templates", json!({})), 403);
    assert_eq!(status(&["templates:read"], "PUT", PATH, document("a")), 403);
    assert_eq!(status(&["templates:write"], "PUT", PATH, document("a")), 201);
    assert_eq!(status(&["templates:write"], "POST", &format!("{PATH}/publish"), json!({})), 403);
    for role in [Role::Viewer, Role::Auditor, Role::Analyst] {
        let program = server.program(role);
        program.get(PATH).expect(200);
        assert_eq!(put(&program, PATH, &[], &document("b")).status, 403, "{role:?}");
    }
    let limited = server.limited(Role::Operator, &["all"], (&["mail"], &[]));
    assert_eq!(
        put(&limited, PATH, &[], &document("b")).refusal(422),
        "/defaults/queue: the queue \"default\" is outside of your scope"
    );
}

#[test]
fn one_until_it_runs_is_given_as_it_was_put() {
    let server = Server::start();
    let admin = server.program(Role::Admin);
    let unique = json!({ "states": "waiting" });
    let mut with_unique = document("a");
    with_unique["unique"] = unique.clone();

    put(&admin, PATH, &[], &with_unique).expect(201);

    assert_eq!(admin.get(PATH).expect(200)["document"]["unique"], unique);
}
