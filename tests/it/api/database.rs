//! How the database is, for programs: what the duty saw.

use diesel::connection::SimpleConnection;
use millrace::admin::health::database::keep;
use millrace::queue::permission::Role;
use serde_json::Value;

use super::stage::Server;
use crate::support::stage::number;

const PATH: &str = "/api/v1/health/database";

fn codes(answer: &Value) -> Vec<&str> {
    answer["warnings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect()
}

#[test]
fn nothing_is_told_before_anybody_has_looked() {
    let server = Server::start();

    let answer = server.program(Role::Operator).get(PATH).expect(200);

    assert_eq!(
        (&answer["sample"], &answer["warnings"], &answer["course"]),
        (&Value::Null, &Value::Array(vec![]), &Value::Array(vec![]))
    );
    assert!(!server.stranger().get("/metrics").text.contains("millrace_database_"));
}

#[test]
fn one_node_looks_and_everybody_reads_what_it_saw() {
    let server = Server::start();
    let mut conn = server.db.connect();
    server.run("INSERT INTO millrace.nodes (name, version, claims, claim_p50_us, claim_p99_us) VALUES ('n1', '1', 60, 400, 2500)");

    assert_eq!((keep(&mut conn).unwrap(), keep(&mut conn).unwrap()), (1, 0), "the second comes too soon");

    let answer = server.program(Role::Auditor).get(PATH).expect(200);
    let sample = &answer["sample"];
    assert_eq!(sample["claims"][0]["p99_ms"], 2.5);
    assert!(sample["tables"].as_array().unwrap().iter().any(|table| table["name"] == "ready"));
    assert_eq!(sample["partitions"][0]["ids_ahead"], 4_999_999);
    assert!(sample["connections"]["used"].as_i64().unwrap() >= 1);
    assert_eq!(answer["course"].as_array().unwrap().len(), 1);
    assert!(codes(&answer).contains(&"durability"), "the cluster of tests is not durable, and says so");
    let metrics = server.stranger().get("/metrics").text;
    for line in [
        "millrace_node_claim_seconds{node=\"n1\",quantile=\"0.99\"} 0.0025",
        "millrace_database_dead_rows{table=\"ready\"} ",
        "millrace_database_warning{code=\"durability\"} 1",
        "millrace_database_ids_ahead{table=\"history\"} 4999999",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    server.program(Role::Viewer).get(PATH).expect(403);
}

#[test]
fn whoever_holds_a_snapshot_or_forgot_a_prepared_transaction_is_named() {
    let server = Server::start();
    let mut holder = server.db.connect();
    holder
        .batch_execute("SET application_name = 'nightly report'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        .unwrap();

    keep(&mut server.db.connect()).unwrap();

    let answer = server.program(Role::Operator).get(PATH).expect(200);
    let found = answer["sample"]["holders"].as_array().unwrap();
    let named = found.iter().find(|one| one["application"] == "nightly report").unwrap();
    assert_eq!((&named["kind"], &named["state"]), (&"session".into(), &"idle in transaction".into()));
    assert!(named["pid"].as_i64().is_some() && named["since"].as_str().is_some());
    assert!(!codes(&answer).contains(&"snapshot"), "it is young");
    // an hour later nothing else has changed
    server.run("UPDATE millrace.health_now SET sample = jsonb_set(sample, '{holders,0,since}', to_jsonb(now() - interval '1 hour'))");
    let answer = server.program(Role::Operator).get(PATH).expect(200);
    assert!(codes(&answer).contains(&"snapshot"), "{answer}");
}

#[test]
fn the_runtime_role_sees_the_sessions_of_others() {
    let server = Server::start();
    let mut holder = server.db.connect();
    holder
        .batch_execute("SET application_name = 'somebody else'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        .unwrap();
    let mut conn = server.db.connect();

    conn.batch_execute("SET ROLE millrace_app").unwrap();
    keep(&mut conn).unwrap();

    let answer = server.program(Role::Operator).get(PATH).expect(200);
    let names =
        |list: &Value| list.as_array().unwrap().iter().map(|one| one["application"].clone()).collect::<Vec<_>>();
    assert!(names(&answer["sample"]["holders"]).contains(&"somebody else".into()), "{answer}");
    assert!(names(&answer["sample"]["connections"]["by_application"]).contains(&"somebody else".into()));
}

#[test]
fn the_course_is_forgotten_after_an_hour() {
    let server = Server::start();
    let mut conn = server.db.connect();
    server.run("INSERT INTO millrace.health_samples (at, snapshot_age_ms, dead_rows, connections) VALUES (now() - interval '61 minutes', 0, 0, 1), (now() - interval '59 minutes', 0, 0, 1)");

    keep(&mut conn).unwrap();

    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.health_samples"), 2);
}
