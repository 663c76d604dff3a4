//! Saved views by token: those of its owner, under the rules of the console.

use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::Server;

#[test]
fn a_view_is_saved_listed_read_and_deleted() {
    let server = Server::start();
    let (owner, other) = (server.program(Role::Operator), server.program(Role::Analyst));

    let wish = json!({ "name": "Late mail", "address": "state=ready&queue=mail&after=9", "visibility": "everyone", "pinned": true });
    let made = owner.post("/api/v1/views", &wish).expect(201);
    assert_eq!((&made["slug"], &made["path"]), (&json!("late-mail"), &json!("/v/late-mail")));
    assert_eq!(made["address"], "state=ready&queue=mail", "where somebody was in a list is no part of a view");
    assert_eq!((&made["own"], &made["pinned"], &made["page"]), (&json!(true), &json!(true), &json!("jobs")));
    owner.post("/api/v1/views", &json!({ "name": "Mine" })).expect(201);

    let seen = |program: &super::stage::Program| {
        let listed = program.get("/api/v1/views?page=jobs").expect(200);
        listed["views"]
            .as_array()
            .unwrap()
            .iter()
            .map(|view| view["slug"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(&owner), ["late-mail", "mine"]);
    assert_eq!(seen(&other), ["late-mail"]);
    let theirs = other.get("/api/v1/views/late-mail").expect(200);
    assert_eq!((&theirs["own"], &theirs["pinned"]), (&json!(false), &json!(false)));
    other.get("/api/v1/views/mine").expect(404);

    other.send("DELETE", "/api/v1/views/late-mail", &[], b"").expect(409);
    assert_eq!(owner.send("DELETE", "/api/v1/views/late-mail", &[], b"").status, 204);
    other.get("/api/v1/views/late-mail").expect(404);
}

#[test]
fn a_name_that_no_view_can_have_is_not_there() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    for slug in ["%00", "late%00", "Late", "-", "%C3%A9", &"a".repeat(65)] {
        let address = format!("/api/v1/views/{slug}");
        program.get(&address).expect(404);
        program.send("DELETE", &address, &[], b"").expect(404);
    }
}

#[test]
fn what_a_view_asks_of_arguments_is_told_to_those_who_may_see_them() {
    let server = Server::start();
    let owner = server.program(Role::Operator);
    for (name, address) in [("Farid", "state=failed&arg.to=farid%40example.org"), ("Failed", "state=failed")] {
        let wish = json!({ "name": name, "address": address, "visibility": "everyone" });
        owner.post("/api/v1/views", &wish).expect(201);
    }

    for role in [Role::Auditor, Role::Viewer] {
        let program = server.program(role);
        let told = program.get("/api/v1/views/farid").expect(200);
        assert_eq!((&told["name"], &told["address"]), (&json!("Farid"), &json!(null)), "{role:?}");
        let listed = program.get("/api/v1/views").expect(200);
        assert!(!listed.to_string().contains("example.org") && listed.to_string().contains("state=failed"), "{listed}");
    }
    assert_eq!(
        server.program(Role::Analyst).get("/api/v1/views/farid").expect(200)["address"],
        "state=failed&arg.to=farid%40example.org"
    );
    server.run("UPDATE millrace.tokens SET scopes = '{views:read}'");
    assert!(owner.get("/api/v1/views/farid").expect(200)["address"].is_string(), "it is their own");
}

#[test]
fn what_cannot_be_kept_is_refused_at_its_field() {
    let server = Server::start();
    let program = server.program(Role::Viewer);

    for (wish, field) in [
        (json!({}), "/name"),
        (json!({ "name": "x".repeat(81) }), "name"),
        (json!({ "name": "x", "visibility": "all" }), "/visibility"),
        (json!({ "name": "x", "page": "queues" }), "page"),
        (json!({ "name": "x", "adress": "" }), "/adress"),
    ] {
        let refused = program.post("/api/v1/views", &wish).expect(422);
        assert!(refused.to_string().contains(field), "{wish}: {refused}");
    }
    program.post("/api/v1/views", &json!({ "name": "x", "visibility": "everyone" })).expect(403);
    program.get("/api/v1/views?page=queues").expect(422);

    let reader = server.with_scopes(&["account:read"]);
    reader.get("/api/v1/views").expect(403);
    assert_eq!(server.with_scopes(&["views:read"]).get("/api/v1/views").status, 200);
}

#[test]
fn a_view_that_is_saved_twice_with_one_key_is_one_view() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    let wish = json!({ "name": "Late mail" });
    let first = program.post_once("/api/v1/views", "k1", &wish).expect(201);
    let again = program.post_once("/api/v1/views", "k1", &wish).expect(201);

    assert_eq!(first["slug"], again["slug"]);
    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.saved_views"), 1);
}
