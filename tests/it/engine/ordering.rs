//! Jobs of an ordering key run one at a time, in the order in which they were committed (G10).

use std::collections::HashMap;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz};
use millrace::admin::jobs::{self, Reason};
use millrace::base::clock::{Clock, SystemClock, Time};
use millrace::base::db::{PgConnection, statement, transaction};
use millrace::queue::actor::Scope;
use millrace::queue::claim::{Want, claim};
use millrace::queue::control;
use millrace::queue::enqueue::{self as door, NewJob};
use millrace::queue::job::{JobId, QueueId};
use millrace::queue::limits::{Cursor, look};
use millrace::queue::sweep::{self, BadLeases};
use millrace::queue::turns;
use millrace::queue::work::{Ended, Failure, Handler, JobContext, Outcome, Registry};
use serde_json::{Value, json};

use crate::support::TestDb;
use crate::support::stage::{
    TestEngine, enqueue, handler_template, number, register_node, state, template, wait_for, wait_until,
};

/// Notes what ran in which order, and whether two of a key ever ran at once. Every fifth job fails once.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    now: HashMap<String, usize>,
    overlaps: Vec<i64>,
    done: HashMap<String, Vec<i64>>,
}

impl Handler for Recorder {
    fn run(&self, job: &JobContext) -> Ended {
        let args = job.args();
        let (key, n) = (args["key"].as_str().unwrap_or("-").to_owned(), job.job().0);
        {
            let mut seen = self.0.lock().unwrap();
            let now = seen.now.entry(key.clone()).or_default();
            *now += 1;
            if *now > 1 {
                seen.overlaps.push(n);
            }
        }
        let ended = job.sleep(Duration::from_millis(args["ms"].as_u64().unwrap_or(1)));
        let mut seen = self.0.lock().unwrap();
        *seen.now.get_mut(&key).unwrap() -= 1;
        ended?;
        if n % 5 == 0 && job.attempt() == 1 {
            return Err(Failure::new("the first attempt fails"));
        }
        seen.done.entry(key).or_default().push(n);
        Ok(Outcome::Done)
    }
}

fn engine(db: &TestDb, node: &str, recorder: &Recorder) -> TestEngine {
    TestEngine::start_as(db, node, Registry::default().with_handler("ordered", recorder.clone()))
}

fn ordered(conn: &mut PgConnection, key: &str, ms: u64) -> JobId {
    ordered_at(conn, key, ms, None)
}

fn ordered_at(conn: &mut PgConnection, key: &str, ms: u64, run_at: Option<Time>) -> JobId {
    let sql = "SELECT millrace.enqueue('ordered', $1, ordering_key => $2, run_at => $3)";
    let rows = statement(sql)
        .bind::<Jsonb, _>(json!({ "key": key, "ms": ms }))
        .bind::<Text, _>(key)
        .bind::<Nullable<Timestamptz>, _>(run_at)
        .tuples::<BigInt, i64>(conn);
    JobId(rows.unwrap()[0])
}

fn nothing_is_left(conn: &mut PgConnection) {
    assert_eq!(number(conn, "SELECT count(*) AS number FROM millrace.turns"), 0);
    assert_eq!(number(conn, "SELECT count(*) AS number FROM millrace.gated"), 0);
}

#[test]
fn jobs_of_a_key_run_one_at_a_time_in_the_order_of_commits() {
    const EACH: usize = 60;
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "ordered", json!({}));
    conn.batch_execute("CREATE TABLE commits (n bigserial, key text, job bigint)").unwrap();
    let recorder = Recorder::default();
    let _engines = [engine(&db, "one", &recorder), engine(&db, "two", &recorder)];

    let begin = Barrier::new(4);
    thread::scope(|scope| {
        for writer in 0..4 {
            let (begin, db) = (&begin, &db);
            scope.spawn(move || {
                let mut conn = db.connect();
                begin.wait();
                for n in 0..EACH {
                    let key = ["a", "b", "c"][(n + writer) % 3];
                    conn.batch_execute("BEGIN").unwrap();
                    let job = ordered(&mut conn, key, 1);
                    // the last thing before the commit: what was drawn first was committed first, if the key is locked till then
                    let note = format!("INSERT INTO commits (key, job) VALUES ('{key}', {job}); COMMIT");
                    conn.batch_execute(&note).unwrap();
                }
            });
        }
    });
    let done = "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'";
    // sixteen of a key are tried again, one after another: were each found by the mover's look only, they would take 16 s and more
    wait_until(|| number(&mut conn, done) == 4 * EACH as i64).unwrap();

    let seen = recorder.0.lock().unwrap();
    assert_eq!(seen.overlaps, [0; 0]);
    for key in ["a", "b", "c"] {
        let sql = "SELECT job FROM commits WHERE key = $1 ORDER BY n";
        let committed = statement(sql).bind::<Text, _>(key).tuples::<BigInt, i64>(&mut conn).unwrap();
        assert_eq!(seen.done[key], committed, "key {key}");
    }
    nothing_is_left(&mut conn);
}

