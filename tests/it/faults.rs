//! Promises that must hold while processes die.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use millrace::base::db::PgConnection;
use millrace::queue::job::JobId;
use serde_json::{Value, json};

use crate::cli::served::Served;
use crate::support::stage::{enqueue, enqueue_many, number, template, text, wait_for};
use crate::support::{TestDb, ThrowAway};

/// Jobs of each kind.
const JOBS: i32 = 1_000;
/// How often the engine is killed while they run.
const KILLS: i64 = 5;
/// Longest wait for all of it on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// Answers every request with 200 and counts them. Ends with the process.
struct Endpoint {
    address: String,
    calls: Arc<AtomicU64>,
}

impl Endpoint {
    fn start() -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, calls) = (listener.local_addr().unwrap().to_string(), Arc::new(AtomicU64::new(0)));
        let counter = Arc::clone(&calls);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().filter_map(Result::ok) {
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone()?).lines();
                    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
                    counter.fetch_add(1, Ordering::Relaxed);
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                });
            }
        });
        Endpoint { address, calls }
    }
}

fn publish(conn: &mut PgConnection, name: &str, work: &Value) {
    let mut spec = json!({ "params": { "type": "object", "properties": { "n": { "type": "integer" } } },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 60_000,
            "backoff": { "kind": "constant", "base_ms": 20, "jitter": 0.0 } } });
    spec.as_object_mut().unwrap().extend(work.as_object().unwrap().clone());
    template(conn, name, spec);
}

fn succeeded(conn: &mut PgConnection) -> i64 {
    number(conn, "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'")
}

/// Tells where the jobs are, for whoever has to find out why they are not done.
fn standing(conn: &mut PgConnection) -> String {
    const SQL: &str = "SELECT jsonb_build_object(
        'states', (SELECT jsonb_object_agg(state, jobs) FROM (SELECT state, sum(jobs) AS jobs FROM millrace.job_counts GROUP BY state) AS c),
        'errors', (SELECT jsonb_agg(DISTINCT error) FROM millrace.history),
        'attempts', (SELECT jsonb_agg(DISTINCT jsonb_build_array(outcome, counted, error)) FROM millrace.attempts),
        'leases', (SELECT jsonb_agg(jsonb_build_array(id, cardinality(job_ids), node_id, epoch)) FROM millrace.leases),
        'nodes', (SELECT jsonb_agg(to_jsonb(n)) FROM millrace.nodes n))::text AS text FROM (SELECT $1::bigint) AS x";
    text(conn, SQL, JobId(0))
}

#[test]
fn a_job_that_takes_its_node_down_is_held_and_its_neighbours_are_not() {
    let (db, folder) = (TestDb::new(), ThrowAway::new());
    let mut conn = db.connect();
    for (name, handler) in [("abort", "diag.abort"), ("sleep", "diag.sleep")] {
        let spec = json!({ "runner": "handler", "handler": { "name": handler },
            "params": { "type": "object", "additionalProperties": true },
            "defaults": { "queue": "default", "priority": 3, "max_attempts": 10, "timeout_ms": 60_000 } });
        template(&mut conn, name, spec);
    }
    let variables = [("DATABASE_URL", db.url()), ("MILLRACE_ALLOW_DIAGNOSTICS", "on"), ("MILLRACE_SLOTS", "8")];
    let mut served = Served::start_with(folder.path(), &variables);
    served.line();
    let ill = enqueue(&mut conn, "abort", json!({}));
    let well: Vec<JobId> = (0..3).map(|_| enqueue(&mut conn, "sleep", json!({ "ms": 1_500 }))).collect();

    wait_for(&mut conn, ill, "held");
    for job in well {
        wait_for(&mut conn, job, "succeeded");
    }

    let blamed = "SELECT count(*) AS number FROM millrace.attempts WHERE outcome = 'interrupted' GROUP BY job_id ORDER BY 1 DESC LIMIT 1";
    assert_eq!(number(&mut conn, blamed), 3);
    assert_eq!(served.end(), 0);
}

