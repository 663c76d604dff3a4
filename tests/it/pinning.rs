//! A job is pinned to the version it was checked against, whatever is published or archived meanwhile.

use diesel::connection::SimpleConnection;
use millrace::base::db::{DbError, PgConnection, transaction};
use millrace::queue::enqueue::{EnqueueError, NewJob, enqueue};
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{handler_template, number, wait_until};

/// A second version that is published and not active, and takes other arguments.
const SECOND: &str = r#"INSERT INTO millrace.template_versions (template_id, version, spec, author, published_at, published_by)
SELECT template_id, 2, spec || '{"params": {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}}}', 'test', now(), 'test'
FROM millrace.template_versions"#;
const PUBLISH: &str = "UPDATE millrace.templates SET active_version = 2";
const ARCHIVE: &str = "UPDATE millrace.templates SET state = 'archived'";
/// Jobs that wait for the unique key, past their checks.
const BLOCKED: &str =
    "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
const JOBS: &str = "SELECT count(*) AS number FROM millrace.jobs";

type Door = fn(&mut PgConnection) -> Result<(), DbError>;

fn by_enqueue(conn: &mut PgConnection) -> Result<(), DbError> {
    Ok(conn.batch_execute("SELECT millrace.enqueue('mail', unique_key => 'k')")?)
}

fn by_enqueue_many(conn: &mut PgConnection) -> Result<(), DbError> {
    Ok(conn.batch_execute(r#"SELECT millrace.enqueue_many('[{"template": "mail", "unique_key": "k"}]')"#)?)
}

fn by_rust(conn: &mut PgConnection) -> Result<(), DbError> {
    let job: NewJob = serde_json::from_value(json!({ "template": "mail", "unique_key": "k" })).unwrap();
    match transaction(conn, "test", |tx| enqueue(tx, "test", &[job])) {
        Ok(_) => Ok(()),
        Err(EnqueueError::Db(error)) => Err(error),
        Err(refused) => panic!("{refused}"),
    }
}

/// Makes `change` between the check of a job and its insertion.
fn race(door: Door, change: &str) -> (Result<(), DbError>, PgConnection, TestDb) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "mail", json!({}));
    conn.batch_execute(SECOND).unwrap();
    let mut owner = db.connect();
    owner.batch_execute("BEGIN; INSERT INTO millrace.unique_keys (key, job_id) VALUES ('k', 7)").unwrap();
    let mut caller = db.connect();
    let answer = std::thread::spawn(move || door(&mut caller));
    wait_until(|| number(&mut conn, BLOCKED) > 0).unwrap();
    conn.batch_execute(change).unwrap();
    owner.batch_execute("ROLLBACK").unwrap();
    (answer.join().unwrap(), conn, db)
}

#[test]
fn a_version_published_meanwhile_does_not_get_the_job() {
    for door in [by_enqueue, by_enqueue_many, by_rust] as [Door; 3] {
        let (answer, mut conn, _db) = race(door, PUBLISH);

        answer.unwrap();
        assert_eq!(number(&mut conn, JOBS), 1);
        assert_eq!(number(&mut conn, "SELECT version::bigint AS number FROM millrace.jobs"), 1);
    }
}

#[test]
fn a_template_archived_meanwhile_gets_no_job() {
    for door in [by_enqueue, by_enqueue_many, by_rust] as [Door; 3] {
        let (answer, mut conn, _db) = race(door, ARCHIVE);

        assert!(matches!(answer, Err(DbError::Conflict(_))), "{answer:?}");
        assert_eq!(number(&mut conn, JOBS), 0);
    }
}
