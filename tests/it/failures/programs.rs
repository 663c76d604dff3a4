//! The same over the API, and with the command line.

use millrace::queue::permission::Role;
use serde_json::{Value, json};

use super::{fail, fail_as, fold, groups};
use crate::api::stage::Server;
use crate::support::stage::{handler_template, register_node};

fn stage() -> (Server, String) {
    let server = Server::start();
    let mut conn = server.db.connect();
    handler_template(&mut conn, "mail", json!({}));
    let who = register_node(&mut conn, "mil-01");
    fail(&mut conn, who, &["order 7 not found", "status 503"]);
    fold(&mut conn);
    let print = groups(&mut conn).into_iter().find(|group| group.error.starts_with("order")).unwrap().fingerprint;
    (server, print)
}

fn messages(answer: &Value) -> Vec<&str> {
    answer["failures"].as_array().unwrap().iter().map(|group| group["message"].as_str().unwrap()).collect()
}

#[test]
fn groups_are_listed_paged_and_read() {
    let (server, print) = stage();
    let program = server.program(Role::Operator);

    let first = program.get("/api/v1/failures?limit=1&sort=first").expect(200);
    let next = first["next"].as_str().unwrap();
    let second = program.get(&format!("/api/v1/failures?limit=1&sort=first&after={next}")).expect(200);
    assert_eq!((messages(&first).len(), messages(&second).len(), &second["next"]), (1, 1, &Value::Null));
    assert_ne!(messages(&first), messages(&second));
    assert_eq!(
        messages(&program.get("/api/v1/failures?q=order&state=new,rising&since=1").expect(200)),
        ["order # not found"]
    );
    for bad in ["state=open", "since=0", "sort=x", "after=x", "limit=201", "q=%00"] {
        program.get(&format!("/api/v1/failures?{bad}")).expect(422);
    }

    let group = program.get(&format!("/api/v1/failures/{print}")).expect(200);
    assert_eq!(
        (&group["state"], &group["error"], &group["attempts_24h"]),
        (&json!("new"), &json!("order 7 not found"), &json!(1))
    );
    assert_eq!((&group["nodes"][0]["name"], &group["queues"][0]["name"]), (&json!("mil-01"), &json!("default")));
    assert_eq!(group["newest_attempts"].as_array().unwrap().len(), 1);
    program.get("/api/v1/failures/0000000000000000").expect(404);
    let auditor = server.program(Role::Auditor).get(&format!("/api/v1/failures/{print}")).expect(200);
    assert_eq!((&auditor["error"], &auditor["newest_attempts"][0]["error"]), (&Value::Null, &Value::Null));
}

#[test]
fn programs_decide_as_people_do() {
    let (server, print) = stage();
    let program = server.program(Role::Operator);
    let post = |verb: &str, body: Value| program.post(&format!("/api/v1/failures/{print}/{verb}"), &body);

    assert_eq!(post("handle", json!({ "from_version": 2, "reason": "mended" })).expect(200)["state"], "handled");
    assert_eq!(post("reopen", json!({})).expect(200)["handled_at"], Value::Null);
    post("reopen", json!({})).expect(409);
    post("handle", json!({ "from_version": 0 })).expect(422);
    post("handle", json!({ "version": 1 })).expect(422);
    let until = (super::now() + chrono::TimeDelta::hours(1)).to_rfc3339();
    assert_eq!(post("mute", json!({ "until": until })).expect(200)["state"], "muted");
    post("mute", json!({ "until": "2020-01-01T00:00:00Z" })).expect(422);
    assert_eq!(post("mute", json!({})).expect(200)["muted_until"], Value::Null);
    post("assign", json!({ "person": "nobody@example.org" })).expect(422);
    assert_eq!(post("assign", json!({})).expect(200)["assignee"], Value::Null);
    post("note", json!({ "note": "known" })).expect(200);
    post("note", json!({})).expect(422);
    assert_eq!(post("ticket", json!({ "ticket": "https://t.example/7" })).expect(200)["ticket"], "https://t.example/7");
    post("ticket", json!({ "ticket": "javascript:alert(1)" })).expect(422);
    let group = program.get(&format!("/api/v1/failures/{print}")).expect(200);
    assert_eq!(group["notes"][0]["note"], "known");

    for role in [Role::Analyst, Role::Auditor, Role::Viewer] {
        let other = server.program(role);
        other.get("/api/v1/failures").expect(200);
        other.post(&format!("/api/v1/failures/{print}/handle"), &json!({})).expect(403);
    }
    server.with_scopes(&["jobs:write"]).get("/api/v1/failures").expect(403);
    server.with_scopes(&["failures:read"]).post(&format!("/api/v1/failures/{print}/reopen"), &json!({})).expect(403);
}

#[test]
fn what_differs_is_told_with_its_numbers_and_no_secret() {
    let (server, _) = stage();
    let mut conn = server.db.connect();
    let who = register_node(&mut conn, "mil-02");
    for failing in [true, false].repeat(10) {
        fail_as(&mut conn, who, &["country refused"; 4], |result| {
            if !failing {
                result.ending = millrace::queue::settle::Ending::Succeeded { output: None };
            }
            result.version = 1;
        });
    }
    fold(&mut conn);
    let print = groups(&mut conn).into_iter().find(|group| group.error.starts_with("country")).unwrap().fingerprint;

    let group = server.program(Role::Operator).get(&format!("/api/v1/failures/{print}")).expect(200);

    assert_eq!((&group["differs"]["failing"], &group["differs"]["succeeding"]), (&json!(40), &json!(40)));
    assert_eq!(group["differs"]["differences"], json!([]), "they are alike");
}
