//! Counts are exact while folds begin behind what was folded, whatever has not been committed yet.

use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use millrace::base::db::PgConnection;
use millrace::queue::claim::{Want, fronts};
use millrace::queue::counts::{self, Folder};
use millrace::queue::horizon::Horizon;
use millrace::queue::job::QueueId;
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{handler_template, number, wait_until};

/// A little more than the time between two looks at how far numbers are settled.
const LOOK: Duration = Duration::from_millis(1_050);

/// Deltas of other jobs, each a row.
const OTHERS: &str = "INSERT INTO millrace.state_deltas (queue_id, template_id, entered_state, jobs)
    SELECT q.id, t.id, 'held', 1 FROM millrace.queues q, millrace.templates t, generate_series(1, 12000) WHERE q.name = 'default'";

fn ready(conn: &mut PgConnection) -> i64 {
    let all = counts::read(conn).unwrap();
    all.iter().filter(|count| count.state.as_str() == "ready").map(|count| count.jobs).sum()
}

fn fold_and_look(folder: &mut Folder, conn: &mut PgConnection, times: usize) {
    for _ in 0..times {
        while folder.fold(conn).unwrap() > 0 {}
        thread::sleep(LOOK);
    }
}

#[test]
fn folds_pass_nothing_that_is_still_to_be_committed_and_then_begin_behind_it() {
    let db = TestDb::new();
    let (mut conn, mut late) = (db.connect(), db.connect());
    handler_template(&mut conn, "noop", json!({}));
    let mark = "SELECT states_above AS number FROM millrace.folds";
    let mut folder = Folder::default();
    late.batch_execute("BEGIN; SELECT millrace.enqueue('noop')").unwrap();
    conn.batch_execute(OTHERS).unwrap();

    fold_and_look(&mut folder, &mut conn, 4);
    assert_eq!(number(&mut conn, mark), 0, "somebody may still come below");
    assert_eq!(ready(&mut conn), 0);

    late.batch_execute("COMMIT").unwrap();
    assert_eq!(ready(&mut conn), 1, "counted before it is folded");
    fold_and_look(&mut folder, &mut conn, 4);
    assert!(number(&mut conn, mark) > 10_000, "folds begin behind what was folded");
    assert_eq!(ready(&mut conn), 1, "and after it");

    conn.batch_execute("SELECT millrace.enqueue('noop')").unwrap();
    assert_eq!(ready(&mut conn), 2);
    fold_and_look(&mut folder, &mut conn, 1);
    assert_eq!(ready(&mut conn), 2);
    let held = counts::read(&mut conn)
        .unwrap()
        .iter()
        .filter(|count| count.state.as_str() == "held")
        .map(|count| count.jobs)
        .sum::<i64>();
    assert_eq!(held, 12_000);
    let waiting = "SELECT count(*) AS number FROM millrace.state_deltas";
    assert_eq!(number(&mut conn, waiting), 0, "all is folded");
}

#[test]
fn whoever_waits_for_a_key_with_a_number_in_hand_is_seen() {
    let db = TestDb::new();
    let (mut conn, mut first) = (db.connect(), db.connect());
    handler_template(&mut conn, "noop", json!({}));
    first.batch_execute("BEGIN; SELECT millrace.enqueue('noop', unique_key => 'k')").unwrap();
    let mut second = db.connect();
    let waiting = thread::spawn(move || {
        second
            .batch_execute("SET application_name = 'second'; SELECT millrace.enqueue('noop', unique_key => 'k')")
            .unwrap();
    });

    let seen = "SELECT count(*) AS number FROM pg_stat_activity WHERE application_name = 'second' AND wait_event_type = 'Lock' AND backend_xid IS NOT NULL";
    wait_until(|| number(&mut conn, seen) == 1).expect("its transaction id holds horizons back");

    first.batch_execute("ROLLBACK").unwrap();
    waiting.join().unwrap();
}

#[test]
fn a_commit_that_stalls_is_not_passed_even_when_nobody_ends_meanwhile() {
    let db = TestDb::new();
    let (mut conn, mut late) = (db.connect(), db.connect());
    let mut horizon = Horizon::default();
    let mut look = || horizon.look(fronts(&mut conn, &[Want::from_start(QueueId(1), 1)]).unwrap().unwrap().0);
    late.batch_execute("BEGIN; SELECT pg_current_xact_id()").unwrap();
    let drawn = number(&mut late, "SELECT nextval('millrace.job_seq') AS number");

    let passed = (0..10).map(|_| look()).max();
    assert!(passed < Some(drawn), "{passed:?} is behind {drawn}, which is still to be committed");

    late.batch_execute("COMMIT").unwrap();
    wait_until(|| look() >= drawn).expect("what has ended is passed");
}
