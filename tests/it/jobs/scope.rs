//! What people see who are limited to queues or tags.

use diesel::connection::SimpleConnection;
use millrace::base::db::PgConnection;
use millrace::queue::job::JobId;
use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::{Console, publish};
use super::work::registry;
use crate::support::stage::{TestEngine, enqueue, enqueue_many, handler_template, wait_for};

/// Three jobs of one template that succeeded in the queue `mine` with the tag `vip`, and three in the queue `theirs`.
fn of_two_queues(console: &Console, conn: &mut PgConnection) -> (Vec<JobId>, Vec<JobId>) {
    handler_template(conn, "done", json!({}));
    let mut mine = enqueue_many(conn, "done", 6);
    let engine = TestEngine::start(&console.db, registry());
    for job in &mine {
        wait_for(conn, *job, "succeeded");
    }
    engine.drain();
    let theirs = mine.split_off(3);
    let last = mine[2];
    conn.batch_execute(&format!(
        "INSERT INTO millrace.queues (name) VALUES ('mine'), ('theirs');
        UPDATE millrace.history SET queue_id = (SELECT id FROM millrace.queues WHERE name = CASE WHEN job_id <= {last} THEN 'mine' ELSE 'theirs' END);
        UPDATE millrace.jobs SET tags = '{{vip}}' WHERE id <= {last};
        UPDATE millrace.jobs SET parent_id = {} WHERE id IN ({last}, {})",
        mine[0], theirs[0],
    ))
    .unwrap();
    (mine, theirs)
}

#[test]
fn the_chart_and_the_relatives_of_a_job_hold_only_what_may_be_seen() {
    let console = Console::start();
    let mut conn = console.db.connect();
    let (mine, theirs) = of_two_queues(&console, &mut conn);

    for person in [console.person(Role::Operator, &["mine"]), console.person_of_tags(Role::Operator, &["vip"])] {
        let page = console.browser_of(person).get(&format!("/jobs/{}", mine[0])).body;

        assert!(page.contains("Last 3 jobs of this template"), "{page}");
        for job in &mine[1..] {
            assert!(page.contains(&format!("/jobs/{job}")), "{job}: {page}");
        }
        for job in &theirs {
            assert!(!page.contains(&format!("/jobs/{job}")), "{job}: {page}");
        }
    }
    let all = console.browser(Role::Operator).get(&format!("/jobs/{}", mine[0])).body;
    assert!(all.contains("Last 6 jobs of this template") && all.contains(&format!("/jobs/{}", theirs[0])));
}

#[test]
fn who_is_limited_finds_their_old_jobs_behind_many_newer_ones_of_others() {
    let console = Console::start();
    let mut conn = console.db.connect();
    let of_mine =
        json!({ "runner": "handler", "handler": { "name": "done" }, "defaults": { "queue": "mine", "tags": ["vip"] } });
    publish(&mut conn, "mine", of_mine);
    handler_template(&mut conn, "done", json!({}));
    let mine = enqueue(&mut conn, "mine", json!({}));
    for _ in 0..2 {
        enqueue_many(&mut conn, "done", 5_100);
    }

    for person in [console.person_of_tags(Role::Operator, &["vip"]), console.person(Role::Operator, &["mine"])] {
        let page = console.browser_of(person).get("/jobs").body;

        assert!(page.contains(&format!("id=\"job-{mine}-state\"")), "{page}");
        assert!(!page.contains("No jobs yet") && !page.contains("before="), "{page}");
    }
}
