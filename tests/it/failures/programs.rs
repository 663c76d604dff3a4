//! The same over the API, and with the command line.

use diesel::connection::SimpleConnection;
use millrace::admin::operations::work::work;
use millrace::base::clock::SystemClock;
use millrace::base::db::PgConnection;
use millrace::queue::node::Incarnation;
use millrace::queue::permission::Role;
use millrace::queue::settle::{Ending, settle};
use millrace::queue::template::TemplateSpec;
use serde_json::{Value, json};

use super::{fail, fail_as, failed, fold, groups, lease};
use crate::api::stage::Server;
use crate::support::stage::{enqueue, handler_template, number, register_node, template};

fn stage() -> (Server, String) {
    let server = Server::start();
    let mut conn = server.db.connect();
    handler_template(&mut conn, "mail", json!({}));
    let who = register_node(&mut conn, "mil-01");
    fail(&mut conn, who, &["order 7 not found", "status 503"]);
    fold(&mut conn);
    let print = groups(&mut conn).into_iter().find(|group| group.error.starts_with("order")).unwrap().fingerprint;
    (server, print)
}

fn messages(answer: &Value) -> Vec<&str> {
    answer["failures"].as_array().unwrap().iter().map(|group| group["message"].as_str().unwrap()).collect()
}

#[test]
fn groups_are_listed_paged_and_read() {
    let (server, print) = stage();
    let program = server.program(Role::Operator);

    let first = program.get("/api/v1/failures?limit=1&sort=first").expect(200);
    let next = first["next"].as_str().unwrap();
    let second = program.get(&format!("/api/v1/failures?limit=1&sort=first&after={next}")).expect(200);
    assert_eq!((messages(&first).len(), messages(&second).len(), &second["next"]), (1, 1, &Value::Null));
    assert_ne!(messages(&first), messages(&second));
    assert_eq!(
        messages(&program.get("/api/v1/failures?q=order&state=new,rising&since=1").expect(200)),
        ["order # not found"]
    );
    for bad in ["state=open", "since=0", "sort=x", "after=x", "limit=201", "q=%00"] {
        program.get(&format!("/api/v1/failures?{bad}")).expect(422);
    }

    let group = program.get(&format!("/api/v1/failures/{print}")).expect(200);
    assert_eq!(
        (&group["state"], &group["error"], &group["attempts_24h"]),
        (&json!("new"), &json!("order 7 not found"), &json!(1))
    );
    assert_eq!((&group["nodes"][0]["name"], &group["queues"][0]["name"]), (&json!("mil-01"), &json!("default")));
    assert_eq!(group["newest_attempts"].as_array().unwrap().len(), 1);
    program.get("/api/v1/failures/0000000000000000").expect(404);
    let auditor = server.program(Role::Auditor).get(&format!("/api/v1/failures/{print}")).expect(200);
    assert_eq!((&auditor["error"], &auditor["newest_attempts"][0]["error"]), (&Value::Null, &Value::Null));
}

#[test]
fn programs_decide_as_people_do() {
    let (server, print) = stage();
    let program = server.program(Role::Operator);
    let post = |verb: &str, body: Value| program.post(&format!("/api/v1/failures/{print}/{verb}"), &body);

    assert_eq!(post("handle", json!({ "from_version": 2, "reason": "mended" })).expect(200)["state"], "handled");
    assert_eq!(post("reopen", json!({})).expect(200)["handled_at"], Value::Null);
    post("reopen", json!({})).expect(409);
    post("handle", json!({ "from_version": 0 })).expect(422);
    post("handle", json!({ "version": 1 })).expect(422);
    let until = (super::now() + chrono::TimeDelta::hours(1)).to_rfc3339();
    assert_eq!(post("mute", json!({ "until": until })).expect(200)["state"], "muted");
    post("mute", json!({ "until": "2020-01-01T00:00:00Z" })).expect(422);
    assert_eq!(post("mute", json!({})).expect(200)["muted_until"], Value::Null);
    post("assign", json!({ "person": "nobody@example.org" })).expect(422);
    assert_eq!(post("assign", json!({})).expect(200)["assignee"], Value::Null);
    post("note", json!({ "note": "known" })).expect(200);
    post("note", json!({})).expect(422);
    assert_eq!(post("ticket", json!({ "ticket": "https://t.example/7" })).expect(200)["ticket"], "https://t.example/7");
    post("ticket", json!({ "ticket": "javascript:alert(1)" })).expect(422);
    let group = program.get(&format!("/api/v1/failures/{print}")).expect(200);
    assert_eq!(group["notes"][0]["note"], "known");

    for role in [Role::Analyst, Role::Auditor, Role::Viewer] {
        let other = server.program(role);
        other.get("/api/v1/failures").expect(200);
        other.post(&format!("/api/v1/failures/{print}/handle"), &json!({})).expect(403);
    }
    server.with_scopes(&["jobs:write"]).get("/api/v1/failures").expect(403);
    server.with_scopes(&["failures:read"]).post(&format!("/api/v1/failures/{print}/reopen"), &json!({})).expect(403);
}

