//! Limits hold by what really runs, and nothing that waits for a place is forgotten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use millrace::admin::jobs::{self, Reason};
use millrace::base::db::{PgConnection, transaction};
use millrace::queue::actor::Scope;
use millrace::queue::claim::{Want, claim_unflushed, flush};
use millrace::queue::control::{self, Cancelled};
use millrace::queue::job::{JobId, QueueId};
use millrace::queue::limits::{Cursor, forget_lanes, look};
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::{Value, json};

use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue, number, register_node, state, template, wait_for, wait_until};

/// Counts how many of each key run at once, and when they began.
#[derive(Clone, Default)]
struct Watched(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    now: HashMap<String, usize>,
    most: HashMap<String, usize>,
    begun: Vec<(Instant, i64)>,
}

impl Handler for Watched {
    fn run(&self, job: &JobContext) -> Ended {
        let args = job.args();
        let key = args["key"].as_str().unwrap_or("-").to_owned();
        {
            let mut seen = self.0.lock().unwrap();
            seen.begun.push((Instant::now(), args["n"].as_i64().unwrap_or(0)));
            let now = seen.now.entry(key.clone()).or_default();
            *now += 1;
            let now = *now;
            let most = seen.most.entry(key.clone()).or_default();
            *most = now.max(*most);
        }
        let slept = job.sleep(Duration::from_millis(args["ms"].as_u64().unwrap_or(20)));
        *self.0.lock().unwrap().now.get_mut(&key).unwrap() -= 1;
        slept?;
        Ok(Outcome::Done)
    }
}

fn limited(conn: &mut PgConnection, name: &str, limits: Value) {
    let spec = json!({ "runner": "handler", "handler": { "name": "watched" }, "limits": limits,
        "params": { "type": "object", "properties": { "key": { "type": "string" } }, "additionalProperties": true },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } });
    template(conn, name, spec);
}

fn many(conn: &mut PgConnection, name: &str, jobs: i64, args: impl Fn(i64) -> Value) -> Vec<JobId> {
    (0..jobs).map(|n| enqueue(conn, name, args(n))).collect()
}

fn all_succeed(conn: &mut PgConnection, jobs: i64) {
    let done = "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'";
    wait_until(|| number(conn, done) == jobs).unwrap();
}

/// Nobody holds a place, and counts agree with the rows.
fn nothing_is_left(conn: &mut PgConnection) {
    wait_until(|| {
        number(conn, "SELECT coalesce(sum(millrace.lane_used(key)), 0)::bigint AS number FROM millrace.lane_use") == 0
    })
    .unwrap();
    assert_eq!(number(conn, "SELECT count(*) AS number FROM millrace.gated"), 0);
    let waiting = "SELECT coalesce(sum(n), 0)::bigint AS number FROM (
        SELECT jobs AS n FROM millrace.job_counts WHERE state IN ('ready', 'running')
        UNION ALL SELECT jobs FROM millrace.state_deltas WHERE entered_state IN ('ready', 'running')
        UNION ALL SELECT -jobs FROM millrace.state_deltas WHERE left_state IN ('ready', 'running')) AS c";
    assert_eq!(number(conn, waiting), 0);
}

#[test]
fn no_more_jobs_of_a_template_run_at_once_than_its_limit_allows_on_all_nodes() {
    let db = TestDb::new();
    let mut conn = db.connect();
    limited(&mut conn, "slow", json!({ "concurrency": 3 }));
    many(&mut conn, "slow", 40, |n| json!({ "n": n, "ms": if n < 6 { 1_000 } else { 20 } })); // long enough to meet on a busy machine
    let watched = Watched::default();
    let engines: Vec<TestEngine> = ["one", "two"]
        .map(|node| TestEngine::start_as(&db, node, Registry::default().with_handler("watched", watched.clone())))
        .into();

    all_succeed(&mut conn, 40);

    assert_eq!(watched.0.lock().unwrap().most["-"], 3);
    nothing_is_left(&mut conn);
    engines.into_iter().for_each(TestEngine::drain);
}

