//! The SQL door: what it writes; its refusals and defaults stand beside.
mod conditions;
mod defaults;
mod joining;
mod refusals;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Bool, Jsonb, Nullable, Text};
use millrace::base::db::{DbError, PgConnection, statement};
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
        (json!({"template": "plain", "ordering_key": "o: 1"}), "default 3 {} - - - o: 1 -"),
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
    assert_eq!(number(&mut conn, counted), 31, "two of them ask for their turn");
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
