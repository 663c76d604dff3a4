//! `/api/v1/schedules`: saved, listed, acted on, compared, previewed.

use millrace::queue::permission::Role;
use millrace::queue::schedules::LATE;
use millrace::timing::policies::WINDOW_MIN;
use serde_json::{Value, json};

use crate::api::stage::{Answer, Program, Server};

pub fn put(program: &Program, address: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers = [&[("Content-Type", "application/json")], headers].concat();
    program.send("PUT", &format!("/api/v1/schedules/{address}"), &headers, body.to_string().as_bytes())
}

pub fn at(rest: &str) -> String {
    format!("/api/v1/schedules/{rest}")
}

pub fn daily(hour: u8) -> Value {
    json!({ "template": "demo.any", "rules": [{ "cron": format!("0 {hour} * * *") }] })
}

/// The names of a page.
pub fn names(page: &Value) -> Vec<&str> {
    page["schedules"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn a_schedule_is_made_and_changed_and_nobody_overwrites_what_he_has_not_seen() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    let made = put(&program, "nightly?message=first", &[], &daily(6));
    let body = made.expect(201);
    assert_eq!((made.header("etag"), &body["state"], &body["version"]), ("\"1\"", &json!("enabled"), &json!(1)));
    assert_eq!(
        put(&program, "nightly", &[], &daily(6)).expect(200)["saved"],
        json!({ "version": 1, "unchanged": true })
    );
    assert!(put(&program, "nightly", &[("If-None-Match", "*")], &daily(7)).refusal(409).contains("already"));
    put(&program, "nightly?base=0", &[], &daily(7)).expect(409);

    assert_eq!(put(&program, "nightly", &[("If-Match", "\"1\"")], &daily(7)).expect(200)["version"], 2);
    let stale = put(&program, "nightly", &[("If-Match", "\"1\"")], &daily(8)).refusal(409);
    assert!(stale.contains("ersion 2 was saved meanwhile"), "{stale}");
    put(&program, "other", &[("If-Match", "\"1\"")], &daily(8)).expect(404);

    let shown = program.get(&at("nightly"));
    assert_eq!(shown.header("etag"), "\"2\"");
    let shown = shown.expect(200);
    assert_eq!(shown["spec"]["rules"][0]["cron"], "0 7 * * *");
    assert!(shown["next_at"].is_string() && shown["sentences"][0].as_str().unwrap().contains("07:00"), "{shown}");
    program.get(&at("no-such")).expect(404);

    for _ in 0..2 {
        assert_eq!(put(&program, "once", &[("Idempotency-Key", "k")], &daily(6)).expect(201)["version"], 1);
    }
    put(&program, "once", &[("Idempotency-Key", "k")], &daily(9)).expect(422);
    assert_eq!(program.get(&at("once")).expect(200)["spec"]["rules"][0]["cron"], "0 6 * * *");
}

#[test]
fn a_schedule_that_is_new_can_be_saved_paused() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    assert_eq!(put(&program, "later?paused=true", &[], &daily(6)).expect(201)["state"], "paused");
    program.post(&at("later/resume"), &json!({})).expect(200);
    let again = put(&program, "later?paused=true", &[], &daily(7)).expect(200);
    assert_eq!((&again["state"], &again["version"]), (&json!("enabled"), &json!(2)), "what is there goes on");
    assert_eq!(put(&program, "now?paused=false", &[], &daily(6)).expect(201)["state"], "enabled");

    assert!(put(&program, "now?paused=maybe", &[], &daily(6)).refusal(422).starts_with("paused: true or false"));
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let with = |name: &str, value: Value| {
        let mut body = daily(6);
        body[name] = value;
        body
    };

    for (body, told) in [
        (with("rules", json!([{ "cron": "0 25 * * *" }])), "/rules/0/cron: hour 25 is out of 0 to 23"),
        (with("template", json!("no.such")), "/template: "),
        (with("name", json!("other")), "/name: must be x, the name in the address"),
        (with("exclude", json!([{ "calendar": "none" }])), "/exclude/0/calendar: there is no calendar"),
        (with("jitter", json!({ "seconds": 0, "kind": "stable" })), "/jitter/seconds: from 1 to 86400"),
        (with("catch_up", json!({ "window": "59s" })), "/catch_up/window: what is late by less than 1m is not missed"),
    ] {
        let refusal = put(&program, "x", &[], &body).refusal(422);
        assert!(refusal.starts_with(told), "{refusal}");
    }
    put(&program, "x", &[], &with("rulez", json!([]))).expect(422);
    put(&program, "new", &[], &daily(6)).expect(422);
    program.send("PUT", &at("x"), &[("Content-Type", "application/json")], b"[").expect(400);
    let both = json!({ "template": "demo.any", "rules": [{ "cron": "0 25 * * *" }, { "every": "0s" }], "limit": 0 });
    let told = put(&program, "x", &[], &both).expect(422);
    let places: Vec<&str> =
        told["errors"].as_array().unwrap().iter().map(|one| one["pointer"].as_str().unwrap()).collect();
    assert_eq!(places, ["/rules/0/cron", "/rules/1/every", "/limit"], "everything at once");
    program.get(&at("x")).expect(404);

    assert_eq!(WINDOW_MIN, LATE, "what is late by less is not missed");
    put(&program, "x", &[], &with("catch_up", json!({ "window": "60s" }))).expect(201);
    put(&program, "y", &[], &with("catch_up", json!({ "policy": "skip", "window": "59s" }))).expect(201);
}

