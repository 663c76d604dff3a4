use std::time::{Duration, Instant};

use millrace::base::clock::{Clock, SystemClock, Time};
use millrace::base::db::{PgConnection, transaction};
use millrace::queue::control::{self, Cancelled, ControlError};
use millrace::queue::job::JobId;
use millrace::queue::work::{Ended, Failure, Handler, JobContext, Level, Outcome, Registry, Stop};
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{
    TestEngine, enqueue, enqueue_many, handler_template, number, state, text, wait_for, wait_until,
};

struct Noop;
impl Handler for Noop {
    fn run(&self, _: &JobContext) -> Ended {
        Ok(Outcome::Done)
    }
}

/// Fails its first two attempts, then continues from its checkpoint.
struct ThirdTime;
impl Handler for ThirdTime {
    fn run(&self, job: &JobContext) -> Ended {
        job.log(Level::Info, &format!("attempt {}", job.attempt()));
        job.progress(u64::from(job.attempt()), 3, "trying");
        if job.attempt() < 3 {
            job.checkpoint(json!({ "seen": job.attempt() }))?;
            job.sleep(Duration::from_millis(600))?; // long enough for the flusher
            return Err(Failure::new(format!("not yet: {}", job.attempt())));
        }
        job.output(json!({ "checkpoint": job.last_checkpoint() }));
        Ok(Outcome::Done)
    }
}

struct Sleeper;
impl Handler for Sleeper {
    fn run(&self, job: &JobContext) -> Ended {
        job.sleep(Duration::from_secs(60))?;
        Ok(Outcome::Done)
    }
}

struct Panics;
impl Handler for Panics {
    fn run(&self, _: &JobContext) -> Ended {
        panic!("out of cheese")
    }
}

fn registry() -> Registry {
    Registry::default()
        .with_handler("noop", Noop)
        .with_handler("third", ThirdTime)
        .with_handler("sleeper", Sleeper)
        .with_handler("panics", Panics)
}

fn cancel(conn: &mut PgConnection, job: JobId) -> Result<Cancelled, ControlError> {
    transaction(conn, "test::cancel", |tx| control::cancel(tx, job, "ada", Some("enough".into())))
}

#[test]
fn a_job_fails_twice_and_succeeds_on_its_third_attempt() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "third", json!({}));
    let _engine = TestEngine::start(&db, registry());

    let job = enqueue(&mut conn, "third", json!({}));
    wait_for(&mut conn, job, "succeeded");

    let output = text(&mut conn, "SELECT output::text AS text FROM millrace.history WHERE job_id = $1", job);
    assert_eq!(output, r#"{"checkpoint": {"seen": 2}}"#);
    let errors = text(
        &mut conn,
        "SELECT string_agg(number || ' ' || outcome || ' ' || error, ', ' ORDER BY number) AS text FROM millrace.attempts WHERE job_id = $1",
        job,
    );
    assert_eq!(errors, "1 failed not yet: 1, 2 failed not yet: 2");
    let part = millrace::queue::log::read(&mut conn, job, None, (millrace::queue::job::Fence(0), 0)).unwrap();
    let lines: Vec<_> = part.lines.iter().map(|line| line.line.text.as_str()).collect();
    assert_eq!(lines, ["attempt 1", "attempt 2", "attempt 3"]);
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.live"), 0);
}

#[test]
fn counts_and_rollups_are_exact_after_a_thousand_jobs() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "noop", json!({}));
    let _engine = TestEngine::start(&db, registry());

    enqueue_many(&mut conn, "noop", 1_000);
    wait_until(|| number(&mut conn, "SELECT count(*) AS number FROM millrace.history") == 1_000).unwrap();

    let counted =
        "SELECT coalesce(sum(jobs) FILTER (WHERE state = 'succeeded'), 0)::bigint AS number FROM millrace.job_counts";
    assert_eq!(number(&mut conn, counted), 1_000);
    let others = "SELECT coalesce(sum(abs(jobs)) FILTER (WHERE state <> 'succeeded'), 0)::bigint AS number FROM millrace.job_counts";
    assert_eq!(number(&mut conn, others), 0);
    while millrace::queue::counts::fold(&mut conn).unwrap() > 0 {}
    assert_eq!(number(&mut conn, counted), 1_000);
    let rolled = "SELECT sum(succeeded)::bigint AS number FROM millrace.rollups WHERE step_s = 3600";
    assert_eq!(number(&mut conn, rolled), 1_000);
    let enqueued = "SELECT sum(enqueued)::bigint AS number FROM millrace.rollups WHERE step_s = 86400";
    assert_eq!(number(&mut conn, enqueued), 1_000);
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.leases"), 0);
}

