//! What programs read of occurrences and backfills, and what is left when a schedule was removed.

use millrace::queue::permission::Role;
use millrace::queue::schedules::{Plans, fire};
use serde_json::{Value, json};

use super::api::{at, daily, names, put};
use super::stage::set_decided;
use crate::api::stage::Server;

#[test]
fn what_became_of_occurrences_is_read_page_by_page_and_by_outcome() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let spec = json!({ "template": "demo.any", "rules": [{ "cron": "0 * * * *" }], "overlap": "allow_all",
        "catch_up": { "policy": "all", "window": "150m" } });
    put(&program, "hourly", &[], &spec).expect(201);
    let mut conn = server.db.connect();
    set_decided(&mut conn, "hourly", "5 hours 30 minutes");
    fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
    program.post(&at("hourly/run"), &json!({})).expect(201);

    let all = program.get(&at("hourly/occurrences")).expect(200)["occurrences"].as_array().unwrap().clone();
    let outcomes = |outcome: &str| all.iter().filter(|one| one["outcome"] == outcome).count();
    assert!(outcomes("enqueued") >= 3 && outcomes("missed") >= 2, "{all:?}");
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let page = program.get(&at(&format!("hourly/occurrences?limit=2{before}"))).expect(200);
        seen.extend(page["occurrences"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        before = format!("&before={}", next.replace('+', "%2B"));
    }
    assert_eq!(seen, all);

    let missed = program.get(&at("hourly/occurrences?outcome=missed")).expect(200);
    let reasons: Vec<bool> =
        missed["occurrences"].as_array().unwrap().iter().map(|one| one["reason"].is_string()).collect();
    assert_eq!(reasons, vec![true; outcomes("missed")]);
    let by_hand = program.get(&at("hourly/occurrences?backfill=by_hand")).expect(200);
    assert_eq!(by_hand["occurrences"].as_array().unwrap().len(), 1);
    assert_eq!(by_hand["occurrences"][0]["by_hand"], true);
    for bad in ["limit=0", "limit=201", "outcome=lost", "backfill=0", "before=x"] {
        program.get(&at(&format!("hourly/occurrences?{bad}"))).expect(422);
    }
    program.get(&at("no-such/occurrences")).expect(404);
}

#[test]
fn a_backfill_is_tried_started_listed_stopped_and_let_go_on() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    put(&program, "nightly", &[], &daily(6)).expect(201);
    put(&program, "other", &[], &daily(6)).expect(201);
    let range = |more: Value| {
        let mut body = json!({ "from": "2026-03-01T00:00:00Z", "to": "2026-03-08T00:00:00Z" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let fill = at("nightly/backfill");

    let dry = program.post(&fill, &range(json!({ "dry_run": true, "order": "newest" }))).expect(200);
    assert_eq!((&dry["jobs"], &dry["named"][0]["at"]), (&json!(7), &json!("2026-03-07T06:00:00Z")));
    assert_eq!(program.get(&at("nightly/backfills")).expect(200), json!({ "backfills": [], "next": null }));

    let first = program.post(&fill, &range(json!({ "concurrency": 2, "reason": "the first week" }))).expect(202);
    assert_eq!((&first["state"], &first["planned"], &first["concurrency"]), (&json!("running"), &json!(7), &json!(2)));
    let second = program.post(&fill, &range(json!({}))).expect(202);
    let page = program.get(&at("nightly/backfills?limit=1")).expect(200);
    assert_eq!((&page["backfills"][0]["id"], &page["next"]), (&second["id"], &second["id"]));
    let page = program.get(&at(&format!("nightly/backfills?limit=1&after={}", page["next"]))).expect(200);
    assert_eq!((&page["backfills"][0]["id"], &page["next"]), (&first["id"], &Value::Null));
    assert_eq!(page["backfills"][0]["reason"], "the first week");
    for bad in ["limit=0", "limit=51", "after=x"] {
        program.get(&at(&format!("nightly/backfills?{bad}"))).expect(422);
    }

    let one = at(&format!("nightly/backfills/{}", first["id"]));
    assert_eq!(program.get(&one).expect(200)["state"], "running");
    let stopped = program.post(&format!("{one}/stop"), &json!({ "reason": "wrong week" })).expect(200);
    assert!(stopped["state"] == "stopped" && stopped["ended_by"].is_string(), "{stopped}");
    program.post(&format!("{one}/stop"), &json!({})).refusal(409);
    assert_eq!(program.post(&format!("{one}/resume"), &json!({})).expect(200)["state"], "running");
    program.post(&format!("{one}/resume"), &json!({})).refusal(409);
    let elsewhere = at(&format!("other/backfills/{}", first["id"]));
    program.get(&elsewhere).expect(404);
    program.post(&format!("{elsewhere}/stop"), &json!({})).expect(404);

    for (body, told) in [
        (json!({ "to": "2026-03-08T00:00:00Z" }), "/from: is required"),
        (range(json!({ "order": "odd" })), "/order: oldest or newest"),
        (range(json!({ "concurrency": 0 })), "/concurrency: "),
        (range(json!({ "to": "2099-01-01T00:00:00Z" })), "/to: the end of the range lies ahead"),
        (range(json!({ "to": "2026-03-01T00:00:00Z" })), "/to: the end of the range must be after its begin"),
        (range(json!({ "dryrun": true })), "/dryrun: "),
    ] {
        let refusal = program.post(&fill, &body).refusal(422);
        assert!(refusal.starts_with(told), "{refusal}");
    }
}

#[test]
fn what_was_removed_is_gone_and_its_name_is_free() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    put(&program, "nightly", &[], &daily(6)).expect(201);

    assert_eq!(program.send("DELETE", &at("nightly?reason=not+needed"), &[], b"").status, 204);

    for path in ["nightly", "nightly/preview", "nightly/occurrences", "nightly/versions", "nightly/backfills"] {
        assert!(program.get(&at(path)).expect(410).to_string().contains("was removed"), "{path}");
    }
    for verb in ["run", "pause", "resume"] {
        program.post(&at(&format!("nightly/{verb}")), &json!({})).expect(410);
    }
    assert_eq!(program.send("DELETE", &at("nightly"), &[], b"").status, 410);
    assert!(names(&program.get("/api/v1/schedules").expect(200)).is_empty());
    assert_eq!(put(&program, "nightly", &[], &daily(7)).expect(201)["version"], 1);
}
