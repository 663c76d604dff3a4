//! Idempotency-Key: a request that is repeated changes nothing more.

use std::sync::Barrier;

use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::Server;
use crate::support::cutter::{Cut, Cutter};

const JOBS: &str = "/api/v1/jobs";
const COUNT: &str = "SELECT count(*) AS number FROM millrace.jobs";

#[test]
fn a_repeat_gives_the_same_job_and_another_body_is_refused() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let (one, other) =
        (json!({"template": "demo.any", "args": {"n": 1}}), json!({"template": "demo.any", "args": {"n": 2}}));

    let first = program.post_once(JOBS, "k1", &one).expect(201);
    let again = program.post_once(JOBS, "k1", &one).expect(200);

    assert_eq!(first["id"], again["id"]);
    assert!(
        program
            .post_once(JOBS, "k1", &other)
            .refusal(422)
            .starts_with("Idempotency-Key: This Idempotency-Key was used")
    );
    assert!(program.post_once("/api/v1/jobs/bulk", "k1", &json!([one])).refusal(422).starts_with("Idempotency-Key"));
    program.post_once(JOBS, "k2", &one).expect(201);
    assert_eq!(server.number(COUNT), 2);
}

#[test]
fn a_key_belongs_to_its_token() {
    let server = Server::start();
    let job = json!({"template": "demo.any"});

    server.program(Role::Operator).post_once(JOBS, "same", &job).expect(201);
    server.program(Role::Operator).post_once(JOBS, "same", &job).expect(201);

    assert_eq!(server.number(COUNT), 2);
}

#[test]
fn bad_keys_are_refused() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    for key in ["", &"k".repeat(256)] {
        let refusal = program.post_once(JOBS, key, &json!({"template": "demo.any"})).refusal(422);
        assert_eq!(refusal, "Idempotency-Key: an Idempotency-Key has 1 to 255 visible ASCII characters");
    }
    assert_eq!(server.number(COUNT), 0);
}

#[test]
fn a_refused_request_leaves_its_key_free() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    program.post_once(JOBS, "k", &json!({"template": "demo.none"})).refusal(422);
    program.post_once(JOBS, "k", &json!({"template": "demo.any"})).expect(201);
}

#[test]
fn twenty_identical_requests_at_once_make_one_job() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let start = Barrier::new(20);

    let answers: Vec<(u16, i64)> = std::thread::scope(|scope| {
        let ask = || {
            start.wait();
            let answer = program.post_once(JOBS, "storm", &json!({"template": "demo.any"}));
            (answer.status, answer.json()["id"].as_i64().unwrap_or_else(|| panic!("{}", answer.text)))
        };
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });

    assert!(answers.iter().all(|(_, id)| *id == answers[0].1), "{answers:?}");
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|(status, _)| *status == 200).count(), 19, "{answers:?}");
    assert_eq!(server.number(COUNT), 1);
}

#[test]
fn twenty_requests_with_one_unique_key_make_one_job() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let start = Barrier::new(20);

    std::thread::scope(|scope| {
        let ask = || {
            start.wait();
            let status = program.post(JOBS, &json!({"template": "demo.any", "unique_key": "u"})).status;
            assert!(status == 200 || status == 201, "{status}");
        };
        (0..20).for_each(|_| drop(scope.spawn(ask)));
    });

    assert_eq!(server.number(COUNT), 1);
}

#[test]
fn an_act_under_a_key_is_done_once() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let job = program.enqueue(&json!({"template": "demo.any"}));
    let hold = format!("{JOBS}/{job}/hold");

    assert_eq!(program.post_once(&hold, "h", &json!({"reason": "x"})).expect(200)["state"], "held");
    assert_eq!(program.post_once(&hold, "h", &json!({"reason": "x"})).expect(200)["state"], "held");
    program.post_once(&hold, "h", &json!({"reason": "y"})).refusal(422);
    program.post_once(&hold, "other", &json!({})).expect(409);

    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.audit WHERE act = 'job.hold'"), 1);
}

#[test]
fn pausing_under_a_key_is_done_once() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let pause = "/api/v1/queues/default/pause";

    program.post_once(pause, "p", &json!({"reason": "x"})).expect(200);
    program.post_once(pause, "p", &json!({"reason": "x"})).expect(200);
    program.post_once("/api/v1/queues/default/resume", "p", &json!({"reason": "x"})).refusal(422);

    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.audit WHERE act = 'queue.pause'"), 1);
}

#[test]
fn a_commit_answered_into_the_void_is_told_as_unknown_and_repeating_it_adds_nothing() {
    let mut cutter = None;
    let server = Server::start_through(|url| cutter.insert(Cutter::before(url)).url(url));
    let cutter = cutter.unwrap();
    let program = server.program(Role::Operator);
    let job = json!({ "template": "demo.any" });

    for round in 0..20 {
        let (key, cut) = (format!("round-{round}"), [Cut::BeforeCommit, Cut::AfterCommit][round % 2]);
        cutter.arm(cut);
        let mut answer = program.post_once("/api/v1/jobs", &key, &job);
        assert!(cutter.has_cut(), "{cut:?}");
        let told = answer.expect(503);
        assert_eq!(told["outcome"], "unknown", "{told}");
        for _ in 0..3 {
            answer = program.post_once("/api/v1/jobs", &key, &job);
        }
        assert!(matches!(answer.status, 200 | 201), "{} {}", answer.status, answer.text);
    }

    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.jobs"), 20);
}
