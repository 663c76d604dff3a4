//! Pools: made, changed, removed; what reserves of them; what waits for them and why.

use millrace::queue::permission::Role;
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::{Value, json};

use super::stage::{Answer, Program, Server};
use crate::support::stage::{TestEngine, state, wait_for, wait_until};

/// Waits until it is told to stop.
struct Slow;

impl Handler for Slow {
    fn run(&self, job: &JobContext) -> Ended {
        job.sleep(std::time::Duration::from_secs(60))?;
        Ok(Outcome::Done)
    }
}

fn put(program: &Program, name: &str, body: &Value) -> Answer {
    program.send(
        "PUT",
        &format!("/api/v1/pools/{name}"),
        &[("Content-Type", "application/json")],
        body.to_string().as_bytes(),
    )
}

fn delete(program: &Program, address: &str) -> Answer {
    program.send("DELETE", address, &[], b"")
}

fn template(program: &Program, name: &str, amount: i64) -> Answer {
    let spec = json!({ "kind": "Template", "name": name, "runner": "handler", "handler": { "name": "slow" },
        "limits": { "reserve": { "memory-mb": amount } }, "defaults": { "queue": "default" } });
    let address = format!("/api/v1/templates/{name}");
    program.send("PUT", &address, &[("Content-Type", "application/json")], spec.to_string().as_bytes())
}

#[test]
fn a_pool_is_made_changed_and_removed() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    let missing = put(&program, "memory-mb", &json!({ "unit": "MB" })).expect(422);
    assert!(missing.to_string().contains("a new pool needs an amount"), "{missing}");
    let made = put(&program, "memory-mb", &json!({ "amount": 4096, "unit": "MB", "reason": "measured" })).expect(201);
    assert_eq!((&made["amount"], &made["free"], &made["version"]), (&json!(4096), &json!(4096), &json!(1)));
    let changed = put(&program, "memory-mb", &json!({ "amount": 2048, "version": 1 })).expect(200);
    assert_eq!((&changed["amount"], &changed["unit"], &changed["version"]), (&json!(2048), &json!("MB"), &json!(2)));

    let stale = put(&program, "memory-mb", &json!({ "amount": 1, "version": 1 })).expect(409);
    assert!(stale["detail"].as_str().unwrap().contains("was changed meanwhile"), "{stale}");
    put(&program, "memory-mb", &json!({ "amount": 1, "version": 0 })).expect(409);
    for bad in [
        json!({ "amount": -1 }),
        json!({ "amount": "x" }),
        json!({ "amuont": 1 }),
        json!({ "unit": "x".repeat(21) }),
        json!({}),
    ] {
        put(&program, "memory-mb", &bad).expect(422);
    }
    put(&program, "new", &json!({ "amount": 1 })).expect(422);
    put(&program, "Big", &json!({ "amount": 1 })).expect(422);
    let listed = program.get("/api/v1/pools").expect(200);
    assert_eq!((&listed["pools"][0]["name"], &listed["pools"][0]["templates"]), (&json!("memory-mb"), &json!([])));

    assert_eq!(delete(&program, "/api/v1/pools/memory-mb?reason=not+measured").status, 204);
    delete(&program, "/api/v1/pools/memory-mb").expect(404);
    let acts = "SELECT count(*) AS number FROM millrace.audit WHERE subject_kind = 'pool' AND act IN ('pool.make', 'pool.change', 'pool.remove')";
    assert_eq!(server.number(acts), 3, "one for each change");
}

#[test]
fn only_those_may_change_pools_whose_scope_is_everything() {
    let server = Server::start();
    put(&server.program(Role::Operator), "memory-mb", &json!({ "amount": 4096 })).expect(201);

    for role in [Role::Viewer, Role::Analyst, Role::Auditor] {
        let program = server.program(role);
        program.get("/api/v1/pools/memory-mb").expect(200);
        put(&program, "memory-mb", &json!({ "amount": 1 })).expect(403);
        delete(&program, "/api/v1/pools/memory-mb").expect(403);
    }
    let limited = server.limited(Role::Operator, &["all"], (&["mail"], &[]));
    put(&limited, "memory-mb", &json!({ "amount": 1 })).expect(404);
    delete(&limited, "/api/v1/pools/memory-mb").expect(404);
    put(&server.with_scopes(&["pools:read"]), "memory-mb", &json!({ "amount": 1 })).expect(403);
    put(&server.with_scopes(&["pools:write"]), "memory-mb", &json!({ "amount": 4095 })).expect(200);
}