/// Publishes version 2 of "mail", whose jobs are enqueued from now on.
const SECOND_VERSION: &str =
    "INSERT INTO millrace.template_versions (template_id, version, spec, author, published_at, published_by)
    SELECT template_id, 2, spec, author, now(), 'test' FROM millrace.template_versions
    WHERE template_id = (SELECT id FROM millrace.templates WHERE name = 'mail');
    UPDATE millrace.templates SET active_version = 2, latest_version = 2 WHERE name = 'mail'";

/// Lets one job of "mail" with these arguments end, with this error or well.
fn end(conn: &mut PgConnection, who: Incarnation, args: Value, error: Option<&str>) {
    let job = enqueue(conn, "mail", args);
    let fence = lease(conn, who, &[job]);
    let mut result = failed(conn, (job, fence), error.unwrap_or_default(), chrono::TimeDelta::zero());
    if error.is_none() {
        result.ending = Ending::Succeeded { output: None };
    }
    assert_eq!(settle(conn, who, &[result]).unwrap().count(), 1);
}

#[test]
fn what_the_failing_jobs_have_in_common_is_told_from_the_database() {
    let server = Server::start();
    let mut conn = server.db.connect();
    let params = json!({ "type": "object", "properties": {
        "country": { "type": "string" }, "key": { "type": "string", "secret": true }, "n": { "type": "integer" } } });
    let spec = json!({ "runner": "handler", "handler": { "name": "mail" }, "params": params });
    let whole: TemplateSpec = serde_json::from_value(spec).unwrap(); // as the product stores it
    template(&mut conn, "mail", serde_json::to_value(whole).unwrap());
    let (old, new) = (register_node(&mut conn, "mil-01"), register_node(&mut conn, "mil-02"));
    conn.batch_execute(SECOND_VERSION).unwrap();
    for n in 0..12 {
        for (version, who, country, error) in [(1, old, "it", None), (2, new, "ch", Some("country refused"))] {
            conn.batch_execute(&format!(
                "UPDATE millrace.templates SET active_version = {version} WHERE name = 'mail'"
            ))
            .unwrap();
            end(&mut conn, who, json!({ "country": country, "key": format!("k-{version}"), "n": n % 2 }), error);
        }
    }
    fold(&mut conn);
    let print = groups(&mut conn).into_iter().find(|group| group.error.starts_with("country")).unwrap().fingerprint;
    let differs = |role| server.program(role).get(&format!("/api/v1/failures/{print}")).expect(200)["differs"].clone();

    let told = differs(Role::Operator);

    assert_eq!((&told["failing"], &told["succeeding"]), (&json!(12), &json!(12)));
    let has = |told: &Value, field: &str, value: &str, counts: (i64, i64)| {
        told["differences"].as_array().unwrap().iter().any(|one| {
            (&one["field"], &one["value"]) == (&json!(field), &json!(value))
                && (&one["failing"], &one["succeeding"]) == (&json!(counts.0), &json!(counts.1))
        })
    };
    for (field, value) in [("arg.country", "ch"), ("node", "mil-02"), ("version", "2")] {
        assert!(has(&told, field, value, (12, 0)), "{field}: {told}");
    }
    assert!(has(&told, "arg.country", "it", (0, 12)), "and what they lack: {told}");
    let words = told.to_string();
    assert!(!words.contains("arg.n") && !words.contains("arg.key") && !words.contains("k-2"), "{words}");
    let without = differs(Role::Auditor);
    assert!(has(&without, "node", "mil-02", (12, 0)) && !without.to_string().contains("arg."), "{without}");
}

#[test]
fn what_differs_is_told_on_the_page() {
    let console = crate::templates::stage::Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "mail", json!({}));
    let (old, new) = (register_node(&mut conn, "mil-01"), register_node(&mut conn, "mil-02"));
    for _ in 0..12 {
        end(&mut conn, old, json!({ "country": "it" }), None);
        end(&mut conn, new, json!({ "country": "ch" }), Some("country refused"));
    }
    fold(&mut conn);
    let print = groups(&mut conn).remove(0).fingerprint;

    let page = console.browser(Role::Operator).get(&format!("/failures/{print}?panels=all")).body;

    for (field, value) in [("arg.country", "ch"), ("node", "mil-02")] {
        let line = format!("<td class=\"mono nb\">{field}</td><td class=\"mono\">{value}</td>");
        assert!(page.contains(&line), "{field}: {page}");
    }
    assert!(page.contains("12 of 12") && page.contains("0 of 12"), "{page}");
}

#[test]
fn new_since_a_version_means_first_seen_in_it_or_later() {
    let (server, _) = stage();
    let mut conn = server.db.connect();
    let who = register_node(&mut conn, "mil-01");
    let old = ["order 7 not found", "status 503"]; // both are of version 1
    for (version, error) in [(2, "disk full"), (3, "no route"), (3, "disk full"), (3, old[1])] {
        fail_as(&mut conn, who, &[error], |result| result.version = version);
    }
    fold(&mut conn);
    let program = server.program(Role::Operator);
    let since = |version: i32| {
        let answer = program.get(&format!("/api/v1/failures?sort=first&since={version}")).expect(200);
        let mut told: Vec<String> = messages(&answer).into_iter().map(str::to_owned).collect();
        told.sort_unstable();
        told
    };

    assert_eq!(since(1), ["disk full", "no route", "order # not found", "status 503"]);
    assert_eq!(since(2), ["disk full", "no route"], "not what came in version 1 and again in version 3");
    assert_eq!(since(3), ["no route"]);
    assert_eq!(since(4), Vec::<String>::new());
}

