//! Jobs that find one like them waiting: a newer one takes its place after a quiet time, or is not made at all.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Bool, Jsonb, Text};
use millrace::admin::jobs::{self, Reason};
use millrace::base::db::{PgConnection, statement, transaction};
use millrace::queue::actor::Scope;
use millrace::queue::claim::{Want, claim};
use millrace::queue::control;
use millrace::queue::enqueue::{self as door, EnqueueError, NewJob};
use millrace::queue::job::{JobId, QueueId};
use millrace::queue::joining::{forget_debounces, forget_lapsed_keys};
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::{Value, json};

use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue, number, register_node, state, template, text, wait_until};

/// Publishes a template whose jobs are joined as `how` says.
fn joined(conn: &mut PgConnection, how: Value) {
    let mut spec = json!({ "runner": "handler", "handler": { "name": "joined" },
        "params": { "type": "object", "properties": { "key": { "type": "string" }, "list": { "type": "array", "maxItems": 500 } },
            "additionalProperties": true },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } });
    spec.as_object_mut().unwrap().extend(how.as_object().unwrap().clone());
    template(conn, "joined", spec);
}

fn args_of(conn: &mut PgConnection, job: JobId) -> Value {
    let rows =
        statement("SELECT args FROM millrace.jobs WHERE id = $1").bind::<BigInt, _>(job).tuples::<Jsonb, Value>(conn);
    rows.unwrap().remove(0)
}

fn many(conn: &mut PgConnection, jobs: &Value) -> Vec<(i64, bool)> {
    let sql = "SELECT id, existing FROM millrace.enqueue_many($1) ORDER BY ord";
    statement(sql).bind::<Jsonb, _>(jobs).tuples::<(BigInt, Bool), (i64, bool)>(conn).unwrap()
}

const SECONDS: &str =
    "SELECT round(extract(epoch FROM run_at - created_at))::text AS text FROM millrace.jobs WHERE id = $1";

#[test]
fn the_newest_takes_the_place_of_the_one_that_waits() {
    let db = TestDb::new();
    let mut conn = db.connect();
    joined(&mut conn, json!({ "debounce": { "by": ["key"], "wait_ms": 60_000 } }));

    let [first, second, last] = [1, 2, 3].map(|n| enqueue(&mut conn, "joined", json!({ "key": "a", "n": n })));
    let other = enqueue(&mut conn, "joined", json!({ "key": "b" }));

    let seen = [first, second, last, other].map(|job| state(&mut conn, job));
    assert_eq!(seen, ["cancelled", "cancelled", "scheduled", "scheduled"]);
    let why = text(&mut conn, "SELECT error AS text FROM millrace.history WHERE job_id = $1", first);
    assert_eq!(why, format!("cancelled by debounce: job {second} took its place"));
    let parent = text(&mut conn, "SELECT parent_id::text AS text FROM millrace.jobs WHERE id = $1", last);
    assert_eq!((parent, args_of(&mut conn, last)), (second.to_string(), json!({ "key": "a", "n": 3 })));
    assert_eq!(text(&mut conn, SECONDS, last), "60");
    let counted =
        "SELECT sum(jobs)::bigint AS number FROM millrace.job_counts WHERE state IN ('scheduled', 'ready', 'running')";
    assert_eq!(number(&mut conn, counted), 2);
    let detail = jobs::detail(&mut conn, &Scope::default(), last).unwrap().unwrap();
    let told = jobs::explain(&mut conn, &detail).unwrap().reasons;
    assert!(matches!(told[..], [Reason::Debounced { latest: None, .. }]), "{told:?}");
}

