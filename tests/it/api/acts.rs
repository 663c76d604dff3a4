//! Cancel, retry, hold, release, reschedule, priority: what they change, and when they are refused.

use std::time::Duration;

use millrace::queue::permission::Role;
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::json;

use super::stage::Server;
use crate::support::stage::{TestEngine, wait_for};

/// Fails at once.
struct Fails;

impl Handler for Fails {
    fn run(&self, _: &JobContext) -> Ended {
        Ok(Outcome::give_up("it does not work"))
    }
}

/// Runs until it is told to stop.
struct Waits;

impl Handler for Waits {
    fn run(&self, job: &JobContext) -> Ended {
        job.sleep(Duration::from_secs(60))?;
        Ok(Outcome::Done)
    }
}

#[test]
fn a_waiting_job_is_held_released_moved_and_cancelled() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let job = program.enqueue(&json!({"template": "demo.any"}));
    let act = |verb: &str, body| program.post(&format!("/api/v1/jobs/{job}/{verb}"), &body);

    let held = act("hold", json!({"reason": "not yet"})).expect(200);
    assert_eq!((&held["state"], &held["held"]["reason"]), (&json!("held"), &json!("not yet")));
    assert_eq!(act("release", json!({})).expect(200)["state"], "ready");
    let moved = act("reschedule", json!({"run_at": "2030-05-01T10:00:00+02:00"})).expect(200);
    assert_eq!((&moved["state"], &moved["run_at"]), (&json!("scheduled"), &json!("2030-05-01T08:00:00Z")));
    assert_eq!(act("priority", json!({"priority": 1, "reason": "urgent"})).expect(200)["priority"], 1);
    assert_eq!(act("retry", json!({})).expect(200)["state"], "ready");
    let cancelled = act("cancel", json!({"reason": "no more"})).expect(200);
    assert_eq!(cancelled["state"], "cancelled");
    assert!(cancelled["error"]["message"].as_str().unwrap().contains("no more"));
    assert!(cancelled["finished_at"].is_string());

    assert_eq!(
        server.number("SELECT count(*) AS number FROM millrace.audit WHERE accepted AND subject_kind = 'job'"),
        6
    );
}

#[test]
fn an_act_that_the_state_does_not_allow_is_a_conflict() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let job = program.enqueue(&json!({"template": "demo.any"}));
    let act = |verb: &str, body| program.post(&format!("/api/v1/jobs/{job}/{verb}"), &body);

    assert!(
        act("release", json!({})).expect(409)["detail"]
            .as_str()
            .unwrap()
            .contains("is ready, so it cannot be released")
    );
    act("cancel", json!({})).expect(200);
    for (verb, body) in [
        ("cancel", json!({})),
        ("hold", json!({})),
        ("release", json!({})),
        ("reschedule", json!({"run_at": "2030-01-01T00:00:00Z"})),
        ("priority", json!({"priority": 2})),
    ] {
        let problem = act(verb, body).expect(409);
        assert_eq!(problem["type"], "urn:millrace:problem:conflict", "{verb}");
    }
}

#[test]
fn bad_bodies_of_acts_are_refused_and_change_nothing() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let job = program.enqueue(&json!({"template": "demo.any"}));
    let act = |verb: &str, body| program.post(&format!("/api/v1/jobs/{job}/{verb}"), &body).refusal(422);

    for (verb, body, refusal) in [
        ("reschedule", json!({}), "/run_at: run_at is required"),
        ("reschedule", json!({"run_at": "soon"}), "/run_at: run_at must be a time"),
        ("reschedule", json!({"run_at": "9999999-01-01T00:00:00Z"}), "/run_at: run_at must be a time"),
        ("priority", json!({"priority": 6}), "/priority: priority goes from 1"),
        ("priority", json!({"priority": null}), "/priority: priority is required"),
        ("priority", json!({"priority": 1e9}), "/priority: priority must be a whole number"),
        ("hold", json!({"reason": "x".repeat(501)}), "/reason: a note has at most 500 characters"),
        ("hold", json!({"reason": "a\u{7}b"}), "/reason: a note may not hold control characters"),
        ("hold", json!({"reason": 5}), "/reason: reason must be a text, not 5"),
        ("cancel", json!({"why": "x"}), "/why: \"why\" is not a field here"),
        ("cancel", json!(["x"]), ": must be an object, not a list"),
    ] {
        let told = act(verb, body);
        assert!(told.starts_with(refusal), "{told}\ninstead of {refusal}");
    }
    assert_eq!(program.get(&format!("/api/v1/jobs/{job}")).expect(200)["state"], "ready");
}

#[test]
fn a_failed_job_is_retried_at_once() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let _engine = TestEngine::start(&server.db, Registry::default().with_handler("demo.any", Fails));
    let job = program.enqueue(&json!({"template": "demo.any"}));
    let conn = &mut server.db.connect();
    wait_for(conn, job, "failed");

    let failed = program.get(&format!("/api/v1/jobs/{job}")).expect(200);
    assert_eq!(failed["error"]["message"], "it does not work");
    assert!(failed["error"]["fingerprint"].is_string());
    program.post(&format!("/api/v1/jobs/{job}/retry"), &json!({"reason": "again"})).expect(200);
    wait_for(conn, job, "failed");

    crate::support::stage::wait_until(|| {
        let attempts = program.get(&format!("/api/v1/jobs/{job}/attempts")).expect(200);
        attempts["attempts"].as_array().unwrap().len() == 2
    })
    .expect("two attempts");
}

#[test]
fn a_job_that_was_retried_beyond_its_attempts_has_as_many_as_it_used() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let _engine = TestEngine::start(&server.db, Registry::default().with_handler("demo.any", Fails));
    let job = program.enqueue(&json!({"template": "demo.any", "max_attempts": 1}));
    let conn = &mut server.db.connect();
    wait_for(conn, job, "failed");
    program.post(&format!("/api/v1/jobs/{job}/retry"), &json!({})).expect(200);
    crate::support::stage::wait_until(|| program.get(&format!("/api/v1/jobs/{job}")).expect(200)["attempt"] == 2)
        .expect("a second attempt");

    let told = program.get(&format!("/api/v1/jobs/{job}")).expect(200);
    assert_eq!((&told["attempt"], &told["max_attempts"]), (&json!(2), &json!(2)));
}

#[test]
fn cancelling_a_running_job_asks_its_node() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let _engine = TestEngine::start(&server.db, Registry::default().with_handler("demo.any", Waits));
    let job = program.enqueue(&json!({"template": "demo.any"}));
    let conn = &mut server.db.connect();
    wait_for(conn, job, "running");
    let running = program.get(&format!("/api/v1/jobs/{job}")).expect(200);
    assert_eq!((&running["node"], &running["attempt"]), (&json!("test"), &json!(1)));
    assert!(running["fence"].is_i64() && running["started_at"].is_string());

    let asked = program.post(&format!("/api/v1/jobs/{job}/cancel"), &json!({"reason": "enough"})).expect(202);

    assert!(asked["cancel"]["by"].is_string());
    program.post(&format!("/api/v1/jobs/{job}/hold"), &json!({})).expect(409);
    wait_for(conn, job, "cancelled");
    let attempts = program.get(&format!("/api/v1/jobs/{job}/attempts")).expect(200);
    assert_eq!(attempts["attempts"][0]["outcome"], "cancelled");
}