#[test]
fn each_key_has_its_own_places_and_others_are_not_kept_waiting() {
    let db = TestDb::new();
    let mut conn = db.connect();
    limited(&mut conn, "keyed", json!({ "keyed": { "by": ["key"], "jobs": 1 } }));
    many(&mut conn, "keyed", 30, |n| {
        let key = ["a", "b", "c"][n as usize % 3];
        json!({ "key": key, "n": n })
    });
    let watched = Watched::default();
    let _engine = TestEngine::start(&db, Registry::default().with_handler("watched", watched.clone()));

    all_succeed(&mut conn, 30);

    let seen = watched.0.lock().unwrap();
    assert!(["a", "b", "c"].iter().all(|key| seen.most[*key] == 1), "{:?}", seen.most);
    for key in 0..3 {
        let order: Vec<i64> = seen.begun.iter().map(|(_, n)| *n).filter(|n| n % 3 == key).collect();
        // a newcomer may come between one that was let in and its place; only ordering keys promise more
        let is_near = |(at, n): (usize, &i64)| (*n / 3 - at as i64).abs() <= 2;
        assert!(order.iter().enumerate().all(is_near), "those of one key begin about in their order: {order:?}");
    }
    drop(seen);
    nothing_is_left(&mut conn);
}

#[test]
fn a_freed_place_is_taken_at_once_and_not_when_the_net_comes_by() {
    let db = TestDb::new();
    let mut conn = db.connect();
    limited(&mut conn, "narrow", json!({ "concurrency": 2 }));
    many(&mut conn, "narrow", 400, |n| json!({ "n": n, "ms": 0 }));
    let watched = Watched::default();
    let begun = Instant::now();
    let _engines = ["one", "two"]
        .map(|node| TestEngine::start_as(&db, node, Registry::default().with_handler("watched", watched.clone())));

    all_succeed(&mut conn, 400);

    // the net comes once a second and finds two places: it alone would take 200 s
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert!(watched.0.lock().unwrap().most["-"] <= 2);
    nothing_is_left(&mut conn);
}

#[test]
fn a_queue_s_limit_holds_for_all_its_templates() {
    let db = TestDb::new();
    let mut conn = db.connect();
    limited(&mut conn, "one", json!({}));
    limited(&mut conn, "two", json!({}));
    conn.batch_execute("INSERT INTO millrace.queues (name, concurrency) VALUES ('default', 2) ON CONFLICT (name) DO UPDATE SET concurrency = 2").unwrap();
    many(&mut conn, "one", 12, |n| json!({ "n": n }));
    many(&mut conn, "two", 12, |n| json!({ "n": n }));
    let watched = Watched::default();
    let _engine = TestEngine::start(&db, Registry::default().with_handler("watched", watched.clone()));

    all_succeed(&mut conn, 24);

    assert_eq!(watched.0.lock().unwrap().most["-"], 2);
    nothing_is_left(&mut conn);
}

#[test]
fn a_rate_spreads_what_exceeds_it() {
    let db = TestDb::new();
    let mut conn = db.connect();
    limited(&mut conn, "paced", json!({ "rate": { "jobs": 10, "per_ms": 1_000, "burst": 2 } }));
    many(&mut conn, "paced", 12, |n| json!({ "n": n, "ms": 1 }));
    let watched = Watched::default();
    let _engine = TestEngine::start(&db, Registry::default().with_handler("watched", watched.clone()));

    all_succeed(&mut conn, 12);

    let begun: Vec<Instant> = watched.0.lock().unwrap().begun.iter().map(|(at, _)| *at).collect();
    for window in begun.windows(4) {
        let length = window[3] - window[0];
        assert!(
            length >= Duration::from_millis(150),
            "4 began within {length:?}: 2 at once and 10 a second allow no more than 3"
        );
    }
    nothing_is_left(&mut conn);
}