#[test]
fn a_list_is_filtered_and_read_page_by_page() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let holidays = json!({ "title": "Milan", "holidays": [{ "country": "IT" }] }).to_string();
    program.send("PUT", "/api/v1/calendars/it", &[], holidays.as_bytes()).expect(201);
    for hour in 0..5 {
        put(&program, &format!("s-{hour}"), &[], &daily(hour)).expect(201);
    }
    let mut minding = daily(9);
    (minding["exclude"], minding["description"]) = (json!([{ "calendar": "it" }]), json!("The Month's END"));
    put(&program, "minds", &[], &minding).expect(201);
    let greeting = json!({ "template": "demo.greet", "args": { "name": "Ada" }, "rules": [{ "every": "1h" }] });
    put(&program, "greets?paused=true", &[], &greeting).expect(201);

    for (sort, all) in [("name", vec!["greets", "minds", "s-0", "s-1", "s-2", "s-3", "s-4"]), ("next", Vec::new())] {
        let (mut seen, mut after, mut pages) = (Vec::<String>::new(), String::new(), 0);
        loop {
            let page = program.get(&format!("/api/v1/schedules?limit=3&sort={sort}{after}")).expect(200);
            seen.extend(names(&page).into_iter().map(str::to_owned));
            pages += 1;
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={}", next.replace('+', "%2B").replace(':', "%3A"));
        }
        assert_eq!(pages, 3, "{sort}: {seen:?}");
        let whole = program.get(&format!("/api/v1/schedules?sort={sort}")).expect(200);
        assert_eq!((names(&whole), &whole["next"]), (seen.iter().map(String::as_str).collect(), &Value::Null));
        assert!(all.is_empty() || all == seen, "{seen:?}");
    }
    for (query, wanted) in [
        ("template=demo.greet", vec!["greets"]),
        ("state=paused", vec!["greets"]),
        ("calendar=it", vec!["minds"]),
        ("q=month%27s+end", vec!["minds"]),
        ("q=S-&state=enabled&limit=2", vec!["s-0", "s-1"]),
        ("q=%25", vec![]),
        ("state=ended", vec![]),
    ] {
        assert_eq!(names(&program.get(&format!("/api/v1/schedules?{query}")).expect(200)), wanted, "{query}");
    }
    for bad in ["limit=0", "limit=201", "sort=age", "state=odd", "sort=next&after=x"] {
        program.get(&format!("/api/v1/schedules?{bad}")).expect(422);
    }
}

#[test]
fn a_pause_says_who_and_why_and_a_resume_ends_it() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    put(&program, "nightly", &[], &daily(6)).expect(201);

    let paused = program.post(&at("nightly/pause"), &json!({ "reason": "stocktaking" })).expect(200);
    assert_eq!((&paused["state"], &paused["paused"]["reason"]), (&json!("paused"), &json!("stocktaking")));
    assert!(paused["paused"]["by"].as_str().unwrap().contains("token ci"), "{paused}");
    assert!(program.post(&at("nightly/pause"), &json!({})).refusal(409).contains("is paused already"));
    let long = json!({ "reason": "x".repeat(501) });
    assert!(program.post(&at("nightly/resume"), &long).refusal(422).starts_with("/reason"));
    program.post(&at("nightly/resume"), &json!({ "why": "x" })).expect(422);

    let resumed = program.post(&at("nightly/resume"), &json!({})).expect(200);
    assert_eq!((&resumed["state"], &resumed["paused"]), (&json!("enabled"), &Value::Null));
    program.post(&at("nightly/resume"), &json!({})).expect(409);
    program.post(&at("no-such/pause"), &json!({})).expect(404);
}

