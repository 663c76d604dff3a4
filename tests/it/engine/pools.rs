//! Pools: what runs never reserves more than there is, whoever needs much comes to it, and nothing is ever lost.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use millrace::admin::jobs::{self, PoolWait, Reason};
use millrace::base::db::{PgConnection, transaction};
use millrace::queue::actor::Scope;
use millrace::queue::control;
use millrace::queue::job::JobId;
use millrace::queue::limits::pool_changed;
use millrace::queue::ring;
use millrace::queue::work::{Ended, Failure, Handler, JobContext, Outcome, Registry};
use serde_json::{Value, json};

use super::queue_limits::{Kept, settles_at};
use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue, number, state, template, wait_for, wait_until};

/// Adds up what running jobs have reserved, and does as it is told.
#[derive(Clone, Default)]
struct Watched(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    now: [i64; 2],
    most: [i64; 2],
    begun: Vec<String>,
    again: HashSet<i64>,
}

impl Watched {
    fn change(&self, by: [i64; 2]) {
        let mut seen = self.0.lock().unwrap();
        let seen = &mut *seen;
        for ((now, most), by) in seen.now.iter_mut().zip(&mut seen.most).zip(by) {
            *now += by;
            *most = (*most).max(*now);
        }
    }

    fn begun(&self, name: &str) -> usize {
        self.0.lock().unwrap().begun.iter().filter(|begun| *begun == name).count()
    }
}

impl Handler for Watched {
    fn run(&self, job: &JobContext) -> Ended {
        let args = job.args();
        let of = |pool: &str| args[pool].as_i64().unwrap_or(0);
        let held = [of("mem"), of("db")];
        self.0.lock().unwrap().begun.push(args["name"].as_str().unwrap_or("-").to_owned());
        self.change(held);
        let slept = job.sleep(Duration::from_millis(args["ms"].as_u64().unwrap_or(10)));
        self.change(held.map(|amount| -amount));
        slept?;
        let is_first = self.0.lock().unwrap().again.insert(job.job().0);
        match args["ends"].as_str().filter(|_| is_first) {
            Some("fail") => Err(Failure::new("told to")),
            Some("give up") => Ok(Outcome::GiveUp(Failure::new("told to"))),
            Some("snooze") => Ok(Outcome::Snooze(Duration::from_millis(50))),
            _ => Ok(Outcome::Done),
        }
    }
}

fn pool(conn: &mut PgConnection, name: &str, amount: i32) {
    let sql = format!(
        "INSERT INTO millrace.pools (name, amount) VALUES ('{name}', {amount}) ON CONFLICT (name) DO UPDATE SET amount = excluded.amount"
    );
    transaction(conn, "test", |tx| {
        tx.batch_execute(&sql).unwrap();
        pool_changed(tx, name, Some(amount))
    })
    .unwrap();
    ring::notify(conn).unwrap();
}

/// A template whose jobs reserve so much of `mem` and `db`, and an argument that says so.
fn reserving(conn: &mut PgConnection, name: &str, mem: i64, db: i64) -> impl Fn(Value) -> Value + use<> {
    let mut reserve = serde_json::Map::new();
    [("mem", mem), ("db", db)].into_iter().filter(|(_, amount)| *amount > 0).for_each(|(pool, amount)| {
        reserve.insert(pool.into(), amount.into());
    });
    let spec = json!({ "runner": "handler", "handler": { "name": "watched" }, "limits": { "reserve": reserve },
        "params": { "type": "object", "additionalProperties": true },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000,
            "backoff": { "kind": "constant", "base_ms": 50 } } });
    template(conn, name, spec);
    let own = json!({ "mem": mem, "db": db, "name": name });
    move |more| {
        let (mut all, more) = (own.clone(), more.as_object().cloned().unwrap_or_default());
        all.as_object_mut().unwrap().extend(more);
        all
    }
}

fn ended(conn: &mut PgConnection) -> i64 {
    number(conn, "SELECT count(*) AS number FROM millrace.history")
}

