//! What the dashboard shows to whom.

use diesel::connection::SimpleConnection;
use millrace::admin::dashboard::{Span, failing, flow, queues, steps, totals};
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::PgConnection;
use millrace::queue::actor::Scope;
use millrace::queue::counts;
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::handler_template;

/// Queue `mail` with a running and a failed job tagged `eu`, queue `exports` with the like without tags.
const JOBS: &str = "SELECT millrace.enqueue_many('[{\"template\": \"mail\", \"tags\": [\"eu\"]}, {\"template\": \"mail\", \"tags\": [\"eu\"]},
    {\"template\": \"export\"}, {\"template\": \"export\"}]');
INSERT INTO millrace.leases (node_id, epoch, job_ids, attempts, started_at)
    SELECT 1, 1, ARRAY[job_id], '{1}', now() - template_id * interval '1 hour' FROM millrace.ready WHERE job_id % 2 = 0;
INSERT INTO millrace.attempts (job_id, number, fence, finished_at, outcome, counted, error, fingerprint)
    SELECT job_id, 1, job_id, now(), 'failed', true, 'broken ' || template_id, template_id FROM millrace.ready WHERE job_id % 2 = 1;
INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, enqueued, succeeded, failed)
    SELECT 60, date_trunc('minute', now()), id, id, 1, 5, 3, 2 FROM millrace.queues WHERE name <> 'default'";

fn stage() -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "mail", json!({ "queue": "mail" }));
    handler_template(&mut conn, "export", json!({ "queue": "exports" }));
    conn.batch_execute(JOBS).unwrap();
    counts::fold(&mut conn).unwrap();
    (db, conn)
}

fn scope(queues: &[&str], tags: &[&str]) -> Scope {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Scope { queues: owned(queues), tags: owned(tags) }
}

fn names(conn: &mut PgConnection, scope: &Scope) -> Vec<String> {
    let mut names: Vec<String> = queues(conn, scope).unwrap().into_iter().map(|line| line.name).collect();
    names.retain(|name| name != "default");
    names.sort();
    names
}

fn messages(conn: &mut PgConnection, scope: &Scope) -> Vec<String> {
    let mut messages: Vec<String> = failing(conn, scope, 10).unwrap().into_iter().map(|group| group.message).collect();
    messages.sort();
    messages
}

#[test]
fn whoever_is_limited_to_tags_sees_no_queue_and_only_their_failures() {
    let (_db, mut conn) = stage();
    let (tagged, now) = (scope(&[], &["eu"]), SystemClock.now());

    let all = flow(&mut conn, &tagged).unwrap();
    assert_eq!((all.all, all.ready, all.failed_last_hour, all.oldest_start), (0, 0, 0, None));
    assert_eq!(names(&mut conn, &tagged), Vec::<String>::new());
    assert_eq!(steps(&mut conn, &tagged, Span::Hour, now).unwrap(), []);
    assert_eq!(totals(&mut conn, &tagged, Span::Hour, now).unwrap().succeeded, 0);
    assert_eq!(messages(&mut conn, &tagged), ["broken 1"]);
}

#[test]
fn whoever_is_limited_to_a_queue_sees_that_one() {
    let (_db, mut conn) = stage();
    let (mail, everything) = (scope(&["mail"], &[]), Scope::default());

    assert_eq!(names(&mut conn, &mail), ["mail"]);
    assert_eq!(names(&mut conn, &everything), ["exports", "mail"]);
    assert_eq!(messages(&mut conn, &mail), ["broken 1"]);
    assert_eq!(messages(&mut conn, &everything), ["broken 1", "broken 2"]);
    let (of_mail, of_all) = (flow(&mut conn, &mail).unwrap(), flow(&mut conn, &everything).unwrap());
    assert_eq!((of_mail.all, of_all.all), (2, 4));
    // the older start is that of an export
    assert!(of_mail.oldest_start > of_all.oldest_start && of_all.oldest_start.is_some());
}

#[test]
fn totals_of_very_many_rows_leave_out_the_oldest() {
    const ROWS: &str = "INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, failed)
    SELECT 60, date_trunc('minute', now()) - interval '30 minutes', 1, 1, n, 1 FROM generate_series(1, 50000) AS n;
INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, succeeded)
    SELECT 60, date_trunc('minute', now()), 1, 1, 1, 7";
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(ROWS).unwrap();
    let queue = "SELECT id::bigint AS number FROM millrace.queues WHERE name = 'default'";
    assert_eq!(crate::support::stage::number(&mut conn, queue), 1);

    let found = totals(&mut conn, &Scope::default(), Span::Hour, SystemClock.now()).unwrap();

    assert_eq!((found.succeeded, found.failed), (7, 49_999));
}
