use std::time::Duration;

use millrace::queue::work::{Ended, Failure, Handler, JobContext, Level, Outcome, Registry};
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue, handler_template, number, text, wait_for};

const OUTPUT: &str = "SELECT output::text AS text FROM millrace.history WHERE job_id = $1";

/// Saves right before it fails, then tells what it found.
struct SavesAndFails;
impl Handler for SavesAndFails {
    fn run(&self, job: &JobContext) -> Ended {
        if job.attempt() == 1 {
            job.checkpoint(json!({ "done": 7 }))?;
            return Err(Failure::new("not yet"));
        }
        job.output(json!({ "found": job.last_checkpoint() }));
        Ok(Outcome::Done)
    }
}

/// Saves when it is told to drain; ends at once when it finds what it saved.
struct SavesOnDrain;
impl Handler for SavesOnDrain {
    fn run(&self, job: &JobContext) -> Ended {
        if let Some(found) = job.last_checkpoint() {
            job.output(json!({ "found": found }));
            return Ok(Outcome::Done);
        }
        if let Err(stop) = job.sleep(Duration::from_secs(30)) {
            job.checkpoint(json!({ "done": 3 }))?;
            return Err(stop.into());
        }
        Ok(Outcome::Done)
    }
}

/// Saves what no database can hold after what one can.
struct SavesNul;
impl Handler for SavesNul {
    fn run(&self, job: &JobContext) -> Ended {
        if job.attempt() == 1 {
            job.checkpoint(json!({ "done": 1 }))?;
            let refused =
                [json!({ "done": "a\0b" }), json!({ "done": "x".repeat(300_000) })].map(|bad| job.checkpoint(bad));
            refused.into_iter().filter_map(Result::err).for_each(|error| job.log(Level::Warn, &error.to_string()));
            return Err(Failure::new("not yet"));
        }
        job.output(json!({ "found": job.last_checkpoint() }));
        Ok(Outcome::Done)
    }
}

#[test]
fn a_checkpoint_saved_right_before_failing_is_found_by_the_next_attempt() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "saves", json!({}));
    let _engine = TestEngine::start(&db, Registry::default().with_handler("saves", SavesAndFails));

    let job = enqueue(&mut conn, "saves", json!({}));
    wait_for(&mut conn, job, "succeeded");

    assert_eq!(text(&mut conn, OUTPUT, job), r#"{"found": {"done": 7}}"#);
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.live"), 0);
}

#[test]
fn a_checkpoint_saved_while_draining_is_found_by_the_next_node() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "saves", json!({}));
    let engine = TestEngine::start_as(&db, "one", Registry::default().with_handler("saves", SavesOnDrain));
    let job = enqueue(&mut conn, "saves", json!({}));
    wait_for(&mut conn, job, "running");
    std::thread::sleep(Duration::from_millis(300)); // it has begun

    engine.drain();
    let _other = TestEngine::start_as(&db, "two", Registry::default().with_handler("saves", SavesOnDrain));

    wait_for(&mut conn, job, "succeeded");
    assert_eq!(text(&mut conn, OUTPUT, job), r#"{"found": {"done": 3}}"#);
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.live"), 0);
}

#[test]
fn a_checkpoint_that_cannot_be_kept_is_refused_and_the_one_before_stays() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "saves", json!({}));
    let _engine = TestEngine::start(&db, Registry::default().with_handler("saves", SavesNul));

    let job = enqueue(&mut conn, "saves", json!({}));
    wait_for(&mut conn, job, "succeeded");

    assert_eq!(text(&mut conn, OUTPUT, job), r#"{"found": {"done": 1}}"#);
    let log = "SELECT string_agg(convert_from(body, 'UTF8'), '') AS text FROM millrace.log_chunks WHERE job_id = $1";
    assert_eq!(text(&mut conn, log, job).matches("the checkpoint was not saved").count(), 2);
}