/// Nobody has reserved anything, nothing is kept, nobody waits.
fn nothing_is_left(conn: &mut PgConnection) {
    wait_until(|| {
        number(conn, "SELECT coalesce(sum(millrace.lane_used(key)), 0)::bigint AS number FROM millrace.lane_use") == 0
            && number(conn, "SELECT count(*) AS number FROM millrace.lane_kept") == 0
    })
    .unwrap();
    assert_eq!(number(conn, "SELECT count(*) AS number FROM millrace.gated"), 0);
}

#[test]
fn no_more_is_reserved_at_once_than_the_pools_have_however_jobs_end() {
    let db = TestDb::new();
    let mut conn = db.connect();
    pool(&mut conn, "mem", 10);
    pool(&mut conn, "db", 3);
    let kinds = [("small", 1, 0), ("wide", 8, 0), ("both", 4, 2), ("linked", 0, 1)];
    let args: Vec<_> = kinds.map(|(name, mem, db)| (name, reserving(&mut conn, name, mem, db))).into();
    let ends = ["done", "fail", "give up", "snooze", "done", "cancel"];
    let mut cancelled = Vec::new();
    for n in 0..120_usize {
        let ((name, args), end) = (&args[n % 4], ends[n % 6]);
        let job = enqueue(&mut conn, name, args(json!({ "ends": end, "ms": 5 + n % 20 })));
        if end == "cancel" {
            cancelled.push(job);
        }
    }
    let watched = Watched::default();
    let engines: Vec<TestEngine> = ["one", "two"]
        .map(|node| TestEngine::start_as(&db, node, Registry::default().with_handler("watched", watched.clone())))
        .into();

    for job in cancelled {
        transaction(&mut conn, "test", |tx| control::cancel(tx, job, "ada", None)).unwrap();
    }
    wait_until(|| ended(&mut conn) == 120).unwrap();

    let most = watched.0.lock().unwrap().most;
    assert!(most[0] <= 10 && most[1] <= 3, "{most:?}");
    assert!(most[0] > 5 && most[1] > 1, "the pools were used: {most:?}");
    nothing_is_left(&mut conn);
    engines.into_iter().for_each(TestEngine::drain);
}

#[test]
fn a_job_that_needs_much_is_not_kept_away_by_a_flood_of_small_ones() {
    let db = TestDb::new();
    let mut conn = db.connect();
    pool(&mut conn, "mem", 10);
    pool(&mut conn, "db", 3);
    let small = reserving(&mut conn, "small", 1, 0);
    let linked = reserving(&mut conn, "linked", 0, 1);
    let big = reserving(&mut conn, "big", 8, 2);
    let watched = Watched::default();
    let _engine = TestEngine::start(&db, Registry::default().with_handler("watched", watched.clone()));
    let (stop, feeder) = (Arc::new(AtomicBool::new(false)), db.connect());
    let flood = std::thread::spawn({
        let (stop, mut conn) = (Arc::clone(&stop), feeder);
        move || {
            while !stop.load(Ordering::SeqCst) {
                let waiting =
                    "SELECT (SELECT count(*) FROM millrace.ready) + (SELECT count(*) FROM millrace.gated) AS number";
                if number(&mut conn, waiting) < 200 {
                    for _ in 0..20 {
                        enqueue(&mut conn, "small", small(json!({ "ms": 20 })));
                        enqueue(&mut conn, "linked", linked(json!({ "ms": 20 })));
                    }
                }
            }
        }
    });
    wait_until(|| watched.begun("small") > 20).unwrap();

    let jobs: Vec<JobId> = (0..3).map(|_| enqueue(&mut conn, "big", big(json!({})))).collect();

    jobs.iter().for_each(|job| wait_for(&mut conn, *job, "succeeded"));
    stop.store(true, Ordering::SeqCst);
    flood.join().unwrap();
    assert!(watched.0.lock().unwrap().most[0] <= 10);
    let left = "SELECT (SELECT count(*) FROM millrace.ready) + (SELECT count(*) FROM millrace.gated) + (SELECT count(*) FROM millrace.leases) AS number";
    wait_until(|| number(&mut conn, left) == 0).unwrap();
    nothing_is_left(&mut conn);
}

