//! Defaults and formats of parameters mean the same by every door.

use millrace::base::db::{PgConnection, transaction};
use millrace::queue::enqueue::{NewJob, enqueue};
use millrace::queue::job::JobId;
use serde_json::{Value, json};

use super::{enqueue_many, enqueue_named, refusal, stage};
use crate::support::stage::{number, template, text};

/// A template whose parameters have defaults at every depth, one of them allowed by another.
fn defaulted() -> Value {
    json!({"type": "object", "properties": {
        "city": {"type": "string", "default": "Rome", "enum_by": {"param": "country", "choices": {"IT": ["Rome"], "FR": ["Paris"]}}},
        "country": {"type": "string", "enum": ["IT", "FR"], "default": "IT"},
        "mail": {"type": "object", "default": {}, "properties": {"from": {"type": "string", "default": "a@b.c"}}},
        "rows": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "integer", "default": 1}}}}}})
}

fn args_of(conn: &mut PgConnection, id: i64) -> Value {
    const SQL: &str = "SELECT args::text AS text FROM millrace.jobs WHERE id = $1";
    serde_json::from_str(&text(conn, SQL, JobId(id))).unwrap()
}

#[test]
fn absent_arguments_get_the_same_defaults_by_every_door() {
    let (_db, mut conn) = stage();
    let spec = json!({"runner": "handler", "handler": {"name": "x"}, "params": defaulted(),
        "defaults": {"queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000, "tags": ["a", "b"]}});
    template(&mut conn, "filled", spec);
    let cases =
        [json!({}), json!({"country": "FR"}), json!({"rows": [{}, {"x": 2}]}), json!({"mail": {"from": "x@y.z"}})];
    let params = millrace::queue::params::Params::parse(&defaulted()).unwrap();

    for args in cases {
        let job = json!({"template": "filled", "args": args});
        let wanted = params.with_defaults(&args);
        let one = enqueue_named(&mut conn, &job).unwrap();
        let many = enqueue_many(&mut conn, &json!([{"template": "plain"}, job])).unwrap()[1].id;
        let checked = enqueue_named(&mut conn, &json!({"template": "filled", "args": args, "version": 1})).unwrap();
        let new: NewJob = serde_json::from_value(job.clone()).unwrap();
        let rust = transaction(&mut conn, "test", |tx| enqueue(tx, "test", &[new])).unwrap()[0].id;
        for id in [one, many, checked, rust.0] {
            assert_eq!(args_of(&mut conn, id), wanted, "{args}");
        }
    }
    let tagged = "SELECT count(*) AS number FROM millrace.jobs j JOIN millrace.templates t ON t.id = j.template_id
        WHERE t.name = 'filled' AND j.tags = '{a,b}'";
    assert_eq!(number(&mut conn, tagged), 16);
    let wrong = enqueue_named(&mut conn, &json!({"template": "filled", "args": {"country": "FR", "city": "Rome"}}));
    let (code, pointer, message) = refusal(wrong);
    assert_eq!((code.as_str(), pointer.as_str()), ("bad-args", "/args/city"), "{message}");
}

#[test]
fn formats_mean_the_same_by_either_door() {
    let (_db, mut conn) = stage();
    let texts: [(&str, &[&str]); 6] = [
        ("date", &["2026-12-24", "2026-02-30", "26-12-24", "2026-12-24 ", ""]),
        (
            "date-time",
            &["2026-12-24T10:00:00Z", "2026-12-24T10:00:00.5+02:00", "2026-12-24T10:00", "2026-12-24T25:00:00Z"],
        ),
        ("email", &["ada@example.org", "ada", "a b@c.d", "a@b@c", "a@.b", "a@-b", "<a@b>", "a@b"]),
        ("uri", &["https://example.org/a", "mailto:a@b.c", "example.org", "/a", "http://", "a b"]),
        ("duration", &["PT90S", "P1DT12H", "P", "PT", "P1W", "90s", "P1DT"]),
        ("file", &["a", ""]),
    ];

    for (format, cases) in texts {
        let rule = json!({"type": "object", "properties": {"v": {"type": "string", "format": format}}});
        template(
            &mut conn,
            &format!("f.{format}"),
            json!({"runner": "handler", "handler": {"name": "x"}, "params": rule,
            "defaults": {"queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000}}),
        );
        let params = millrace::queue::params::Params::parse(&rule).unwrap();
        for case in cases {
            let args = json!({ "v": case });
            let taken = enqueue_named(&mut conn, &json!({"template": format!("f.{format}"), "args": args})).is_ok();
            assert_eq!(taken, params.validate(&args).is_empty(), "{format} {case:?}");
        }
    }
}
