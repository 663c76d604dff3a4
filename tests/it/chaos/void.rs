//! COMMIT answered into the void: the connection is cut just before the server hears of it, or just before we hear of its answer.

use std::time::{Duration, Instant};

use millrace::queue::permission::Role;
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::json;

use crate::api::stage::Server;
use crate::cli::served::Served;
use crate::support::cutter::{Cut, Cutter};
use crate::support::stage::{TestEngine, enqueue, enqueue_many, handler_template, number, state, wait_for, wait_until};
use crate::support::{TestDb, ThrowAway};

/// Rounds of the promise, and of `make test`.
const ROUNDS: usize = 300;
const ROUNDS_SHORT: usize = 30;

const CUTS: [Cut; 2] = [Cut::BeforeCommit, Cut::AfterCommit];

#[test]
fn an_enqueue_whose_commit_is_not_answered_is_told_as_unknown_and_repeated_without_a_double() {
    enqueue_into_the_void(ROUNDS_SHORT);
}

#[test]
#[ignore = "make chaos"]
fn three_hundred_enqueues_answered_into_the_void_make_no_double() {
    enqueue_into_the_void(ROUNDS);
}

fn enqueue_into_the_void(rounds: usize) {
    let mut cutter = None;
    let server = Server::start_through(|url| cutter.insert(Cutter::before(url)).url(url));
    let (cutter, program) = (cutter.unwrap(), server.program(Role::Operator));
    let job = json!({ "template": "demo.any" });

    for round in 0..rounds {
        let key = format!("round-{round}");
        cutter.arm(CUTS[round % 2]);
        let answer = program.post_once("/api/v1/jobs", &key, &job);
        assert!(cutter.has_cut(), "round {round}");
        assert_eq!(answer.expect(503)["outcome"], "unknown");
        let again = || Some(program.post_once("/api/v1/jobs", &key, &job)).filter(|answer| answer.status < 500);
        let mut first = None;
        wait_until(|| {
            first = again();
            first.is_some()
        })
        .unwrap();
        let (first, second) = (first.unwrap(), program.post_once("/api/v1/jobs", &key, &job));
        assert_eq!(first.json()["id"], second.expect(200)["id"], "round {round}");
    }

    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.jobs"), rounds as i64);
    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.ready"), rounds as i64);
}

/// Gives an output, so that its result is settled in a transaction of several statements.
struct Told;
impl Handler for Told {
    fn run(&self, job: &JobContext) -> Ended {
        job.output(json!({ "n": job.args()["n"] }));
        Ok(Outcome::Done)
    }
}

struct Quick;
impl Handler for Quick {
    fn run(&self, _: &JobContext) -> Ended {
        Ok(Outcome::Done)
    }
}

const DOUBLES: &str = "SELECT count(*) AS number FROM millrace.attempts";
const ENDED: &str = "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded' AND attempt = 1";

#[test]
fn a_completion_whose_commit_is_not_answered_stands_once() {
    complete_into_the_void(ROUNDS_SHORT);
}

#[test]
#[ignore = "make chaos"]
fn three_hundred_completions_answered_into_the_void_stand_once() {
    complete_into_the_void(ROUNDS);
}

fn complete_into_the_void(rounds: usize) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "told", json!({}));
    let cutter = Cutter::before(db.url());
    let engine = TestEngine::start_through(&cutter.url(db.url()), Registry::default().with_handler("told", Told));

    for round in 0..rounds {
        cutter.arm(CUTS[round % 2]);
        let job = enqueue(&mut conn, "told", json!({ "n": round }));
        wait_for(&mut conn, job, "succeeded");
        wait_until(|| cutter.has_cut()).unwrap(); // a commit of the sweep may have been the one
    }

    assert_eq!(number(&mut conn, ENDED), rounds as i64, "each in its first attempt");
    assert_eq!(number(&mut conn, DOUBLES), 0);
    let counted = "SELECT sum(jobs)::bigint AS number FROM millrace.job_counts WHERE state = 'succeeded'";
    assert_eq!(number(&mut conn, counted), rounds as i64);
    wait_until(|| number(&mut conn, "SELECT count(*) AS number FROM millrace.leases") == 0).unwrap();
    engine.drain();
}

#[test]
fn connections_that_are_cut_all_the_time_cost_no_job() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "quick", json!({}));
    let cutter = Cutter::before(db.url());
    let engine = TestEngine::start_through(&cutter.url(db.url()), Registry::default().with_handler("quick", Quick));
    let jobs: i32 = 3_000;

    let end = Instant::now() + Duration::from_secs(4);
    for batch in 0..10 {
        enqueue_many(&mut conn, "quick", jobs / 10);
        while Instant::now() < end - Duration::from_millis(400) * (9 - batch) {
            std::thread::sleep(Duration::from_millis(70));
            cutter.cut_all();
        }
    }

    let all = "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'";
    wait_until(|| number(&mut conn, all) == i64::from(jobs)).unwrap();
    assert_eq!(
        number(
            &mut conn,
            "SELECT sum(succeeded)::bigint AS number FROM (SELECT succeeded FROM millrace.rollup_deltas
        UNION ALL SELECT succeeded FROM millrace.rollups WHERE step_s = 60) AS r"
        ),
        i64::from(jobs)
    );
    engine.drain();
}

/// A silent connection is given up after a minute.
const HANG_MAX: Duration = Duration::from_secs(120);

#[test]
#[ignore = "takes more than a minute: make chaos"]
fn an_engine_whose_connections_hang_is_replaced_and_its_jobs_run() {
    let (db, folder) = (TestDb::new(), ThrowAway::new());
    let mut conn = db.connect();
    handler_template(&mut conn, "diag.sleep", json!({}));
    let cutter = Cutter::before(db.url());
    let url = cutter.url(db.url());
    let mut served = Served::start_with(folder.path(), &[("DATABASE_URL", &url), ("MILLRACE_ALLOW_DIAGNOSTICS", "on")]);
    served.origin();
    let first = enqueue(&mut conn, "diag.sleep", json!({ "ms": 10 }));
    wait_for(&mut conn, first, "succeeded");
    let running = enqueue(&mut conn, "diag.sleep", json!({ "ms": 2_000 }));
    wait_for(&mut conn, running, "running");

    cutter.hang_all();
    let waiting = enqueue(&mut conn, "diag.sleep", json!({ "ms": 10 }));

    let end = Instant::now() + HANG_MAX;
    while [running, waiting].iter().any(|job| state(&mut conn, *job) != "succeeded") {
        assert!(Instant::now() < end, "{} and {}", state(&mut conn, running), state(&mut conn, waiting));
        std::thread::sleep(Duration::from_millis(200));
    }
    served.end();
}
