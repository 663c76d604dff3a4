//! What happens when an earlier job has not ended, when jobs fail, when a limit is reached.

use std::time::Duration;

use millrace::base::db::{PgConnection, statement, transaction};
use millrace::queue::control::{self, Wish};
use millrace::queue::job::JobId;
use millrace::queue::schedules::{self, Plans};
use serde_json::json;

use super::stage::{Watched, became, number, save, set_decided, try_save};
use crate::support::TestDb;
use crate::support::stage::{TestEngine, handler_template, template, wait_until};

/// A schedule of one second whose jobs take two and a half.
fn slow(name: &str, overlap: &str) -> String {
    format!("rules: [ {{ every: 1s }} ]\noverlap: {overlap}\nargs: {{ name: {name}, ms: 2500 }}")
}

#[test]
fn each_overlap_policy_does_what_it_says() {
    let policies = ["skip", "buffer-one", "buffer-all", "cancel-other", "terminate-other", "allow-all"];
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    for name in policies {
        save(&mut conn, name, &slow(name, &name.replace('-', "_")));
    }
    let watched = Watched::default();
    let engine = TestEngine::start(&db, watched.registry());

    wait_until(|| became(&mut conn, "allow-all").len() >= 8).expect("eight seconds of it");
    engine.drain();

    for name in policies {
        let (seen, rows) = (watched.of(name), became(&mut conn, name));
        let made = rows.iter().filter(|row| row.outcome == "enqueued").count();
        let skipped = rows.iter().filter(|row| row.cause.as_deref() == Some("overlap")).count();
        assert!(
            rows.windows(2).all(|pair| (pair[1].at - pair[0].at).num_seconds() == 1),
            "{name}: each has a row: {rows:?}"
        );
        assert_eq!(made + skipped, rows.len(), "{name}: {rows:?}");
        match name {
            "allow-all" => assert!(seen.most >= 2 && skipped == 0, "{name}: {seen:?}"),
            "skip" => assert!(seen.most == 1 && skipped > made, "{name}: {seen:?} {rows:?}"),
            "buffer-one" => assert!(seen.most == 1 && skipped > 0 && made >= 3, "{name}: {seen:?} {rows:?}"),
            "buffer-all" => assert!(seen.most == 1 && skipped == 0, "{name}: {seen:?}"),
            _ => {
                assert!(seen.most == 1 && skipped == 0, "{name}: {seen:?} {rows:?}");
                assert!(seen.cancelled >= 4, "{name}: each was ended by the next one: {seen:?}");
            }
        }
        assert!(seen.began.is_sorted(), "{name}: in their order: {seen:?}");
    }
}

#[test]
fn a_policy_that_waits_waits_also_for_what_was_made_before_it_held() {
    for before in ["allow_all", "skip"] {
        let db = TestDb::new();
        let mut conn = db.connect();
        handler_template(&mut conn, "work", json!({}));
        let rule = |overlap: &str| {
            format!("rules: [ {{ every: 1s }} ]\noverlap: {overlap}\nargs: {{ name: changing, ms: 4000 }}")
        };
        save(&mut conn, "changing", &rule(before));
        let watched = Watched::default();
        let engine = TestEngine::start(&db, watched.registry());
        let many = if before == "skip" { 1 } else { 3 };
        wait_until(|| watched.of("changing").now >= many).expect("its jobs run");

        save(&mut conn, "changing", &rule("buffer_all"));
        let made = number(&mut conn, "SELECT count(*) FROM millrace.occurrences WHERE job_id IS NOT NULL") as usize;
        wait_until(|| watched.of("changing").began.len() > made).expect("the first that waited begins");

        let seen = watched.of("changing");
        assert_eq!((seen.now, seen.began.len()), (1, made + 1), "{before}: all before it had ended: {seen:?}");
        let waits = number(&mut conn, "SELECT count(*) FROM millrace.gated");
        assert!(waits >= 2, "{before}: those behind it wait for it: {waits}");
        engine.drain();
    }
}

