//! Who may do what: token scopes, roles, and limits to queues and tags.

use millrace::admin::operations::work::work;
use millrace::base::clock::SystemClock;
use millrace::queue::permission::Role;
use serde_json::{Value, json};

use super::stage::{Program, Server};
use crate::support::stage::template;

#[test]
fn without_a_token_nothing_is_told() {
    let server = Server::start();

    for (method, path, access) in server.table.rows().filter(|(_, path, _)| path.starts_with("/api/v1/")) {
        if access == millrace::web::table::Access::Open {
            continue;
        }
        let path = path.replace("{id}", "1").replace("{name}", "default");
        let answer = server.stranger().send(method.as_str(), &path, &[], b"{}");
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"), "{method} {path}");
    }
}

#[test]
fn a_token_needs_the_scope_of_the_area() {
    let server = Server::start();
    let status =
        |scopes: &[&str], method: &str, path: &str| server.with_scopes(scopes).send(method, path, &[], b"{}").status;

    for (scopes, method, path, wanted) in [
        (&["jobs:read"][..], "GET", "/api/v1/jobs", 200),
        (&["jobs:write"], "GET", "/api/v1/jobs", 200),
        (&["queues:write"], "GET", "/api/v1/jobs", 403),
        (&["jobs:read"], "POST", "/api/v1/jobs", 403),
        (&["jobs:write"], "POST", "/api/v1/jobs", 422),
        (&["jobs:read"], "GET", "/api/v1/counts", 200),
        (&["counts:read"], "GET", "/api/v1/counts", 200),
        (&["counts:read"], "GET", "/api/v1/jobs", 403),
        (&["queues:read"], "GET", "/api/v1/queues", 200),
        (&["jobs:write"], "GET", "/api/v1/queues", 403),
        (&["queues:read"], "POST", "/api/v1/queues/default/pause", 403),
        (&["queues:write"], "POST", "/api/v1/queues/default/pause", 200),
        (&["nodes:read"], "GET", "/api/v1/nodes", 200),
        (&["nodes:read"], "POST", "/api/v1/nodes/n/drain", 403),
        (&["nodes:write"], "POST", "/api/v1/nodes/n/drain", 404),
        (&["all"], "POST", "/api/v1/nodes/n/drain", 404),
    ] {
        assert_eq!(status(scopes, method, path), wanted, "{scopes:?} {method} {path}");
    }
}

#[test]
fn a_missing_scope_is_told_as_a_scope_and_a_missing_role_as_a_role() {
    let server = Server::start();
    let detail = |program: Program, path: &str| program.post(path, &json!({})).expect(403)["detail"].to_string();
    let admin = server.limited(Role::Admin, &["jobs:read", "jobs:write"], (&[], &[]));

    let read = admin.get("/api/v1/queues").expect(403);
    assert_eq!(read["detail"], "The token lacks the scope queues:read. Make one that has it under Tokens.");
    assert!(detail(admin, "/api/v1/nodes/n/drain").contains("lacks the scope nodes:write"));
    assert!(detail(server.program(Role::Viewer), "/api/v1/queues/default/pause").contains("needs the role operator"));
    let both = server.limited(Role::Viewer, &["jobs:read"], (&[], &[]));
    assert!(detail(both, "/api/v1/queues/default/pause").contains("needs the role operator"));
}

#[test]
fn a_role_that_only_reads_changes_nothing() {
    let server = Server::start();
    let job = server.program(Role::Operator).enqueue(&json!({"template": "demo.any"}));

    for role in [Role::Analyst, Role::Auditor, Role::Viewer] {
        let program = server.program(role);
        for path in [
            "/api/v1/jobs",
            "/api/v1/jobs/bulk",
            &format!("/api/v1/jobs/{job}/cancel"),
            "/api/v1/queues/default/pause",
            "/api/v1/nodes/n/drain",
            "/api/v1/nodes/n/slots",
        ] {
            let problem = program.post(path, &json!({})).expect(403);
            assert_eq!(problem["type"], "urn:millrace:problem:forbidden", "{role:?} {path}");
        }
        program.get(&format!("/api/v1/jobs/{job}")).expect(200);
        let log = program.get(&format!("/api/v1/jobs/{job}/log")).status;
        assert_eq!(log, if role == Role::Analyst { 200 } else { 403 }, "{role:?}");
    }
    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.audit WHERE NOT accepted"), 18);
}

