//! `/healthz`, `/readyz`, `/metrics`.

use millrace::queue::permission::Role;
use millrace::queue::work::Registry;
use serde_json::{Value, json};

use super::stage::Server;
use crate::support::stage::TestEngine;

fn check<'a>(answer: &'a Value, name: &str) -> &'a Value {
    answer["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap()
}

#[test]
fn a_server_is_alive_without_anything_else() {
    let server = Server::start();

    assert_eq!(server.stranger().get("/healthz").expect(200)["status"], "alive");
}

#[test]
fn readiness_tells_its_reasons() {
    let server = Server::start_beside(Some("fra-01"));
    let program = server.stranger();

    let before = program.get("/readyz").expect(503);
    assert_eq!(before["status"], "not ready");
    assert_eq!(check(&before, "engine")["reason"], "the engine of this node has not started yet");
    assert_eq!(
        (&check(&before, "database")["verdict"], &check(&before, "migrations")["verdict"]),
        (&json!("ok"), &json!("ok"))
    );

    let engine = TestEngine::start_as(&server.db, "fra-01", Registry::default());
    let ready = program.get("/readyz").expect(200);
    // the cluster of tests is not durable, and says so
    assert_eq!(check(&ready, "durability")["verdict"], "warn");
    assert!(check(&ready, "durability")["reason"].as_str().unwrap().contains("fsync is off"));
    engine.drain();
    assert_eq!(check(&program.get("/readyz").expect(503), "engine")["reason"], "the engine of this node is down");

    server.run("DELETE FROM millrace.__diesel_schema_migrations WHERE version = (SELECT max(version) FROM millrace.__diesel_schema_migrations)");
    let old = program.get("/readyz").expect(503);
    assert!(check(&old, "migrations")["reason"].as_str().unwrap().starts_with("1 migrations are missing"));
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    program.enqueue(&json!({"template": "demo.any"}));
    program.post("/api/v1/queues/default/pause", &json!({})).expect(200);
    server.run("INSERT INTO millrace.nodes (name, version) VALUES ('n1', '1')");

    let answer = server.stranger().get("/metrics");

    assert_eq!((answer.status, answer.header("content-type")), (200, "text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "# TYPE millrace_jobs gauge",
        "millrace_jobs{queue=\"default\",state=\"ready\"} 1",
        "millrace_queue_paused{queue=\"default\"} 1",
        "millrace_node_up{node=\"n1\",state=\"up\"} 1",
        "millrace_pool_connections{use=\"busy\"} ",
        "# TYPE millrace_jobs_succeeded_total counter",
    ] {
        assert!(answer.text.contains(line), "{line}\n{}", answer.text);
    }
    for line in answer.text.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn metrics_from_elsewhere_need_a_token_for_health() {
    let server = Server::start();
    let elsewhere = [("X-Forwarded-For", "203.0.113.9")];
    let status = |program: super::stage::Program| program.send("GET", "/metrics", &elsewhere, &[]).status;

    assert_eq!(status(server.stranger()), 401);
    assert_eq!(status(server.with_scopes(&["jobs:read"])), 403);
    assert_eq!(status(server.with_scopes(&["health:read"])), 200);
    assert_eq!(status(server.program(Role::Viewer)), 403);
}
