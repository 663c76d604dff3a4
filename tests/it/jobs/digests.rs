//! Digests lead a search past what cannot match, and never past what does.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use millrace::admin::jobs::{Cursor, list};
use millrace::base::db::{PgConnection, statement, transaction};
use millrace::queue::actor::Scope;
use millrace::queue::claim::claim;
use millrace::queue::control;
use millrace::queue::digests::{BLOCK_IDS, Digester, digest};
use millrace::queue::job::JobId;
use millrace::queue::settle::{AttemptOutcome, Ending, Trouble, settle};
use serde_json::json;

use crate::million::reads::reads;
use crate::plans::{node, result, wants};
use crate::support::TestDb;
use crate::support::stage::{asked, handler_template, number};

/// Blocks of the fixture.
const BLOCKS: i64 = 12;

/// Twelve blocks of ended jobs of three templates, most of them alike; what is rare stands in single blocks.
const JOBS: &str = "
INSERT INTO millrace.queues (name) VALUES ('mail'), ('rare') ON CONFLICT DO NOTHING;
INSERT INTO millrace.nodes (name, version, state) VALUES ('mil-01', 'x', 'up'), ('mil-02', 'x', 'up');
WITH made AS MATERIALIZED (
    SELECT g AS id, g / 4096 AS block, g % 7 AS k FROM generate_series(1, 12 * 4096 - 1) AS g WHERE g % 16 = 5
), asked AS (
    INSERT INTO millrace.jobs (id, created_at, template_id, version, queue_id, priority, args, tags, enqueued_by)
    SELECT id, timestamptz '2026-11-01 00:00+00' + block * interval '1 day', (SELECT t.id FROM millrace.templates t WHERE t.name = CASE WHEN block = 4 AND k = 3 THEN 'rare' ELSE 'done' END), 1,
        (SELECT q.id FROM millrace.queues q WHERE q.name = CASE WHEN block = 5 AND k = 1 THEN 'rare' ELSE 'mail' END), 3,
        jsonb_build_object('order', id * 31, 'customer', id % 977, 'note', CASE WHEN block = 3 AND k = 2 THEN 'Zyzzyva ' || id ELSE 'plain' END),
        CASE WHEN block = 6 AND k = 0 THEN '{migration}'::text[] ELSE '{all}' END, CASE WHEN block = 7 THEN 'ada' ELSE 'test' END FROM made
)
INSERT INTO millrace.history (job_id, fence, since, started_at, finished_at, template_id, version, queue_id, node_id, state, priority, attempt, error, fingerprint)
SELECT id, 1, at, at + waited, at + waited + interval '2 s', (SELECT t.id FROM millrace.templates t WHERE t.name = CASE WHEN block = 4 AND k = 3 THEN 'rare' ELSE 'done' END), 1,
    (SELECT q.id FROM millrace.queues q WHERE q.name = CASE WHEN block = 5 AND k = 1 THEN 'rare' ELSE 'mail' END), CASE WHEN block = 8 AND k = 4 THEN 2 ELSE 1 END,
    (CASE WHEN block = 9 AND k < 3 THEN 'failed' ELSE 'succeeded' END)::millrace.job_state, 3, CASE WHEN block = 10 AND k = 5 THEN 3 ELSE 1 END,
    CASE WHEN block = 9 AND k < 3 THEN 'Quota of tenant 77 is used up' END, CASE WHEN block = 9 AND k < 3 THEN 'cccc3333' END
FROM (SELECT made.*, timestamptz '2026-11-01 00:00+00' + block * interval '1 day' AS at, CASE WHEN block = 11 AND k = 6 THEN interval '2 hours' ELSE interval '1 s' END AS waited FROM made) AS made;
SELECT setval('millrace.job_seq', 12 * 4096);
";

fn fixture() -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "done", json!({}));
    handler_template(&mut conn, "rare", json!({}));
    conn.batch_execute(JOBS).unwrap();
    (db, conn)
}

fn found(conn: &mut PgConnection, query: &str) -> Vec<i64> {
    let (filter, mut cursor, mut ids) = (asked(query), Cursor::Newest, Vec::new());
    loop {
        let page = list(conn, &Scope::default(), &filter, cursor, 200).unwrap();
        ids.extend(page.rows.iter().map(|row| row.id.0));
        match page.older.or(page.edge) {
            Some(k) => cursor = Cursor::After(k),
            None => return ids,
        }
    }
}