#[test]
fn a_caller_who_has_not_committed_holds_up_later_callers_of_the_key_and_nobody_else() {
    let db = TestDb::new();
    let (mut conn, mut first) = (db.connect(), db.connect());
    handler_template(&mut conn, "ordered", json!({}));
    let recorder = Recorder::default();
    let _engine = engine(&db, "one", &recorder);
    let running = ordered(&mut conn, "a", 300);
    wait_for(&mut conn, running, "running");
    first.batch_execute("BEGIN").unwrap();
    let early = ordered(&mut first, "a", 1);

    let late = thread::scope(|scope| {
        let late = scope.spawn(|| ordered(&mut db.connect(), "a", 1));
        let waits = "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        wait_until(|| number(&mut conn, waits) == 1).unwrap();
        wait_for(&mut conn, running, "succeeded"); // the end of a job waits for no caller
        let other = ordered(&mut conn, "b", 1);
        wait_for(&mut conn, other, "succeeded");
        assert!(!late.is_finished());
        first.batch_execute("COMMIT").unwrap();
        late.join().unwrap()
    });

    wait_for(&mut conn, late, "succeeded");
    assert_eq!(recorder.0.lock().unwrap().done["a"], [running.0, early.0, late.0]);
    nothing_is_left(&mut conn);
}

#[test]
fn many_jobs_of_one_call_keep_its_order_whatever_their_unique_keys_and_priorities_are() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "ordered", json!({}));
    let jobs: Vec<NewJob> = (0..40)
        .map(|n| NewJob {
            template: "ordered".into(),
            args: json!({ "key": "a" }),
            priority: Some(5 - (n % 5) as i16),
            ordering_key: Some("a".repeat(255)),
            unique_key: (n % 2 == 0).then(|| format!("u{}", 100 - n)), // their ids are drawn in the order of these
            ..NewJob::default()
        })
        .collect();

    let made = transaction(&mut conn, "test", |tx| door::enqueue(tx, "test", &jobs)).unwrap();
    let recorder = Recorder::default();
    let _engine = engine(&db, "one", &recorder);

    let done = "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'";
    wait_until(|| number(&mut conn, done) == 40).unwrap();
    let wanted: Vec<i64> = made.iter().map(|job| job.id.0).collect();
    assert_eq!(recorder.0.lock().unwrap().done["a"], wanted);
    nothing_is_left(&mut conn);
}

#[test]
fn whoever_has_the_turn_keeps_it_while_it_is_held_or_waits_for_its_time() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "ordered", json!({}));
    let recorder = Recorder::default();
    let _engine = engine(&db, "one", &recorder);
    let later = SystemClock.now() + chrono::TimeDelta::milliseconds(700);
    let first = ordered_at(&mut conn, "a", 1, Some(later));
    let [second, third] = [(); 2].map(|()| ordered(&mut conn, "a", 1));
    transaction(&mut conn, "test", |tx| control::hold(tx, second, "ada", None)).unwrap();

    wait_for(&mut conn, first, "succeeded");
    wait_for(&mut conn, third, "gated"); // held, the second still has the turn
    let waits = explained(&mut conn, third);
    transaction(&mut conn, "test", |tx| control::set_priority(tx, third, 1)).unwrap();
    turns::answer(&mut conn).unwrap();
    assert_eq!(state(&mut conn, third), "gated", "no priority goes before a turn");
    transaction(&mut conn, "test", |tx| control::release(tx, second, "ada", SystemClock.now())).unwrap();

    wait_for(&mut conn, third, "succeeded");
    assert_eq!(
        waits,
        [Reason::Turn { key: "a".into(), holder: Some(second.0), holder_state: Some("held".into()), position: 1 }]
    );
    assert_eq!(recorder.0.lock().unwrap().done["a"], [first.0, second.0, third.0]);
    nothing_is_left(&mut conn);
}

fn explained(conn: &mut PgConnection, job: JobId) -> Vec<Reason> {
    let detail = jobs::detail(conn, &Scope::default(), job).unwrap().unwrap();
    jobs::explain(conn, &detail).unwrap().reasons
}

#[test]
fn cancelling_one_in_the_middle_or_the_one_that_has_the_turn_lets_the_next_in() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "ordered", json!({}));
    let recorder = Recorder::default();
    let _engine = engine(&db, "one", &recorder);
    let holder = ordered(&mut conn, "a", 15_000);
    wait_for(&mut conn, holder, "running");
    let [middle, last] = [(); 2].map(|()| ordered(&mut conn, "a", 1));
    [middle, last].into_iter().for_each(|job| wait_for(&mut conn, job, "gated"));

    transaction(&mut conn, "test", |tx| control::cancel(tx, middle, "ada", None)).unwrap();
    transaction(&mut conn, "test", |tx| control::cancel(tx, holder, "ada", None)).unwrap();

    wait_for(&mut conn, last, "succeeded");
    assert_eq!([holder, middle].map(|job| state(&mut conn, job)), ["cancelled", "cancelled"]);
    transaction(&mut conn, "test", |tx| control::reopen(tx, middle)).unwrap();
    wait_until(|| turns::answer(&mut conn).is_ok() && state(&mut conn, middle) == "succeeded").unwrap();
    nothing_is_left(&mut conn);
}

