//! `POST /api/v1/jobs`: what is accepted, and every refusal at its place with nothing half done.

use millrace::queue::permission::Role;
use serde_json::{Value, json};

use super::stage::Server;

const JOBS: &str = "/api/v1/jobs";
const COUNT: &str = "SELECT count(*) AS number FROM millrace.jobs";

#[test]
fn the_sentence_about_a_refused_job_names_the_field() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    let told = program.post(JOBS, &json!({"template": "demo.greet"})).expect(422);

    assert_eq!(
        (&told["detail"], &told["errors"][0]["pointer"]),
        (&json!("args.name is missing"), &json!("/args/name"))
    );
}

#[test]
fn a_job_is_answered_with_all_its_fields() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let wanted = json!({"template": "demo.greet", "args": {"name": "Ada", "key": "s3cret"}, "queue": "mail", "priority": 2,
        "run_at": "2030-01-01T01:00:00+01:00", "unique_key": "u", "tags": ["vip"], "max_attempts": 7,
        "timeout_ms": 5000, "deadline": "2031-01-01T00:00:00Z"});

    let answer = program.post(JOBS, &wanted);

    let job = answer.expect(201);
    assert_eq!(answer.header("location"), format!("/api/v1/jobs/{}", job["id"]));
    for (field, value) in [
        ("template", json!("demo.greet")),
        ("version", json!(1)),
        ("state", json!("scheduled")),
        ("queue", json!("mail")),
        ("priority", json!(2)),
        ("args", json!({"name": "Ada", "key": "••••"})),
        ("tags", json!(["vip"])),
        ("attempt", json!(0)),
        ("max_attempts", json!(7)),
        ("timeout_ms", json!(5000)),
        ("run_at", json!("2030-01-01T00:00:00Z")),
        ("deadline", json!("2031-01-01T00:00:00Z")),
        ("unique_key", json!("u")),
        ("ordering_key", json!(null)),
    ] {
        assert_eq!(job[field], value, "{field}");
    }
    for field in ["fence", "started_at", "finished_at", "parent", "schedule", "occurrence", "run", "step", "progress"] {
        assert_eq!(job.get(field), Some(&Value::Null), "{field}");
    }
    for field in ["output", "error", "node"] {
        assert_eq!(job.get(field), Some(&Value::Null), "{field}");
    }
    assert!(job["enqueued_by"].as_str().unwrap().ends_with("(token ci)"));
}

#[test]
fn a_taken_unique_key_gives_the_job_that_has_it() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let wanted = json!({"template": "demo.any", "unique_key": "nightly"});

    let first = program.post(JOBS, &wanted).expect(201);
    let second = program.post(JOBS, &wanted).expect(200);

    assert_eq!(first["id"], second["id"]);
    assert_eq!(server.number(COUNT), 1);
}

#[test]
fn every_refusal_names_its_place() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    server.run("INSERT INTO millrace.templates (name, created_by) VALUES ('demo.draft', 'test')");
    server.run(
        "INSERT INTO millrace.template_versions (template_id, version, spec, author)
        SELECT template_id, 2, spec, 'test' FROM millrace.template_versions JOIN millrace.templates t ON t.id = template_id WHERE t.name = 'demo.any'",
    );
    let any = |more: Value| {
        let mut job = json!({"template": "demo.any"});
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        job
    };

    for (job, refusal) in [
        (json!({}), "/template: template is required"),
        (json!([]), ": must be an object, not a list"),
        (json!({"template": "demo.none"}), "/template: there is no template called \"demo.none\""),
        (json!({"template": "Demo"}), "/template: a template's name may hold only"),
        (json!({"template": "demo.draft"}), "/template: the template \"demo.draft\" is draft"),
        (any(json!({"version": 2})), "/version: version 2 of \"demo.any\" was never published"),
        (any(json!({"version": 9})), "/version: the template \"demo.any\" has no version 9"),
        (any(json!({"wait": 1})), "/wait: \"wait\" is not a field here"),
        (any(json!({"depends_on": [1]})), "/depends_on: \"depends_on\" is not a field here"),
        (any(json!({"priority": 0})), "/priority: priority goes from 1 (highest) to 5"),
        (any(json!({"priority": "high"})), "/priority: priority must be a whole number"),
        (any(json!({"delay_ms": -1})), "/delay_ms: delay_ms must be a whole number from 0 to 31536000000, not -1"),
        (any(json!({"delay_ms": 5, "run_at": "2030-01-01T00:00:00Z"})), "/delay_ms: give run_at or delay_ms, not both"),
        (any(json!({"run_at": "+200000-01-01T00:00:00Z"})), "/run_at: run_at must be a time"),
        (any(json!({"deadline": "tomorrow"})), "/deadline: deadline must be a time"),
        (any(json!({"queue": "Mail Queue"})), "/queue: a queue's name may hold only"),
        (any(json!({"tags": ["a b"]})), "/tags/0: \"a b\" is no tag"),
        (any(json!({"tags": "a"})), "/tags: tags must be a list of texts"),
        (any(json!({"unique_key": ""})), "/unique_key: unique_key has 1 to 255 characters"),
        (any(json!({"unique_for_ms": 5})), "/unique_for_ms: unique_for_ms needs a unique_key"),
        (any(json!({"max_attempts": 101})), "/max_attempts: max_attempts goes from 1 to 100"),
        (any(json!({"timeout_ms": 1})), "/timeout_ms: timeout_ms goes from 100"),
        (any(json!({"args": 7})), "/args: the arguments must be a JSON object"),
        (any(json!({"args": {"text": "x".repeat(256 * 1024)}})), "/args: the arguments are larger than 256 KiB"),
        (json!({"template": "demo.greet"}), "/args/name: args.name is missing"),
        (json!({"template": "demo.greet", "args": {"name": "x".repeat(21)}}), "/args/name: "),
        (json!({"template": "demo.greet", "args": {"name": "x", "odd": 1}}), "/args/odd: args.odd "),
    ] {
        let told = program.post(JOBS, &job).refusal(422);
        assert!(told.starts_with(refusal), "{told}\ninstead of {refusal}");
    }
    assert_eq!(server.number(COUNT), 0);
    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.queues WHERE name <> 'default'"), 0);
}

