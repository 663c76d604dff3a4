//! Jobs that require labels run on nodes that have them, and on no other, whatever way they come.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use millrace::admin::jobs::{self, Reason};
use millrace::base::db::PgConnection;
use millrace::base::text::NodeName;
use millrace::engine::EngineSettings;
use millrace::queue::actor::Scope;
use millrace::queue::fit::{self, Labels};
use millrace::queue::job::{JobId, QueueId};
use millrace::queue::work::{Ended, Failure, Handler, JobContext, Outcome, Registry};
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{
    TestEngine, enqueue, enqueue_many, handler_template, labels, number, template, wait_for, wait_until,
};

/// Remembers which template's attempts ran on which node; the first attempt of a job fails when it is told so.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<HashSet<(String, String)>>>);

impl Seen {
    fn ran(&self, template: &str, node: &str) -> bool {
        self.0.lock().unwrap().contains(&(template.to_owned(), node.to_owned()))
    }
}

impl Handler for Seen {
    fn run(&self, job: &JobContext) -> Ended {
        let facts = job.facts();
        self.0.lock().unwrap().insert((facts.template.to_string(), facts.node.to_string()));
        if job.args()["fails"].as_bool() == Some(true) && job.attempt() == 1 {
            return Err(Failure::new("once".to_owned()));
        }
        Ok(Outcome::Done)
    }
}

fn requiring(conn: &mut PgConnection, name: &str, more: serde_json::Value) {
    let mut spec = json!({ "runner": "handler", "handler": { "name": name }, "requires": { "gpu": "1" },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000,
            "backoff": { "kind": "constant", "base_ms": 20, "jitter": 0.0 } } });
    spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    template(conn, name, spec);
}

fn engine(db: &TestDb, node: &str, labels: Labels, seen: &Seen) -> TestEngine {
    let registry = Registry::default().with_handler("train", seen.clone()).with_handler("plain", seen.clone());
    TestEngine::start_changed(db, registry, |settings: &mut EngineSettings| {
        settings.node = NodeName::parse(node).unwrap();
        settings.labels = labels;
    })
}

fn succeeded(conn: &mut PgConnection, jobs: i64) {
    let done = "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'";
    wait_until(|| number(conn, done) == jobs).unwrap_or_else(|()| panic!("{} of {jobs}", number(conn, done)));
    assert_eq!(number(conn, "SELECT count(*) AS number FROM millrace.gated"), 0);
}

fn reasons(conn: &mut PgConnection, job: JobId) -> Vec<Reason> {
    let detail = jobs::detail(conn, &Scope::default(), job).unwrap().unwrap();
    jobs::explain(conn, &detail).unwrap().reasons
}

#[test]
fn only_nodes_with_the_labels_run_what_requires_them_also_when_it_is_tried_again() {
    let db = TestDb::new();
    let mut conn = db.connect();
    requiring(&mut conn, "train", json!({ "limits": { "concurrency": 2 } }));
    handler_template(&mut conn, "plain", json!({}));
    let seen = Seen::default();
    let _plain = engine(&db, "plain", labels(&[("zone", "a")]), &seen);
    let _gpu = engine(&db, "gpu", labels(&[("gpu", "1"), ("zone", "b")]), &seen);

    for _ in 0..10 {
        enqueue(&mut conn, "train", json!({ "fails": true }));
    }
    enqueue_many(&mut conn, "train", 50);
    enqueue_many(&mut conn, "plain", 50);

    succeeded(&mut conn, 110);
    let trained = "SELECT count(*) AS number FROM millrace.history h JOIN millrace.nodes n ON n.id = h.node_id
        JOIN millrace.templates t ON t.id = h.template_id WHERE t.name = 'train' AND n.name = 'gpu'";
    assert_eq!(number(&mut conn, trained), 60);
    let failed = "SELECT count(*) AS number FROM millrace.attempts a JOIN millrace.nodes n ON n.id = a.node_id WHERE n.name = 'plain'";
    assert_eq!(number(&mut conn, failed), 0);
    assert!(seen.ran("train", "gpu") && !seen.ran("train", "plain"));
}

#[test]
fn what_no_node_can_run_says_so_and_begins_when_such_a_node_comes() {
    let db = TestDb::new();
    let mut conn = db.connect();
    requiring(&mut conn, "train", json!({}));
    let seen = Seen::default();
    let plain = engine(&db, "plain", labels(&[("gpu", "2")]), &seen);
    let job = enqueue(&mut conn, "train", json!({}));
    wait_for(&mut conn, job, "gated");
    std::thread::sleep(Duration::from_millis(1_300)); // the net under the lanes leaves it there

    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.gated"), 1);
    assert_eq!(
        reasons(&mut conn, job),
        [Reason::NoNodeWith { labels: labels(&[("gpu", "1")]) }, Reason::InLine { position: 1 }]
    );
    assert!(seen.0.lock().unwrap().is_empty());

    let _gpu = engine(&db, "gpu", labels(&[("gpu", "1")]), &seen);
    wait_for(&mut conn, job, "succeeded");
    plain.drain();
}

#[test]
fn a_node_comes_to_its_lane_however_many_others_stand_before_it() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let others = "INSERT INTO millrace.gated (job_id, lane, since, queue_id, template_id, priority, attempt)
        SELECT n, CASE n WHEN 600 THEN 'x1:zone=z' ELSE 'x1:zone=' || n END, now(), 1, 1, 3, 0 FROM generate_series(1, 600) AS n";
    conn.batch_execute(others).unwrap();
    let (labels, mut cursor) = (fit::Labels::from([("zone".to_owned(), "z".to_owned())]), fit::Cursor::default());

    let looks = [(); 3].map(|()| fit::waiting(&mut conn, &labels, &mut cursor).unwrap());

    let ours = vec![(QueueId(1), "x1:zone=z".to_owned())];
    assert_eq!(looks, [Vec::new(), ours, Vec::new()], "the third begins from the start");
}