/// Lets every chunk be due that is left, and gives how many jobs each did. Whatever the machine does meanwhile, a chunk is due no earlier
/// than its jobs take at the rate.
fn paced_chunks(conn: &mut PgConnection) -> Vec<i64> {
    const EARLY: &str =
        "SELECT count(*) AS number FROM millrace.operations o JOIN millrace.operation_chunks c ON c.operation_id = o.id
        WHERE c.number = o.chunks AND o.due_at < c.at + cardinality(c.done) * interval '1 s' / o.rate_per_s";
    let (mut chunks, mut before) = (Vec::new(), 0);
    loop {
        conn.batch_execute("UPDATE millrace.operations SET due_at = clock_timestamp() WHERE state = 'running'")
            .unwrap();
        if work(conn, &SystemClock).unwrap() == 0 {
            return chunks;
        }
        let done = number(conn, "SELECT sum(done)::bigint AS number FROM millrace.operations");
        chunks.extend((done > before).then_some(done - before));
        before = done;
        assert_eq!(number(conn, EARLY), 0, "the next chunk would come before its time");
    }
}

#[test]
fn a_group_is_retried_at_the_rate_that_was_asked_for() {
    let (server, _) = stage();
    let mut conn = server.db.connect();
    let who = register_node(&mut conn, "mil-01");
    fail(&mut conn, who, &["country refused"; 13]);
    fold(&mut conn);
    let print = groups(&mut conn).into_iter().find(|group| group.error.starts_with("country")).unwrap().fingerprint;
    let program = server.program(Role::Operator);
    let retry = format!("/api/v1/failures/{print}/retry");
    program.post(&retry, &json!({ "rate_per_s": 0 })).expect(422);

    let begun = program.post(&retry, &json!({ "rate_per_s": 5, "reason": "mended" })).expect(201);

    assert_eq!((&begun["rate_per_s"], &begun["expected"], &begun["done"]), (&json!(5), &json!(13), &json!(0)));
    assert_eq!(paced_chunks(&mut conn), [5, 5, 3]);
    let ended = program.get(&format!("/api/v1/operations/{}", begun["id"])).expect(200);
    assert_eq!((&ended["state"], &ended["done"]), (&json!("done"), &json!(13)));
    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.ready"), 13);
    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.history"), 2, "no job of another group");
}

#[test]
fn a_group_is_retried_at_a_rate_by_the_link_of_its_page() {
    let console = crate::templates::stage::Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "mail", json!({}));
    let who = register_node(&mut conn, "mil-01");
    fail(&mut conn, who, &["country refused"; 7]);
    fail(&mut conn, who, &["disk full"; 2]);
    fold(&mut conn);
    let print = groups(&mut conn).into_iter().find(|group| group.error.starts_with("country")).unwrap().fingerprint;
    let mut browser = console.browser(Role::Operator);

    let page = browser.get(&format!("/failures/{print}")).body;
    let link = page.split('"').find(|part| part.starts_with("/operations/new?act=retry")).unwrap();
    let link = link.replace("&#38;", "&").replace("&amp;", "&");
    assert!(link.contains(&format!("group%3A{print}")), "{link}");
    let ask = browser.get(&link).body;
    assert!(ask.contains("Retry 7 jobs?") && ask.contains("name=\"rate_per_s\""), "{ask}");
    let query = link.split_once('?').unwrap().1;
    let sent = browser.post("/operations/new", &format!("{query}&rate_per_s=3&seen=7"));
    assert_eq!(sent.status, 303, "{}", sent.body);

    assert_eq!(paced_chunks(&mut conn), [3, 3, 1]);
    assert!(browser.get(sent.header("location")).body.contains("at most 3"), "the page tells the rate");
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.history"), 2, "no job of another group");
}

#[test]
fn what_differs_is_told_with_its_numbers_and_no_secret() {
    let (server, _) = stage();
    let mut conn = server.db.connect();
    let who = register_node(&mut conn, "mil-02");
    for failing in [true, false].repeat(10) {
        fail_as(&mut conn, who, &["country refused"; 4], |result| {
            if !failing {
                result.ending = millrace::queue::settle::Ending::Succeeded { output: None };
            }
            result.version = 1;
        });
    }
    fold(&mut conn);
    let print = groups(&mut conn).into_iter().find(|group| group.error.starts_with("country")).unwrap().fingerprint;

    let group = server.program(Role::Operator).get(&format!("/api/v1/failures/{print}")).expect(200);

    assert_eq!((&group["differs"]["failing"], &group["differs"]["succeeding"]), (&json!(40), &json!(40)));
    assert_eq!(group["differs"]["differences"], json!([]), "they are alike");
}