#[test]
fn nothing_waits_longer_than_the_rule_allows_after_the_first() {
    let db = TestDb::new();
    let mut conn = db.connect();
    joined(&mut conn, json!({ "debounce": { "wait_ms": 60_000, "max_wait_ms": 90_000 } }));
    enqueue(&mut conn, "joined", json!({}));
    conn.batch_execute("UPDATE millrace.debounces SET first_at = first_at - interval '50 s'").unwrap();

    let second = enqueue(&mut conn, "joined", json!({}));
    conn.batch_execute("UPDATE millrace.debounces SET first_at = first_at - interval '100 s'").unwrap();
    let third = enqueue(&mut conn, "joined", json!({}));

    assert_eq!(text(&mut conn, SECONDS, second), "40");
    assert_eq!([second, third].map(|job| state(&mut conn, job)), ["cancelled", "ready"], "its time is over at once");
}

#[test]
fn a_list_gathers_the_items_of_all_also_within_one_call() {
    let db = TestDb::new();
    let mut conn = db.connect();
    joined(
        &mut conn,
        json!({ "debounce": { "by": ["key"], "wait_ms": 60_000, "mode": "accumulate", "field": "list" } }),
    );
    let job = |key: &str, list: Value| json!({ "template": "joined", "args": { "key": key, "list": list } });
    let first = enqueue(&mut conn, "joined", json!({ "key": "a", "list": [1] }));

    let made = many(
        &mut conn,
        &json!([job("a", json!([2, 3])), job("b", json!([])), job("a", json!([4])), { "template": "joined", "args": { "key": "a" } }]),
    );

    let (a, b) = (JobId(made[3].0), JobId(made[1].0));
    assert_eq!(made, [(a.0, true), (b.0, false), (a.0, true), (a.0, false)]);
    assert_eq!(args_of(&mut conn, a)["list"], json!([1, 2, 3, 4]));
    assert_eq!([first, a, b].map(|job| state(&mut conn, job)), ["cancelled", "scheduled", "scheduled"]);
    let full: Vec<Value> = (0..498).map(Value::from).collect();
    let next = enqueue(&mut conn, "joined", json!({ "key": "a", "list": full }));
    assert_eq!(state(&mut conn, a), "scheduled", "500 items are the most of a list");
    assert_eq!(args_of(&mut conn, next)["list"].as_array().unwrap().len(), 498);
    let after = enqueue(&mut conn, "joined", json!({ "key": "a", "list": [5, 6] }));
    assert_eq!([a, next, after].map(|job| state(&mut conn, job)), ["scheduled", "cancelled", "scheduled"]);
}

/// Notes which items it was given.
#[derive(Clone, Default)]
struct Items(Arc<Mutex<BTreeMap<i64, usize>>>);

impl Handler for Items {
    fn run(&self, job: &JobContext) -> Ended {
        let mut seen = self.0.lock().unwrap();
        for item in job.args()["list"].as_array().unwrap() {
            *seen.entry(item.as_i64().unwrap()).or_default() += 1;
        }
        Ok(Outcome::Done)
    }
}

#[test]
fn no_item_is_lost_or_done_twice_while_others_enqueue_and_jobs_begin() {
    const EACH: i64 = 120;
    let db = TestDb::new();
    let mut conn = db.connect();
    joined(
        &mut conn,
        json!({ "debounce": { "by": ["key"], "wait_ms": 100, "max_wait_ms": 150, "mode": "accumulate", "field": "list" } }),
    );
    let items = Items::default();
    let _engines = ["one", "two"]
        .map(|node| TestEngine::start_as(&db, node, Registry::default().with_handler("joined", items.clone())));

    let begin = Barrier::new(4);
    thread::scope(|scope| {
        for writer in 0..4 {
            let (begin, db) = (&begin, &db);
            scope.spawn(move || {
                let mut conn = db.connect();
                begin.wait();
                for n in 0..EACH {
                    let key = if n % 2 == 0 { "a" } else { "b" };
                    enqueue(&mut conn, "joined", json!({ "key": key, "list": [writer * EACH + n] }));
                    thread::sleep(Duration::from_millis(3)); // so that windows end meanwhile
                }
            });
        }
    });

    let waiting = "SELECT (SELECT count(*) FROM millrace.scheduled) + (SELECT count(*) FROM millrace.ready) + (SELECT count(*) FROM millrace.leases) AS number";
    wait_until(|| number(&mut conn, waiting) == 0).unwrap();
    let seen = items.0.lock().unwrap();
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    assert_eq!(seen.len() as i64, 4 * EACH);
    assert!(number(&mut conn, "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'") > 2);
}