/// What matters to a search: rare in each of the facts that digests keep.
const QUERIES: [&str; 17] = [
    "template:rare",
    "queue:rare",
    "tag:migration",
    "by:ada",
    "node:mil-02",
    "attempt:>2",
    "wait:>1h",
    "zyzzyva",
    "ZYZZYVA created:2026-11-04",
    "arg.customer:976",
    "error:\"tenant 77\"",
    "group:cccc3333",
    "created:2026-11-03..2026-11-04 tag:all",
    "since:>2026-11-11",
    "(tag:migration OR node:mil-02) -by:ada",
    "template:rare OR zyzzyva",
    "nothing-like-this",
];

#[test]
fn digests_change_nothing_of_what_is_found() {
    let (_db, mut conn) = fixture();
    let before: Vec<Vec<i64>> = QUERIES.iter().map(|query| found(&mut conn, query)).collect();
    assert!(before.iter().take(16).all(|ids| !ids.is_empty()), "each of them finds something");

    // in the middle, with blocks on both sides that have none
    for block in 2..10 {
        assert!(digest(&mut conn, block).unwrap());
    }
    for (query, ids) in QUERIES.iter().zip(&before) {
        assert_eq!(found(&mut conn, query), *ids, "{query}");
    }
    for block in [1, 0, 10, 11] {
        assert!(digest(&mut conn, block).unwrap());
    }
    for (query, ids) in QUERIES.iter().zip(&before) {
        assert_eq!(found(&mut conn, query), *ids, "{query}");
    }
}

#[test]
fn a_rare_job_is_found_without_looking_at_the_others() {
    let (_db, mut conn) = fixture();
    (0..BLOCKS).for_each(|block| assert!(digest(&mut conn, block).unwrap()));

    // one page each: nothing before it was left to the reader
    for query in ["zyzzyva", "template:rare", "tag:migration", "node:mil-02", "attempt:>2", "wait:>1h"] {
        let page = list(&mut conn, &Scope::default(), &asked(query), Cursor::Newest, 3).unwrap();
        assert_eq!((page.rows.len(), page.edge), (3, None), "{query}");
    }
    let page = list(&mut conn, &Scope::default(), &asked("nothing-like-this"), Cursor::Newest, 3).unwrap();
    assert_eq!((page.rows.len(), page.edge), (0, None), "and nothing is known to be nothing");
}

/// A block behind the others in which all wait for their first attempt.
const WAITING: &str = "
INSERT INTO millrace.jobs (id, created_at, template_id, version, queue_id, priority, args, tags, enqueued_by)
SELECT g, now(), t.id, 1, q.id, 3, jsonb_build_object('order', g), '{}', 'test' FROM generate_series(12 * 4096, 13 * 4096 - 1, 64) AS g
CROSS JOIN millrace.templates t CROSS JOIN millrace.queues q WHERE t.name = 'done' AND q.name = 'mail';
INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
SELECT id, id, created_at, queue_id, template_id, priority, 0 FROM millrace.jobs WHERE id >= 12 * 4096;
SELECT setval('millrace.job_seq', 13 * 4096);
";

#[test]
fn jobs_that_wait_for_their_first_attempt_are_passed_until_they_begin() {
    let (_db, mut conn) = fixture();
    conn.batch_execute(WAITING).unwrap();
    let asks = [
        "node:mil-02",
        "error:\"tenant 77\"",
        "group:cccc3333",
        "attempt:>2",
        "run:>1s",
        "state:failed tag:all",
        "arg.order:31",
    ];
    let before: Vec<Vec<i64>> = asks.iter().map(|ask| found(&mut conn, ask)).collect();
    (0..=BLOCKS).for_each(|block| assert!(digest(&mut conn, block).unwrap()));
    for (ask, ids) in asks.iter().zip(&before) {
        reads(&mut conn, |conn| assert_eq!(found(conn, ask), *ids, "{ask}")).have_none_of("ready");
    }

    let me = node(&mut conn);
    let jobs = claim(&mut conn, me, &wants(3), 3).unwrap();
    let [ends, fails, retries] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!(found(&mut conn, "node:me").len(), 3, "they run");
    let trouble = || Trouble { outcome: AttemptOutcome::Failed, error: "Boiler is cold".into(), trace: None };
    let retry = Ending::Retry(trouble(), Duration::from_secs(600));
    let endings = [(ends, Ending::Succeeded { output: None }), (fails, Ending::Failed(trouble())), (retries, retry)];
    let settled = settle(&mut conn, me, &endings.map(|(job, ending)| result(job, ending))).unwrap();
    let stays = ends.job_id.0.max(fails.job_id.0).max(retries.job_id.0) + 64;
    transaction(&mut conn, "test", |tx| control::cancel(tx, JobId(stays), "ada", None)).unwrap();

    assert_eq!(settled.count(), 3);
    let mut failing = [fails.job_id.0, retries.job_id.0];
    failing.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(found(&mut conn, "error:\"Boiler is cold\""), failing);
    assert_eq!(found(&mut conn, "boiler"), failing);
    assert_eq!(found(&mut conn, "state:succeeded node:me"), [ends.job_id.0]);
    assert_eq!(found(&mut conn, "state:retrying attempt:>0"), [retries.job_id.0]);
    assert_eq!(found(&mut conn, "state:cancelled by:test arg.order:>0"), [stays]);
}