#[test]
fn so_many_failures_in_a_row_pause_it_and_it_says_why() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({ "max_attempts": 1 }));
    save(&mut conn, "failing", "rules: [ { every: 1s } ]\npause_after_failures: 2\nargs: { fails: true }");
    let author =
        "WITH ada AS (INSERT INTO millrace.people (email, name, role) VALUES ('ada@example.org', 'Ada', 'operator'))
        UPDATE millrace.schedules SET created_by = 'ada@example.org (token ci)'";
    statement(author).run(&mut conn).unwrap();
    let _engine = TestEngine::start(&db, Watched::default().registry());

    wait_until(|| became(&mut conn, "failing").iter().any(|row| row.cause.as_deref() == Some("paused")))
        .expect("it pauses");

    let made = became(&mut conn, "failing").iter().filter(|row| row.outcome == "enqueued").count();
    assert_eq!(made, 2);
    let told = "SELECT count(*) FROM millrace.schedules WHERE paused_by = 'Millrace' AND pause_reason LIKE '2 jobs in a row failed, the last of them job %'";
    assert_eq!(number(&mut conn, told), 1);
    let recorded = "SELECT count(*) FROM millrace.audit WHERE act = 'schedule.pause' AND subject = 'failing' AND actor = 'Millrace' AND via = 'system'
        AND reason LIKE '2 jobs in a row failed%'";
    assert_eq!(number(&mut conn, recorded), 1, "the trail has it");
    let heard = "SELECT count(*) FROM millrace.notifications n JOIN millrace.people p ON p.id = n.person_id WHERE p.email = 'ada@example.org'
        AND n.title = 'Schedule failing has paused itself.' AND n.link_path = '/schedules/failing'";
    assert_eq!(number(&mut conn, heard), 1, "whoever made it hears of it, once");
}

#[test]
fn a_job_is_not_stopped_for_one_that_is_not_made() {
    let db = TestDb::new();
    let mut conn = db.connect();
    template(
        &mut conn,
        "work",
        json!({ "runner": "handler", "handler": { "name": "work" }, "unique": {},
            "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } }),
    );
    save(&mut conn, "alone", "rules: [ { every: 1s } ]\noverlap: cancel_other\nargs: { name: alone, ms: 3500 }");
    let watched = Watched::default();
    let engine = TestEngine::start(&db, watched.registry());
    let skipped = |conn: &mut PgConnection| {
        became(conn, "alone").iter().filter(|row| row.cause.as_deref() == Some("unique")).count()
    };
    wait_until(|| skipped(&mut conn) >= 2).expect("its own job has the key");
    let ended = "SELECT count(*) FROM millrace.history WHERE state = 'succeeded'";
    wait_until(|| number(&mut conn, ended) > 0).expect("it was left to its end");

    assert_eq!(watched.of("alone").cancelled, 0);
    engine.drain();
}

#[test]
fn a_limit_is_kept_and_ends_it() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "thrice", "rules: [ { every: 1s } ]\nlimit: 3\noverlap: allow_all");
    set_decided(&mut conn, "thrice", "10 seconds");

    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    let rows = became(&mut conn, "thrice");
    assert_eq!(rows.iter().filter(|row| row.outcome == "enqueued").count(), 3);
    assert!(rows.iter().skip(3).all(|row| row.cause.as_deref() == Some("limit")));
    assert_eq!(
        number(&mut conn, "SELECT count(*) FROM millrace.schedules WHERE ended_at IS NOT NULL AND due_at IS NULL"),
        1
    );
}

#[test]
fn a_higher_limit_lets_it_go_on_from_now() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "once", "rules: [ { every: 1s } ]\nlimit: 1\noverlap: allow_all");
    set_decided(&mut conn, "once", "1 second");
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
    let rows = became(&mut conn, "once").len();
    let long_ago = "UPDATE millrace.schedules SET decided_until = clock_timestamp() - interval '10 minutes' WHERE ended_at IS NOT NULL";
    assert_eq!(statement(long_ago).run(&mut conn).unwrap(), 1);

    save(&mut conn, "once", "rules: [ { every: 1s } ]\nlimit: 2\noverlap: allow_all");
    std::thread::sleep(Duration::from_millis(1_100));
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    let more = became(&mut conn, "once").split_off(rows);
    assert_eq!(more.iter().filter(|row| row.outcome == "enqueued").count(), 1, "{more:?}");
    assert!(more.iter().all(|row| row.outcome != "missed"), "what came while it had ended is not its own: {more:?}");
}

