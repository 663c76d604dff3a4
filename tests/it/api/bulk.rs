//! `POST /api/v1/jobs/bulk`: thousands in one transaction, all or none.

use millrace::queue::permission::Role;
use serde_json::{Value, json};

use super::stage::Server;

const BULK: &str = "/api/v1/jobs/bulk";
const COUNT: &str = "SELECT count(*) AS number FROM millrace.jobs";

#[test]
fn ids_come_in_the_order_of_the_request() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let jobs: Vec<Value> =
        (0..500).map(|n| json!({"template": "demo.any", "args": {"n": n}, "unique_key": n.to_string()})).collect();

    let answer = program.post(BULK, &json!(jobs)).expect(201);

    let ids: Vec<i64> = answer["ids"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect();
    assert_eq!((ids.len(), answer["created"].as_i64(), answer["existing"].as_i64()), (500, Some(500), Some(0)));
    for at in [0, 250, 499] {
        assert_eq!(program.get(&format!("/api/v1/jobs/{}", ids[at])).expect(200)["args"], json!({"n": at}));
    }
    let again = program.post(BULK, &json!(jobs)).expect(200);
    assert_eq!((&again["ids"], &again["created"], &again["existing"]), (&answer["ids"], &json!(0), &json!(500)));
}

#[test]
fn lines_of_json_are_taken_too() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let lines = "{\"template\":\"demo.any\"}\n\n{\"template\":\"demo.greet\",\"args\":{\"name\":\"Ada\"}}\n";

    let answer = program.send("POST", BULK, &[("Content-Type", "application/x-ndjson")], lines.as_bytes());

    assert_eq!(answer.expect(201)["ids"].as_array().unwrap().len(), 2);
}

#[test]
fn one_bad_job_keeps_all_out() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let list = json!([{"template": "demo.any"}, {"template": "demo.greet", "args": {}}, {"template": "demo.none"}]);
    let lines = "{\"template\":\"demo.any\"}\n\n{\"template\":\"demo.greet\"}\n{\"template\":\"demo.any\",\"odd\":1}";

    let told = program.post(BULK, &list).expect(422);
    let places: Vec<_> =
        told["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(places, ["/1/args/name", "/2/template"]);
    assert!(program.post_text(BULK, lines.as_bytes()).refusal(422).starts_with("/2/odd: line 4: "));
    let last = &lines[..lines.rfind('\n').unwrap()];
    assert!(program.post_text(BULK, last.as_bytes()).refusal(422).starts_with("/1/args/name: line 3: "));
    let single = program.post(BULK, &json!([{"template": "demo.none"}])).refusal(422);
    assert!(single.starts_with("/0/template: "), "{single}");
    let broken = program.post_text(BULK, b"{\"template\":\"demo.any\"}\n{\"template\":").refusal(400);
    assert!(broken.starts_with("Line 2: ") && broken.contains("(byte ") && !broken.contains("line 1"), "{broken}");
    assert_eq!(server.number(COUNT), 0);
}

#[test]
fn ten_thousand_are_taken_and_one_more_is_not() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let body = |count: usize| {
        let filler = "x".repeat(500); // beyond the limit of ordinary bodies
        format!("{{\"template\":\"demo.any\",\"args\":{{\"t\":\"{filler}\"}}}}\n").repeat(count)
    };

    let refusal = program.post_text(BULK, body(10_001).as_bytes()).refusal(422);
    assert!(refusal.contains("10001 jobs in one request, at most 10000 are allowed"), "{refusal}");
    let answer = program.post_text(BULK, body(10_000).as_bytes()).expect(201);
    assert_eq!(answer["created"], 10_000);
    assert_eq!(server.number(COUNT), 10_000);
    assert_eq!(
        program.get("/api/v1/counts?by=state").expect(200)["counts"][2],
        json!({"state": "ready", "count": 10_000})
    );
}

#[test]
fn a_flood_of_faults_is_cut() {
    let server = Server::start();
    let jobs = vec![json!({"template": "demo.none"}); 300];

    let told = server.program(Role::Operator).post(BULK, &json!(jobs)).expect(422);

    let errors = told["errors"].as_array().unwrap();
    assert_eq!((errors.len(), errors[100]["detail"].as_str()), (101, Some("There are 200 more problems")));
}

#[test]
fn nothing_is_asked_and_nothing_is_done() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    for body in ["", "[]", "\n\n"] {
        assert_eq!(program.post_text(BULK, body.as_bytes()).expect(200)["ids"], json!([]), "{body:?}");
    }
}
