use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::json;

use crate::support::TestDb;
use crate::support::cutter::Cutter;
use crate::support::stage::{
    PATIENCE, TestEngine, enqueue, handler_template, number, state, text, wait_for, wait_until,
};

/// Works for half a second, whatever it is told.
struct Deaf;
impl Handler for Deaf {
    fn run(&self, _: &JobContext) -> Ended {
        std::thread::sleep(Duration::from_millis(500));
        Ok(Outcome::Done)
    }
}

struct Noop;
impl Handler for Noop {
    fn run(&self, _: &JobContext) -> Ended {
        Ok(Outcome::Done)
    }
}

fn registry() -> Registry {
    Registry::default().with_handler("deaf", Deaf).with_handler("noop", Noop)
}

/// The engine's lease is 3 s; a node's own clock gives up after 2.4.
const OUTAGE: Duration = Duration::from_millis(3_500);

#[test]
fn a_result_outlives_an_outage_longer_than_the_lease() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "deaf", json!({}));
    let engine = TestEngine::start(&db, registry());
    let job = enqueue(&mut conn, "deaf", json!({}));
    wait_for(&mut conn, job, "running");

    db.shut_out();
    std::thread::sleep(OUTAGE);
    db.let_in();

    let mut conn = db.connect();
    wait_for(&mut conn, job, "succeeded");
    let attempt = "SELECT attempt::text AS text FROM millrace.history WHERE job_id = $1";
    assert_eq!(text(&mut conn, attempt, job), "1");
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.leases"), 0);
    engine.drain();
}

#[test]
fn a_claim_whose_answer_is_lost_comes_back_uncounted() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "noop", json!({}));
    let cutter = Cutter::before(db.url());
    let engine = TestEngine::start_through(&cutter.url(db.url()), registry());
    cutter.arm_answer("the claim that nobody heard of");

    let job = enqueue(&mut conn, "noop", json!({ "mark": "the claim that nobody heard of" }));
    wait_until(|| cutter.has_cut()).unwrap();

    assert_eq!(state(&mut conn, job), "running");
    wait_for(&mut conn, job, "succeeded");
    let attempt = "SELECT attempt::text AS text FROM millrace.history WHERE job_id = $1";
    assert_eq!(text(&mut conn, attempt, job), "1");
    engine.drain();
}

#[test]
fn one_blocked_result_does_not_stall_the_others() {
    let db = TestDb::new();
    let (mut conn, mut other) = (db.connect(), db.connect());
    handler_template(&mut conn, "deaf", json!({}));
    handler_template(&mut conn, "noop", json!({}));
    let engine = TestEngine::start(&db, registry());
    conn.batch_execute("SELECT millrace.enqueue('deaf', unique_key => 'one')").unwrap();
    other.batch_execute("BEGIN; SELECT FROM millrace.unique_keys WHERE key = 'one' FOR UPDATE").unwrap();
    std::thread::sleep(Duration::from_millis(1_500)); // it has ended, its result is blocked

    let begun = Instant::now();
    let jobs: Vec<_> = (0..5).map(|_| enqueue(&mut conn, "noop", json!({}))).collect();
    jobs.iter().for_each(|job| wait_for(&mut conn, *job, "succeeded"));

    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.leases"), 1);
    other.batch_execute("ROLLBACK").unwrap();
    wait_until(|| number(&mut conn, "SELECT count(*) AS number FROM millrace.leases") == 0).unwrap();
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'"), 6);
    engine.drain();
}

#[test]
fn a_client_that_meets_a_unique_key_does_not_keep_its_owner_from_ending() {
    let db = TestDb::new();
    let (mut conn, mut other) = (db.connect(), db.connect());
    handler_template(&mut conn, "deaf", json!({}));
    let engine = TestEngine::start(&db, registry());
    conn.batch_execute("SELECT millrace.enqueue('deaf', unique_key => 'one')").unwrap();
    other.batch_execute("BEGIN; SELECT millrace.enqueue('deaf', unique_key => 'one')").unwrap();

    let ended = "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'";
    wait_until(|| number(&mut conn, ended) == 1).unwrap();

    other.batch_execute("COMMIT").unwrap();
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.jobs"), 1);
    engine.drain();
}

static FULL: AtomicBool = AtomicBool::new(false);

/// Ends once the database takes no writes.
struct Late;
impl Handler for Late {
    fn run(&self, _: &JobContext) -> Ended {
        let end = Instant::now() + PATIENCE;
        while !FULL.load(Ordering::SeqCst) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Outcome::Done)
    }
}

#[test]
fn a_database_that_takes_no_writes_for_a_while_costs_no_result() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "late", json!({}));
    let engine = TestEngine::start(&db, Registry::default().with_handler("late", Late));
    let job = enqueue(&mut conn, "late", json!({}));
    wait_for(&mut conn, job, "running");
    // what a full disk says, from the table where results go
    conn.batch_execute(
        "CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'could not extend file \"base/1/2\": No space left on device' USING ERRCODE = '53100'; END $$;
        CREATE TRIGGER disk BEFORE INSERT ON millrace.history FOR EACH ROW EXECUTE FUNCTION public.full()",
    )
    .unwrap();
    FULL.store(true, Ordering::SeqCst);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(state(&mut conn, job), "running");

    conn.batch_execute("DROP TRIGGER disk ON millrace.history").unwrap();

    wait_for(&mut conn, job, "succeeded");
    engine.drain();
}
