//! Failure groups: exact counts under concurrent settling, what people decide about them, what pages and the API show of them.
mod counts;
mod decisions;
mod look;
mod pages;
mod plans;
mod programs;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use millrace::admin::failures::service;
use millrace::admin::failures::{Filter, GroupRow};
use millrace::base::clock::{Clock, SystemClock, Time};
use millrace::base::db::PgConnection;
use millrace::queue::actor::Actor;
use millrace::queue::counts as folds;
use millrace::queue::job::{Fence, JobId, QueueId, TemplateId};
use millrace::queue::node::Incarnation;
use millrace::queue::settle::{AttemptOutcome, Ending, Settlement, Trouble, settle};
use millrace::queue::work::Resources;
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{enqueue_many, handler_template, number, register_node};

pub fn now() -> Time {
    SystemClock.now()
}

pub fn ada() -> Actor {
    Actor::system("ada")
}

/// Gives a lease over these jobs to a node, as a claim would.
pub fn lease(conn: &mut PgConnection, who: Incarnation, jobs: &[JobId]) -> Fence {
    let ids = jobs.iter().map(|job| job.0.to_string()).collect::<Vec<_>>().join(",");
    let sql = format!(
        "DELETE FROM millrace.ready WHERE job_id IN ({ids});
        INSERT INTO millrace.leases (id, node_id, epoch, job_ids, attempts)
        SELECT nextval('millrace.lease_seq'), {}, {}, ARRAY[{ids}]::bigint[], array_fill(1::smallint, ARRAY[{}])",
        who.node.0,
        who.epoch,
        jobs.len()
    );
    conn.batch_execute(&sql).unwrap();
    Fence(number(conn, "SELECT max(id) AS number FROM millrace.leases"))
}

/// A failed attempt of a job that ended `ago`.
pub fn failed(conn: &mut PgConnection, (job, fence): (JobId, Fence), error: &str, ago: TimeDelta) -> Settlement {
    let template = number(conn, "SELECT id::bigint AS number FROM millrace.templates WHERE name = 'mail'");
    let trouble = Trouble { outcome: AttemptOutcome::Failed, error: error.into(), trace: None };
    Settlement {
        job,
        fence,
        attempt: 1,
        seq: job.0,
        template: TemplateId(template as i32),
        version: 1,
        queue: QueueId(1),
        priority: 3,
        since: now() - ago,
        started_at: Some(now() - ago),
        finished_at: now() - ago,
        resources: Resources::default(),
        log_bytes: 0,
        unique: false,
        ordered: false,
        scheduled: false,
        live: false,
        lanes: Default::default(),
        last_words: Vec::new(),
        checkpoint: None,
        ending: Ending::Failed(trouble),
    }
}

/// Lets one job of "mail" fail with each of these messages.
pub fn fail(conn: &mut PgConnection, who: Incarnation, errors: &[&str]) {
    fail_as(conn, who, errors, |_| {});
}

pub fn fail_as(conn: &mut PgConnection, who: Incarnation, errors: &[&str], change: impl Fn(&mut Settlement)) {
    let jobs = enqueue_many(conn, "mail", errors.len() as i32);
    let fence = lease(conn, who, &jobs);
    let results: Vec<Settlement> = jobs
        .iter()
        .zip(errors)
        .map(|(job, error)| {
            let mut result = failed(conn, (*job, fence), error, TimeDelta::zero());
            change(&mut result);
            result
        })
        .collect();
    assert_eq!(settle(conn, who, &results).unwrap().count(), errors.len());
}

pub fn fold(conn: &mut PgConnection) {
    while folds::fold(conn).unwrap() > 0 {}
}

pub fn groups(conn: &mut PgConnection) -> Vec<GroupRow> {
    service::list(conn, &ada(), &Filter::default(), 50).unwrap().rows
}

pub fn stage() -> (TestDb, PgConnection, Incarnation) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "mail", json!({}));
    let who = register_node(&mut conn, "mil-01");
    (db, conn, who)
}

/// As [`fail`], with a lease that other threads' leases do not hide.
pub fn fail_apart(conn: &mut PgConnection, who: Incarnation, errors: &[String]) {
    let jobs = enqueue_many(conn, "mail", errors.len() as i32);
    let fence = Fence(number(conn, "SELECT nextval('millrace.lease_seq') AS number"));
    let ids = jobs.iter().map(|job| job.0.to_string()).collect::<Vec<_>>().join(",");
    let (node, epoch, attempts) = (who.node.0, who.epoch, vec!["1"; jobs.len()].join(","));
    conn.batch_execute(&format!(
        "DELETE FROM millrace.ready WHERE job_id IN ({ids});
        INSERT INTO millrace.leases (id, node_id, epoch, job_ids, attempts) VALUES ({}, {node}, {epoch}, '{{{ids}}}', '{{{attempts}}}')",
        fence.0
    ))
    .unwrap();
    let results: Vec<Settlement> =
        jobs.iter().zip(errors).map(|(job, error)| failed(conn, (*job, fence), error, TimeDelta::zero())).collect();
    assert_eq!(settle(conn, who, &results).unwrap().count(), errors.len());
}
