//! Every failure is counted once, whoever settles and folds at the same time.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use millrace::admin::failures::Act;
use millrace::admin::failures::service::act;
use millrace::base::db::statement;
use millrace::queue::counts::Folder;
use millrace::queue::failures::{GroupState, forget_old, mark_rising};
use millrace::queue::settle::Ending;

use super::{ada, fail, fail_apart, fail_as, fold, groups, lease, now, stage};
use crate::support::stage::{enqueue_many, number, register_node};

#[test]
fn concurrent_settling_and_folding_counts_every_failure_once() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 12;
    let (db, mut conn, who) = stage();
    let start = Barrier::new(THREADS + 2);

    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (db, start) = (&db, &start);
            scope.spawn(move || {
                let mut conn = db.connect();
                start.wait();
                for round in 0..ROUNDS {
                    let errors: Vec<String> = (0..10)
                        .map(|n| {
                            if n < 7 {
                                format!("order {} not found", thread * 1_000 + round * 10 + n)
                            } else {
                                format!("status {}", 500 + n)
                            }
                        })
                        .collect();
                    fail_apart(&mut conn, who, &errors);
                }
            });
        }
        for _ in 0..2 {
            let (db, start) = (&db, &start);
            scope.spawn(move || {
                let (mut conn, mut folder) = (db.connect(), Folder::default());
                start.wait();
                for _ in 0..40 {
                    folder.fold(&mut conn).unwrap();
                    thread::sleep(Duration::from_millis(5));
                }
            });
        }
    });
    fold(&mut conn);

    let found = groups(&mut conn);
    let told: Vec<(String, i64)> = found.iter().map(|group| (group.message.clone(), group.attempts)).collect();
    let all = (THREADS * ROUNDS) as i64;
    assert_eq!(found.len(), 4, "{told:?}");
    for (message, attempts) in &told {
        assert_eq!(*attempts, if message == "order # not found" { 7 * all } else { all }, "{told:?}");
    }
    let kept = "SELECT count(*) AS number FROM millrace.attempts WHERE fingerprint IS NOT NULL";
    assert_eq!(number(&mut conn, kept), 10 * all);
    let by_hour = "SELECT sum(attempts)::bigint AS number FROM millrace.failure_counts";
    assert_eq!(number(&mut conn, by_hour), 10 * all);
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.failure_deltas"), 0);
}

#[test]
fn successes_and_people_s_cancels_are_no_failures() {
    let (_db, mut conn, who) = stage();
    fail_as(&mut conn, who, &["x", "x"], |result| {
        result.ending = Ending::Cancelled { by: "ada".into(), reason: None };
    });
    fail_as(&mut conn, who, &["x"], |result| result.ending = Ending::Succeeded { output: None });
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.failure_deltas"), 0);

    fail_as(&mut conn, who, &["order 7 not found"], |result| {
        let Ending::Failed(trouble) = result.ending.clone() else { panic!("it failed") };
        result.ending = Ending::Retry(trouble, Duration::from_secs(60));
    });
    fold(&mut conn);

    let group = &groups(&mut conn)[0];
    assert_eq!((group.attempts, group.jobs_failed), (1, 0), "an attempt counts although its job goes on");
    assert_eq!(group.state(now()), GroupState::New);
}

#[test]
fn a_group_that_comes_much_more_often_than_before_rises_until_it_does_not() {
    let (_db, mut conn, who) = stage();
    fail(&mut conn, who, &["order 7 not found"; 30]);
    fold(&mut conn);
    conn.batch_execute(
        "UPDATE millrace.failure_groups SET first_seen = now() - interval '6 days';
        INSERT INTO millrace.failure_counts (fingerprint, hour, version, queue_id, node_id, attempts, jobs_failed)
        SELECT fingerprint, date_trunc('hour', now()) - h * interval '1 hour', 1, 1, 1, 1, 0 FROM millrace.failure_groups, generate_series(2, 140, 2) AS h",
    )
    .unwrap();

    assert_eq!(mark_rising(&mut conn).unwrap(), 1);
    assert_eq!(groups(&mut conn)[0].state(now()), GroupState::Rising);
    assert_eq!(mark_rising(&mut conn).unwrap(), 0, "it is so already");

    conn.batch_execute("UPDATE millrace.failure_counts SET attempts = 60 WHERE hour < date_trunc('hour', now())")
        .unwrap();
    assert_eq!(mark_rising(&mut conn).unwrap(), 1);
    assert_eq!(groups(&mut conn)[0].state(now()), GroupState::Steady);
}

#[test]
fn what_is_old_is_forgotten_and_what_people_touched_stays() {
    let (_db, mut conn, who) = stage();
    fail(&mut conn, who, &["order 7 not found", "invoice 7 not found"]);
    fold(&mut conn);
    let kept = groups(&mut conn)[0].fingerprint.clone();
    act(&mut conn, &ada(), &kept, (&Act::Note("known".into()), "", now())).unwrap();
    conn.batch_execute(
        "UPDATE millrace.failure_groups SET last_seen = now() - interval '91 days';
        UPDATE millrace.failure_counts SET hour = hour - interval '91 days'",
    )
    .unwrap();

    assert_eq!(forget_old(&mut conn).unwrap(), 2);

    assert_eq!(groups(&mut conn).iter().map(|group| group.fingerprint.clone()).collect::<Vec<_>>(), [kept]);
}

#[test]
fn a_lost_node_s_interruptions_are_a_group_whatever_its_name() {
    use millrace::queue::sweep::{BadLeases, take_back};
    let (_db, mut conn, _) = stage();
    for name in ["mil-07", "mil-08"] {
        let who = register_node(&mut conn, name);
        let jobs = enqueue_many(&mut conn, "mail", 2);
        lease(&mut conn, who, &jobs);
        statement("UPDATE millrace.nodes SET state = 'down' WHERE name = $1")
            .bind::<Text, _>(name)
            .run(&mut conn)
            .unwrap();
    }

    assert_eq!(take_back(&mut conn, &mut BadLeases::default()).unwrap(), 4);
    fold(&mut conn);

    let [group] = groups(&mut conn).try_into().unwrap();
    assert_eq!((group.message.as_str(), group.attempts), ("interrupted: the node mil-# was lost", 4));
}

#[test]
fn times_of_the_past_are_counted_in_their_hours() {
    let (_db, mut conn, who) = stage();
    fail_as(&mut conn, who, &["order 7 not found"; 4], |result| {
        result.finished_at -= TimeDelta::hours(result.job.0 % 2 * 30);
    });
    fold(&mut conn);

    let group = &groups(&mut conn)[0];
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.failure_counts"), 2);
    assert!(group.last_seen - group.first_seen > TimeDelta::hours(29));
    let at = "SELECT count(*) AS number FROM millrace.failure_counts WHERE hour <> date_trunc('hour', hour, 'UTC')";
    assert_eq!(number(&mut conn, at), 0);
}
