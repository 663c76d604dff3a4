//! What is secret in the arguments of a schedule is shown to nobody, and what is shown covered is not saved in its place.

use diesel::sql_types::{Jsonb, Text};
use millrace::admin::schedules::{ScheduleError, service, show};
use millrace::base::db::{PgConnection, statement};
use millrace::queue::actor::Actor;
use millrace::timing::schedule::Schedule;
use serde_json::{Value, json};

use super::stage::{number, try_save};
use crate::support::TestDb;
use crate::support::stage::{handler_template, template};

const SECRET: &str = "S3CRET-alpha";

fn admin() -> Actor {
    Actor::system("test")
}

fn defaults() -> Value {
    json!({ "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 })
}

/// A template with a secret parameter, and one without any.
fn fixture() -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    let params = json!({ "properties": { "key": { "type": "string", "secret": true }, "n": { "type": "integer" } } });
    template(
        &mut conn,
        "work",
        json!({ "runner": "handler", "handler": { "name": "work" }, "params": params, "defaults": defaults() }),
    );
    handler_template(&mut conn, "other", json!({}));
    try_save(&mut conn, "nightly", &format!("rules: [ {{ every: 1h }} ]\nargs: {{ key: {SECRET}, n: 1 }}")).unwrap();
    (db, conn)
}

fn shown(conn: &mut PgConnection) -> Value {
    let row = show::one(conn, &admin(), "nightly").unwrap();
    show::visible_spec(conn, &admin(), &row).unwrap()
}

fn kept(conn: &mut PgConnection) -> String {
    const SQL: &str =
        "SELECT v.spec #>> '{args,key}' FROM millrace.schedule_versions v ORDER BY v.version DESC LIMIT 1";
    statement(SQL).tuples::<Text, String>(conn).unwrap().remove(0)
}

fn save(conn: &mut PgConnection, document: &Value) -> Result<(), ScheduleError> {
    let spec: Schedule = serde_json::from_value(document.clone()).unwrap();
    service::save(conn, &admin(), &spec, None, "").map(drop)
}

#[test]
fn a_secret_stays_covered_whatever_becomes_of_its_template() {
    let (_db, mut conn) = fixture();
    assert_eq!(shown(&mut conn)["args"], json!({ "key": "••••", "n": 1 }));
    const NEXT: &str = "WITH next AS (
    INSERT INTO millrace.template_versions (template_id, version, spec, author, published_at, published_by)
    SELECT t.id, 2, $1, 'test', now(), 'test' FROM millrace.templates t WHERE t.name = 'work'
) UPDATE millrace.templates SET active_version = 2, latest_version = 2 WHERE name = 'work'";
    let open = json!({ "runner": "handler", "handler": { "name": "work" }, "defaults": defaults(),
        "params": { "properties": { "n": { "type": "integer" } }, "additionalProperties": true } });
    statement(NEXT).bind::<Jsonb, _>(open).run(&mut conn).unwrap();

    assert_eq!(shown(&mut conn)["args"]["key"], "••••", "an older version of the template calls it secret");
    let moved = json!({ "kind": "Schedule", "name": "nightly", "template": "other", "rules": [{ "every": "1h" }] });
    save(&mut conn, &moved).unwrap();

    let versions = show::versions(&mut conn, &admin(), "nightly").unwrap();
    assert_eq!((versions.len(), versions[1].1["args"]["key"].as_str()), (2, Some("••••")));
    let trail = "SELECT count(*) FROM millrace.audit WHERE concat(before::text, after::text) LIKE '%S3CRET%'";
    assert_eq!(number(&mut conn, trail), 0);
}

#[test]
fn what_was_shown_covered_stays_what_it_was() {
    let (_db, mut conn) = fixture();
    let mut document = shown(&mut conn);
    document["description"] = "The nightly one".into();
    save(&mut conn, &document).unwrap();
    assert_eq!(kept(&mut conn), SECRET);

    document["template"] = "other".into();
    let refused = save(&mut conn, &document).unwrap_err().to_string();
    assert!(refused.contains("stands for a secret that is not known here"), "{refused}");
    assert_eq!(kept(&mut conn), SECRET);
}

#[test]
fn what_cannot_be_reckoned_with_is_refused() {
    let (_db, mut conn) = fixture();
    for far in [
        "rules: [ { at: \"+262142-12-31T23:59:59Z\" } ]\ntimezone: Asia/Tokyo",
        "rules: [ { every: 1h } ]\nstart: \"+262142-12-31T23:59:59Z\"",
        "rules: [ { every: 1h } ]\nexclude: [ { from: 2026-01-01, to: \"+262142-12-30\" } ]",
        "rules: [ { every: 1h } ]\npause_after_failures: 65535",
        "rules: [ { every: 1h } ]\ndescription: \"a\\u202eb\"",
    ] {
        assert!(matches!(try_save(&mut conn, "far", far), Err(ScheduleError::Refused(_))), "{far}");
    }
}
