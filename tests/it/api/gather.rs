//! Requests for one job that come at the same time share a transaction; nobody notices but the database.

use std::sync::Barrier;
use std::thread;

use actix_web::rt::System;
use diesel::connection::SimpleConnection;
use futures_util::future::join_all;
use millrace::admin::jobs::gather::{Gathered, Gatherer};
use millrace::base::db::PgConnection;
use millrace::queue::enqueue::NewJob;
use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::Server;
use crate::support::TestDb;
use crate::support::stage::{handler_template, number, wait_until};

const JOBS: &str = "/api/v1/jobs";

#[test]
fn each_of_many_at_once_gets_its_own_answer() {
    let server = Server::start();
    let programs: Vec<_> = (0..2).map(|_| server.program(Role::Operator)).collect();
    let at_once = Barrier::new(12);

    thread::scope(|scope| {
        for n in 0..12 {
            let (program, at_once) = (&programs[n % 2], &at_once);
            scope.spawn(move || {
                at_once.wait();
                match n % 3 {
                    0 => {
                        let refusal = program.post(JOBS, &json!({"template": "demo.greet"})).refusal(422);
                        assert!(refusal.starts_with("/args/name"), "{refusal}");
                    }
                    1 => {
                        let job = json!({"template": "demo.any", "unique_key": "same"});
                        assert!([200, 201].contains(&program.post(JOBS, &job).status));
                    }
                    _ => {
                        let made = program.post(JOBS, &json!({"template": "demo.any", "args": {"n": n}})).expect(201);
                        assert_eq!(made["args"]["n"], n);
                        assert_eq!(program.get(&format!("{JOBS}/{}", made["id"])).expect(200), made);
                    }
                }
            });
        }
    });

    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.jobs"), 5);
    assert_eq!(server.number("SELECT count(DISTINCT enqueued_by) AS number FROM millrace.jobs WHERE args ? 'n'"), 2);
}

#[test]
fn a_job_for_later_is_told_as_one_that_is_read() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let job = json!({"template": "demo.any", "delay_ms": 60_000, "priority": 1, "queue": "later", "tags": ["a"],
        "max_attempts": 2, "timeout_ms": 1_000, "deadline": "2099-01-01T00:00:00Z"});

    let made = program.post(JOBS, &job).expect(201);

    assert_eq!((made["state"].as_str(), made["queue"].as_str()), (Some("scheduled"), Some("later")));
    assert_eq!(program.get(&format!("{JOBS}/{}", made["id"])).expect(200), made);
}

/// A database with a template, and a way to make everybody who enqueues wait.
fn blocked() -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "x", json!({}));
    conn.batch_execute("BEGIN; LOCK TABLE millrace.ready IN SHARE MODE").unwrap();
    (db, conn)
}

/// Enqueues `count` jobs at once and does `meanwhile` when the first of them wait for the lock.
fn gathered(db: &TestDb, count: usize, meanwhile: impl FnOnce() + Send) -> Vec<Gathered> {
    let gatherer = Gatherer::start(db.url()).unwrap();
    let job = || NewJob { template: "x".into(), args: json!({}), ..NewJob::default() };
    thread::scope(|scope| {
        let mut watch = db.connect();
        scope.spawn(move || {
            const WAITING: &str = "SELECT count(*) AS number FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'millrace jobs::gather'";
            wait_until(|| number(&mut watch, WAITING) == 1).expect("somebody waits for the lock");
            meanwhile();
        });
        System::new().block_on(join_all((0..count).map(|_| gatherer.enqueue("test".into(), job()))))
    })
}

#[test]
fn what_comes_while_one_transaction_is_under_way_is_the_next_one() {
    let (db, mut blocker) = blocked();

    let outcomes = gathered(&db, 20, || blocker.batch_execute("COMMIT").unwrap());

    assert!(outcomes.iter().all(|outcome| matches!(outcome, Gathered::Made(_))), "{outcomes:?}");
    let conn = &mut db.connect();
    assert_eq!(number(conn, "SELECT count(*) AS number FROM millrace.jobs"), 20);
    assert!(number(conn, "SELECT count(DISTINCT xmin::text) AS number FROM millrace.jobs") <= 2);
}

#[test]
fn who_meets_a_lock_lets_the_others_go_alone() {
    let (db, mut blocker) = blocked();

    let outcomes = gathered(&db, 3, || {});

    assert!(outcomes.iter().all(|outcome| matches!(outcome, Gathered::Alone)), "{outcomes:?}");
    blocker.batch_execute("ROLLBACK").unwrap();
    assert_eq!(number(&mut db.connect(), "SELECT count(*) AS number FROM millrace.jobs"), 0);
}