#[test]
fn a_key_that_a_template_made_of_arguments_is_shown_and_found_only_where_they_are() {
    let server = Server::start();
    let spec = json!({ "runner": "handler", "handler": { "name": "x" }, "defaults": { "queue": "mail", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 }, "unique": { "by": ["who"] },
        "params": { "type": "object", "properties": { "who": { "type": "string" } } } });
    template(&mut server.db.connect(), "keyed", spec);
    let admin = server.program(Role::Admin);
    let made = admin.enqueue(&json!({"template": "keyed", "args": {"who": "kestrel"}}));
    let given = admin.enqueue(&json!({"template": "demo.any", "unique_key": "order-17"}));

    for (role, shown, found) in [(Role::Analyst, "kestrel", vec![made.0]), (Role::Auditor, "••••", vec![])] {
        let program = server.program(role);
        let key = program.get(&format!("/api/v1/jobs/{made}")).expect(200)["unique_key"].to_string();
        assert!(key.contains(shown), "{role:?}: {key}");
        assert_eq!(ids(&program.get("/api/v1/jobs?q=key:*kestrel*").expect(200)), found, "{role:?}");
        assert_eq!(ids(&program.get("/api/v1/jobs?q=key:order-17").expect(200)), [given.0], "{role:?}");
    }
}

