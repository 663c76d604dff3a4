//! `/api/v1/calendars`: saved, read, exported, removed.

use millrace::queue::permission::Role;
use serde_json::{Value, json};

use crate::api::stage::{Answer, Program, Server};

fn put(program: &Program, address: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers = [&[("Content-Type", "application/json")], headers].concat();
    program.send("PUT", &format!("/api/v1/calendars/{address}"), &headers, body.to_string().as_bytes())
}

fn italy() -> Value {
    json!({ "title": "Milan", "timezone": "Europe/Rome", "holidays": [{ "country": "IT" }],
        "windows": [{ "name": "Patching", "weekdays": ["Sun"], "start": "02:00", "duration": "4h" }] })
}

#[test]
fn a_calendar_is_made_changed_read_and_removed() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    let made = put(&program, "it?message=first", &[], &italy());
    let body = made.expect(201);
    assert_eq!(
        (made.header("etag"), &body["version"], &body["saved"]["unchanged"]),
        ("\"1\"", &json!(1), &json!(false))
    );
    assert_eq!(body["windows"][0]["when"], "Sundays, 02:00 for 4h");
    assert_eq!(put(&program, "it", &[], &italy()).expect(200)["saved"], json!({ "version": 1, "unchanged": true }));
    put(&program, "it", &[("If-None-Match", "*")], &italy()).expect(409);

    let mut longer = italy();
    longer["dates"] = json!([{ "month_day": "12-07", "name": "Sant'Ambrogio" }]);
    assert_eq!(put(&program, "it", &[("If-Match", "\"1\"")], &longer).expect(200)["version"], 2);
    let stale = put(&program, "it?base=1", &[], &italy()).refusal(409);
    assert!(stale.contains("was changed meanwhile"), "{stale}");

    let shown = program.get("/api/v1/calendars/it");
    assert_eq!(shown.header("etag"), "\"2\"");
    let shown = shown.expect(200);
    assert_eq!(
        (&shown["spec"]["name"], &shown["holidays_of"], &shown["users"]),
        (&json!("it"), &json!(["Italy"]), &json!([]))
    );
    let years = shown["holidays"].as_object().unwrap();
    assert_eq!(years.len(), 2);
    for holidays in years.values() {
        let names: Vec<&str> = holidays.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert!(names.contains(&"Sant'Ambrogio") && names.contains(&"Christmas Day"), "{names:?}");
    }
    assert_eq!(program.get("/api/v1/calendars").expect(200)["calendars"][0]["title"], "Milan");

    assert_eq!(program.send("DELETE", "/api/v1/calendars/it?reason=not+needed", &[], b"").status, 204);
    program.get("/api/v1/calendars/it").expect(404);
    let acts =
        "SELECT count(*) AS number FROM millrace.audit WHERE subject_kind = 'calendar' AND act LIKE 'calendar.%'";
    assert_eq!(server.number(acts), 3, "one for each change");
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    for (body, told) in [
        (json!({ "holidays": [{ "country": "XX" }] }), "/holidays/0: there are no holidays for the country"),
        (json!({ "dates": [{ "date": "2026-12-24", "name": "" }] }), "/dates/0/name: give it a name"),
        (
            json!({ "windows": [{ "name": "x", "start": "02:00", "duration": "40d" }] }),
            "/windows/0/duration: a window lasts",
        ),
        (json!({ "workweek": [] }), "/workweek: name at least one weekday"),
        (json!({ "name": "other" }), "/name: must be it, the name in the address"),
        (json!({ "title": "a\u{202e}b" }), "/title: may not hold control characters"),
    ] {
        let refusal = put(&program, "it", &[], &body).refusal(422);
        assert!(refusal.starts_with(told), "{refusal}");
    }
    for name in ["new", "import", "It"] {
        put(&program, name, &[], &json!({})).expect(422);
    }
    put(&program, "it", &[], &json!({ "holdays": [] })).expect(422);
    program.send("PUT", "/api/v1/calendars/it", &[("Content-Type", "application/json")], b"[").expect(400);
}

