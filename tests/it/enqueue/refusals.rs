//! What the SQL door refuses, with code, pointer and sentence.

use diesel::sql_types::{BigInt, Text};
use millrace::base::db::statement;
use serde_json::{Value, json};

use super::{enqueue_many, enqueue_named, nested, refusal, stage, typed, with};
use crate::support::stage::number;

type Case = (Value, &'static str, &'static str, &'static str);

/// Refusals of a job description, with pointers relative to the job.
fn job_cases() -> Vec<Case> {
    vec![
        (json!(5), "bad-job", "", "a job must be an object, not number"),
        (json!([]), "bad-job", "", "a job must be an object, not array"),
        (json!({"args": {}}), "bad-job", "/template", "template is required"),
        (json!({"template": null}), "bad-job", "/template", "template is required"),
        (json!({"template": "nobody"}), "unknown-template", "/template", "there is no template called 'nobody'"),
        (
            json!({"template": "fresh"}),
            "inactive-template",
            "/template",
            "the template 'fresh' is draft; only active templates can be enqueued",
        ),
        (
            json!({"template": "old"}),
            "inactive-template",
            "/template",
            "the template 'old' is archived; only active templates can be enqueued",
        ),
        (with("colour", json!(1)), "unknown-field", "/colour", "colour is not a field of a job"),
        (with("version", json!(7)), "unknown-version", "/version", "the template 'plain' has no version 7"),
        (with("version", json!(2)), "inactive-version", "/version", "version 2 of 'plain' was never published"),
        (with("version", json!("x")), "bad-job", "/version", "version must be a whole number"),
        (with("version", json!(1.5)), "bad-job", "/version", "version must be a whole number"),
        (with("args", json!([1])), "bad-args", "/args", "args must be an object, not array"),
        (with("args", json!(null)), "bad-args", "/args", "args must be an object, not null"),
        (
            with("args", json!({"a": "x".repeat(262_144)})),
            "args-too-large",
            "/args",
            "args have 262153 bytes, at most 262144 are allowed",
        ),
        (with("args", nested(65)), "args-too-deep", "/args", "args are nested more than 64 levels deep"),
        (with("priority", json!(0)), "bad-job", "/priority", "priority goes from 1 (highest) to 5"),
        (with("priority", json!(6)), "bad-job", "/priority", "priority goes from 1 (highest) to 5"),
        (with("priority", json!(2.5)), "bad-job", "/priority", "priority must be a whole number"),
        (with("priority", json!("2")), "bad-job", "/priority", "priority must be a whole number"),
        (
            with("queue", json!("Mail")),
            "bad-job",
            "/queue",
            "a queue's name is 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit",
        ),
        (
            with("queue", json!("")),
            "bad-job",
            "/queue",
            "a queue's name is 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit",
        ),
        (with("queue", json!(3)), "bad-job", "/queue", "queue must be a text"),
        (with("delay_ms", json!(-1)), "bad-job", "/delay_ms", "delay_ms goes from 0 to one year"),
        (with("delay_ms", json!(31_536_000_001_i64)), "bad-job", "/delay_ms", "delay_ms goes from 0 to one year"),
        (
            with("run_at", json!("tomorrow-ish")),
            "bad-job",
            "/run_at",
            "run_at is no time in RFC 3339 from 1970 to 9999: 'tomorrow-ish'",
        ),
        (
            with("deadline", json!("2026-13-01T00:00:00Z")),
            "bad-job",
            "/deadline",
            "deadline is no time in RFC 3339 from 1970 to 9999: '2026-13-01T00:00:00Z'",
        ),
        (with("deadline", json!(5)), "bad-job", "/deadline", "deadline must be a text"),
        (
            json!({"template": "plain", "delay_ms": 5, "run_at": "2026-01-01T00:00:00Z"}),
            "bad-job",
            "/delay_ms",
            "give run_at or delay_ms, not both",
        ),
        (with("max_attempts", json!(0)), "bad-job", "/max_attempts", "max_attempts goes from 1 to 100"),
        (with("timeout_ms", json!(99)), "bad-job", "/timeout_ms", "timeout_ms goes from 100 to 604800000 (7 days)"),
        (with("unique_key", json!("")), "bad-job", "/unique_key", "unique_key has 1 to 255 characters"),
        (with("unique_for_ms", json!(5)), "bad-job", "/unique_for_ms", "unique_for_ms needs a unique_key"),
        (
            json!({"template": "plain", "unique_key": "k", "unique_for_ms": 0}),
            "bad-job",
            "/unique_for_ms",
            "unique_for_ms goes from 1 to one year",
        ),
        (with("ordering_key", json!("")), "bad-job", "/ordering_key", "ordering_key has 1 to 255 characters"),
        (
            with("ordering_key", json!("schedule:7")),
            "bad-job",
            "/ordering_key",
            "ordering_key cannot begin with schedule: (those are of schedules)",
        ),
        (with("tags", json!("a")), "bad-job", "/tags", "tags is a list of at most 20 texts"),
        (with("tags", json!(vec!["a"; 21])), "bad-job", "/tags", "tags is a list of at most 20 texts"),
        (
            with("tags", json!(["fine", "not fine"])),
            "bad-job",
            "/tags/1",
            "\"not fine\" is no tag: 1 to 64 of letters, digits, . _ : / @ -",
        ),
        (
            with("tags", json!(["no ".repeat(100)])),
            "bad-job",
            "/tags/0",
            "\"no no no no no no no no no no no no no no no no no no no no no no no no no no n is no tag: 1 to 64 of letters, digits, . _ : / @ -",
        ),
        (with("parent", json!("x")), "bad-job", "/parent", "parent must be a whole number"),
    ]
}

/// Refusals of arguments.
fn args_cases() -> Vec<Case> {
    vec![
        (json!({"template": "typed"}), "bad-args", "/args/to", "/args/to is required"),
        (
            json!({"template": "typed", "args": {"to": "a@b.c", "x": 1}}),
            "bad-args",
            "/args/x",
            "/args/x is not a parameter of this template",
        ),
        (
            json!({"template": "closed", "args": {"x": 1}}),
            "bad-args",
            "/args/x",
            "/args/x is not a parameter of this template",
        ),
        (
            json!({"template": "loose", "args": {"a": "1"}}),
            "bad-args",
            "/args/a",
            "/args/a must be of type number, not string",
        ),
        (typed("to", json!(null)), "bad-args", "/args/to", "/args/to must be of type string, not null"),
        (typed("to", json!("@b")), "bad-args", "/args/to", "/args/to must have at least 3 characters"),
        (typed("to", json!("ü@".repeat(11))), "bad-args", "/args/to", "/args/to must have at most 20 characters"),
        (typed("to", json!("nobody")), "bad-args", "/args/to", "/args/to does not match the pattern @"),
        (typed("n", json!(0)), "bad-args", "/args/n", "/args/n must be at least 1"),
        (typed("n", json!(10)), "bad-args", "/args/n", "/args/n must be at most 9"),
        (typed("n", json!(1.5)), "bad-args", "/args/n", "/args/n must be a whole number"),
        (typed("n", json!("1")), "bad-args", "/args/n", "/args/n must be a whole number"),
        (typed("ratio", json!(true)), "bad-args", "/args/ratio", "/args/ratio must be of type number, not boolean"),
        (typed("lang", json!("fr")), "bad-args", "/args/lang", "/args/lang must be one of [\"it\", \"de\"]"),
        (typed("urgent", json!("yes")), "bad-args", "/args/urgent", "/args/urgent must be of type boolean, not string"),
        (typed("files", json!([])), "bad-args", "/args/files", "/args/files must have at least 1 items"),
        (
            typed("files", json!(["a", "b", "c", "d"])),
            "bad-args",
            "/args/files",
            "/args/files must have at most 3 items",
        ),
        (
            typed("files", json!(["a", "toolong"])),
            "bad-args",
            "/args/files/1",
            "/args/files/1 must have at most 5 characters",
        ),
        (typed("colours", json!([1, 2, 3])), "bad-args", "/args/colours", "/args/colours must have at most 2 items"),
        (typed("where", json!({})), "bad-args", "/args/where/city", "/args/where/city is required"),
        (
            typed("where", json!({"city": 5})),
            "bad-args",
            "/args/where/city",
            "/args/where/city must be of type string, not number",
        ),
        (typed("where", json!([])), "bad-args", "/args/where", "/args/where must be of type object, not array"),
    ]
}

#[test]
fn every_broken_rule_is_refused_with_code_pointer_and_sentence() {
    let (_db, mut conn) = stage();

    for (job, code, pointer, message) in job_cases().into_iter().chain(args_cases()) {
        let found = refusal(enqueue_many(&mut conn, &json!([{"template": "plain"}, job])));
        let message = message.replace("/args/", "/1/args/");
        assert_eq!(found, (code.to_owned(), format!("/1{pointer}"), message), "{job}");
    }
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.jobs"), 0);
}

#[test]
fn the_first_broken_job_is_named() {
    let (_db, mut conn) = stage();

    let jobs = json!([{"template": "plain"}, {"template": "plain", "priority": 9}, {"template": "nobody"}]);
    assert_eq!(refusal(enqueue_many(&mut conn, &jobs)).1, "/1/priority");
    let jobs = json!([{"template": "nobody"}, {"template": "plain", "priority": 9}]);
    assert_eq!(refusal(enqueue_many(&mut conn, &jobs)).1, "/0/template");
}

#[test]
fn only_a_list_of_at_most_ten_thousand_is_taken() {
    let (_db, mut conn) = stage();

    assert_eq!(
        refusal(enqueue_many(&mut conn, &json!({"template": "plain"}))),
        ("bad-job".into(), String::new(), "jobs must be a JSON array of job descriptions".into())
    );
    let many = Value::Array(vec![json!({"template": "plain"}); 10_001]);
    assert_eq!(
        refusal(enqueue_many(&mut conn, &many)),
        ("too-many-jobs".into(), String::new(), "10001 jobs in one call, at most 10000 are allowed".into())
    );
    assert_eq!(enqueue_many(&mut conn, &json!([])).unwrap(), []);
}

/// Times and numbers that no program can read, and ones at the edge.
#[test]
fn what_no_program_could_read_is_refused_by_either_door() {
    let (_db, mut conn) = stage();
    for field in ["run_at", "deadline"] {
        for bad in [
            "infinity",
            "-infinity",
            "294276-12-31T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "tomorrow",
            "2026-11-24",
            "2026-11-24T06:30:00 BC",
        ] {
            let (code, pointer, _) = refusal(enqueue_many(&mut conn, &json!([with(field, json!(bad))])));
            assert_eq!((code.as_str(), pointer), ("bad-job", format!("/0/{field}")), "{bad}");
        }
        for bad in ["infinity", "-infinity", "294276-12-31T00:00:00Z", "1969-12-31T23:59:59Z"] {
            let (code, pointer, _) = refusal(enqueue_named(&mut conn, &with(field, json!(bad))));
            assert_eq!((code.as_str(), pointer), ("bad-job", format!("/{field}")), "{bad}");
        }
        for good in ["9999-12-31T23:59:59Z", "2026-11-24T06:30:00.5+01:00", "2026-11-24 06:30:00+01"] {
            enqueue_many(&mut conn, &json!([with(field, json!(good))])).unwrap();
            enqueue_named(&mut conn, &with(field, json!(good))).unwrap();
        }
    }
    for bad in ["1e400", "12345678901234567890123", "-9223372036854775809", "18446744073709551616", "0.5e400"] {
        let job: String = format!(r#"{{"template": "plain", "args": {{"a/b": [1, {{"n": {bad}}}]}}}}"#);
        let many =
            statement("SELECT id FROM millrace.enqueue_many(jsonb_build_array($1::jsonb))").bind::<Text, _>(&job);
        let (code, pointer, message) = refusal(many.tuples::<BigInt, i64>(&mut conn));
        assert_eq!((code.as_str(), pointer.as_str()), ("bad-args", "/0/args/a~1b/1/n"), "{bad}: {message}");
        assert!(message.contains("send it as text"), "{message}");
        let one = statement("SELECT millrace.enqueue('plain', $1::jsonb -> 'args')").bind::<Text, _>(&job);
        assert_eq!(refusal(one.tuples::<BigInt, i64>(&mut conn)).1, "/args/a~1b/1/n", "{bad}");
    }
    for good in
        ["18446744073709551615", "-9223372036854775808", "0.12345678901234567890123", "\"IT60X0542811101000000123456\""]
    {
        let one =
            statement("SELECT millrace.enqueue('plain', $1::jsonb)").bind::<Text, _>(format!(r#"{{"n": {good}}}"#));
        one.tuples::<BigInt, i64>(&mut conn).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
}

/// Whether typed arguments can say what a case says.
fn can_be_named((job, ..): &Case) -> bool {
    let whole = |field: &str| job[field].is_null() || job[field].is_i64();
    let text = |field: &str| {
        job[field].is_null()
            || job[field].is_string()
                && !job[field].as_str().unwrap().contains("ish")
                && !job[field].as_str().unwrap().contains("-13-")
    };
    job.is_object()
        && job.get("colour").is_none()
        && job.get("parent").is_none()
        && !(job.get("args").is_some_and(Value::is_null))
        && ["version", "priority"].iter().all(|field| whole(field))
        && ["queue", "run_at", "deadline"].iter().all(|field| text(field))
        && (job["tags"].is_null() || job["tags"].is_array())
}

#[test]
fn the_single_door_refuses_the_same() {
    let (_db, mut conn) = stage();
    let cases: Vec<Case> = job_cases().into_iter().chain(args_cases()).filter(can_be_named).collect();
    assert!(cases.len() > 40);

    for (job, code, pointer, message) in cases {
        let found = refusal(enqueue_named(&mut conn, &job));
        assert_eq!(found, (code.to_owned(), pointer.to_owned(), message.to_owned()), "{job}");
    }
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.jobs"), 0);
}
