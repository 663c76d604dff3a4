//! The SQL door: what it refuses, with code, pointer and sentence; and what it writes.

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Bool, Jsonb, Nullable, Text};
use millrace::base::db::{DbError, PgConnection, statement, transaction};
use millrace::queue::enqueue::{NewJob, enqueue};
use serde_json::{Value, json};

use crate::support::TestDb;
use crate::support::stage::{number, template, text};
use millrace::queue::job::JobId;

/// A database with a template without parameters (`plain`), one with some of every kind (`typed`), and ones that cannot be
/// enqueued.
fn stage() -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    let handler = |params: Value| {
        json!({"runner": "handler", "handler": {"name": "x"}, "params": params,
            "defaults": {"queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000}})
    };
    template(&mut conn, "plain", handler(Value::Null));
    template(&mut conn, "typed", handler(rules()));
    template(
        &mut conn,
        "loose",
        handler(json!({"type": "object", "properties": {"a": {"type": "number"}}, "additionalProperties": true})),
    );
    template(&mut conn, "closed", handler(json!({"type": "object", "properties": {}})));
    for name in ["fresh", "old"] {
        template(&mut conn, name, handler(Value::Null));
    }
    let lifecycle = "UPDATE millrace.templates SET state = 'draft', active_version = NULL WHERE name = 'fresh';
        UPDATE millrace.templates SET state = 'archived' WHERE name = 'old';
        INSERT INTO millrace.template_versions (template_id, version, spec, author)
            SELECT template_id, 2, spec, 'test' FROM millrace.template_versions v JOIN millrace.templates t ON t.id = v.template_id WHERE t.name = 'plain'";
    conn.batch_execute(lifecycle).unwrap();
    (db, conn)
}

fn rules() -> Value {
    json!({"type": "object", "required": ["to"], "properties": {
        "to": {"type": "string", "minLength": 3, "maxLength": 20, "pattern": "@"},
        "n": {"type": "integer", "minimum": 1, "maximum": 9},
        "ratio": {"type": "number"},
        "lang": {"type": "string", "enum": ["it", "de"]},
        "urgent": {"type": "boolean"},
        "files": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "maxLength": 5}},
        "colours": {"type": "array", "maxItems": 2},
        "where": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
        "any": {"title": "Anything"}}})
}

#[derive(Debug, PartialEq)]
struct Row {
    id: i64,
    existing: bool,
}

fn enqueue_many(conn: &mut PgConnection, jobs: &Value) -> Result<Vec<Row>, DbError> {
    let rows = statement("SELECT id, existing FROM millrace.enqueue_many($1) ORDER BY ord")
        .bind::<Jsonb, _>(jobs)
        .tuples::<(BigInt, Bool), (i64, bool)>(conn)?;
    Ok(rows.into_iter().map(|(id, existing)| Row { id, existing }).collect())
}

/// Code, pointer and sentence of a refusal.
fn refusal<T: std::fmt::Debug>(result: Result<T, DbError>) -> (String, String, String) {
    match result {
        Err(DbError::Refused { message, pointer, code }) => {
            (code.unwrap_or_default(), pointer.unwrap_or_default(), message)
        }
        other => panic!("not refused: {other:?}"),
    }
}

fn with(field: &str, value: Value) -> Value {
    json!({"template": "plain", field: value})
}

fn typed(field: &str, value: Value) -> Value {
    let mut args = json!({"to": "a@b.c"});
    args[field] = value;
    json!({"template": "typed", "args": args})
}

