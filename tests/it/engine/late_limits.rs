//! A queue gets a limit while its jobs run: from the moment the command has returned none begins beyond it, what runs is counted, and
//! when that ends its places are as they were.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use millrace::admin::queues::Wish;
use millrace::admin::queues::service::{Act, act};
use millrace::base::db::PgConnection;
use millrace::queue::actor::Actor;
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue_many, handler_template, number, template, wait_until};

/// When a job began, and ended.
type Span = (Instant, Option<Instant>);

/// When each job began and ended.
#[derive(Clone)]
struct Timed {
    spans: Arc<Mutex<Vec<Span>>>,
    length: Duration,
}

impl Timed {
    fn of(length: Duration) -> Self {
        Self { spans: Arc::default(), length }
    }

    fn begun(&self) -> usize {
        self.spans.lock().unwrap().len()
    }

    /// The most that ran at once, themselves counted, when one began after `from`.
    fn most_at_a_start_after(&self, from: Instant) -> usize {
        let spans = self.spans.lock().unwrap();
        let runs_at = |at: Instant| {
            spans.iter().filter(|(begun, ended)| *begun <= at && ended.is_none_or(|end| end > at)).count()
        };
        spans.iter().filter(|(begun, _)| *begun > from).map(|(begun, _)| runs_at(*begun)).max().unwrap_or(0)
    }
}

impl Handler for Timed {
    fn run(&self, _: &JobContext) -> Ended {
        let place = {
            let mut spans = self.spans.lock().unwrap();
            spans.push((Instant::now(), None));
            spans.len() - 1
        };
        thread::sleep(self.length);
        self.spans.lock().unwrap()[place].1 = Some(Instant::now());
        Ok(Outcome::Done)
    }
}

fn limit(conn: &mut PgConnection, jobs: Option<i32>) -> Instant {
    let to = Wish { concurrency: Some(jobs), ..Wish::default() };
    act(conn, &Actor::system("test"), "default", (Act::Limit { to, seen: None }, "")).unwrap();
    Instant::now()
}

const USED: &str = "SELECT millrace.lane_used('q1')::bigint AS number";

/// All have ended, and nobody holds or owes a place.
fn all_end(conn: &mut PgConnection, jobs: i64) {
    let done = "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'";
    wait_until(|| number(conn, done) == jobs).unwrap_or_else(|()| panic!("{} of {jobs} ended", number(conn, done)));
    let owed =
        "SELECT count(*) AS number FROM millrace.lane_use u FULL JOIN millrace.lane_freed f USING (key, node_id, epoch)
        WHERE coalesce(u.taken, 0) <> coalesce(f.freed, 0)";
    wait_until(|| number(conn, owed) == 0)
        .unwrap_or_else(|()| panic!("{} nodes hold or owe places", number(conn, owed)));
}

#[test]
fn a_limit_set_where_there_was_none_counts_what_runs_on_every_node() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "timed", json!({}));
    let timed = Timed::of(Duration::from_millis(1_500));
    let nodes = ["one", "two"]
        .map(|node| TestEngine::start_as(&db, node, Registry::default().with_handler("timed", timed.clone())));
    enqueue_many(&mut conn, "timed", 24);
    wait_until(|| timed.begun() == 16).unwrap();

    let set = limit(&mut conn, Some(3));

    // those that no slot had begun go back within a moment
    wait_until(|| number(&mut conn, USED) == 16)
        .unwrap_or_else(|()| panic!("{} places are held", number(&mut conn, USED)));
    all_end(&mut conn, 24);
    assert!(timed.most_at_a_start_after(set) <= 3, "{} at once", timed.most_at_a_start_after(set));
    nodes.into_iter().for_each(TestEngine::drain);
}

#[test]
fn short_jobs_that_were_claimed_ahead_obey_a_limit_as_soon_as_it_is_set() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "timed", json!({}));
    let timed = Timed::of(Duration::from_millis(5));
    let _nodes = ["one", "two"]
        .map(|node| TestEngine::start_as(&db, node, Registry::default().with_handler("timed", timed.clone())));
    enqueue_many(&mut conn, "timed", 6_000);
    wait_until(|| timed.begun() >= 200).unwrap();

    let set = limit(&mut conn, Some(2));
    let begun = timed.begun();
    wait_until(|| timed.begun() > begun + 100).unwrap();
    let most = timed.most_at_a_start_after(set);
    for jobs in [None, Some(4), None, Some(1), None] {
        limit(&mut conn, jobs);
    }

    // those that ran when it was set may still run beside the first that begin
    assert!(most <= 2, "{most} at once");
    all_end(&mut conn, 6_000);
}

#[test]
fn an_sql_job_that_ran_before_the_limit_gives_its_place_back() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let spec = json!({ "runner": "sql", "sql": { "statements": "SELECT pg_sleep(2)" },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } });
    template(&mut conn, "slow", spec);
    let engine = TestEngine::start_sql(&db);
    enqueue_many(&mut conn, "slow", 4);
    let running = "SELECT coalesce(sum(busy), 0)::bigint AS number FROM millrace.nodes";
    wait_until(|| number(&mut conn, running) >= 2).unwrap();

    limit(&mut conn, Some(1));

    assert!(number(&mut conn, USED) >= 1, "what runs holds places");
    all_end(&mut conn, 4);
    engine.drain();
}