#[test]
fn a_page_looks_at_neighbouring_blocks_at_once_and_shows_the_same_each_time() {
    let (_db, mut conn) = fixture();
    // one in each block: twelve looks of a block each would be more than a page takes
    conn.batch_execute("UPDATE millrace.history SET state = 'failed' WHERE job_id % 4096 = 4085").unwrap();
    (0..BLOCKS).for_each(|block| assert!(digest(&mut conn, block).unwrap()));

    for _ in 0..3 {
        let page =
            list(&mut conn, &Scope::default(), &asked("state:failed -error:tenant"), Cursor::Newest, 50).unwrap();
        assert_eq!((page.rows.len(), page.edge), (BLOCKS as usize, None));
    }
}

#[test]
fn a_job_that_is_opened_again_is_looked_at_until_its_digest_knows_it() {
    let (_db, mut conn) = fixture();
    (0..BLOCKS).for_each(|block| assert!(digest(&mut conn, block).unwrap()));
    let failed = found(&mut conn, "state:failed tag:all")[0];

    transaction(&mut conn, "test", |tx| control::reopen(tx, JobId(failed))).unwrap();

    assert_eq!(found(&mut conn, "state:ready tag:all"), [failed]);
    let open = "SELECT block AS number FROM millrace.digests WHERE open > 0";
    assert_eq!(number(&mut conn, open), failed / BLOCK_IDS);
    assert!(digest(&mut conn, failed / BLOCK_IDS).unwrap());
    assert_eq!(number(&mut conn, "SELECT sum(open) AS number FROM millrace.digests"), 1, "it is still open");
    conn.batch_execute("UPDATE millrace.digests SET made_at = made_at - interval '2 minutes'").unwrap();
    transaction(&mut conn, "test", |tx| control::cancel(tx, JobId(failed), "ada", None)).unwrap();
    assert_eq!(found(&mut conn, "state:cancelled by:test"), [failed]);
}

#[test]
fn only_what_is_complete_is_digested_the_newest_first_and_what_retention_removed_is_forgotten() {
    let (db, mut conn) = fixture();
    let mut digester = Digester::default();
    let mut writer = db.connect();
    writer.batch_execute("BEGIN; SELECT pg_current_xact_id(), nextval('millrace.job_seq')").unwrap();

    assert_eq!(digester.make(&mut conn).unwrap(), 0, "one look does not tell who had drawn numbers");
    writer.batch_execute("COMMIT").unwrap();
    while digester.make(&mut conn).unwrap() > 0
        || number(&mut conn, "SELECT count(*) AS number FROM millrace.digests") == 0
    {}

    let blocks =
        statement("SELECT block FROM millrace.digests ORDER BY block").tuples::<BigInt, i64>(&mut conn).unwrap();
    assert_eq!(blocks, (0..BLOCKS).collect::<Vec<_>>());
    conn.batch_execute(
        "DELETE FROM millrace.history WHERE job_id < 3 * 4096; DELETE FROM millrace.jobs WHERE id < 3 * 4096",
    )
    .unwrap();
    digester.make(&mut conn).unwrap();
    assert_eq!(number(&mut conn, "SELECT min(block) AS number FROM millrace.digests"), 3);
}
