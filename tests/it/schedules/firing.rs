//! What is due runs, once, whoever looks and however often (G12).

use std::collections::HashSet;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use diesel::sql_types::Text;
use millrace::base::db::statement;
use millrace::queue::schedules::{self, Plans};
use serde_json::json;

use super::stage::{Watched, became, number, save, set_decided};
use crate::support::TestDb;
use crate::support::stage::{TestEngine, handler_template, template, text, wait_until};

const SECONDLY: &str = "rules: [ { every: 1s } ]\noverlap: allow_all";

#[test]
fn a_schedule_makes_a_job_for_each_of_its_times_and_says_of_which() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "tick", &format!("{SECONDLY}\nargs: {{ name: tick }}"));
    let watched = Watched::default();
    let _engine = TestEngine::start(&db, watched.registry());

    wait_until(|| watched.of("tick").began.len() >= 3).expect("three runs");

    let rows = became(&mut conn, "tick");
    assert!(rows.iter().all(|row| row.outcome == "enqueued" && row.cause.is_none()), "{rows:?}");
    assert!(rows.windows(2).all(|pair| (pair[1].at - pair[0].at).num_milliseconds() == 1_000), "{rows:?}");
    assert!(rows.iter().all(|row| (row.decided_at - row.at).num_milliseconds() < 900), "{rows:?}");
    let job = millrace::queue::job::JobId(rows[0].job.unwrap());
    assert_eq!(text(&mut conn, "SELECT enqueued_by AS text FROM millrace.jobs WHERE id = $1", job), "schedule:tick");
    let of = text(
        &mut conn,
        "SELECT to_char(occurrence AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') AS text FROM millrace.jobs WHERE id = $1",
        job,
    );
    assert_eq!(of, rows[0].at.format("%Y-%m-%dT%H:%M:%S").to_string());
}

#[test]
fn many_who_look_at_once_make_one_job_each() {
    const THREADS: usize = 6;
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    for n in 0..40 {
        save(&mut conn, &format!("tick-{n}"), SECONDLY);
    }
    let start = Arc::new(Barrier::new(THREADS));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (mut conn, start) = (db.connect(), Arc::clone(&start));
            thread::spawn(move || {
                let mut plans = Plans::default();
                start.wait();
                let begun = std::time::Instant::now();
                while begun.elapsed() < Duration::from_millis(3_500) {
                    schedules::fire(&mut conn, &mut plans, &mut || 0).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());

    for n in 0..40 {
        let rows = became(&mut conn, &format!("tick-{n}"));
        assert!(rows.len() >= 3, "{rows:?}");
        let jobs: HashSet<_> = rows.iter().filter_map(|row| row.job).collect();
        assert_eq!(jobs.len(), rows.len(), "each has its own");
        assert!(rows.windows(2).all(|pair| (pair[1].at - pair[0].at).num_seconds() == 1), "none is left out: {rows:?}");
    }
    assert_eq!(
        number(&mut conn, "SELECT count(*) FROM millrace.jobs"),
        number(&mut conn, "SELECT count(*) FROM millrace.occurrences")
    );
    assert_eq!(
        number(&mut conn, "SELECT sum(jobs)::bigint FROM millrace.schedules"),
        number(&mut conn, "SELECT count(*) FROM millrace.jobs")
    );
}

#[test]
fn an_occurrence_that_has_a_row_gets_no_second_job() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(
        &mut conn,
        "hourly",
        "rules: [ { cron: \"0 * * * *\" } ]\ncatch_up: { policy: all, window: 1d }\noverlap: allow_all",
    );
    set_decided(&mut conn, "hourly", "3 hours");
    let first = schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
    assert_eq!(first.jobs, 3);

    // as if the row had been restored from yesterday's backup
    set_decided(&mut conn, "hourly", "3 hours");
    let again = schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    assert_eq!((again.schedules, again.jobs), (1, 0));
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.jobs"), 3);
}

#[test]
fn a_clock_that_was_put_back_fires_nothing_again() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "tick", SECONDLY);
    // the clock had been an hour ahead when it was decided last
    let ahead = "UPDATE millrace.schedules SET decided_until = clock_timestamp() + interval '1 hour', due_at = clock_timestamp() WHERE name = $1";
    statement(ahead).bind::<Text, _>("tick").run(&mut conn).unwrap();

    let fired = schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    assert_eq!((fired.schedules, fired.jobs), (1, 0));
    let ahead =
        number(&mut conn, "SELECT extract(epoch FROM due_at - clock_timestamp())::bigint FROM millrace.schedules");
    assert!((3_590..=3_602).contains(&ahead), "due in {ahead} s");
}

