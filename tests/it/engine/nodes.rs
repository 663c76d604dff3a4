use std::time::Duration;

use diesel::sql_types::{BigInt, Text};
use millrace::base::db::{PgConnection, statement};
use millrace::base::text::NodeName;
use millrace::queue::claim::{Claimed, Want, claim};
use millrace::queue::fit::Labels;
use millrace::queue::job::{JobId, QueueId};
use millrace::queue::node::{ClaimTime, Heard, Incarnation, Introduction, Pulse, heartbeat, register, sign_off};
use millrace::queue::settle::{Ending, Settlement, settle};
use millrace::queue::sweep::{self, BadLeases};
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue, handler_template, number, state, text, wait_for};

struct Slow;
impl Handler for Slow {
    fn run(&self, job: &JobContext) -> Ended {
        job.sleep(Duration::from_secs(30))?;
        Ok(Outcome::Done)
    }
}

fn node(conn: &mut PgConnection, name: &str) -> Incarnation {
    let name = NodeName::parse(name).unwrap();
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

fn claim_one(conn: &mut PgConnection, who: Incarnation) -> Claimed {
    claim(conn, who, &[Want::from_start(QueueId(1), 1)], 1).unwrap().remove(0)
}

fn success(job: &Claimed) -> Settlement {
    Settlement::plain(job, job.since, job.since, Ending::Succeeded { output: None })
}

fn lose(conn: &mut PgConnection, name: &str) {
    statement("UPDATE millrace.nodes SET heartbeat_at = heartbeat_at - interval '1 hour' WHERE name = $1")
        .bind::<Text, _>(name)
        .run(conn)
        .unwrap();
    assert_eq!(sweep::declare_lost(conn, Duration::from_secs(10)).unwrap(), [name]);
}

const PULSE: Pulse = Pulse {
    slots: 1,
    busy: 0,
    memory_bytes: 0,
    draining: false,
    clock_ms: 0,
    claims: ClaimTime { claims: 0, p50: None, p99: None },
};

/// Whether each node is called lost.
fn lost(conn: &mut PgConnection) -> Vec<(String, bool)> {
    let sql = "SELECT name, lost_at IS NOT NULL FROM millrace.nodes ORDER BY name";
    statement(sql).tuples::<(Text, diesel::sql_types::Bool), (String, bool)>(conn).unwrap()
}

#[test]
fn a_node_that_stopped_is_not_called_lost_and_a_lost_one_only_until_it_starts_again() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let (stops, _) = (node(&mut conn, "a"), node(&mut conn, "b"));

    sign_off(&mut conn, stops).unwrap();
    lose(&mut conn, "b");
    assert_eq!(lost(&mut conn), [("a".into(), false), ("b".into(), true)]);

    node(&mut conn, "b");
    assert_eq!(lost(&mut conn), [("a".into(), false), ("b".into(), false)]);
}

#[test]
fn a_late_worker_cannot_finish_a_rescued_job() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "slow", json!({}));
    let job = enqueue(&mut conn, "slow", json!({}));
    let (old, new) = (node(&mut conn, "old"), node(&mut conn, "new"));
    let first = claim_one(&mut conn, old);
    lose(&mut conn, "old");
    assert_eq!(sweep::take_back(&mut conn, &mut BadLeases::default()).unwrap(), 1);
    let second = claim_one(&mut conn, new);
    assert!(second.fence > first.fence);

    let settled = settle(&mut conn, old, &[success(&first)]).unwrap();

    assert_eq!(settled.count(), 0);
    assert_eq!(state(&mut conn, job), "running");
    assert_eq!(heartbeat(&mut conn, old, &PULSE).unwrap(), Heard::Superseded);
    assert!(settle(&mut conn, new, &[success(&second)]).unwrap().holds(job, second.fence));
    assert_eq!(state(&mut conn, job), "succeeded");
}