#[test]
fn a_template_reserves_only_of_pools_that_there_are_and_no_more_than_they_have() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    let unknown = template(&program, "media.cut", 512).expect(422);
    let told = unknown.to_string();
    assert!(
        told.contains("/limits/reserve/memory-mb") && told.contains("millrace pool set memory-mb --amount N"),
        "{told}"
    );
    put(&program, "memory-mb", &json!({ "amount": 256 })).expect(201);
    let told = template(&program, "media.cut", 512).expect(422).to_string();
    assert!(told.contains("is 512, more than the pool memory-mb has, which is 256"), "{told}");
    put(&program, "memory-mb", &json!({ "amount": 1024 })).expect(200);
    template(&program, "media.cut", 512).expect(201);

    put(&program, "memory-mb", &json!({ "amount": 256 })).expect(200);
    let late =
        server.program(Role::Admin).post("/api/v1/templates/media.cut/publish", &json!({})).expect(422).to_string();
    assert!(late.contains("is 512, more than the pool memory-mb has"), "{late}");
    put(&program, "memory-mb", &json!({ "amount": 1024 })).expect(200);
    server.program(Role::Admin).post("/api/v1/templates/media.cut/publish", &json!({})).expect(200);

    let in_use = delete(&program, "/api/v1/pools/memory-mb").expect(409);
    assert!(in_use["detail"].as_str().unwrap().contains("while media.cut reserves of it"), "{in_use}");
    let shown = program.get("/api/v1/pools/memory-mb").expect(200);
    assert_eq!(shown["templates"], json!([{ "template": "media.cut", "version": 1, "amount": 512 }]));
}

#[test]
fn templates_of_others_are_not_named() {
    let server = Server::start();
    let (program, admin) = (server.program(Role::Operator), server.program(Role::Admin));
    put(&program, "memory-mb", &json!({ "amount": 1000 })).expect(201);
    template(&program, "media.cut", 600).expect(201);
    admin.post("/api/v1/templates/media.cut/publish", &json!({})).expect(200);

    let named = |program: &Program| {
        let listed = program.get("/api/v1/pools").expect(200)["pools"][0]["templates"].clone();
        assert_eq!(program.get("/api/v1/pools/memory-mb").expect(200)["templates"], listed);
        listed.as_array().unwrap().len()
    };
    assert_eq!(named(&admin), 1);
    assert_eq!(named(&server.limited(Role::Operator, &["all"], (&["mail"], &["vip"]))), 0);
    assert_eq!(named(&server.limited(Role::Viewer, &["all"], (&["default"], &[]))), 1);
}

#[test]
fn whoever_holds_and_whoever_waits_is_told() {
    let server = Server::start();
    let (program, admin) = (server.program(Role::Operator), server.program(Role::Admin));
    put(&program, "memory-mb", &json!({ "amount": 1000, "unit": "MB" })).expect(201);
    template(&program, "media.cut", 600).expect(201);
    admin.post("/api/v1/templates/media.cut/publish", &json!({})).expect(200);
    let _engine = TestEngine::start_as(&server.db, "fra-01", Registry::default().with_handler("slow", Slow));
    let mut conn = server.db.connect();
    let job = || program.enqueue(&json!({ "template": "media.cut" }));

    let holder = job();
    wait_for(&mut conn, holder, "running");
    let waiter = job();
    wait_for(&mut conn, waiter, "gated");

    let shown = program.get("/api/v1/pools/memory-mb").expect(200);
    assert_eq!([&shown["used"], &shown["free"], &shown["waiting"]], [&json!(600), &json!(400), &json!(1)]);
    assert_eq!(shown["nodes"], json!([{ "node": "fra-01", "amount": 600 }]));
    assert_eq!([&shown["holders"][0]["job"], &shown["waiters"][0]["job"]], [&json!(holder), &json!(waiter)]);
    let why = &program.get(&format!("/api/v1/jobs/{waiter}/explain")).expect(200)["reasons"][0];
    assert_eq!((&why["code"], &why["needs"], &why["holders"]), (&json!("pool"), &json!(600), &json!([holder])));
    let message = format!(
        "It needs 600 of memory-mb; of the pool's 1000 are 600 reserved, held by job {holder}; it is number 1 of those that wait"
    );
    assert_eq!(why["message"], message);
    let metrics = admin.get("/metrics").text;
    for line in ["millrace_pool_amount{pool=\"memory-mb\"} 1000", "millrace_pool_used{pool=\"memory-mb\"} 600"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }

    put(&program, "memory-mb", &json!({ "amount": 500 })).expect(200);
    let why = &program.get(&format!("/api/v1/jobs/{waiter}/explain")).expect(200)["reasons"][0];
    assert!(why["message"].as_str().unwrap().starts_with("It needs 600 of memory-mb, the pool has 500"), "{why}");
    put(&program, "memory-mb", &json!({ "amount": 1200 })).expect(200);
    wait_until(|| state(&mut conn, waiter) == "running").expect("there is enough for both");
}