#[test]
fn one_key_saves_once() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    for _ in 0..2 {
        put(&program, "it", &[("Idempotency-Key", "one")], &italy()).expect(201);
    }
    put(&program, "it", &[("Idempotency-Key", "one")], &json!({})).expect(422);
    assert_eq!(program.get("/api/v1/calendars/it").expect(200)["version"], 1);
}

#[test]
fn holidays_are_exported_as_a_file() {
    let server = Server::start();
    let program = server.program(Role::Viewer);
    put(&server.program(Role::Admin), "it", &[], &italy()).expect(201);

    let file = program.get("/api/v1/calendars/it/ics?from=2026&to=2026");
    assert_eq!((file.status, file.header("content-type")), (200, "text/calendar; charset=utf-8"));
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"it.ics\"");
    assert!(
        file.text.contains("DTSTART;VALUE=DATE:20261225\r\n") && file.text.contains("NAME:Milan\r\n"),
        "{}",
        file.text
    );
    assert_eq!(file.text.matches("BEGIN:VEVENT").count(), 13);
    assert!(program.get("/api/v1/calendars/it/ics").text.matches("BEGIN:VEVENT").count() > 20, "two years");
    for query in ["from=x", "from=1900", "from=2027&to=2026", "from=2000&to=2040", "year=2026"] {
        program.get(&format!("/api/v1/calendars/it/ics?{query}")).expect(422);
    }
    program.get("/api/v1/calendars/no.such/ics").expect(404);
}

#[test]
fn only_those_may_change_calendars_whose_scope_is_everything() {
    let server = Server::start();
    put(&server.program(Role::Operator), "it", &[], &italy()).expect(201);

    for role in [Role::Viewer, Role::Analyst, Role::Auditor] {
        let program = server.program(role);
        program.get("/api/v1/calendars/it").expect(200);
        put(&program, "it", &[], &json!({})).expect(403);
        program.send("DELETE", "/api/v1/calendars/it", &[], b"").expect(403);
    }
    let limited = server.limited(Role::Operator, &["all"], (&["mail"], &[]));
    let told = put(&limited, "it", &[], &json!({})).refusal(409);
    assert!(told.contains("your scope is limited"), "{told}");
    limited.send("DELETE", "/api/v1/calendars/it", &[], b"").expect(409);
    put(&server.with_scopes(&["calendars:read"]), "it", &[], &json!({})).expect(403);
    put(&server.with_scopes(&["calendars:write"]), "it", &[], &json!({ "title": "x" })).expect(200);
}

#[test]
fn a_calendar_that_schedules_mind_stays_and_names_those_in_scope() {
    let server = Server::start();
    let program = server.program(Role::Admin);
    put(&program, "it", &[], &italy()).expect(201);
    let schedule =
        json!({ "template": "demo.any", "rules": [{ "cron": "0 6 * * *" }], "exclude": [{ "calendar": "it" }] });
    let saved = program.send(
        "PUT",
        "/api/v1/schedules/nightly",
        &[("Content-Type", "application/json")],
        schedule.to_string().as_bytes(),
    );
    assert_eq!(saved.status, 201, "{}", saved.text);

    let shown = program.get("/api/v1/calendars/it").expect(200);
    assert_eq!((&shown["users"], &shown["schedules"]), (&json!(["nightly"]), &json!(1)));
    let told = program.send("DELETE", "/api/v1/calendars/it", &[], b"").refusal(409);
    assert!(told.contains("while schedules mind it: nightly"), "{told}");
    let limited = server.limited(Role::Viewer, &["all"], (&["mail"], &[]));
    let shown = limited.get("/api/v1/calendars/it").expect(200);
    assert_eq!((&shown["users"], &shown["schedules"]), (&json!([]), &json!(0)));
}
