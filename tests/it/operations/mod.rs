//! Bulk operations over a real database: what they do, to whom they listen, and that nothing is done twice.
mod acts;
mod killed;
mod pages;
mod rights;
mod walk;
mod work;

use diesel::connection::SimpleConnection;
use millrace::admin::jobs::query::parse;
use millrace::admin::operations::work::work;
use millrace::admin::operations::{Bulk, Operation, Plan, Which, service};
use millrace::base::clock::SystemClock;
use millrace::base::db::PgConnection;
use millrace::queue::actor::Actor;
use millrace::queue::job::JobId;
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{enqueue_many, handler_template};

/// What is done to the jobs of a query.
fn plan(act: Bulk, query: &str) -> Plan {
    let parsed = parse(query);
    assert_eq!(parsed.problems, [], "{query}");
    Plan {
        act,
        which: Which::Query(parsed.query),
        zone: chrono_tz::UTC,
        rate_per_s: None,
        reason: "stock count".into(),
    }
}

fn named(act: Bulk, jobs: &[JobId]) -> Plan {
    Plan { which: Which::Ids(jobs.to_vec()), ..plan(act, "") }
}

fn start(conn: &mut PgConnection, actor: &Actor, plan: &Plan) -> Operation {
    service::start(conn, &SystemClock, actor, plan, None).unwrap()
}

/// Works until nothing is due.
fn work_all(conn: &mut PgConnection) {
    while work(conn, &SystemClock).unwrap() > 0 {}
}

fn admin() -> Actor {
    Actor::command_line("root")
}

/// A database with the template `done` in the queue `default`.
fn stage() -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "done", json!({}));
    (db, conn)
}

/// Makes jobs that failed for good, as a node would have left them.
pub fn failed(conn: &mut PgConnection, count: i32) -> Vec<JobId> {
    let jobs = enqueue_many(conn, "done", count);
    fail(conn, &jobs);
    jobs
}

fn fail(conn: &mut PgConnection, jobs: &[JobId]) {
    let ids = jobs.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    conn.batch_execute(&format!(
        "WITH gone AS (DELETE FROM millrace.ready WHERE job_id IN ({ids}) RETURNING job_id, queue_id, template_id, since, priority), ended AS (
            INSERT INTO millrace.history (job_id, since, started_at, finished_at, template_id, version, queue_id, state, priority, attempt, error, fingerprint)
            SELECT job_id, since, now(), now(), template_id, 1, queue_id, 'failed', priority, 3, 'no such file', 'aaaa1111' FROM gone
        )
        INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
        SELECT queue_id, template_id, 'ready', 'failed', count(*) FROM gone GROUP BY 1, 2"
    ))
    .unwrap();
}

/// Where jobs really stand, by state, and what the counts say of it.
fn assert_counted(conn: &mut PgConnection) {
    const SQL: &str = "SELECT count(*)::bigint AS id FROM (
    SELECT queue_id, state::text, sum(jobs) FROM millrace.job_counts GROUP BY 1, 2 HAVING sum(jobs) <> 0
    EXCEPT
    SELECT queue_id, state, count(*) FROM (
        SELECT queue_id, 'ready' AS state FROM millrace.ready UNION ALL SELECT queue_id, 'ready' FROM millrace.gated
        UNION ALL SELECT queue_id, CASE WHEN retrying THEN 'retrying' ELSE 'scheduled' END FROM millrace.scheduled
        UNION ALL SELECT queue_id, state::text FROM millrace.parked UNION ALL SELECT queue_id, state::text FROM millrace.history
        UNION ALL SELECT j.queue_id, 'running' FROM millrace.leases l CROSS JOIN unnest(l.job_ids) AS u(id) JOIN millrace.jobs j ON j.id = u.id
    ) AS jobs GROUP BY 1, 2) AS wrong";
    let rows: Vec<i64> = millrace::base::db::statement(SQL).tuples::<diesel::sql_types::BigInt, i64>(conn).unwrap();
    assert_eq!(rows, [0], "counts tell something else than the tables");
}
