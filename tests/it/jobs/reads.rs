use diesel::connection::SimpleConnection;
use millrace::admin::jobs::{Cursor, attempts, list, rows_of};
use millrace::queue::actor::Scope;
use millrace::queue::job::JobId;
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{asked, enqueue, enqueue_many, handler_template, template};

#[test]
fn a_list_and_the_rows_of_its_jobs_say_the_same() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "done", json!({}));
    let mut jobs = enqueue_many(&mut conn, "done", 5);
    jobs.sort_unstable();

    for filter in [asked(""), asked("n"), asked("queue:default")] {
        let page = list(&mut conn, &Scope::default(), &filter, Cursor::Newest, 3).unwrap();
        let again = rows_of(&mut conn, &Scope::default(), &jobs[2..]).unwrap();
        let shown = |rows: &[millrace::admin::jobs::JobRow]| {
            rows.iter()
                .map(|row| (row.id, row.state(), row.at, row.max_attempts, row.queue.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(&page.rows), shown(&again), "{filter:?}");
        assert!(page.older.is_some() && page.edge.is_none());
    }
}

#[test]
fn a_search_tells_nothing_of_secret_arguments() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let login = json!({ "type": "object", "properties": { "user": { "type": "string" },
        "login": { "type": "object", "properties": { "key": { "type": "string", "secret": true } } } } });
    let open =
        json!({ "type": "object", "properties": { "secret": { "type": "string" }, "user": { "type": "string" } } });
    for (name, params) in [("call", login), ("greet", open)] {
        let defaults = json!({ "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 });
        let handler =
            json!({ "runner": "handler", "handler": { "name": name }, "params": params, "defaults": defaults });
        template(&mut conn, name, handler);
    }
    enqueue(&mut conn, "call", json!({ "user": "ada", "login": { "key": "hunter2" } }));
    let shown = enqueue(&mut conn, "greet", json!({ "user": "ada", "secret": "of nobody" }));
    let mut found = |text: &str| -> Vec<JobId> {
        let filter = asked(&format!("\"{text}\""));
        let page = list(&mut conn, &Scope::default(), &filter, Cursor::Newest, 10).unwrap();
        page.rows.iter().map(|row| row.id).collect()
    };

    assert_eq!(found("hunter"), []);
    assert_eq!(found("ada"), [shown]);
    assert_eq!(found("of nobody"), [shown]);
    assert_eq!(found("call").len(), 1, "names are searched all the same");
}

#[test]
fn of_very_many_attempts_the_newest_are_shown_in_their_order() {
    const TRIED: &str = "INSERT INTO millrace.attempts (job_id, number, fence, finished_at, outcome, counted)
        SELECT min(id), 1, n, now(), 'snoozed', false FROM millrace.jobs, generate_series(1, 250) AS n GROUP BY n";
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "noop", json!({}));
    let job = enqueue(&mut conn, "noop", json!({}));
    conn.batch_execute(TRIED).unwrap();

    let fences: Vec<i64> = attempts(&mut conn, job).unwrap().iter().map(|attempt| attempt.fence.0).collect();

    assert_eq!(fences, (51..=250).collect::<Vec<_>>());
}
