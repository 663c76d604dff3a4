//! Hot statements name the index they must use, whatever the statistics say: the plans of the statements that the program
//! itself prepared, on full tables.

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Array, Text};
use millrace::base::db::{PgConnection, keep_plans, statement};
use millrace::base::text::NodeName;
use millrace::queue::claim::{CLAIM_BATCH_MAX, Claimed, FEW_MAX, Want, claim, pin_plan};
use millrace::queue::fit::Labels;
use millrace::queue::job::{Fence, JobId, QueueId};
use millrace::queue::node::{Incarnation, Introduction, register};
use millrace::queue::settle::{AttemptOutcome, Ending, Settlement, Trouble, settle};
use millrace::queue::sweep::BadLeases;
use millrace::queue::{counts, due, log, sweep};
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::handler_template;

/// Jobs that wait in three queues.
const WAITING: &str = "INSERT INTO millrace.queues (name) VALUES ('two'), ('three');
INSERT INTO millrace.jobs (id, created_at, template_id, version, queue_id, priority, args, enqueued_by)
    SELECT n, now(), 1, 1, 1 + n % 3, 1 + n % 5, '{}', 'test' FROM generate_series(1, 1400000, 7) AS n;
INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
    SELECT id, id, created_at, queue_id, template_id, priority, 0 FROM millrace.jobs";
/// Jobs that have ended.
const ENDED: &str = "INSERT INTO millrace.history (job_id, since, started_at, finished_at, template_id, version, queue_id, state, priority, attempt)
    SELECT n, now(), now(), now(), 1, 1, 1, CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' END::millrace.job_state, 3, 1
    FROM generate_series(2, 1400000, 7) AS n;
INSERT INTO millrace.attempts (job_id, number, fence, finished_at, outcome, counted)
    SELECT n, 1, 1, now(), 'failed', true FROM generate_series(1, 1400000, 7) AS n";
/// Jobs that wait for their time; 3,000 are due.
const TIMED: &str =
    "INSERT INTO millrace.scheduled (job_id, run_at, since, seq, queue_id, template_id, priority, attempt, retrying)
    SELECT n, now() + (n - 3000) * interval '1 s', now(), n, 1, 1, 3, 0, false FROM generate_series(1, 200000) AS n";
/// Logs of 50,000 jobs.
const LOGS: &str = "INSERT INTO millrace.log_chunks (job_id, attempt, fence, chunk, first_line, lines, body)
    SELECT 1 + n / 4, 1, 1, n % 4, 1 + n % 4, 1, '' FROM generate_series(0, 200000) AS n";
/// Leases of a node that does not exist any more.
const LEASES: &str = "INSERT INTO millrace.leases (id, node_id, epoch, job_ids, attempts)
    SELECT 1000000 + n, 99, 1, ARRAY[1 + n * 7], '{1}' FROM generate_series(1, 20000) AS n;
INSERT INTO millrace.placements (job_id, queue_id, priority, seq) SELECT n, 1, 3, n FROM generate_series(1, 20000) AS n";
/// Moves and rollups that nobody has folded.
const DELTAS: &str = "INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
    SELECT 1, 1, 'ready', 'running', 1 FROM generate_series(1, 20000);
INSERT INTO millrace.rollup_deltas (minute, template_id, queue_id, node_id, succeeded, failed, attempts_failed, wait_us, run_us, cpu_ms,
        peak_memory_bytes, wait_histogram, run_histogram)
    SELECT '2026-11-24T00:00:00Z', 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, '{}', '{}' FROM generate_series(1, 20000)";

/// A database with full tables whose statistics are those of empty ones: that is how it is when they matter.
fn stage(fills: &[&str]) -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "noop", json!({}));
    fills.iter().for_each(|fill| conn.batch_execute(fill).unwrap());
    conn.batch_execute("SELECT setval('millrace.job_seq', 1500000), setval('millrace.lease_seq', 2000000)").unwrap();
    (db, conn)
}

/// What must hold with the statistics as they are, and with true ones.
fn with_either_statistics(conn: &mut PgConnection, mut hold: impl FnMut(&mut PgConnection)) {
    hold(conn);
    conn.batch_execute("ANALYZE").unwrap(); // kept plans are made anew
    hold(conn);
}