/// Two of four jobs run and reserve 2 of 4 each.
fn two_of_four(db: &TestDb, conn: &mut PgConnection) -> (Kept, TestEngine, Vec<JobId>) {
    pool(conn, "mem", 4);
    let args = reserving(conn, "kept", 2, 0);
    let kept = Kept::default();
    let engine = TestEngine::start(db, Registry::default().with_handler("watched", kept.clone()));
    let jobs = (0..4).map(|_| enqueue(conn, "kept", args(json!({})))).collect();
    settles_at(&kept, 2);
    (kept, engine, jobs)
}

#[test]
fn a_pool_that_gets_more_lets_in_at_once_and_one_that_gets_less_ends_nothing() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let (kept, _engine, _) = two_of_four(&db, &mut conn);

    pool(&mut conn, "mem", 6);
    settles_at(&kept, 3);
    pool(&mut conn, "mem", 2);
    settles_at(&kept, 3);
    kept.let_go(2);
    settles_at(&kept, 1);
    pool(&mut conn, "mem", 0);
    kept.let_go(1);
    settles_at(&kept, 0);

    pool(&mut conn, "mem", 2);
    settles_at(&kept, 1);
    kept.let_go(1);
    wait_until(|| ended(&mut conn) == 4).unwrap();
    nothing_is_left(&mut conn);
}

#[test]
fn a_job_that_needs_more_than_there_is_says_so_and_lets_the_others_by() {
    let db = TestDb::new();
    let mut conn = db.connect();
    pool(&mut conn, "mem", 8);
    let (big, small) = (reserving(&mut conn, "big", 8, 0), reserving(&mut conn, "small", 3, 0));
    pool(&mut conn, "mem", 4);
    let _engine = TestEngine::start(&db, Registry::default().with_handler("watched", Watched::default()));

    let waits = enqueue(&mut conn, "big", big(json!({})));
    wait_for(&mut conn, waits, "gated");
    let others: Vec<JobId> = (0..5).map(|_| enqueue(&mut conn, "small", small(json!({})))).collect();
    others.into_iter().for_each(|job| wait_for(&mut conn, job, "succeeded"));

    assert_eq!(state(&mut conn, waits), "gated");
    let detail = jobs::detail(&mut conn, &Scope::default(), waits).unwrap().unwrap();
    wait_until(|| number(&mut conn, "SELECT millrace.lane_used('pmem')::bigint AS number") == 0).unwrap();
    let (pool_name, unit) = ("mem".to_owned(), String::new());
    let told = jobs::explain(&mut conn, &detail).unwrap().reasons;
    let wait =
        PoolWait { pool: pool_name, needs: 8, amount: Some(4), used: 0, kept: 0, unit, holders: vec![], position: 1 };
    assert_eq!(told, [Reason::Pool(wait)]);
    pool(&mut conn, "mem", 8);
    wait_for(&mut conn, waits, "succeeded");
    nothing_is_left(&mut conn);
}

#[test]
fn a_pool_that_is_gone_lets_everybody_by() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let (kept, _engine, _) = two_of_four(&db, &mut conn);

    transaction(&mut conn, "test", |tx| {
        tx.batch_execute("DELETE FROM millrace.pools").unwrap();
        pool_changed(tx, "mem", None)
    })
    .unwrap();
    ring::notify(&mut conn).unwrap();

    settles_at(&kept, 4);
    kept.let_go(4);
    wait_until(|| ended(&mut conn) == 4).unwrap();
    nothing_is_left(&mut conn);
}