#[test]
fn the_newest_is_skipped_or_takes_the_place_of_the_oldest_as_the_template_says() {
    let db = TestDb::new();
    let mut conn = db.connect();
    limited(&mut conn, "skip", json!({ "keyed": { "by": ["key"], "jobs": 1, "when_full": "skip_newest" } }));
    limited(&mut conn, "replace", json!({ "keyed": { "by": ["key"], "jobs": 1, "when_full": "cancel_oldest" } }));
    let _engine = TestEngine::start(&db, Registry::default().with_handler("watched", Watched::default()));

    let first = enqueue(&mut conn, "skip", json!({ "key": "a", "ms": 1_500 }));
    wait_for(&mut conn, first, "running");
    let second = enqueue(&mut conn, "skip", json!({ "key": "a" }));
    wait_for(&mut conn, second, "cancelled");
    let old = enqueue(&mut conn, "replace", json!({ "key": "a", "ms": 15_000 }));
    wait_for(&mut conn, old, "running");
    let new = enqueue(&mut conn, "replace", json!({ "key": "a" }));

    wait_for(&mut conn, old, "cancelled");
    wait_for(&mut conn, new, "succeeded");
    wait_for(&mut conn, first, "succeeded");
    nothing_is_left(&mut conn);
}

#[test]
fn the_places_of_a_dead_node_are_free_when_its_jobs_are_taken_back() {
    let db = TestDb::new();
    let mut conn = db.connect();
    limited(&mut conn, "slow", json!({ "concurrency": 1 }));
    let dead = "INSERT INTO millrace.nodes (name, epoch, version, state) VALUES ('gone', 7, '0', 'down');
        INSERT INTO millrace.lanes (key, jobs_max) SELECT 't' || id, 1 FROM millrace.templates WHERE name = 'slow';
        INSERT INTO millrace.lane_use (key, node_id, epoch, taken)
        SELECT 't' || t.id, n.id, 7, 1 FROM millrace.templates t, millrace.nodes n WHERE t.name = 'slow' AND n.name = 'gone'";
    conn.batch_execute(dead).unwrap();
    let _engine = TestEngine::start(&db, Registry::default().with_handler("watched", Watched::default()));

    let job = enqueue(&mut conn, "slow", json!({}));

    wait_for(&mut conn, job, "succeeded");
    assert_ne!(state(&mut conn, job), "gated");
    nothing_is_left(&mut conn);
}

#[test]
fn a_job_that_waits_for_a_place_says_so_and_can_be_cancelled() {
    let db = TestDb::new();
    let mut conn = db.connect();
    limited(&mut conn, "slow", json!({ "keyed": { "by": ["key"], "jobs": 1 } }));
    let _engine = TestEngine::start(&db, Registry::default().with_handler("watched", Watched::default()));
    let holder = enqueue(&mut conn, "slow", json!({ "key": "acme", "ms": 15_000 }));
    wait_for(&mut conn, holder, "running");
    let [first, second] = [0, 1].map(|n| enqueue(&mut conn, "slow", json!({ "key": "acme", "n": n })));
    [first, second].into_iter().for_each(|job| wait_for(&mut conn, job, "gated"));

    let detail = jobs::detail(&mut conn, &Scope::default(), second).unwrap().unwrap();
    let told = jobs::explain(&mut conn, &detail).unwrap();
    let cancelled = transaction(&mut conn, "test", |tx| control::cancel(tx, second, "ada", None));

    assert_eq!(
        told.reasons,
        [Reason::Limit {
            of: "key",
            key: Some("[\"acme\"]".into()),
            jobs_max: 1,
            holders: vec![holder.0],
            position: 2
        }]
    );
    assert_eq!(cancelled.unwrap(), Cancelled::Done);
    wait_for(&mut conn, second, "cancelled");
    transaction(&mut conn, "test", |tx| control::cancel(tx, holder, "ada", None)).unwrap();
    wait_for(&mut conn, first, "succeeded");
    nothing_is_left(&mut conn);
}