/// Explains the statement that begins with `-- {name}` and was prepared on this connection by the program's own code.
pub fn plan(conn: &mut PgConnection, name: &str) -> String {
    const PREPARED: &str = "SELECT name, parameter_types::text[] FROM pg_prepared_statements WHERE statement LIKE $1";
    let found = statement(PREPARED)
        .bind::<Text, _>(format!("-- {name}\n%"))
        .tuples::<(Text, Array<Text>), (String, Vec<String>)>(conn)
        .unwrap();
    let [(prepared, types)] = found.as_slice() else { panic!("{name} was prepared {} times", found.len()) };
    let values: Vec<String> = types.iter().map(|kind| format!("'{}'::{kind}", sample(kind))).collect();
    let call = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
    // statements are fixed texts; a test may leak a few
    let explain: &'static str = format!("EXPLAIN (COSTS OFF) EXECUTE {prepared}{call}").leak();
    statement(explain).tuples::<Text, String>(conn).unwrap().join("\n")
}

fn sample(kind: &str) -> &'static str {
    match kind {
        "text" | "integer[]" | "bigint[]" | "smallint[]" => "{1}",
        "text[]" => "{ready}",
        "boolean" => "true",
        "boolean[]" => "{true}",
        "timestamp with time zone" => "2026-11-24T00:00:00Z",
        "timestamp with time zone[]" => "{2026-11-24T00:00:00Z}",
        "jsonb" => "[]",
        _ => "1",
    }
}

/// The plan uses these indexes and reads no large table from end to end.
pub fn assert_uses(plan: &str, indexes: &[&str]) {
    for index in indexes {
        assert!(
            plan.contains(&format!("using {index}")) || plan.contains(&format!("on {index}")),
            "no {index} in:\n{plan}"
        );
    }
    let large = [
        "ready",
        "jobs",
        "history",
        "scheduled",
        "log_chunks",
        "leases",
        "attempts",
        "placements",
        "gated",
        "lanes",
        "lane_use",
        "lane_freed",
        "schedules",
        "schedule_versions",
        "schedule_jobs",
        "occurrences",
    ];
    for table in large {
        assert!(!plan.contains(&format!("Seq Scan on {table}")), "reads all of {table}:\n{plan}");
    }
}

pub fn node(conn: &mut PgConnection) -> Incarnation {
    let name = NodeName::parse("me").unwrap();
    register(
        conn,
        &Introduction {
            name: &name,
            version: "test",
            labels: &Labels::new(),
            queues: None,
            slots: (1, 1),
            slots_ceiling: 64,
            commands: "",
        },
    )
    .unwrap()
}

pub fn wants(jobs_max: u32) -> [Want; 3] {
    [1, 2, 3].map(|queue| Want::from_start(QueueId(queue), jobs_max))
}

pub fn result(job: &Claimed, ending: Ending) -> Settlement {
    Settlement::plain(job, job.since, job.since, ending)
}

pub fn failed(job: &Claimed) -> Settlement {
    let trouble = Trouble { outcome: AttemptOutcome::Failed, error: "no".into(), trace: None };
    result(job, Ending::Failed(trouble))
}

#[test]
fn claims_walk_the_lines_and_fetch_rows_by_key() {
    let (_db, mut conn) = stage(&[WAITING]);
    let me = node(&mut conn);
    pin_plan(&mut conn).unwrap();

    with_either_statistics(&mut conn, |conn| {
        assert_eq!(claim(conn, me, &wants(FEW_MAX), FEW_MAX).unwrap().len(), FEW_MAX as usize);
        let few = plan(conn, "queue::claim::take_few");
        assert_uses(&few, &["ready_for_claim", "jobs_p0_pkey", "jobs_p1_pkey"]);
        assert!(!few.contains("Hash Join") && few.contains("Tid Scan on ready"), "{few}");

        assert_eq!(claim(conn, me, &wants(900), CLAIM_BATCH_MAX).unwrap().len(), CLAIM_BATCH_MAX as usize);
        let many = plan(conn, "queue::claim::take");
        assert_uses(&many, &["ready_for_claim"]);
        assert!(!many.contains("Sort") && many.contains("Tid Scan on ready"), "{many}");
        let rows = plan(conn, "queue::claim::rows");
        assert_uses(&rows, &["jobs_p0_pkey"]);
        assert!(rows.contains("Subplans Removed"), "{rows}"); // by the bounds: the job with id 1 is in the first
        assert!(!plan(conn, "queue::claim::leases").contains("Scan on leases"));
    });
}

