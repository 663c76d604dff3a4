//! Partitions are made ahead without hindering anybody, and go as a whole when all in them has ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use millrace::base::db::PgConnection;
use millrace::queue::counts;
use millrace::queue::partitions::{Dropped, create_ahead, drop_partition};
use millrace::queue::retention::remove_old;

use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue, handler_template, number, wait_for};
use millrace::queue::job::JobId;
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::json;

struct Quick;
impl Handler for Quick {
    fn run(&self, _: &JobContext) -> Ended {
        Ok(Outcome::Done)
    }
}

/// Finishes one job and moves on to the ids of the next partition.
fn finished_and_over(db: &TestDb, conn: &mut PgConnection) -> JobId {
    handler_template(conn, "quick", json!({}));
    let engine = TestEngine::start(db, Registry::default().with_handler("quick", Quick));
    let job = enqueue(conn, "quick", json!({}));
    wait_for(conn, job, "succeeded");
    engine.drain();
    conn.batch_execute("SELECT setval('millrace.job_seq', 1000000)").unwrap();
    job
}

const JOBS: &str = "SELECT count(*) AS number FROM millrace.jobs";
const SUCCEEDED: &str =
    "SELECT coalesce(sum(jobs), 0)::bigint AS number FROM millrace.job_counts WHERE state = 'succeeded'";

#[test]
fn a_partition_is_made_while_somebody_reads_the_tables_in_an_open_transaction() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let mut reader = db.connect();
    reader.batch_execute("BEGIN; SELECT count(*) FROM millrace.jobs; SELECT count(*) FROM millrace.history").unwrap();
    conn.batch_execute("SELECT setval('millrace.job_seq', 1500000); SET lock_timeout = '5s'").unwrap();

    let made = create_ahead(&mut conn).unwrap();

    assert_eq!((made, create_ahead(&mut conn).unwrap()), (4, 0));
    reader.batch_execute("COMMIT").unwrap();
    handler_template(&mut conn, "any", json!({}));
    conn.batch_execute("SELECT setval('millrace.job_seq', 5200000)").unwrap();
    assert!(enqueue(&mut conn, "any", json!({})).0 > 5_200_000, "the new partition takes jobs");
}

#[test]
fn a_partition_whose_jobs_have_ended_goes_and_the_counts_know_it() {
    let db = TestDb::new();
    let mut conn = db.connect();
    finished_and_over(&db, &mut conn);
    assert_eq!((number(&mut conn, JOBS), number(&mut conn, SUCCEEDED)), (1, 1));

    assert_eq!(drop_partition(&mut conn, 0).unwrap(), Dropped::Dropped);

    counts::fold(&mut conn).unwrap();
    assert_eq!((number(&mut conn, JOBS), number(&mut conn, SUCCEEDED)), (0, 0));
    assert_eq!(drop_partition(&mut conn, 0).unwrap(), Dropped::Absent);
    assert_eq!(drop_partition(&mut conn, 1).unwrap(), Dropped::Live, "ids of it are still given out");
}

#[test]
fn a_partition_in_which_a_job_waits_stays_wherever_it_waits() {
    for sql in [
        "SELECT 1",
        "INSERT INTO millrace.scheduled SELECT job_id, now(), now(), seq, queue_id, template_id, priority, 0, false FROM gone",
        "INSERT INTO millrace.parked SELECT job_id, 'held', now(), NULL, queue_id, template_id, priority, 0, 'x', NULL FROM gone",
        "INSERT INTO millrace.gated SELECT job_id, 'q1', now(), NULL, queue_id, template_id, priority, 0 FROM gone",
        "INSERT INTO millrace.turns SELECT job_id, 'o:a', 1 FROM gone",
        "INSERT INTO millrace.placements (job_id, queue_id, priority, seq) SELECT job_id, queue_id, priority, seq FROM gone",
        "INSERT INTO millrace.leases (node_id, epoch, job_ids, attempts) SELECT 1, 1, ARRAY[job_id], ARRAY[1::smallint] FROM gone",
    ] {
        let db = TestDb::new();
        let mut conn = db.connect();
        handler_template(&mut conn, "any", json!({}));
        enqueue(&mut conn, "any", json!({}));
        if sql != "SELECT 1" {
            conn.batch_execute(&format!(
                "CREATE TEMP TABLE gone AS SELECT * FROM millrace.ready; DELETE FROM millrace.ready; {sql}"
            ))
            .unwrap();
        }
        conn.batch_execute("SELECT setval('millrace.job_seq', 1000000)").unwrap();

        assert_eq!(drop_partition(&mut conn, 0).unwrap(), Dropped::Live, "{sql}");
        assert_eq!(number(&mut conn, JOBS), 1);
    }
}