#[test]
fn what_a_dead_node_reserved_is_free() {
    let db = TestDb::new();
    let mut conn = db.connect();
    pool(&mut conn, "mem", 4);
    let args = reserving(&mut conn, "small", 3, 0);
    let dead = "INSERT INTO millrace.nodes (name, epoch, version, state) VALUES ('gone', 7, '0', 'up');
        INSERT INTO millrace.lane_use (key, node_id, epoch, taken) SELECT 'pmem', id, 7, 4 FROM millrace.nodes WHERE name = 'gone'";
    conn.batch_execute(dead).unwrap();
    let _engine = TestEngine::start(&db, Registry::default().with_handler("watched", Watched::default()));

    let job = enqueue(&mut conn, "small", args(json!({})));

    wait_for(&mut conn, job, "succeeded"); // once the node that is not heard of is declared lost
    nothing_is_left(&mut conn);
}

#[test]
fn what_is_kept_for_a_job_that_does_not_come_is_free_again() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let (kept, _engine, jobs) = two_of_four(&db, &mut conn);
    let keep = "INSERT INTO millrace.lane_kept (lane, job_id, queue_id, amount, until)
        SELECT 'pmem', 9999, id, 4, now() + interval '1 h' FROM millrace.queues WHERE name = 'default'";
    conn.batch_execute(keep).unwrap(); // of a job that was taken out of the line

    kept.let_go(2);

    wait_until(|| ended(&mut conn) == 2).unwrap();
    settles_at(&kept, 2);
    kept.let_go(2);
    jobs.into_iter().for_each(|job| wait_for(&mut conn, job, "succeeded"));
    nothing_is_left(&mut conn);
}

#[test]
fn sql_jobs_give_back_what_they_reserved() {
    let db = TestDb::new();
    let mut conn = db.connect();
    pool(&mut conn, "mem", 4);
    let spec = json!({ "runner": "sql", "sql": { "statements": "SELECT 1" }, "limits": { "reserve": { "mem": 3 } },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } });
    template(&mut conn, "one", spec);
    let engine = TestEngine::start_sql(&db);

    let jobs: Vec<JobId> = (0..20).map(|_| enqueue(&mut conn, "one", json!({}))).collect();

    jobs.into_iter().for_each(|job| wait_for(&mut conn, job, "succeeded"));
    nothing_is_left(&mut conn);
    engine.drain();
}

#[test]
fn jobs_of_a_paused_queue_hold_up_nobody_in_their_lanes() {
    let db = TestDb::new();
    let mut conn = db.connect();
    pool(&mut conn, "mem", 4);
    let small = reserving(&mut conn, "small", 2, 0);
    let seen = Watched::default();
    let _engine = TestEngine::start(&db, Registry::default().with_handler("watched", seen.clone()));
    let args = small(json!({ "ms": 50 }));
    conn.batch_execute(&format!("SELECT millrace.enqueue('small', '{args}') FROM generate_series(1, 400)")).unwrap();
    let gated = "SELECT count(*) AS number FROM millrace.gated";
    wait_until(|| number(&mut conn, gated) > 300).unwrap_or_else(|()| panic!("{} wait", number(&mut conn, gated)));
    conn.batch_execute("UPDATE millrace.queues SET paused_at = now(), paused_by = 'ada' WHERE name = 'default'; INSERT INTO millrace.queues (name) VALUES ('other')").unwrap();
    ring::notify(&mut conn).unwrap();
    let running = "SELECT count(*) AS number FROM millrace.leases";
    wait_until(|| number(&mut conn, running) == 0).unwrap();

    let args = small(json!({}));
    conn.batch_execute(&format!("SELECT millrace.enqueue('small', '{args}', queue => 'other')")).unwrap();

    let done = "SELECT count(*) AS number FROM millrace.history h JOIN millrace.queues q ON q.id = h.queue_id WHERE q.name = 'other'";
    wait_until(|| number(&mut conn, done) == 1)
        .unwrap_or_else(|()| panic!("{} wait before it", number(&mut conn, gated)));
    conn.batch_execute("UPDATE millrace.queues SET paused_at = NULL, paused_by = NULL WHERE name = 'default'").unwrap();
    ring::notify(&mut conn).unwrap();
    wait_until(|| ended(&mut conn) == 401).unwrap_or_else(|()| panic!("{} ended", ended(&mut conn)));
    nothing_is_left(&mut conn);
    assert!(seen.0.lock().unwrap().most[0] <= 4);
}
