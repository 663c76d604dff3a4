//! The limits of a queue are changed while its jobs run and wait.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar};

use millrace::admin::queues::service::{Act, act};
use millrace::admin::queues::{Limits, Wish};
use millrace::base::db::PgConnection;
use millrace::queue::actor::Actor;
use millrace::queue::ring;
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue_many, handler_template, number, template, wait_until};

/// Jobs that run until they are let go.
#[derive(Clone, Default)]
pub struct Kept(Arc<Inside>);

#[derive(Default)]
struct Inside {
    running: AtomicUsize,
    let_go: Mutex<usize>,
    changed: Condvar,
}

impl Kept {
    fn running(&self) -> usize {
        self.0.running.load(Ordering::SeqCst)
    }

    /// Lets so many of them end.
    pub fn let_go(&self, jobs: usize) {
        *self.0.let_go.lock().unwrap() += jobs;
        self.0.changed.notify_all();
    }
}

impl Handler for Kept {
    fn run(&self, _: &JobContext) -> Ended {
        self.0.running.fetch_add(1, Ordering::SeqCst);
        let mut free = self.0.let_go.lock().unwrap();
        while *free == 0 {
            free = self.0.changed.wait(free).unwrap();
        }
        *free -= 1;
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        Ok(Outcome::Done)
    }
}

fn limit(conn: &mut PgConnection, to: Wish) -> Limits {
    let changed = act(conn, &Actor::system("test"), "default", (Act::Limit { to, seen: None }, ""));
    ring::notify(conn).unwrap();
    changed.unwrap().limits
}

fn on_all_nodes(jobs: Option<i32>) -> Wish {
    Wish { concurrency: Some(jobs), ..Wish::default() }
}

/// Waits until so many run, and then a little longer: one more would come.
pub fn settles_at(kept: &Kept, jobs: usize) {
    wait_until(|| kept.running() == jobs).unwrap_or_else(|()| panic!("{} run, not {jobs}", kept.running()));
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(kept.running(), jobs);
}

fn stage(jobs: i32) -> (TestDb, PgConnection, Kept) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "kept", json!({}));
    enqueue_many(&mut conn, "kept", jobs);
    (db, conn, Kept::default())
}

fn all_end(conn: &mut PgConnection, kept: &Kept, jobs: i64) {
    kept.let_go(usize::MAX / 2);
    let done = "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'";
    wait_until(|| number(conn, done) == jobs).unwrap();
    wait_until(|| {
        number(conn, "SELECT coalesce(sum(millrace.lane_used(key)), 0)::bigint AS number FROM millrace.lane_use") == 0
    })
    .unwrap();
    assert_eq!(number(conn, "SELECT count(*) AS number FROM millrace.gated"), 0);
}

#[test]
fn a_raised_limit_lets_waiting_jobs_in_and_a_lowered_one_holds_for_what_comes() {
    let (db, mut conn, kept) = stage(20);
    limit(&mut conn, on_all_nodes(Some(2)));
    let _engine = TestEngine::start(&db, Registry::default().with_handler("kept", kept.clone()));
    settles_at(&kept, 2);

    limit(&mut conn, on_all_nodes(Some(5)));
    settles_at(&kept, 5);

    limit(&mut conn, on_all_nodes(Some(3)));
    kept.let_go(1);
    settles_at(&kept, 4);
    kept.let_go(3);
    settles_at(&kept, 3);
    all_end(&mut conn, &kept, 20);
}

#[test]
fn a_limit_that_is_taken_away_leaves_no_bound_and_nobody_waiting() {
    let (db, mut conn, kept) = stage(20);
    limit(&mut conn, on_all_nodes(Some(1)));
    let _engine = TestEngine::start(&db, Registry::default().with_handler("kept", kept.clone()));
    settles_at(&kept, 1);

    assert_eq!(limit(&mut conn, on_all_nodes(None)).concurrency, None);

    settles_at(&kept, 8); // every slot
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.gated"), 0);
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.lanes WHERE jobs_max IS NOT NULL"), 0);
    all_end(&mut conn, &kept, 20);
}

/// Runs 12 jobs on two nodes, each with a handler of its own, until they stand at `at_once` on each.
fn each_node_stops_at(db: &TestDb, mut conn: PgConnection, at_once: usize) {
    let nodes = ["one", "two"].map(|node| {
        let kept = Kept::default();
        let engine = TestEngine::start_as(db, node, Registry::default().with_handler("kept", kept.clone()));
        (kept, engine)
    });
    nodes.iter().for_each(|(kept, _)| settles_at(kept, at_once));

    nodes[0].0.let_go(1); // its place is taken again
    wait_until(|| number(&mut conn, "SELECT count(*) AS number FROM millrace.history") == 1).unwrap();
    nodes.iter().for_each(|(kept, _)| settles_at(kept, at_once));

    nodes[0].0.let_go(usize::MAX / 2);
    all_end(&mut conn, &nodes[1].0, 12);
}

#[test]
fn a_queue_s_limit_of_each_node_holds_on_each() {
    let (db, mut conn, _) = stage(12);
    limit(&mut conn, Wish { concurrency_per_node: Some(Some(2)), ..Wish::default() });

    each_node_stops_at(&db, conn, 2);
}

#[test]
fn a_template_s_limit_of_each_node_holds_on_each() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let spec = json!({ "runner": "handler", "handler": { "name": "kept" }, "limits": { "concurrency_per_node": 2 },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } });
    template(&mut conn, "kept", spec);
    enqueue_many(&mut conn, "kept", 12);

    each_node_stops_at(&db, db.connect(), 2);
}