#[test]
fn who_names_a_time_or_is_held_is_left_alone() {
    let db = TestDb::new();
    let mut conn = db.connect();
    joined(&mut conn, json!({ "debounce": { "wait_ms": 60_000 } }));
    let held = enqueue(&mut conn, "joined", json!({}));
    transaction(&mut conn, "test", |tx| control::hold(tx, held, "ada", None)).unwrap();

    let timed = many(&mut conn, &json!([{ "template": "joined", "delay_ms": 5_000 }]))[0].0;
    let waits = enqueue(&mut conn, "joined", json!({}));

    assert_eq!([held, JobId(timed), waits].map(|job| state(&mut conn, job)), ["held", "scheduled", "scheduled"]);
    assert_eq!(text(&mut conn, SECONDS, JobId(timed)), "5");
}

#[test]
fn keys_that_contradict_a_debounce_are_refused_by_either_door() {
    let db = TestDb::new();
    let mut conn = db.connect();
    joined(&mut conn, json!({ "debounce": { "wait_ms": 60_000 } }));
    for field in ["unique_key", "ordering_key"] {
        let wanted = format!("the template \"joined\" debounces its jobs: they take no {field}");
        let job = json!({ "template": "joined", field: "k" });
        let typed: NewJob = serde_json::from_value(job.clone()).unwrap();

        let by_sql =
            statement("SELECT id FROM millrace.enqueue_many($1)").bind::<Jsonb, _>(json!([job])).run(&mut conn);
        let by_rust = transaction(&mut conn, "test", |tx| door::enqueue(tx, "test", &[typed]));

        assert!(by_sql.unwrap_err().to_string().contains(&wanted.replace('"', "'")));
        let Err(EnqueueError::Refused(refusals)) = by_rust else { panic!("{field} was taken") };
        assert_eq!(
            (refusals[0].message.as_str(), refusals[0].pointer.as_str()),
            (wanted.as_str(), format!("/{field}").as_str())
        );
    }
}

#[test]
fn only_one_of_a_kind_is_made_until_it_ends() {
    let db = TestDb::new();
    let mut conn = db.connect();
    joined(&mut conn, json!({ "unique": { "by": ["key"] } }));
    let job = |key: &str| json!({ "template": "joined", "args": { "key": key } });

    let first = enqueue(&mut conn, "joined", json!({ "key": "a", "n": 1 }));
    let again = enqueue(&mut conn, "joined", json!({ "key": "a", "n": 2 }));
    let made = many(
        &mut conn,
        &json!([job("a"), job("b"), job("b"), { "template": "joined", "args": { "key": "a" }, "unique_key": "own" }]),
    );
    transaction(&mut conn, "test", |tx| control::cancel(tx, first, "ada", None)).unwrap();
    let after = enqueue(&mut conn, "joined", json!({ "key": "a" }));

    assert_eq!(again, first);
    let [a, b, b_again, own] = made[..] else { panic!("{made:?}") };
    assert_eq!((a, b.1, b_again), ((first.0, true), false, (b.0, true)));
    assert!(!own.1 && after != first);
}