#[test]
fn the_job_of_a_lost_node_runs_again_before_the_next_of_its_key() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "ordered", json!({}));
    let [first, second] = [(); 2].map(|()| ordered(&mut conn, "a", 1));
    turns::answer(&mut conn).unwrap();
    let dead = register_node(&mut conn, "dead");
    let claimed = claim(&mut conn, dead, &[Want::from_start(QueueId(1), 9)], 9).unwrap();
    assert_eq!(claimed.iter().map(|job| job.job_id).collect::<Vec<_>>(), [first]);
    conn.batch_execute("UPDATE millrace.nodes SET heartbeat_at = heartbeat_at - interval '1 hour'").unwrap();
    sweep::declare_lost(&mut conn, Duration::from_secs(10)).unwrap();

    sweep::take_back(&mut conn, &mut BadLeases::default()).unwrap();
    let seen = [first, second].map(|job| state(&mut conn, job));
    let recorder = Recorder::default();
    let _engine = engine(&db, "alive", &recorder);

    wait_for(&mut conn, second, "succeeded");
    assert_eq!(seen, ["ready", "gated"]);
    assert_eq!(recorder.0.lock().unwrap().done["a"], [first.0, second.0]);
    nothing_is_left(&mut conn);
}

#[test]
fn a_turn_that_an_older_release_did_not_end_is_ended() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "ordered", json!({}));
    let [first, second] = [(); 2].map(|()| ordered(&mut conn, "a", 1));
    turns::answer(&mut conn).unwrap();
    let ended = format!("WITH gone AS (DELETE FROM millrace.ready WHERE job_id = {first} RETURNING *)
        INSERT INTO millrace.history (job_id, since, finished_at, template_id, version, queue_id, state, priority, attempt)
        SELECT job_id, since, now(), template_id, 1, queue_id, 'cancelled', priority, attempt FROM gone");
    conn.batch_execute(&ended).unwrap();
    assert_eq!((turns::answer(&mut conn).unwrap(), state(&mut conn, second).as_str()), (0, "gated"));

    assert_eq!(turns::mend(&mut conn).unwrap(), 1);

    assert_eq!(state(&mut conn, second), "ready");
    assert_eq!(turns::mend(&mut conn).unwrap(), 0);
}

#[test]
fn who_waits_for_a_turn_is_nothing_to_limits_and_a_turn_goes_before_a_limit() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let spec = json!({ "runner": "handler", "handler": { "name": "ordered" }, "limits": { "concurrency": 1 },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } });
    template(&mut conn, "ordered", spec);
    let [first, second] = [(); 2].map(|()| ordered(&mut conn, "a", 5));
    turns::answer(&mut conn).unwrap();

    let moved = [(); 2].map(|()| look(&mut conn, &mut Cursor::default(), Duration::from_secs(30)).unwrap());

    assert_eq!((moved, [first, second].map(|job| state(&mut conn, job))), ([0, 0], ["ready".into(), "gated".into()]));
    let more: Vec<JobId> = (0..20).map(|n| ordered(&mut conn, ["a", "b", "c"][n % 3], 5)).collect();
    let recorder = Recorder::default();
    let _engine = engine(&db, "one", &recorder);
    more.into_iter().for_each(|job| wait_for(&mut conn, job, "succeeded"));
    assert_eq!(recorder.0.lock().unwrap().overlaps, [0; 0]);
    assert!(recorder.0.lock().unwrap().done["a"].is_sorted());
    nothing_is_left(&mut conn);
}

#[test]
fn the_end_of_an_sql_job_lets_the_next_in() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let spec = json!({ "runner": "sql", "sql": { "statements": "SELECT 1" },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } });
    template(&mut conn, "ordered", spec);
    let engine = TestEngine::start_sql(&db);

    let jobs: Vec<JobId> = (0..10).map(|_| ordered(&mut conn, "a", 1)).collect();

    jobs.into_iter().for_each(|job| wait_for(&mut conn, job, "succeeded"));
    nothing_is_left(&mut conn);
    engine.drain();
}

#[test]
fn a_key_that_was_rolled_back_and_one_that_is_none_order_nothing() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "ordered", json!({}));
    conn.batch_execute("BEGIN").unwrap();
    ordered(&mut conn, "a", 1);
    conn.batch_execute("ROLLBACK").unwrap();

    let (plain, next) = (enqueue(&mut conn, "ordered", Value::Object(Default::default())), ordered(&mut conn, "a", 1));
    turns::answer(&mut conn).unwrap();

    assert_eq!([plain, next].map(|job| state(&mut conn, job)), ["ready", "ready"]);
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.turns"), 1);
}