#[test]
fn every_act_is_done_once_for_each_key() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    put(&program, "nightly", &[], &daily(6)).expect(201);
    put(&program, "nightly", &[], &daily(7)).expect(200);
    let why = json!({ "reason": "x" });

    let run = at("nightly/run");
    let first = program.post_once(&run, "run", &why).expect(201);
    assert_eq!(program.post_once(&run, "run", &why).expect(201), first, "the first answer");
    let told = program.post_once(&run, "run", &json!({ "reason": "y" })).refusal(422);
    assert!(told.starts_with("Idempotency-Key: This Idempotency-Key was used"), "{told}");
    assert!(
        program.post_once(&run, "other", &why).refusal(409).contains("has not ended"),
        "another key is another run"
    );
    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.jobs"), 1);
    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.occurrences WHERE backfill_id = -1"), 1);

    for verb in ["pause", "resume"] {
        for _ in 0..2 {
            program.post_once(&at(&format!("nightly/{verb}")), verb, &why).expect(200);
        }
        program.post_once(&at(&format!("nightly/{verb}")), verb, &json!({})).refusal(422);
    }
    for _ in 0..2 {
        let back = program.post_once(&at("nightly/roll-back"), "back", &json!({ "version": 1 })).expect(200);
        assert_eq!(back["saved"], json!({ "version": 3, "unchanged": false }));
    }
    program.post_once(&at("nightly/roll-back"), "back", &json!({ "version": 2 })).refusal(422);

    let range = json!({ "from": "2026-03-01T00:00:00Z", "to": "2026-03-08T00:00:00Z" });
    let started = program.post_once(&at("nightly/backfill"), "fill", &range).expect(202);
    assert_eq!(program.post_once(&at("nightly/backfill"), "fill", &range).expect(202)["id"], started["id"]);
    for verb in ["stop", "resume"] {
        let address = at(&format!("nightly/backfills/{}/{verb}", started["id"]));
        for _ in 0..2 {
            program.post_once(&address, &format!("b{verb}"), &why).expect(200);
        }
        program.post_once(&address, &format!("b{verb}"), &json!({})).refusal(422);
    }
    for (act, sql) in [
        ("run", "SELECT count(*) AS number FROM millrace.audit WHERE act = 'schedule.run'"),
        ("pause", "SELECT count(*) AS number FROM millrace.audit WHERE act = 'schedule.pause'"),
        ("resume", "SELECT count(*) AS number FROM millrace.audit WHERE act = 'schedule.resume'"),
        ("start", "SELECT count(*) AS number FROM millrace.audit WHERE act = 'schedule.backfill'"),
        ("stop", "SELECT count(*) AS number FROM millrace.audit WHERE act = 'schedule.backfill_stop'"),
        ("go on", "SELECT count(*) AS number FROM millrace.audit WHERE act = 'schedule.backfill_resume'"),
    ] {
        assert_eq!(server.number(sql), 1, "{act}");
    }
}

#[test]
fn versions_are_listed_compared_and_brought_back() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    put(&program, "nightly?message=first", &[], &daily(6)).expect(201);
    put(&program, "nightly?message=later", &[], &daily(7)).expect(200);

    let listed = program.get(&at("nightly/versions")).expect(200)["versions"].clone();
    let notes: Vec<(i64, &str)> = (listed.as_array().unwrap().iter())
        .map(|one| (one["version"].as_i64().unwrap(), one["note"].as_str().unwrap()))
        .collect();
    assert_eq!(notes, [(2, "later"), (1, "first")]);

    let diff = program.get(&at("nightly/diff?from=1&to=2")).expect(200);
    assert_eq!(diff["changes"][0]["pointer"], "/rules");
    assert_eq!(diff["changes"][0]["after"], json!([{ "cron": "0 7 * * *" }]));
    let unified = diff["unified"].as_str().unwrap();
    assert!(unified.starts_with("--- nightly@1\n+++ nightly@2\n"), "{unified}");
    let has = |sign: char, hour: u8| {
        unified.lines().any(|line| line.starts_with(sign) && line.contains(&format!("0 {hour} * * *")))
    };
    assert!(has('-', 6) && has('+', 7), "{unified}");
    assert_eq!(program.get(&at("nightly/diff")).expect(200), diff, "the one in force with the one before");
    assert_eq!(program.get(&at("nightly/diff?from=2&to=2")).expect(200)["unified"], "");
    program.get(&at("nightly/diff?from=1&to=9")).expect(404);
    program.get(&at("nightly/diff?from=0")).expect(422);

    let back = program.post(&at("nightly/roll-back"), &json!({ "version": 1, "reason": "too late" })).expect(200);
    assert_eq!((&back["version"], &back["spec"]["rules"][0]["cron"]), (&json!(3), &json!("0 6 * * *")));
    assert_eq!(program.get(&at("nightly/versions")).expect(200)["versions"][0]["note"], "too late");
    program.post(&at("nightly/roll-back"), &json!({ "version": 9 })).expect(404);
    assert!(program.post(&at("nightly/roll-back"), &json!({})).refusal(422).starts_with("/version: the number"));
    let odd = program.post(&at("nightly/roll-back"), &json!({ "version": "x" })).expect(422);
    assert_eq!(odd["errors"].as_array().unwrap().len(), 1, "{odd}");
}