#[test]
fn what_a_killed_engine_had_reserved_is_free_again_once_and_no_more() {
    let (db, folder) = (TestDb::new(), ThrowAway::new());
    let mut conn = db.connect();
    conn.batch_execute("INSERT INTO millrace.pools (name, amount) VALUES ('gpu', 4)").unwrap();
    for (name, amount) in [("whole", 4), ("half", 2)] {
        let spec = json!({ "runner": "handler", "handler": { "name": "diag.sleep" }, "limits": { "reserve": { "gpu": amount } },
            "params": { "type": "object", "additionalProperties": true },
            "defaults": { "queue": "default", "priority": 3, "max_attempts": 10, "timeout_ms": 60_000,
                "backoff": { "kind": "constant", "base_ms": 20, "jitter": 0.0 } } });
        template(&mut conn, name, spec);
    }
    let variables = [("DATABASE_URL", db.url()), ("MILLRACE_ALLOW_DIAGNOSTICS", "on"), ("MILLRACE_SLOTS", "8")];
    let mut served = Served::start_with(folder.path(), &variables);
    served.line();
    let whole = enqueue(&mut conn, "whole", json!({ "ms": 2_000 }));
    wait_for(&mut conn, whole, "running");
    let halves: Vec<JobId> = (0..4).map(|_| enqueue(&mut conn, "half", json!({ "ms": 500 }))).collect();
    wait_for(&mut conn, halves[3], "gated");

    served.kill_engine(served.engine().unwrap());

    for job in halves.into_iter().chain([whole]) {
        wait_for(&mut conn, job, "succeeded");
    }
    let killed = "SELECT count(*) AS number FROM millrace.attempts WHERE outcome = 'interrupted'";
    assert_eq!(number(&mut conn, killed), 1, "only the one that ran");
    let most = "SELECT max(held)::bigint AS number FROM (SELECT at, sum(amount) OVER (ORDER BY at, amount) AS held FROM (
        SELECT h.started_at AS at, (v.spec #>> '{limits,reserve,gpu}')::integer AS amount FROM millrace.history h
            JOIN millrace.jobs j ON j.id = h.job_id JOIN millrace.template_versions v ON v.template_id = j.template_id AND v.version = j.version
        UNION ALL SELECT h.finished_at, -(v.spec #>> '{limits,reserve,gpu}')::integer FROM millrace.history h
            JOIN millrace.jobs j ON j.id = h.job_id JOIN millrace.template_versions v ON v.template_id = j.template_id AND v.version = j.version) AS e) AS s";
    assert_eq!(number(&mut conn, most), 4, "all of it, and never more");
    assert_eq!(served.end(), 0);
}

#[test]
fn three_thousand_jobs_succeed_and_each_insert_stands_once_while_the_engine_is_killed_five_times() {
    let (db, folder, endpoint) = (TestDb::new(), ThrowAway::new(), Endpoint::start());
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE SCHEMA app; CREATE TABLE app.effects (n bigint NOT NULL);
        GRANT USAGE ON SCHEMA app TO millrace_sql; GRANT INSERT ON app.effects TO millrace_sql",
    )
    .unwrap();
    let url = format!("http://{}/", endpoint.address);
    publish(&mut conn, "true", &json!({ "runner": "command", "command": { "argv": ["/bin/true"] } }));
    publish(&mut conn, "call", &json!({ "runner": "http", "http": { "method": "GET", "url": url } }));
    let insert = "INSERT INTO app.effects VALUES ({{ params.n }})";
    publish(&mut conn, "insert", &json!({ "runner": "sql", "sql": { "statements": insert } }));
    let sql_url = db.url_of("millrace_sql");
    let variables = [
        ("DATABASE_URL", db.url()),
        ("MILLRACE_SQL_URL", &sql_url),
        ("MILLRACE_HTTP_ALLOW", "127.0.0.0/8"),
        ("MILLRACE_SLOTS", "8"),
    ];
    let mut served = Served::start_with(folder.path(), &variables);
    served.line();
    for name in ["true", "call", "insert"] {
        enqueue_many(&mut conn, name, JOBS);
    }

    let (end, mut kills, mut killed) = (Instant::now() + PATIENCE, 0, None);
    while succeeded(&mut conn) < i64::from(3 * JOBS) {
        assert!(Instant::now() < end, "after {kills} kills: {}", standing(&mut conn));
        // spread over the first two thirds, each time a process that has done something
        let is_time = kills < KILLS && succeeded(&mut conn) > kills * i64::from(2 * JOBS) / KILLS;
        let fresh = served.engine().filter(|engine| is_time && killed != Some(*engine));
        if let Some(engine) = fresh {
            served.kill_engine(engine);
            (kills, killed) = (kills + 1, Some(engine));
        }
        std::thread::sleep(Duration::from_millis(20));
    }

    assert_eq!(kills, KILLS);
    let effects = "SELECT count(*) AS number FROM app.effects";
    assert_eq!(number(&mut conn, effects), i64::from(JOBS));
    let distinct = "SELECT count(DISTINCT n) AS number FROM app.effects";
    assert_eq!(number(&mut conn, distinct), i64::from(JOBS));
    assert!(endpoint.calls.load(Ordering::Relaxed) >= u64::from(JOBS.unsigned_abs()));
    let left = "SELECT count(*) AS number FROM millrace.ready";
    assert_eq!(number(&mut conn, left), 0);
    assert_eq!(served.end(), 0);
}