fn nested(depth: usize) -> Value {
    (1..depth).fold(json!({}), |inner, _| json!({ "a": inner }))
}

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
        (with("run_at", json!("tomorrow-ish")), "bad-job", "/run_at", "run_at is no time in RFC 3339: 'tomorrow-ish'"),
        (
            with("deadline", json!("2026-13-01T00:00:00Z")),
            "bad-job",
            "/deadline",
            "deadline is no time in RFC 3339: '2026-13-01T00:00:00Z'",
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
        (with("ordering_key", json!("o")), "bad-job", "/ordering_key", "ordering_key is not served yet"),
        (with("tags", json!("a")), "bad-job", "/tags", "tags is a list of at most 20 texts"),
        (with("tags", json!(vec!["a"; 21])), "bad-job", "/tags", "tags is a list of at most 20 texts"),
        (
            with("tags", json!(["fine", "not fine"])),
            "bad-job",
            "/tags",
            "\"not fine\" is no tag: 1 to 64 of letters, digits, . _ : / @ -",
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

/// Calls `millrace.enqueue` with the fields of a description as named arguments.
fn enqueue_named(conn: &mut PgConnection, job: &Value) -> Result<i64, DbError> {
    const SQL: &str = "SELECT millrace.enqueue($1, $2 -> 'args', queue => $2 ->> 'queue', priority => ($2 ->> 'priority')::integer,
    run_at => ($2 ->> 'run_at')::timestamptz, delay_ms => ($2 ->> 'delay_ms')::bigint, unique_key => $2 ->> 'unique_key',
    unique_for_ms => ($2 ->> 'unique_for_ms')::bigint, ordering_key => $2 ->> 'ordering_key',
    tags => (SELECT array_agg(tag) FROM jsonb_array_elements_text(nullif($2 -> 'tags', 'null')) AS tag), max_attempts => ($2 ->> 'max_attempts')::integer,
    timeout_ms => ($2 ->> 'timeout_ms')::bigint, deadline => ($2 ->> 'deadline')::timestamptz, version => ($2 ->> 'version')::integer)";
    let ids = statement(SQL)
        .bind::<Nullable<Text>, _>(job["template"].as_str())
        .bind::<Jsonb, _>(job)
        .tuples::<BigInt, i64>(conn)?;
    Ok(ids[0])
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

/// Descriptions that are taken, with what the job's row says then.
fn taken() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"template": "plain"}), "default 3 {} - - - - -"),
        (json!({"template": "plain", "version": 1, "args": {"a": null}}), r#"default 3 {"a": null} - - - - -"#),
        (json!({"template": "plain", "priority": 1, "queue": "mail"}), "mail 1 {} - - - - -"),
        (json!({"template": "plain", "queue": null, "priority": null, "tags": null}), "default 3 {} - - - - -"),
        (
            json!({"template": "plain", "max_attempts": 7, "timeout_ms": 500, "tags": ["a", "b:c"]}),
            "default 3 {} 7 500 {a,b:c} - -",
        ),
        (json!({"template": "plain", "args": nested(64), "unique_key": "k"}), "k"),
        (json!({"template": "loose", "args": {"a": 1, "more": [1]}}), r#"default 3 {"a": 1, "more": [1]} - - - - -"#),
        (json!({"template": "closed", "args": {}}), "default 3 {} - - - - -"),
        (typed("n", json!(9)), r#"default 3 {"n": 9, "to": "a@b.c"} - - - - -"#),
        (typed("n", json!(9.0)), r#"default 3 {"n": 9.0, "to": "a@b.c"} - - - - -"#),
        (typed("lang", json!("de")), r#"default 3 {"to": "a@b.c", "lang": "de"} - - - - -"#),
        (typed("files", json!(["a"])), r#"default 3 {"to": "a@b.c", "files": ["a"]} - - - - -"#),
        (typed("colours", json!([1, {}])), r#"default 3 {"to": "a@b.c", "colours": [1, {}]} - - - - -"#),
        (typed("where", json!({"city": "Roma"})), r#"default 3 {"to": "a@b.c", "where": {"city": "Roma"}} - - - - -"#),
        (typed("any", json!(null)), r#"default 3 {"to": "a@b.c", "any": null} - - - - -"#),
    ]
}

const SHOWN: &str = "SELECT CASE WHEN j.unique_key = 'k' THEN 'k' ELSE concat_ws(' ', q.name, j.priority, j.args, coalesce(j.max_attempts::text, '-'),
    coalesce(j.timeout_ms::text, '-'), coalesce(j.tags::text, '-'), coalesce(j.ordering_key, '-'), coalesce(j.unique_key, '-')) END AS text
FROM millrace.jobs j JOIN millrace.queues q ON q.id = j.queue_id WHERE j.id = $1";

#[test]
fn what_is_described_is_what_is_written_by_either_door() {
    let (_db, mut conn) = stage();

    let all = Value::Array(taken().into_iter().map(|(job, _)| job).collect());
    let ids = enqueue_many(&mut conn, &all).unwrap();
    for ((job, wanted), row) in taken().iter().zip(&ids) {
        assert_eq!(text(&mut conn, SHOWN, JobId(row.id)), *wanted, "{job}");
    }
    for (job, wanted) in taken().iter().filter(|(job, _)| job["unique_key"].is_null()) {
        let id = enqueue_named(&mut conn, job).unwrap();
        assert_eq!(text(&mut conn, SHOWN, JobId(id)), *wanted, "{job}");
    }
    let counted = "SELECT sum(jobs)::bigint AS number FROM millrace.job_counts WHERE state = 'ready'";
    assert_eq!(number(&mut conn, counted), 29);
    assert_eq!(
        number(&mut conn, "SELECT count(*) AS number FROM millrace.ready WHERE seq = job_id AND attempt = 0"),
        29
    );
    let unlike = "SELECT count(*) AS number FROM millrace.ready r JOIN millrace.jobs j ON j.id = r.job_id
        WHERE (r.queue_id, r.template_id, r.priority, r.since) <> (j.queue_id, j.template_id, j.priority, j.created_at)";
    assert_eq!(number(&mut conn, unlike), 0);
}

#[test]
fn ids_rise_in_the_order_of_the_descriptions() {
    let (_db, mut conn) = stage();
    let jobs: Vec<Value> = (0..300)
        .map(|n| {
            let template = ["plain", "loose"][n % 2];
            json!({"template": template, "args": {"n": n}})
        })
        .collect();

    let ids: Vec<i64> = enqueue_many(&mut conn, &Value::Array(jobs)).unwrap().iter().map(|row| row.id).collect();

    assert!(ids.is_sorted(), "{ids:?}");
    let disordered = "SELECT count(*) AS number FROM (SELECT args ->> 'n' AS n, (row_number() OVER (ORDER BY id) - 1)::text AS place FROM millrace.jobs) AS x WHERE n <> place";
    assert_eq!(number(&mut conn, disordered), 0);
}

#[test]
fn what_is_not_due_waits_for_its_time() {
    let (_db, mut conn) = stage();

    enqueue_many(
        &mut conn,
        &json!([{"template": "plain", "delay_ms": 60_000}, {"template": "plain", "run_at": "2999-01-01T00:00:00Z"},
            {"template": "plain", "run_at": "2001-01-01T00:00:00Z"}, {"template": "plain", "delay_ms": 0}]),
    )
    .unwrap();
    enqueue_named(&mut conn, &json!({"template": "plain", "delay_ms": 60_000})).unwrap();
    enqueue_named(&mut conn, &json!({"template": "plain", "run_at": "2001-01-01T00:00:00Z"})).unwrap();

    let waiting = "SELECT count(*) AS number FROM millrace.scheduled s JOIN millrace.jobs j ON j.id = s.job_id AND j.run_at = s.run_at WHERE NOT s.retrying";
    assert_eq!(number(&mut conn, waiting), 3);
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.ready"), 3);
    let counted = "SELECT sum(jobs)::bigint AS number FROM millrace.job_counts WHERE state = 'scheduled'";
    assert_eq!(number(&mut conn, counted), 3);
}

#[test]
fn a_taken_unique_key_gives_its_owner() {
    let (_db, mut conn) = stage();
    let job = json!({"template": "plain", "unique_key": "k"});

    let rows = enqueue_many(&mut conn, &json!([job, {"template": "plain"}, job])).unwrap();

    assert!(!rows[0].existing && !rows[1].existing);
    assert_eq!(rows[2], Row { id: rows[0].id, existing: true });
    assert_eq!(enqueue_named(&mut conn, &job).unwrap(), rows[0].id);
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.jobs"), 2);
}

#[test]
fn a_new_queue_is_made_when_it_is_first_named() {
    let (_db, mut conn) = stage();

    enqueue_named(&mut conn, &json!({"template": "plain", "queue": "one"})).unwrap();
    enqueue_many(&mut conn, &json!([{"template": "plain", "queue": "two"}, {"template": "plain", "queue": "two"}]))
        .unwrap();

    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.queues WHERE name IN ('one', 'two')"), 2);
}

#[test]
fn the_waking_happens_unless_it_is_not_wanted() {
    use millrace::base::db::Listener;
    use std::time::Duration;
    let (db, mut conn) = stage();
    let mut ear = Listener::connect(db.url(), "millrace").unwrap();
    let mut heard = |conn: &mut PgConnection, sql: &str| {
        conn.batch_execute(sql).unwrap();
        ear.wait(-1, Duration::from_millis(300)).unwrap()
    };

    assert_eq!(heard(&mut conn, "SELECT millrace.enqueue('plain')"), ["ready"]);
    assert_eq!(heard(&mut conn, "SELECT millrace.enqueue_many('[{\"template\": \"plain\"}]')"), ["ready"]);
    assert!(heard(&mut conn, "SELECT millrace.enqueue('plain', notify => false)").is_empty());
    assert!(
        heard(&mut conn, "SELECT millrace.enqueue_many('[{\"template\": \"plain\"}]', notify => false)").is_empty()
    );
}

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
