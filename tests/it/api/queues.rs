//! Queues: list, limits, pause, resume; the dispatcher obeys.

use std::time::{Duration, Instant};

use millrace::queue::permission::Role;
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::{Value, json};

use super::stage::Server;
use crate::support::stage::{TestEngine, state, wait_for};

struct Nothing;

impl Handler for Nothing {
    fn run(&self, _: &JobContext) -> Ended {
        Ok(Outcome::Done)
    }
}

#[test]
fn a_queue_shows_what_stands_in_it() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let jobs = json!([{"template": "demo.any", "queue": "mail"}, {"template": "demo.any", "queue": "mail", "delay_ms": 60000}]);
    program.post("/api/v1/jobs/bulk", &jobs).expect(201);

    let queues = program.get("/api/v1/queues").expect(200);

    let names: Vec<_> =
        queues["queues"].as_array().unwrap().iter().map(|queue| queue["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["default", "mail"]);
    let mail = program.get("/api/v1/queues/mail").expect(200);
    assert_eq!(mail, queues["queues"][1].as_object().map(|_| mail.clone()).unwrap());
    assert_eq!(
        (&mail["weight"], &mail["paused"], &mail["counts"]["ready"], &mail["counts"]["scheduled"]),
        (&json!(1), &Value::Null, &json!(1), &json!(1))
    );
    assert!(mail["oldest_ready_at"].is_string() && mail["oldest_ready_age_ms"].is_i64());
}

#[test]
fn a_weight_is_changed_and_written_down() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let change = |body: Value| program.send("PATCH", "/api/v1/queues/default", &[], body.to_string().as_bytes());

    assert_eq!(change(json!({"weight": 7, "reason": "more mail"})).expect(200)["weight"], 7);
    for (body, refusal) in [
        (json!({}), ": name a limit: weight, concurrency, concurrency_per_node or wait_target_ms"),
        (json!({"concurrency": 0}), "/concurrency: a number of jobs at once goes from 1 to 100000"),
        (json!({"concurrency_per_node": "4"}), "/concurrency_per_node: concurrency_per_node must be a whole number"),
        (json!({"wait_target_ms": 0}), "/wait_target_ms: a wait target goes from 1 ms to 604800000 ms"),
        (json!({"weight": 0}), "/weight: a weight goes from 1 to 1000"),
        (json!({"weight": 1001}), "/weight: a weight goes from 1 to 1000"),
        (json!({"weight": "7"}), "/weight: weight must be a whole number"),
        (json!({"weight": 1, "paused": true}), "/paused: \"paused\" is not a field here"),
    ] {
        let told = change(body).refusal(422);
        assert!(told.starts_with(refusal), "{told}");
    }
    let written = "SELECT count(*) AS number FROM millrace.audit WHERE act = 'queue.limit' AND reason = 'more mail'
        AND before = '{\"weight\": 1}' AND after = '{\"weight\": 7}'";
    assert_eq!(server.number(written), 1);

    let bounded = change(json!({"concurrency": 20, "concurrency_per_node": 4})).expect(200);
    assert_eq!([&bounded["weight"], &bounded["concurrency"], &bounded["concurrency_per_node"]], [7, 20, 4]);
    assert_eq!(change(json!({"wait_target_ms": 60_000})).expect(200)["wait_target_ms"], 60_000);
    let free = change(json!({"concurrency": null})).expect(200);
    assert_eq!((&free["concurrency"], &free["concurrency_per_node"]), (&Value::Null, &json!(4)));
    assert_eq!(free["wait_target_ms"], 60_000);
    assert_eq!(change(json!({"wait_target_ms": null})).expect(200)["wait_target_ms"], Value::Null);
    let written = "SELECT count(*) AS number FROM millrace.audit WHERE act = 'queue.limit'
        AND before = '{\"concurrency\": 20}' AND after = '{\"concurrency\": null}'";
    assert_eq!(server.number(written), 1);
}

#[test]
fn pausing_says_who_and_why_and_cannot_be_done_twice() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    program.post("/api/v1/queues/default/resume", &json!({})).expect(409);
    let paused = program.post("/api/v1/queues/default/pause", &json!({"reason": "maintenance"})).expect(200);
    assert_eq!(paused["paused"]["reason"], "maintenance");
    assert!(paused["paused"]["by"].as_str().unwrap().contains("token ci") && paused["paused"]["at"].is_string());
    let again = program.post("/api/v1/queues/default/pause", &json!({})).expect(409);
    assert!(again["detail"].as_str().unwrap().contains("paused already"));
    assert_eq!(program.post("/api/v1/queues/default/resume", &json!({})).expect(200)["paused"], Value::Null);
}

#[test]
fn nodes_obey_a_pause_within_a_second_and_go_on_after_it() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let _engine = TestEngine::start(&server.db, Registry::default().with_handler("demo.any", Nothing));
    let conn = &mut server.db.connect();
    let first = program.enqueue(&json!({"template": "demo.any"}));
    wait_for(conn, first, "succeeded");

    program.post("/api/v1/queues/default/pause", &json!({})).expect(200);
    std::thread::sleep(Duration::from_millis(1_100));
    let second = program.enqueue(&json!({"template": "demo.any"}));
    std::thread::sleep(Duration::from_millis(1_200));
    assert_eq!(state(conn, second), "ready");

    let resumed = Instant::now();
    program.post("/api/v1/queues/default/resume", &json!({})).expect(200);
    wait_for(conn, second, "succeeded");
    assert!(resumed.elapsed() < Duration::from_secs(3));
}