#[test]
fn a_running_job_is_cancelled_within_three_seconds() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "sleeper", json!({}));
    let _engine = TestEngine::start(&db, registry());
    let job = enqueue(&mut conn, "sleeper", json!({}));
    wait_for(&mut conn, job, "running");

    let asked = Instant::now();
    assert_eq!(cancel(&mut conn, job).unwrap(), Cancelled::Asked);
    wait_for(&mut conn, job, "cancelled");

    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    let why = text(&mut conn, "SELECT ended_by || ': ' || error AS text FROM millrace.history WHERE job_id = $1", job);
    assert_eq!(why, "ada: cancelled by ada: enough");
}

#[test]
fn a_waiting_job_is_cancelled_at_once_and_finally() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "noop", json!({}));
    let job = enqueue(&mut conn, "noop", json!({}));

    assert_eq!(cancel(&mut conn, job).unwrap(), Cancelled::Done);

    assert_eq!(state(&mut conn, job), "cancelled");
    assert!(matches!(cancel(&mut conn, job), Err(ControlError::NotAllowed { .. })));
    assert!(matches!(cancel(&mut conn, JobId(999_999)), Err(ControlError::NotFound(_))));
}

#[test]
fn a_timeout_ends_the_attempt_and_is_retried() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "sleeper", json!({"timeout_ms": 200, "max_attempts": 2}));
    let _engine = TestEngine::start(&db, registry());

    let job = enqueue(&mut conn, "sleeper", json!({}));
    wait_for(&mut conn, job, "failed");

    let outcomes =
        text(&mut conn, "SELECT string_agg(outcome, ', ') AS text FROM millrace.attempts WHERE job_id = $1", job);
    assert_eq!(outcomes, "timed out, timed out");
}

#[test]
fn a_panic_fails_the_attempt_with_its_message_and_place() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "panics", json!({"max_attempts": 1}));
    let _engine = TestEngine::start(&db, registry());

    let job = enqueue(&mut conn, "panics", json!({}));
    wait_for(&mut conn, job, "failed");

    let error = text(&mut conn, "SELECT error || ' | ' || trace AS text FROM millrace.attempts WHERE job_id = $1", job);
    assert!(error.starts_with("panicked: out of cheese | panicked at tests/it/engine/attempts.rs"), "{error}");
}

#[test]
fn a_failed_job_that_is_reopened_gets_another_attempt() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "third", json!({"max_attempts": 2}));
    let _engine = TestEngine::start(&db, registry());
    let job = enqueue(&mut conn, "third", json!({}));
    wait_for(&mut conn, job, "failed");

    transaction(&mut conn, "test::reopen", |tx| control::reopen(tx, job)).unwrap();

    wait_for(&mut conn, job, "succeeded");
}

#[test]
fn a_held_job_waits_until_it_is_released() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "noop", json!({}));
    let job = enqueue(&mut conn, "noop", json!({}));
    transaction(&mut conn, "test::hold", |tx| control::hold(tx, job, "ada", None)).unwrap();
    let _engine = TestEngine::start(&db, registry());
    let other = enqueue(&mut conn, "noop", json!({}));
    wait_for(&mut conn, other, "succeeded");
    assert_eq!(state(&mut conn, job), "held");

    let now = chrono::DateTime::UNIX_EPOCH;
    transaction(&mut conn, "test::release", |tx| control::release(tx, job, "ada", now)).unwrap();

    wait_for(&mut conn, job, "succeeded");
}

#[test]
fn long_jobs_that_came_like_short_ones_are_left_to_others() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "noop", json!({}));
    handler_template(&mut conn, "sleeper", json!({}));
    let _engine = TestEngine::start(&db, registry()); // at most 8 slots
    enqueue_many(&mut conn, "noop", 500);
    wait_until(|| number(&mut conn, "SELECT count(*) AS number FROM millrace.history") == 500).unwrap();

    enqueue_many(&mut conn, "sleeper", 40);

    let held = "SELECT coalesce(sum(cardinality(job_ids)), 0)::bigint AS number FROM millrace.leases";
    wait_until(|| number(&mut conn, held) > 8).unwrap(); // taken in one go: short ones came so far
    wait_until(|| number(&mut conn, held) == 8).unwrap();
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.ready WHERE attempt = 0"), 32);
}