#[test]
fn the_net_comes_to_every_lane_however_many_wait() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let waiting = "INSERT INTO millrace.lanes (key, jobs_max) SELECT 'k1:' || n, 1 FROM generate_series(1, 700) AS n;
        INSERT INTO millrace.gated (job_id, lane, since, queue_id, template_id, priority, attempt)
        SELECT n, 'k1:' || n, now(), 1, 1, 3, 0 FROM generate_series(1, 700) AS n;
        INSERT INTO millrace.gated (job_id, lane, since, not_before, queue_id, template_id, priority, attempt)
        VALUES (701, 'r9:late', now(), now() - interval '1 s', 1, 1, 3, 0), (702, 'r9:early', now(), now() + interval '1 h', 1, 1, 3, 0)";
    conn.batch_execute(waiting).unwrap();
    let mut cursor = Cursor::default();

    let moved = [(); 3].map(|()| look(&mut conn, &mut cursor, Duration::from_secs(30)).unwrap());

    assert_eq!(moved, [501, 200, 0], "500 lanes and what is due, then the rest");
    assert_eq!(number(&mut conn, "SELECT job_id AS number FROM millrace.gated"), 702, "its time has not come");
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.ready"), 701);
}

#[test]
fn lanes_that_hold_nothing_are_forgotten_after_a_day() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let lanes = "INSERT INTO millrace.lanes (key, jobs_max, tat, touched_at) VALUES
            ('old', 1, NULL, now() - interval '25 h'), ('new', 1, NULL, now()), ('paced', NULL, now() + interval '1 h', now() - interval '25 h'),
            ('used', 1, NULL, now() - interval '25 h'), ('waited', 1, NULL, now() - interval '25 h');
        INSERT INTO millrace.lane_use (key, node_id, epoch, taken) VALUES ('used', 1, 1, 1);
        INSERT INTO millrace.gated (job_id, lane, since, queue_id, template_id, priority, attempt) VALUES (1, 'waited', now(), 1, 1, 3, 0)";
    conn.batch_execute(lanes).unwrap();

    assert_eq!(forget_lanes(&mut conn).unwrap(), 1);

    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.lanes WHERE key = 'old'"), 0);
}

#[test]
fn sql_jobs_give_their_places_back() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let spec = json!({ "runner": "sql", "sql": { "statements": "SELECT 1" }, "limits": { "concurrency": 1 },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } });
    template(&mut conn, "one", spec);
    let engine = TestEngine::start_sql(&db);

    let jobs = many(&mut conn, "one", 20, |_| json!({}));

    jobs.iter().for_each(|job| wait_for(&mut conn, *job, "succeeded"));
    let used = "SELECT coalesce(sum(millrace.lane_used(key)), 0)::bigint AS number FROM millrace.lane_use";
    wait_until(|| number(&mut conn, used) == 0).unwrap();
    engine.drain();
}

#[test]
fn a_claim_that_nobody_decides_about_is_on_disk_before_it_runs() {
    let db = TestDb::new();
    let mut conn = db.connect();
    limited(&mut conn, "free", json!({}));
    many(&mut conn, "free", 100, |n| json!({ "n": n }));
    let me = register_node(&mut conn, "me");
    conn.batch_execute("SET synchronous_commit = on").unwrap();
    let queue = number(&mut conn, "SELECT id::bigint AS number FROM millrace.queues WHERE name = 'default'");

    let claimed = claim_unflushed(&mut conn, me, &[Want::from_start(QueueId(queue as i32), 100)], 100).unwrap();
    let written = number(&mut conn, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint AS number");
    flush(&mut conn).unwrap();

    assert_eq!(claimed.len(), 100);
    let on_disk = number(&mut conn, "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint AS number");
    assert!(on_disk >= written, "{on_disk} of {written}");
}