fn ids(answer: &Value) -> Vec<i64> {
    answer["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_i64().unwrap()).collect()
}

#[test]
fn what_is_outside_of_the_scope_is_not_there() {
    let server = Server::start();
    let admin = server.program(Role::Admin);
    let inside = admin.enqueue(&json!({"template": "demo.any", "queue": "mail"}));
    let tagged = admin.enqueue(&json!({"template": "demo.any", "queue": "other", "tags": ["vip"]}));
    let outside = admin.enqueue(&json!({"template": "demo.any", "queue": "other"}));
    let limited = server.limited(Role::Operator, &["all"], (&["mail"], &["vip"]));

    assert_eq!(ids(&limited.get("/api/v1/jobs").expect(200)), [tagged.0, inside.0]);
    assert_eq!(ids(&limited.get(&format!("/api/v1/jobs?q=id:{outside}")).expect(200)), [] as [i64; 0]);
    for id in [inside, tagged] {
        limited.get(&format!("/api/v1/jobs/{id}")).expect(200);
    }
    assert_hidden(&limited, &format!("/api/v1/jobs/{outside}"));
    assert_eq!(admin.get(&format!("/api/v1/jobs/{outside}")).expect(200)["state"], "ready");

    assert_eq!(limited.get("/api/v1/counts?by=queue").expect(200)["counts"], json!([{"queue": "mail", "count": 1}]));
    let queues = limited.get("/api/v1/queues").expect(200);
    assert_eq!(
        queues["queues"].as_array().unwrap().iter().map(|one| &one["name"]).collect::<Vec<_>>(),
        [&json!("mail")]
    );
    limited.get("/api/v1/queues/other").expect(404);
    limited.post("/api/v1/queues/other/pause", &json!({})).expect(404);
    limited.post("/api/v1/queues/mail/pause", &json!({})).expect(200);
}

fn assert_hidden(program: &Program, job: &str) {
    program.get(job).expect(404);
    for part in ["attempts", "log", "explain"] {
        program.get(&format!("{job}/{part}")).expect(404);
    }
    for verb in ["cancel", "retry", "hold", "release"] {
        program.post(&format!("{job}/{verb}"), &json!({})).expect(404);
    }
    program.post(&format!("{job}/priority"), &json!({"priority": 1})).expect(404);
}

#[test]
fn nobody_enqueues_into_what_they_may_not_see() {
    let server = Server::start();
    let limited = server.limited(Role::Operator, &["all"], (&["mail"], &[]));

    let refusal = limited.post("/api/v1/jobs", &json!({"template": "demo.any", "queue": "other"})).refusal(422);
    assert!(refusal.starts_with("/queue: "), "{refusal}");
    limited
        .post("/api/v1/jobs/bulk", &json!([{"template": "demo.any", "queue": "mail"}, {"template": "demo.any"}]))
        .expect(422);
    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.jobs"), 0);
    limited.post("/api/v1/jobs", &json!({"template": "demo.any", "queue": "mail"})).expect(201);
}

/// Begins a file of all jobs, lets it be written, and gives its address.
fn exported(server: &Server, program: &Program) -> String {
    let begun = program.post("/api/v1/jobs/export", &json!({"format": "jsonl"})).expect(201);
    let mut conn = server.db.connect();
    while work(&mut conn, &SystemClock).unwrap() > 0 {}
    format!("/api/v1/operations/{}/file", begun["id"])
}

#[test]
fn the_file_of_an_export_needs_the_rights_that_its_content_needs() {
    let server = Server::start();
    let owner = server.program(Role::Operator);
    owner.enqueue(&json!({"template": "demo.greet", "args": {"name": "Ada"}}));
    let file = exported(&server, &owner);
    assert!(owner.get(&file).text.contains("Ada"));

    server.run("UPDATE millrace.tokens SET scopes = '{operations:read}'");
    let refused = owner.get(&file).expect(403);
    assert!(refused["detail"].as_str().unwrap().contains("jobs:read"), "{refused}");
    server.run("UPDATE millrace.tokens SET scopes = '{operations:read,jobs:read}'");
    assert_eq!(owner.get(&file).status, 200, "reading it changes nothing");
    server.run("UPDATE millrace.people SET role = 'auditor'");
    owner.get(&file).expect(403);

    let auditor = server.program(Role::Auditor);
    let own = exported(&server, &auditor);
    let text = auditor.get(&own);
    assert!(text.status == 200 && !text.text.contains("Ada"), "{}", text.text);
    auditor.get(&file).expect(404);
}

#[test]
fn starting_an_export_needs_to_write_operations_and_to_read_jobs() {
    let server = Server::start();
    server.program(Role::Operator).enqueue(&json!({"template": "demo.any"}));

    for (scopes, status) in [
        (&["operations:read"][..], 403),
        (&["operations:read", "jobs:read"], 403),
        (&["operations:write"], 403),
        (&["operations:write", "jobs:read"], 201),
    ] {
        let program = server.with_scopes(scopes);
        assert_eq!(program.post("/api/v1/jobs/export", &json!({})).status, status, "{scopes:?}");
        let operation = program.post("/api/v1/operations", &json!({"action": "export", "format": "csv", "q": ""}));
        assert_eq!(operation.status, status, "{scopes:?}");
    }
}

#[test]
fn a_node_is_drained_and_bounded_only_by_those_without_limits() {
    let server = Server::start();
    server.run("INSERT INTO millrace.nodes (name, version, slots_ceiling) VALUES ('n1', '1', 64)");

    let (limited, free) = (server.limited(Role::Admin, &["all"], (&["mail"], &[])), server.program(Role::Admin));
    for (path, body) in [("drain", json!({})), ("slots", json!({"min": 1, "max": 2}))] {
        let path = format!("/api/v1/nodes/n1/{path}");
        limited.post(&path, &body).expect(404);
        free.post(&path, &body).expect(200);
    }
}

#[test]
fn an_address_that_guesses_tokens_waits() {
    let server = Server::start();
    let guesser = Program::new(&server.address, Some("mr_nonsense".into()));

    let statuses: Vec<u16> = (0..40).map(|_| guesser.get("/api/v1/jobs").status).collect();

    assert_eq!(statuses[0], 401);
    let last = guesser.get("/api/v1/jobs");
    assert_eq!(last.status, 429, "{statuses:?}");
    assert!(last.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(last.json()["type"], "urn:millrace:problem:too-many");
}