#[test]
fn a_job_that_is_retried_right_after_its_cancel_runs() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "sleeper", json!({}));
    let _engine = TestEngine::start(&db, registry());
    let job = enqueue(&mut conn, "sleeper", json!({}));
    wait_for(&mut conn, job, "running");
    cancel(&mut conn, job).unwrap();
    wait_for(&mut conn, job, "cancelled");

    transaction(&mut conn, "test::reopen", |tx| control::reopen(tx, job)).unwrap();

    wait_for(&mut conn, job, "running");
    std::thread::sleep(Duration::from_millis(2_500)); // two rounds of everybody who reads wishes
    assert_eq!(state(&mut conn, job), "running");
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.intents"), 0);
}

/// Hears no stop.
struct Unheeding;
impl Handler for Unheeding {
    fn run(&self, _: &JobContext) -> Ended {
        std::thread::sleep(Duration::from_secs(2));
        Ok(Outcome::Done)
    }
}

#[test]
fn a_wish_about_a_job_that_runs_again_is_not_dropped() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "unheeding", json!({}));
    let _engine = TestEngine::start(&db, Registry::default().with_handler("unheeding", Unheeding));
    let job = enqueue(&mut conn, "unheeding", json!({}));
    wait_for(&mut conn, job, "running");
    cancel(&mut conn, job).unwrap();
    let wish = control::Intent::cancel(job, "ada");

    transaction(&mut conn, "test::fulfil", |tx| control::fulfil(tx, &wish)).unwrap();

    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.intents"), 1);
}

/// A clock that is two hours ahead.
struct Ahead;
impl Clock for Ahead {
    fn now(&self) -> Time {
        SystemClock.now() + chrono::TimeDelta::hours(2)
    }
}

#[test]
fn a_deadline_is_judged_by_the_databases_clock() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "noop", json!({}));
    let late = "SELECT millrace.enqueue('noop', deadline => now() - interval '1 hour') AS number";
    let early = "SELECT millrace.enqueue('noop', deadline => now() + interval '1 hour') AS number";
    let (late, early) = (JobId(number(&mut conn, late)), JobId(number(&mut conn, early)));

    let _engine = TestEngine::start_by(&db, Ahead, registry());

    wait_for(&mut conn, early, "succeeded");
    wait_for(&mut conn, late, "expired");
}

/// Fails with a very long trace.
struct Traced;
impl Handler for Traced {
    fn run(&self, _: &JobContext) -> Ended {
        Err(Failure { trace: Some("ü".repeat(100_000)), ..Failure::new("long") })
    }
}

#[test]
fn a_long_trace_is_cut_at_a_character() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "traced", json!({"max_attempts": 1}));
    let _engine = TestEngine::start(&db, Registry::default().with_handler("traced", Traced));

    let job = enqueue(&mut conn, "traced", json!({}));
    wait_for(&mut conn, job, "failed");

    let size = "SELECT octet_length(trace)::text AS text FROM millrace.attempts WHERE job_id = $1";
    assert_eq!(text(&mut conn, size, job), "32768");
}

#[test]
fn a_lost_lease_is_not_told_as_a_drained_node() {
    use millrace::queue::settle::Ending;
    let told = |stop| Ending::HandedBack { stopped: Some(stop) }.trouble().unwrap().error;

    assert_eq!(told(Stop::LeaseLost), "its node could not renew its lease");
    assert_eq!(told(Stop::Draining), "its node was draining");
}

#[test]
fn queues_beyond_the_first_thousand_are_served() {
    use diesel::connection::SimpleConnection;
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("INSERT INTO millrace.queues (name) SELECT 'a' || n FROM generate_series(1, 1200) AS n")
        .unwrap();
    handler_template(&mut conn, "noop", json!({"queue": "zz"}));
    let _engine = TestEngine::start(&db, registry());

    let job = enqueue(&mut conn, "noop", json!({}));

    wait_for(&mut conn, job, "succeeded");
}