#[test]
fn a_result_settled_twice_counts_once() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "slow", json!({}));
    enqueue(&mut conn, "slow", json!({}));
    let me = node(&mut conn, "me");
    let job = claim_one(&mut conn, me);

    let counts = [1, 2].map(|_| settle(&mut conn, me, &[success(&job)]).unwrap().count());

    assert_eq!(counts, [1, 0]);
    assert_eq!(number(&mut conn, "SELECT sum(jobs)::bigint AS number FROM millrace.job_counts"), 1);
}

#[test]
fn a_job_that_takes_its_nodes_down_three_times_is_held_with_the_reason() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "slow", json!({"max_attempts": 10}));
    let job = enqueue(&mut conn, "slow", json!({}));

    for round in ["a", "b", "c"] {
        let who = node(&mut conn, round);
        assert_eq!(claim_one(&mut conn, who).job_id, job);
        lose(&mut conn, round);
        sweep::take_back(&mut conn, &mut BadLeases::default()).unwrap();
    }

    assert_eq!(state(&mut conn, job), "held");
    let reason = text(&mut conn, "SELECT reason AS text FROM millrace.parked WHERE job_id = $1", job);
    assert!(reason.starts_with("interrupted three times"), "{reason}");
}

#[test]
fn a_drained_node_gives_its_job_back_uncounted_and_another_takes_it() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "slow", json!({}));
    let engine = TestEngine::start_as(&db, "one", Registry::default().with_handler("slow", Slow));
    let job = enqueue(&mut conn, "slow", json!({}));
    wait_for(&mut conn, job, "running");

    engine.drain();

    assert_eq!(state(&mut conn, job), "ready");
    let attempt = text(&mut conn, "SELECT attempt::text AS text FROM millrace.ready WHERE job_id = $1", job);
    assert_eq!(attempt, "0");
    let _other = TestEngine::start_as(&db, "two", Registry::default().with_handler("slow", Slow));
    wait_for(&mut conn, job, "running");
}

#[test]
fn a_node_that_starts_again_takes_back_what_its_last_epoch_held() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "slow", json!({}));
    let job: JobId = enqueue(&mut conn, "slow", json!({}));
    let dead = node(&mut conn, "one");
    claim_one(&mut conn, dead);

    let _engine = TestEngine::start_as(&db, "one", Registry::default().with_handler("slow", Slow));

    let attempt = "SELECT coalesce(max(attempts[array_position(job_ids, $1)]), 0)::text AS text FROM millrace.leases WHERE job_ids @> ARRAY[$1::bigint]";
    crate::support::stage::wait_until(|| text(&mut conn, attempt, job) == "2").unwrap();
}

#[test]
fn one_orphan_that_cannot_be_taken_back_does_not_keep_the_others() {
    const WRITTEN: &str = "INSERT INTO millrace.attempts (job_id, number, fence, finished_at, outcome, counted)
        VALUES ($1, 1, $2, now(), 'failed', true)";
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "slow", json!({}));
    let (bad, good) = (enqueue(&mut conn, "slow", json!({})), enqueue(&mut conn, "slow", json!({})));
    let dead = node(&mut conn, "dead");
    let first = claim_one(&mut conn, dead);
    assert_eq!((first.job_id, claim_one(&mut conn, dead).job_id), (bad, good));
    // its attempt is written down already, which refuses the settlement
    statement(WRITTEN).bind::<BigInt, _>(bad).bind::<BigInt, _>(first.fence).run(&mut conn).unwrap();
    lose(&mut conn, "dead");
    let mut set_aside = BadLeases::default();

    assert_eq!(sweep::take_back(&mut conn, &mut set_aside).unwrap(), 1);

    assert_ne!(state(&mut conn, good), "running");
    assert_eq!(state(&mut conn, bad), "running");
    assert_eq!(sweep::take_back(&mut conn, &mut set_aside).unwrap(), 0);
}