#[test]
fn a_key_of_a_time_outlives_its_job_and_lapses() {
    let db = TestDb::new();
    let mut conn = db.connect();
    joined(&mut conn, json!({ "unique": { "for_ms": 3_600_000 } }));
    let first = enqueue(&mut conn, "joined", json!({}));
    transaction(&mut conn, "test", |tx| control::cancel(tx, first, "ada", None)).unwrap();

    let within = enqueue(&mut conn, "joined", json!({}));
    conn.batch_execute("UPDATE millrace.unique_keys SET until = until - interval '2 h'").unwrap();
    let forgotten = [forget_lapsed_keys(&mut conn).unwrap(), forget_lapsed_keys(&mut conn).unwrap()];
    let after = enqueue(&mut conn, "joined", json!({}));

    assert_eq!((within, forgotten), (first, [1, 0]));
    assert_ne!(after, first);
}

#[test]
fn a_job_that_runs_does_not_stand_for_what_comes_later_and_one_that_waits_does_not_run_before_it_is_committed() {
    let db = TestDb::new();
    let (mut conn, mut caller) = (db.connect(), db.connect());
    joined(&mut conn, json!({ "unique": { "by": ["key"], "states": "waiting" } }));
    let me = register_node(&mut conn, "me");
    let claimed = |conn: &mut PgConnection| -> Vec<JobId> {
        claim(conn, me, &[Want::from_start(QueueId(1), 9)], 9).unwrap().into_iter().map(|job| job.job_id).collect()
    };
    let first = enqueue(&mut conn, "joined", json!({ "key": "a" }));

    caller.batch_execute("BEGIN").unwrap();
    let same = enqueue(&mut caller, "joined", json!({ "key": "a" }));
    let early = claimed(&mut conn);
    caller.batch_execute("COMMIT").unwrap();
    let ran = claimed(&mut conn);
    let second = many(
        &mut conn,
        &json!([{ "template": "joined", "args": { "key": "a" } }, { "template": "joined", "args": { "key": "a" } }]),
    );

    assert_eq!((same, early, ran), (first, vec![], vec![first]));
    assert_eq!((second[0].1, second[1]), (false, (second[0].0, true)));
    assert_ne!(second[0].0, first.0);
    assert_eq!(claimed(&mut conn), [JobId(second[0].0)]);
}

#[test]
fn windows_that_are_over_are_forgotten() {
    let db = TestDb::new();
    let mut conn = db.connect();
    joined(&mut conn, json!({ "debounce": { "by": ["key"], "wait_ms": 60_000 } }));
    for key in ["a", "b"] {
        enqueue(&mut conn, "joined", json!({ "key": key }));
    }
    let sql = "UPDATE millrace.debounces SET due = due - interval '3 min' WHERE key LIKE $1";
    statement(sql).bind::<Text, _>("%\"a\"%").run(&mut conn).unwrap();

    assert_eq!([forget_debounces(&mut conn).unwrap(), forget_debounces(&mut conn).unwrap()], [1, 0]);
}

/// Both SQL doors wake the mover, which would look by itself once a second only.
#[test]
fn a_short_quiet_time_ends_on_time() {
    let db = TestDb::new();
    let mut conn = db.connect();
    joined(&mut conn, json!({ "debounce": { "by": ["key"], "wait_ms": 250 } }));
    let _engine = TestEngine::start(&db, Registry::default().with_handler("joined", Done));
    thread::sleep(Duration::from_millis(100)); // the mover sleeps

    for n in 0..6 {
        if n % 2 == 0 {
            enqueue(&mut conn, "joined", json!({ "key": n.to_string() }));
        } else {
            many(&mut conn, &json!([{ "template": "joined", "args": { "key": n.to_string() } }]));
        }
        thread::sleep(Duration::from_millis(430)); // at another part of the mover's second each
    }

    wait_until(|| number(&mut conn, "SELECT count(*) AS number FROM millrace.history") == 6).unwrap();
    let late = "SELECT count(*) AS number FROM millrace.history WHERE started_at > since + interval '100 ms'";
    assert!(number(&mut conn, late) <= 1, "{} of 6 were late; a busy machine may delay one", number(&mut conn, late));
}

struct Done;

impl Handler for Done {
    fn run(&self, _: &JobContext) -> Ended {
        Ok(Outcome::Done)
    }
}
