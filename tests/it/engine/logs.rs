//! What an attempt says: secrets covered, chunks packed.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use millrace::queue::job::Fence;
use millrace::queue::work::{Ended, Failure, Handler, JobContext, Level, Outcome, Registry};
use millrace::queue::{log, log_packing};
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue, handler_template, number, template, text, wait_for, wait_until};

/// Says the secret wherever work can speak, then fails with it.
struct Leaks;
impl Handler for Leaks {
    fn run(&self, job: &JobContext) -> Ended {
        let key = job.args()["key"].as_str().unwrap_or_default();
        job.log(Level::Info, &format!("calling with {key}"));
        job.progress(1, 2, key);
        job.sleep(Duration::from_millis(1_500))?; // long enough for the flusher
        Err(Failure::new(format!("refused: {key}")))
    }
}

#[test]
fn a_secret_argument_is_covered_in_log_progress_and_error() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let params = json!({ "type": "object", "properties": { "key": { "type": "string", "secret": true } } });
    let spec = json!({ "runner": "handler", "handler": { "name": "leaks" }, "params": params,
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 1, "timeout_ms": 20_000 } });
    template(&mut conn, "leaks", spec);
    let engine = TestEngine::start(&db, Registry::default().with_handler("leaks", Leaks));
    let job = enqueue(&mut conn, "leaks", json!({ "key": "hunter-2-hunter" }));

    wait_for(&mut conn, job, "failed");

    let log = "SELECT string_agg(convert_from(body, 'UTF8'), '') AS text FROM millrace.log_chunks WHERE job_id = $1";
    assert!(text(&mut conn, log, job).contains("calling with ••••"));
    let error = "SELECT error AS text FROM millrace.attempts WHERE job_id = $1";
    assert_eq!(text(&mut conn, error, job), "refused: ••••");
    let shown = "SELECT count(*) AS number FROM millrace.log_chunks WHERE convert_from(body, 'UTF8') LIKE '%hunter%'";
    assert_eq!(number(&mut conn, shown), 0);
    engine.drain();
}

#[test]
fn a_log_of_several_chunks_is_packed_after_the_end_and_reads_the_same() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "chatty", json!({}));
    let engine = TestEngine::start(&db, Registry::default().with_handler("chatty", Chatty));
    let job = enqueue(&mut conn, "chatty", json!({}));
    let chunks = "SELECT count(*) AS number FROM millrace.log_chunks WHERE NOT packed";
    wait_until(|| number(&mut conn, chunks) >= 2).unwrap();

    assert_eq!(log_packing::pack(&mut conn).unwrap(), 0, "it still runs");
    wait_for(&mut conn, job, "succeeded");
    let before = log::read(&mut conn, job, None, (Fence(0), 0)).unwrap();
    assert_eq!(log_packing::pack(&mut conn).unwrap(), 1);

    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.log_chunks WHERE packed"), 1);
    assert_eq!(number(&mut conn, chunks), 0);
    let after = log::read(&mut conn, job, None, (Fence(0), 0)).unwrap();
    assert_eq!(after.lines, before.lines);
    assert_eq!(before.lines.len(), 5);
    let tail = log::read(&mut conn, job, None, (before.lines[2].fence, 3)).unwrap();
    assert_eq!(tail.lines, before.lines[3..]);
    assert_eq!(log_packing::pack(&mut conn).unwrap(), 0);
    engine.drain();
}

#[test]
fn a_log_that_cannot_be_packed_does_not_keep_the_others() {
    // the first job has a packed log already, which its chunks would replace
    const LOGS: &str = "INSERT INTO millrace.log_chunks (job_id, attempt, fence, chunk, first_line, lines, body)
        SELECT job, 1, 1, chunk, chunk, 1, 'x' FROM generate_series(1, 2) AS job, generate_series(1, 2) AS chunk;
    INSERT INTO millrace.log_chunks (job_id, attempt, fence, chunk, first_line, lines, packed, body) VALUES (1, 1, 1, 0, 1, 1, true, 'x')";
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute(LOGS).unwrap();

    assert_eq!(log_packing::pack(&mut conn).unwrap(), 1);

    let loose = "SELECT count(DISTINCT job_id) AS number FROM millrace.log_chunks WHERE NOT packed";
    assert_eq!(number(&mut conn, loose), 1);
}

/// Speaks for longer than a chunk.
struct Chatty;
impl Handler for Chatty {
    fn run(&self, job: &JobContext) -> Ended {
        for line in 1..=5 {
            job.log(Level::Info, &format!("line {line}"));
            job.sleep(Duration::from_millis(700))?;
        }
        Ok(Outcome::Done)
    }
}