#[test]
fn settling_finds_leases_by_key() {
    let (_db, mut conn) = stage(&[WAITING, ENDED, LEASES]);
    let me = node(&mut conn);
    keep_plans(&mut conn).unwrap();

    with_either_statistics(&mut conn, |conn| {
        let jobs = claim(conn, me, &wants(FEW_MAX / 3), FEW_MAX).unwrap();
        let kind = (jobs[0].queue_id, jobs[0].priority);
        let (alike, mut rest): (Vec<_>, Vec<_>) = jobs.iter().partition(|job| (job.queue_id, job.priority) == kind);

        let successes: Vec<_> = alike.iter().map(|job| result(job, Ending::Succeeded { output: None })).collect();
        assert_eq!(settle(conn, me, &successes).unwrap().count(), successes.len());
        assert_uses(&plan(conn, "queue::settle::alike"), &["leases_"]);

        let last = rest.pop().unwrap();
        let failures: Vec<_> = rest.iter().map(|job| failed(job)).collect();
        assert_eq!(settle(conn, me, &failures).unwrap().count(), failures.len());
        assert_uses(&plan(conn, "queue::settle::release"), &["leases_"]);

        let again: Vec<_> = rest.iter().chain([&last]).map(|job| failed(job)).collect();
        assert_eq!(settle(conn, me, &again).unwrap().count(), 1);
        assert_uses(&plan(conn, "queue::settle::release_some"), &["leases_"]);
    });
}

#[test]
fn the_mover_takes_due_jobs_by_their_time() {
    let (_db, mut conn) = stage(&[TIMED]);
    keep_plans(&mut conn).unwrap();

    with_either_statistics(&mut conn, |conn| {
        assert!(due::move_due(conn).unwrap() > 0);
        due::next_due(conn).unwrap();

        assert_uses(&plan(conn, "queue::due::move"), &["scheduled_by_time", "scheduled_pk"]);
        assert_uses(&plan(conn, "queue::due::next"), &["scheduled_by_time"]);
    });
}

#[test]
fn the_sweep_fetches_rows_of_orphans_by_key() {
    let (_db, mut conn) = stage(&[WAITING, ENDED, LEASES]);
    keep_plans(&mut conn).unwrap();

    with_either_statistics(&mut conn, |conn| {
        assert!(sweep::take_back(conn, &mut BadLeases::default()).unwrap() > 0);

        let orphans = plan(conn, "queue::sweep::orphans");
        assert_uses(&orphans, &["leases_", "jobs_p0_pkey", "attempts_p0_pkey", "placements_pk"]);
    });
}

#[test]
fn a_log_is_read_by_its_job() {
    let (_db, mut conn) = stage(&[LOGS]);

    with_either_statistics(&mut conn, |conn| {
        log::read(conn, JobId(5), None, (Fence(0), 0)).unwrap();

        assert_uses(&plan(conn, "queue::log::read"), &["log_chunks_p0_pkey"]);
    });
}

#[test]
fn counts_never_look_at_jobs() {
    let (_db, mut conn) = stage(&[WAITING, DELTAS]);

    counts::read(&mut conn).unwrap();
    let read = plan(&mut conn, "queue::counts::read");
    for table in ["jobs", "ready", "history", "scheduled"] {
        assert!(!read.contains(&format!(" on {table}")), "{read}");
    }

    keep_plans(&mut conn).unwrap();
    counts::fold(&mut conn).unwrap();
    assert_uses(&plan(&mut conn, "queue::fold::states"), &["state_deltas_pk"]);
    assert_uses(&plan(&mut conn, "queue::fold::rollups"), &["rollup_deltas_pk"]);
}