#[test]
fn a_preview_tells_what_is_moved_and_left_out_and_why() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let spec = json!({ "template": "demo.any", "timezone": "Europe/Rome", "rules": [{ "cron": "30 2 * * *" }],
        "exclude": [{ "from": "2027-03-30", "to": "2027-04-02" }] });
    put(&program, "nightly", &[], &spec).expect(201);

    let ahead = program.get(&at("nightly/preview?from=2027-03-26T12:00:00Z&to=2027-04-04T00:00:00Z")).expect(200);
    let told: Vec<(&str, Option<&str>)> = (ahead["occurrences"].as_array().unwrap().iter())
        .map(|one| (one["local"].as_str().unwrap(), one["reason"].as_str()))
        .collect();
    let out = Some("excluded: 2027-03-30 to 2027-04-02");
    let gap = ahead["occurrences"][1]["reason"].as_str();
    assert_eq!(
        told[..5],
        [
            ("2027-03-27T02:30:00", None),
            ("2027-03-28T02:30:00", gap),
            ("2027-03-29T02:30:00", None),
            ("2027-03-30T02:30:00", out),
            ("2027-03-31T02:30:00", out),
        ]
    );
    assert_eq!(ahead["occurrences"][1]["run_at"], "2027-03-28T01:00:00Z");
    assert_eq!(
        (&ahead["occurrences"][1]["clock_change"], &ahead["occurrences"][3]["run_at"]),
        (&json!("after_gap"), &Value::Null)
    );
    let change = &ahead["clock_changes"][0];
    assert_eq!((&change["at"], &change["forward_ms"]), (&json!("2027-03-28T01:00:00Z"), &json!(3_600_000)));
    assert!(
        change["sentence"].as_str().unwrap().contains("02:30 does not exist that day, so it runs at 03:00"),
        "{change}"
    );
    assert_eq!(change["touched"][0]["becomes"], "moved");
    assert_eq!(
        (&ahead["days_without"], &ahead["runs_of_year"], &ahead["next"]),
        (&json!(4), &json!(362), &Value::Null)
    );
    let day = &ahead["days"][4];
    assert_eq!((&day["day"], &day["runs"], day["left_out"].as_str()), (&json!("2027-03-30"), &json!(0), out));

    let few = program.get(&at("nightly/preview?from=2027-03-26T12:00:00Z&count=2")).expect(200);
    assert_eq!((few["occurrences"].as_array().unwrap().len(), &few["next"]), (2, &json!("2027-03-29T00:30:00Z")));
    let rest = program.get(&at("nightly/preview?from=2027-03-29T00:30:00Z&count=1")).expect(200);
    assert_eq!(rest["occurrences"][0]["at"], "2027-03-29T00:30:00Z", "it goes on there");

    let unsaved = program.post(&at("unsaved/preview"), &spec).expect(200);
    assert_eq!(unsaved["days_without"], program.get(&at("nightly/preview")).expect(200)["days_without"]);
    program.get(&at("unsaved")).expect(404);
    for bad in ["count=0", "count=1001", "from=now", "to=2027"] {
        program.get(&at(&format!("nightly/preview?{bad}"))).expect(422);
    }
    assert!(
        program
            .post(&at("x/preview"), &json!({ "template": "t", "rules": [{ "cron": "x" }] }))
            .refusal(422)
            .starts_with("/rules/0/cron")
    );
}
