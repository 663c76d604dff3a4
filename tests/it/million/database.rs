//! A million jobs that wait and a million that have ended, made once for all tests here: with the statistics of empty tables, as
//! they are when it matters most, and with true ones. Tests may change single rows; nothing here counts them.

use std::sync::{Mutex, OnceLock, PoisonError};

use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::support::stage::handler_template;
use crate::support::{TestDb, drop_at_exit};

/// Rows of the large tables.
pub const ROWS: i64 = 1_000_000;

/// Jobs have even ids, those that have ended odd ones. A tenth of those in line were moved: they stand at another place than
/// their id.
const FILL: &str = "SELECT setval('millrace.job_seq', 2000000), setval('millrace.lease_seq', 3000000);
SELECT millrace.create_partitions();
INSERT INTO millrace.queues (name) VALUES ('two'), ('three');
INSERT INTO millrace.jobs (id, created_at, template_id, version, queue_id, priority, args, enqueued_by)
    SELECT 2 * n, now(), 1, 1, 1 + n % 3, 1 + n % 5, '{}', 'test' FROM generate_series(1, 999999) AS n;
INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
    SELECT CASE WHEN id BETWEEN 400000 AND 600000 THEN id + 1 ELSE id END, id, created_at, queue_id, template_id, priority, 0 FROM millrace.jobs;
INSERT INTO millrace.history (job_id, since, started_at, finished_at, template_id, version, queue_id, state, priority, attempt)
    SELECT 2 * n + 1, now(), now(), now(), 1, 1, 1, CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'succeeded' END::millrace.job_state, 3, 1
    FROM generate_series(0, 999999) AS n;
INSERT INTO millrace.attempts (job_id, number, fence, finished_at, outcome, counted)
    SELECT 2 * n + 1, 1, 1, now(), 'failed', true FROM generate_series(0, 199999) AS n;
INSERT INTO millrace.scheduled (job_id, run_at, since, seq, queue_id, template_id, priority, attempt, retrying)
    SELECT 3000000 + n, now() + (n - 3000) * interval '1 s', now(), n, 1, 1, 3, 0, n % 4 = 0 FROM generate_series(1, 300000) AS n;
INSERT INTO millrace.leases (id, node_id, epoch, job_ids, attempts)
    SELECT 2000000 + n, 99, 1, ARRAY[4000000 + n], '{1}' FROM generate_series(1, 20000) AS n;
INSERT INTO millrace.placements (job_id, queue_id, priority, seq) SELECT job_id, queue_id, priority, seq FROM millrace.ready WHERE seq <> job_id
    UNION ALL SELECT 4000000 + n, 1, 3, 2000000 + n FROM generate_series(1, 300) AS n;
INSERT INTO millrace.lanes (key, jobs_max) SELECT 'k1:[' || n || ']', 1 FROM generate_series(1, 100000) AS n;
INSERT INTO millrace.lane_use (key, node_id, epoch, taken) SELECT 'k1:[' || n || ']', 99, 1, 1 FROM generate_series(1, 1000) AS n;
INSERT INTO millrace.gated (job_id, lane, since, not_before, queue_id, template_id, priority, attempt)
    SELECT 5000000 + n, 'k1:[' || n % 100000 || ']', now(), CASE WHEN n % 10 = 0 THEN now() + n * interval '1 s' END, 1, 1, 3, 0
    FROM generate_series(1, 300000) AS n";

/// Runs `test` on both databases, on a connection of its own; one test at a time, because what it reads is counted.
pub fn with_either_statistics(test: impl Fn(&mut PgConnection)) {
    static URLS: OnceLock<[String; 2]> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for url in URLS.get_or_init(make) {
        test(&mut diesel::Connection::establish(url).unwrap());
    }
}

fn make() -> [String; 2] {
    let blind = TestDb::new();
    let mut conn = blind.connect();
    handler_template(&mut conn, "noop", json!({}));
    conn.batch_execute(FILL).unwrap();
    drop(conn); // or it could not be copied
    let seeing = blind.copied();
    seeing.connect().batch_execute("ANALYZE").unwrap();
    let urls = [blind.url().to_owned(), seeing.url().to_owned()];
    drop_at_exit((blind, seeing));
    urls
}