#[test]
fn what_makes_no_job_says_why_and_the_others_go_on() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    handler_template(&mut conn, "gone", json!({}));
    save(&mut conn, "good", SECONDLY);
    save(&mut conn, "bad", SECONDLY);
    let broken = "UPDATE millrace.schedules SET template_id = t.id, stamp = stamp + 1 FROM millrace.templates t WHERE t.name = 'gone' AND schedules.name = $1";
    statement(broken).bind::<Text, _>("bad").run(&mut conn).unwrap();
    let other = "INSERT INTO millrace.schedule_versions (schedule_id, version, spec, created_by)
        SELECT s.id, 2, v.spec || '{\"template\": \"gone\"}', 'test' FROM millrace.schedules s JOIN millrace.schedule_versions v ON v.schedule_id = s.id WHERE s.name = $1";
    statement(other).bind::<Text, _>("bad").run(&mut conn).unwrap();
    statement("UPDATE millrace.schedules SET version = 2 WHERE name = $1")
        .bind::<Text, _>("bad")
        .run(&mut conn)
        .unwrap();
    statement("UPDATE millrace.templates SET state = 'archived' WHERE name = $1")
        .bind::<Text, _>("gone")
        .run(&mut conn)
        .unwrap();
    for name in ["good", "bad"] {
        set_decided(&mut conn, name, "2 seconds");
    }

    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    assert!(became(&mut conn, "good").iter().all(|row| row.outcome == "enqueued"));
    let bad = became(&mut conn, "bad");
    assert!(!bad.is_empty() && bad.iter().all(|row| row.outcome == "refused"), "{bad:?}");
    let trouble =
        number(&mut conn, "SELECT count(*) FROM millrace.schedules WHERE trouble LIKE '%archived%' AND name = 'bad'");
    assert_eq!(trouble, 1);
}

#[test]
fn a_schedule_that_the_database_refuses_stops_none_of_the_others() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    for name in ["good", "bad", "fine"] {
        save(&mut conn, name, SECONDLY);
        set_decided(&mut conn, name, "2 seconds");
    }
    let refuse = "CREATE FUNCTION millrace.refuse_bad() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.schedule_id = (SELECT id FROM millrace.schedules WHERE name = 'bad') THEN RAISE 'no room for it'; END IF; RETURN NEW; END $$";
    statement(refuse).run(&mut conn).unwrap();
    let trigger = "CREATE TRIGGER refuse_bad BEFORE INSERT ON millrace.occurrences FOR EACH ROW EXECUTE FUNCTION millrace.refuse_bad()";
    statement(trigger).run(&mut conn).unwrap();

    let fired = schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    assert!(fired.jobs >= 4, "{fired:?}");
    for name in ["good", "fine"] {
        assert!(became(&mut conn, name).iter().all(|row| row.outcome == "enqueued"));
        assert!(became(&mut conn, name).len() >= 2);
    }
    assert_eq!(became(&mut conn, "bad"), []);
    let put_off = "SELECT count(*) FROM millrace.schedules WHERE name = 'bad' AND trouble LIKE '%log%' AND due_at > clock_timestamp() + interval '30 seconds'";
    assert_eq!(number(&mut conn, put_off), 1);

    statement("DROP TRIGGER refuse_bad ON millrace.occurrences").run(&mut conn).unwrap();
    statement("UPDATE millrace.schedules SET due_at = clock_timestamp() WHERE name = 'bad'").run(&mut conn).unwrap();
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
    assert!(became(&mut conn, "bad").len() >= 2, "nothing of it is lost");
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.schedules WHERE trouble IS NOT NULL"), 0);
}

#[test]
fn one_whose_decision_panics_stops_none_of_the_others() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "good", SECONDLY);
    save(
        &mut conn,
        "bad",
        "rules: [ { every: 10m } ]\njitter: { seconds: 9, kind: random }\noverlap: allow_all\ncatch_up: { policy: all }",
    );
    set_decided(&mut conn, "good", "2 seconds");
    set_decided(&mut conn, "bad", "1 hour");

    let drawn = &mut || panic!("told to");
    let fired = schedules::fire(&mut conn, &mut Plans::default(), drawn).unwrap();

    assert!(fired.jobs >= 2 && became(&mut conn, "good").len() >= 2, "{fired:?}");
    assert_eq!(became(&mut conn, "bad"), []);
    let put_off = "SELECT count(*) FROM millrace.schedules WHERE name = 'bad' AND trouble LIKE '%log%' AND due_at > clock_timestamp() + interval '30 seconds'";
    assert_eq!(number(&mut conn, put_off), 1);
    statement("UPDATE millrace.schedules SET due_at = clock_timestamp() WHERE name = 'bad'").run(&mut conn).unwrap();
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
    assert!(became(&mut conn, "bad").iter().any(|row| row.outcome == "enqueued"), "nothing of it is lost");
}

#[test]
fn jobs_that_depend_on_those_of_others_let_no_schedule_wait() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let spec = json!({ "runner": "handler", "handler": { "name": "work" }, "unique": { "for_ms": 3_600_000 },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } });
    template(&mut conn, "work", spec);
    save(&mut conn, "one", &format!("{SECONDLY}\nargs: {{ name: same }}"));
    save(&mut conn, "two", &format!("{SECONDLY}\nargs: {{ name: same }}"));
    for name in ["one", "two"] {
        set_decided(&mut conn, name, "1 second");
    }

    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    let mut outcomes: Vec<_> =
        ["one", "two"].iter().flat_map(|name| became(&mut conn, name)).map(|row| (row.outcome, row.cause)).collect();
    outcomes.sort();
    assert_eq!(outcomes, [("enqueued".into(), None), ("skipped".into(), Some("unique".into()))]);
}
