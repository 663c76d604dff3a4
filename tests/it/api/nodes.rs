//! Nodes: list, drain; the engine obeys.

use millrace::queue::permission::Role;
use millrace::queue::work::Registry;
use serde_json::json;

use super::stage::Server;
use crate::support::stage::{TestEngine, wait_until};

#[test]
fn a_node_is_shown_and_drained() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let _engine = TestEngine::start_as(&server.db, "fra-01", Registry::default());
    let node = || program.get("/api/v1/nodes/fra-01").expect(200);
    wait_until(|| node()["slots"].as_i64() > Some(0)).expect("a heartbeat");

    let shown = &program.get("/api/v1/nodes").expect(200)["nodes"][0];
    assert_eq!((&shown["name"], &shown["state"], &shown["running"]), (&json!("fra-01"), &json!("up"), &json!(0)));
    assert!(shown["heartbeat_at"].is_string() && shown["memory_bytes"].as_i64() > Some(0));

    assert!(program.get("/api/v1/nodes/fra-01/scaling").expect(200)["decisions"].is_array());
    program.get("/api/v1/nodes/fra-02/scaling").expect(404);

    let draining = program.post("/api/v1/nodes/fra-01/drain", &json!({"reason": "new disk"})).expect(200);
    assert_eq!(draining["state"], "draining");
    let conflict = program.post("/api/v1/nodes/fra-01/drain", &json!({})).expect(409);
    assert!(conflict["detail"].as_str().unwrap().contains("is draining"));
    // it takes nothing more: what is enqueued now stays ready
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    let job = program.enqueue(&json!({"template": "demo.any"}));
    std::thread::sleep(std::time::Duration::from_millis(1_000));
    assert_eq!(program.get(&format!("/api/v1/jobs/{job}")).expect(200)["state"], "ready");
    assert_eq!(
        server.number("SELECT count(*) AS number FROM millrace.audit WHERE act = 'node.drain' AND reason = 'new disk'"),
        1
    );

    let resumed = program.post("/api/v1/nodes/fra-01/resume", &json!({"reason": "the disk is in"})).expect(200);
    assert_eq!(resumed["state"], "up");
    let again = program.post("/api/v1/nodes/fra-01/resume", &json!({})).expect(409);
    assert!(again["detail"].as_str().unwrap().contains("cannot be resumed"));
    wait_until(|| program.get(&format!("/api/v1/jobs/{job}")).expect(200)["state"] != "ready").expect("it takes work");
}

#[test]
fn the_slots_of_a_node_are_bounded_and_given_back_to_its_setting() {
    let server = Server::start();
    let program = server.program(Role::Admin);
    let _engine = TestEngine::start_as(&server.db, "fra-01", Registry::default());
    let slots = |body| program.post("/api/v1/nodes/fra-01/slots", &body);
    wait_until(|| program.get("/api/v1/nodes/fra-01").expect(200)["slots"] == 2).expect("a heartbeat");

    let node = slots(json!({"min": 5, "max": 12, "reason": "the sale"})).expect(200);
    let bounds = ["wanted_slots_min", "wanted_slots_max", "slots_min", "slots_max", "slots_ceiling"];
    assert_eq!(bounds.map(|name| node[name].as_i64()), [5, 12, 2, 8, 64].map(Some));
    assert!(node["wanted_slots_at"].is_string() && node["wanted_slots_by"].is_string(), "{node}");
    wait_until(|| program.get("/api/v1/nodes/fra-01").expect(200)["slots"] == 5).expect("it obeys");

    let refused = slots(json!({"min": 5, "max": 65})).expect(422);
    assert_eq!(refused["errors"][0]["pointer"], "/max", "{refused}");
    assert!(refused.to_string().contains("has room for at most 64 slots"), "{refused}");
    for (body, told) in [
        (json!({"min": 5, "max": 4}), "not more than the most"),
        (json!({"max": 4}), "name both min and max"),
        (json!({"min": 0, "max": 4}), "1 or more"),
        (json!({"min": "two", "max": 4}), "a whole number from 1"),
        (json!({"min": 1, "max": 4, "maximum": 5}), "maximum"),
    ] {
        let refused = slots(body).expect(422);
        assert!(refused.to_string().contains(told), "{refused}");
    }

    assert!(slots(json!({})).expect(200)["wanted_slots_min"].is_null());
    let again = slots(json!({"reason": "once more"})).expect(409);
    assert!(again["detail"].as_str().unwrap().contains("are as its own setting says"), "{again}");
    const TRAIL: &str = r#"SELECT count(*) AS number FROM millrace.audit WHERE act = 'node.slots' AND subject = 'fra-01' AND (
        before = '{"min": null, "max": null}' AND after = '{"min": 5, "max": 12}' AND reason = 'the sale'
        OR before = '{"min": 5, "max": 12}' AND after = '{"min": null, "max": null}' AND reason IS NULL)"#;
    assert_eq!(server.number(TRAIL), 2);
    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.audit WHERE act = 'node.slots'"), 2);
}