#[test]
fn all_faults_of_a_job_are_told_at_once() {
    let server = Server::start();

    let answer = server.program(Role::Operator).post(JOBS, &json!({"template": 1, "priority": "x", "odd": 2}));

    let errors = answer.expect(422)["errors"].as_array().unwrap().len();
    assert_eq!(errors, 3);
}

#[test]
fn bytes_that_are_no_document_are_told_with_their_place() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let args = |inside: &str| format!("{{\"template\":\"demo.any\",\"args\":{inside}}}");
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));

    for (body, status, refusal) in [
        (b"".to_vec(), 422, "/template: template is required"),
        (b"{".to_vec(), 400, "The contents are not JSON: EOF while parsing an object (line 1, byte "),
        (b"{\"template\":\n\"demo.any\",}".to_vec(), 400, "The contents are not JSON: trailing comma (line 2, byte "),
        (b"{\"template\":\"\xff\xfe\"}".to_vec(), 400, "The contents are not valid UTF-8 (line 1, byte 13)."),
        (b"{\"template\":\"demo\0any\"}".to_vec(), 400, "The contents are not JSON: control character"),
        (args(r#"{"a":["b\u0000c"]}"#).into(), 422, "/args/a/0: The contents hold the character \\u0000"),
        (args(r#"{"a\u0000":1}"#).into(), 422, "/args"),
        (
            br#"{"template":"demo.any","unique_key":"a\u0000"}"#.to_vec(),
            422,
            "/unique_key: The contents hold the character",
        ),
        (args(r#"{"n":123456789012345678901234567890}"#).into(), 422, "/args/n: The contents hold 1234567890"),
        (args(r#"{"n":1e999}"#).into(), 422, "/args/n: The contents hold 1e999"),
        (args(&nested(65)).into(), 422, "/args/a/0/0/0"),
        (args(&nested(256)).into(), 422, "/args/a/0/0/0"),
        (args(&"[".repeat(500_000)).into(), 422, "/args/0/0/0"),
    ] {
        let told = program.post_text(JOBS, &body).refusal(status);
        assert!(told.starts_with(refusal), "{told}\ninstead of {refusal}");
    }
    assert!(program.post_text(JOBS, args(&nested(65)).as_bytes()).refusal(422).ends_with("nested more than 64 deep"));
    assert_eq!(server.number(COUNT), 0);

    program.post_text(JOBS, args(&nested(64)).as_bytes()).expect(201);
    let largest = json!({"template": "demo.any", "args": {"t": "x".repeat(256 * 1024 - 8)}});
    program.post(JOBS, &largest).expect(201);
}

#[test]
fn a_body_over_one_mebibyte_is_refused() {
    let server = Server::start();
    let space = format!("{{\"template\":\"demo.any\"{}}}", " ".repeat(1 << 20));

    assert_eq!(server.program(Role::Operator).post_text(JOBS, space.as_bytes()).status, 413);
    assert_eq!(server.number(COUNT), 0);
}

#[test]
fn numbers_keep_every_digit() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let body =
        r#"{"template":"demo.any","args":{"big":18446744073709551615,"small":-9223372036854775808,"third":0.1}}"#;

    let job = program.post_text(JOBS, body.as_bytes()).expect(201);

    assert_eq!(job["args"].to_string(), r#"{"big":18446744073709551615,"small":-9223372036854775808,"third":0.1}"#);
}
