//! Whatever is sent, the answer is a refusal or a success, never a fault of ours.

use millrace::queue::permission::Role;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::stage::{Program, Server};

/// Requests of each kind.
const CASES: u32 = 120;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop_oneof![
            Just("\0"),
            Just("-infinity"),
            Just("epoch"),
            Just("2026-02-30T00:00:00Z"),
            Just("9999-12-31T23:59:60Z"),
            Just("0000-01-01T00:00:00Z"),
            Just("default"),
            Just("demo.any"),
            Just("%_\\'\"$1"),
            Just("2262-04-12T00:00:00Z")
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-z\\PC]{0,6}", inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A job whose fields are mostly what they should be and sometimes anything.
fn almost_a_job() -> impl Strategy<Value = Value> {
    const FIELDS: [&str; 16] = [
        "template",
        "version",
        "args",
        "queue",
        "priority",
        "run_at",
        "delay_ms",
        "unique_key",
        "unique_for_ms",
        "ordering_key",
        "tags",
        "max_attempts",
        "timeout_ms",
        "deadline",
        "parent",
        "reason",
    ];
    let field = prop::sample::select(FIELDS.to_vec());
    prop::collection::vec((field, any_json()), 0..6).prop_map(|members| {
        let mut job = json!({"template": "demo.any"});
        members.into_iter().for_each(|(name, value)| job[name] = value);
        job
    })
}

fn hold<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, test: impl Fn(T) -> u16) {
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let result = runner.run(&strategy, |value| {
        let status = test(value);
        prop_assert!(status < 500, "status {}", status);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn operator(server: &Server) -> Program {
    server.program(Role::Operator)
}

#[test]
fn no_body_is_a_fault() {
    let server = Server::start();
    let program = operator(&server);
    let job = program.enqueue(&json!({"template": "demo.any", "delay_ms": 3_600_000}));
    let paths = [
        "/api/v1/jobs".to_owned(),
        "/api/v1/jobs/bulk".to_owned(),
        format!("/api/v1/jobs/{job}/reschedule"),
        format!("/api/v1/jobs/{job}/priority"),
        format!("/api/v1/jobs/{job}/hold"),
        format!("/api/v1/jobs/{job}/release"),
        "/api/v1/queues/default/pause".to_owned(),
    ];
    let path = prop::sample::select(paths.to_vec());

    hold((path.clone(), almost_a_job()), |(path, job)| program.post(&path, &job).status);
    hold((path.clone(), any_json()), |(path, body)| program.post(&path, &body).status);
    hold((path, any::<Vec<u8>>()), |(path, bytes)| program.post_text(&path, &bytes).status);
    hold(prop::collection::vec(almost_a_job(), 0..4), |jobs| program.post("/api/v1/jobs/bulk", &json!(jobs)).status);
}

#[test]
fn no_address_is_a_fault() {
    let server = Server::start();
    let program = operator(&server);
    program.enqueue(&json!({"template": "demo.any"}));
    let encoded =
        ".{0,16}".prop_map(|text: String| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>());
    let path = prop::sample::select(vec!["jobs", "jobs/1/log", "counts", "queues", "nodes"]);
    let name =
        prop::sample::select(vec!["q", "state", "queue", "template", "tag", "limit", "after", "by", "attempt", "id"]);

    hold((path, name, encoded.clone()), |(path, name, value)| {
        program.get(&format!("/api/v1/{path}?{name}={value}")).status
    });
    hold(encoded.clone(), |id| program.get(&format!("/api/v1/jobs/{id}")).status);
    hold(encoded, |name| program.get(&format!("/api/v1/queues/{name}")).status);
}