#[test]
fn a_partition_that_somebody_reads_is_left_for_later_and_nobody_waits_behind() {
    let db = TestDb::new();
    let mut conn = db.connect();
    finished_and_over(&db, &mut conn);
    let mut reader = db.connect();
    reader.batch_execute("BEGIN; SELECT count(*) FROM millrace.history").unwrap();

    assert_eq!(drop_partition(&mut conn, 0).unwrap(), Dropped::Busy);

    assert_eq!((number(&mut conn, JOBS), number(&mut conn, SUCCEEDED)), (1, 1), "nothing was changed");
    reader.batch_execute("COMMIT").unwrap();
    assert_eq!(drop_partition(&mut conn, 0).unwrap(), Dropped::Dropped);
}

/// Moves the past of all jobs so many days back.
fn aged(conn: &mut PgConnection, days: i32) {
    let back = format!(
        "ALTER TABLE millrace.jobs DISABLE TRIGGER USER;
        UPDATE millrace.jobs SET created_at = created_at - {days} * interval '1 day';
        ALTER TABLE millrace.jobs ENABLE TRIGGER USER;
        UPDATE millrace.history SET since = since - {days} * interval '1 day', started_at = started_at - {days} * interval '1 day',
            finished_at = finished_at - {days} * interval '1 day'"
    );
    conn.batch_execute(&back).unwrap();
}

#[test]
fn what_ended_before_the_bound_goes_with_a_record_of_it_and_nothing_else_does() {
    let db = TestDb::new();
    let mut conn = db.connect();
    finished_and_over(&db, &mut conn);
    aged(&mut conn, 10);

    assert_eq!([remove_old(&mut conn, 0).unwrap(), remove_old(&mut conn, 11).unwrap()], [0, 0]);
    assert_eq!(number(&mut conn, JOBS), 1);

    assert_eq!([remove_old(&mut conn, 9).unwrap(), remove_old(&mut conn, 9).unwrap()], [1, 0]);

    counts::fold(&mut conn).unwrap();
    assert_eq!((number(&mut conn, JOBS), number(&mut conn, SUCCEEDED)), (0, 0));
    let recorded = "SELECT (before ->> 'jobs')::bigint AS number FROM millrace.audit WHERE act = 'history.remove' AND subject = 'jobs 0 to 999999'";
    assert_eq!(number(&mut conn, recorded), 1);
}

#[test]
fn an_old_job_that_waits_keeps_the_past_around_it() {
    let db = TestDb::new();
    let mut conn = db.connect();
    finished_and_over(&db, &mut conn);
    conn.batch_execute("SELECT setval('millrace.job_seq', 500000)").unwrap();
    let held = enqueue(&mut conn, "quick", json!({}));
    assert!(held.0 < 1_000_000);
    conn.batch_execute("SELECT setval('millrace.job_seq', 1000000)").unwrap();
    aged(&mut conn, 10);

    assert_eq!(remove_old(&mut conn, 9).unwrap(), 0);

    assert_eq!(number(&mut conn, JOBS), 2);
}

#[test]
fn jobs_are_claimed_while_the_past_goes() {
    let db = TestDb::new();
    let mut conn = db.connect();
    finished_and_over(&db, &mut conn);
    create_ahead(&mut conn).unwrap();
    let filled = "INSERT INTO millrace.history (job_id, since, started_at, finished_at, template_id, version, queue_id, state, priority, attempt)
        SELECT n, now(), now(), now(), 1, 1, 1, 'succeeded', 3, 1 FROM generate_series(10, 300000) AS n";
    conn.batch_execute(filled).unwrap();
    aged(&mut conn, 10);
    let engine = TestEngine::start(&db, Registry::default().with_handler("quick", Quick));
    let ending = AtomicBool::new(false);

    let longest = std::thread::scope(|scope| {
        let claiming = scope.spawn(|| {
            let (mut conn, mut longest, mut jobs) = (db.connect(), Duration::ZERO, 0);
            while !ending.load(Ordering::SeqCst) || jobs < 50 {
                let begun = Instant::now();
                let job = enqueue(&mut conn, "quick", json!({}));
                wait_for(&mut conn, job, "succeeded");
                (longest, jobs) = (longest.max(begun.elapsed()), jobs + 1);
            }
            longest
        });
        // a reader that comes and goes: the drop has to try again
        let reading = scope.spawn(|| {
            let mut conn = db.connect();
            conn.batch_execute("BEGIN; SELECT count(*) FROM millrace.history; SELECT pg_sleep(0.6); COMMIT").unwrap();
        });
        std::thread::sleep(Duration::from_millis(150));
        assert_eq!(remove_old(&mut conn, 9).unwrap(), 1);
        reading.join().unwrap();
        ending.store(true, Ordering::SeqCst);
        claiming.join().unwrap()
    });

    let waits = "SELECT coalesce(max(extract(epoch FROM started_at - since) * 1000), 0)::bigint AS number FROM millrace.history";
    assert!(
        number(&mut conn, waits) < 400,
        "a claim waited {} ms; to the end it took {longest:?}",
        number(&mut conn, waits)
    );
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.history WHERE job_id < 1000000"), 0);
    engine.drain();
}