#[test]
fn jobs_that_are_refused_do_not_use_the_limit_up() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "once", "rules: [ { every: 1s } ]\nlimit: 1\noverlap: allow_all");
    set_decided(&mut conn, "once", "1 second");
    statement("UPDATE millrace.templates SET state = 'archived'").run(&mut conn).unwrap();

    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    assert!(became(&mut conn, "once").iter().any(|row| row.outcome == "refused"));
    assert_eq!(
        number(&mut conn, "SELECT count(*) FROM millrace.schedules WHERE ended_at IS NULL AND due_at IS NOT NULL"),
        1
    );
}

#[test]
fn a_job_that_goes_on_counts_again() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "alone", "rules: [ { every: 1s } ]\noverlap: skip");
    set_decided(&mut conn, "alone", "1 second");
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
    let job = became(&mut conn, "alone").iter().find_map(|row| row.job).map(JobId).unwrap();
    transaction(&mut conn, "test", |tx| control::cancel(tx, job, "test", None)).unwrap();
    statement("DELETE FROM millrace.schedule_jobs").run(&mut conn).unwrap(); // as when somebody sees that it ended

    let wish = Wish::Reopen;
    transaction(&mut conn, "test", |tx| control::all(tx, &[job], &wish, "test")).unwrap();

    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.schedule_jobs"), 1);
    std::thread::sleep(Duration::from_millis(1_100)); // another time of its rules
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
    let last = became(&mut conn, "alone").pop().unwrap();
    assert_eq!(last.cause.as_deref(), Some("overlap"), "{last:?}");
}

#[test]
fn a_job_that_is_given_up_expires() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({ "queue": "still" }));
    save(&mut conn, "short", "rules: [ { every: 1s } ]\ngive_up_after: 300ms\noverlap: allow_all");
    set_decided(&mut conn, "short", "1 second");
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
    std::thread::sleep(Duration::from_millis(1_400));

    let _engine = TestEngine::start(&db, Watched::default().registry());

    let expired = "SELECT count(*) FROM millrace.history WHERE state = 'expired'";
    wait_until(|| number(&mut conn, expired) >= 1).expect("the first one is too late");
}

#[test]
fn what_contradicts_itself_is_refused_with_the_reason() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    let mut refused = |yaml: &str| match try_save(&mut conn, "odd", yaml) {
        Err(millrace::admin::schedules::ScheduleError::Refused(faults)) => {
            faults.into_iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect::<Vec<_>>()
        }
        other => panic!("{yaml}: {other:?}"),
    };

    assert_eq!(
        refused("rules: [ { cron: \"0 0 30 2 *\" } ]"),
        ["rules: it would never run: nothing that they name is still to come"].map(str::to_owned).to_vec()
    );
    let both = refused("rules: [ { every: 1h } ]\njitter: { seconds: 600 }\ngive_up_after: 5m");
    assert!(both[0].starts_with("give_up_after: starts are spread over 10m"), "{both:?}");
    let spread = refused("rules: [ { every: 1m } ]\njitter: { seconds: 90 }");
    assert!(spread[0].starts_with("jitter.seconds: two of its runs are only 1m apart"), "{spread:?}");
    let past = refused("rules: [ { at: \"2020-01-01T00:00:00Z\" } ]");
    assert_eq!(past, ["rules: it would never run: nothing that they name is still to come"]);
    let nowhere = refused("rules: [ { every: 1h } ]\nexclude: [ { calendar: nowhere } ]");
    assert!(nowhere[0].starts_with("exclude[0].calendar: "), "{nowhere:?}");
    let late = refused("rules: [ { every: 1h } ]\ngive_up_after: 2h\nfinish_within: 1h");
    assert!(late[0].starts_with("finish_within: a job may begin up to 2h after its time"), "{late:?}");
}
