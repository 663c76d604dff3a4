//! Lanes age as lines do: where a limit lets few run, a flood of the highest priority starves nobody.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Integer, Text};
use millrace::admin::jobs::{self, Reason};
use millrace::base::db::{PgConnection, statement};
use millrace::queue::actor::Scope;
use millrace::queue::fit::Labels;
use millrace::queue::job::JobId;
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::{Value, json};

use crate::support::TestDb;
use crate::support::stage::{TestEngine, labels, number, template, wait_until};

/// One step of aging: priority 5 waits 800 ms behind the others at most.
const STEP: Duration = Duration::from_millis(200);
const FLOOD: i32 = 1_200;
const PATIENT: i64 = 20;

/// Takes 20 ms.
struct Short;

impl Handler for Short {
    fn run(&self, _: &JobContext) -> Ended {
        std::thread::sleep(Duration::from_millis(20));
        Ok(Outcome::Done)
    }
}

fn short(conn: &mut PgConnection, name: &str, more: Value) {
    let mut spec = json!({ "runner": "handler", "handler": { "name": "short" },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } });
    spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    template(conn, name, spec);
}

fn enqueue(conn: &mut PgConnection, template: &str, priority: i32, jobs: i32) {
    const SQL: &str = "SELECT id FROM millrace.enqueue_many((SELECT jsonb_agg(jsonb_build_object('template', $1::text, 'priority', $2::integer))
        FROM generate_series(1, $3)))";
    let enqueue = statement(SQL).bind::<Text, _>(template).bind::<Integer, _>(priority).bind::<Integer, _>(jobs);
    enqueue.run(conn).unwrap();
}

fn engine(db: &TestDb, labels: Labels) -> TestEngine {
    let registry = Registry::default().with_handler("short", Short);
    TestEngine::start_changed(db, registry, |settings| {
        settings.aging = STEP;
        settings.labels = labels;
    })
}

const FLOOD_RAN: &str = "SELECT count(*) AS number FROM millrace.history WHERE priority = 1";

/// Priority 5 runs within its bound, while the flood, which alone would take many times as long, goes on beside it.
fn the_patient_run_beside_the_flood(conn: &mut PgConnection, before: i64) {
    let ran = "SELECT count(*) AS number FROM millrace.history WHERE priority = 5";
    wait_until(|| number(conn, ran) == PATIENT).unwrap_or_else(|()| panic!("{} ran", number(conn, ran)));

    let flood = number(conn, FLOOD_RAN) - before;
    assert!(before + flood < i64::from(FLOOD) * 9 / 10, "the flood was over before: {before} + {flood}");
    assert!(flood > 2 * PATIENT, "the flood goes on beside them: {flood}");
    let waited = "SELECT max(extract(epoch FROM started_at - since) * 1000)::bigint AS number FROM millrace.history WHERE priority = 5";
    assert!(number(conn, waited) < 4_000, "the last began after {} ms", number(conn, waited));
    let early =
        "SELECT count(*) AS number FROM millrace.history WHERE priority = 5 AND started_at < since + interval '790 ms'";
    assert_eq!(number(conn, early), 0, "nobody is overdue before");
}

/// Lets the flood stand in its lane, and then the patient come.
fn a_flood_and_then_the_patient(db: &TestDb, conn: &mut PgConnection, [flood, patient]: [&str; 2]) {
    enqueue(conn, flood, 1, FLOOD);
    let _engine = engine(db, labels(&[]));
    let fresh = "SELECT count(*) AS number FROM millrace.ready WHERE seq = job_id";
    wait_until(|| number(conn, fresh) == 0).unwrap_or_else(|()| panic!("{} are fresh", number(conn, fresh)));
    let before = number(conn, FLOOD_RAN);

    enqueue(conn, patient, 5, PATIENT as i32);

    the_patient_run_beside_the_flood(conn, before);
}

#[test]
fn in_a_queue_with_a_limit_a_flood_of_the_highest_priority_starves_nobody() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("UPDATE millrace.queues SET concurrency = 2").unwrap();
    short(&mut conn, "flood", json!({}));
    short(&mut conn, "patient", json!({}));

    a_flood_and_then_the_patient(&db, &mut conn, ["flood", "patient"]);
}

#[test]
fn in_a_template_with_a_limit_a_flood_of_the_highest_priority_starves_nobody() {
    let db = TestDb::new();
    let mut conn = db.connect();
    short(&mut conn, "bounded", json!({ "limits": { "concurrency": 2 } }));

    a_flood_and_then_the_patient(&db, &mut conn, ["bounded", "bounded"]);
}

#[test]
fn in_a_pool_with_little_room_a_flood_of_the_highest_priority_starves_nobody() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("INSERT INTO millrace.pools (name, amount) VALUES ('gpu', 4)").unwrap();
    short(&mut conn, "small", json!({ "limits": { "reserve": { "gpu": 2 } } }));
    short(&mut conn, "large", json!({ "limits": { "reserve": { "gpu": 3 } } }));

    a_flood_and_then_the_patient(&db, &mut conn, ["small", "large"]);
}

#[test]
fn among_jobs_for_nodes_with_labels_a_flood_of_the_highest_priority_starves_nobody() {
    let db = TestDb::new();
    let mut conn = db.connect();
    short(&mut conn, "labelled", json!({ "requires": { "gpu": "1" } }));
    enqueue(&mut conn, "labelled", 1, FLOOD);
    enqueue(&mut conn, "labelled", 5, PATIENT as i32);
    let sorting = engine(&db, labels(&[]));
    let all = i64::from(FLOOD) + PATIENT;
    wait_until(|| number(&mut conn, "SELECT count(*) AS number FROM millrace.gated") == all).unwrap();
    sorting.drain();
    conn.batch_execute("UPDATE millrace.gated SET since = clock_timestamp()").unwrap();

    let _engine = engine(&db, labels(&[("gpu", "1")]));

    the_patient_run_beside_the_flood(&mut conn, 0);
}

#[test]
fn a_waiting_job_is_told_its_place_with_the_places_that_go_to_those_who_wait_too_long() {
    let db = TestDb::new();
    let mut conn = db.connect();
    short(&mut conn, "bounded", json!({ "limits": { "concurrency": 1 } }));
    enqueue(&mut conn, "bounded", 1, 40);
    enqueue(&mut conn, "bounded", 5, 2);
    let lane = "INSERT INTO millrace.lanes (key, jobs_max, overdue) SELECT 't' || id, 1, '{5}' FROM millrace.templates;
        WITH gone AS (DELETE FROM millrace.ready RETURNING *)
        INSERT INTO millrace.gated (job_id, lane, since, queue_id, template_id, priority, attempt)
        SELECT job_id, 't' || template_id, since, queue_id, template_id, priority, attempt FROM gone";
    conn.batch_execute(lane).unwrap();
    let mut place = |of: &'static str| {
        let job = JobId(number(&mut conn, of));
        let detail = jobs::detail(&mut conn, &Scope::default(), job).unwrap().unwrap();
        match jobs::explain(&mut conn, &detail).unwrap().reasons.pop() {
            Some(Reason::Limit { position, .. }) => position,
            other => panic!("{other:?}"),
        }
    };

    let first = place("SELECT min(job_id) AS number FROM millrace.gated WHERE priority = 5");
    let second = place("SELECT max(job_id) AS number FROM millrace.gated WHERE priority = 5");
    let last = place("SELECT max(job_id) AS number FROM millrace.gated WHERE priority = 1");

    assert_eq!([first, second, last], [4, 8, 42], "by priority alone they would be the 41st, the 42nd and the 40th");
}
