//! Backfills: a dry run says what comes, jobs are made a few at a time, in order, and a stop stops.

use chrono::{TimeDelta, TimeZone, Utc};
use millrace::admin::schedules::backfill::{self, Becomes, Wish};
use millrace::admin::schedules::{ScheduleError, service};
use millrace::base::clock::{Clock, SystemClock, Time};
use millrace::base::document::documents;
use millrace::queue::actor::{Actor, Scope};
use millrace::queue::schedules::{self, Backfills, Plans};
use serde_json::json;

use super::stage::{Watched, became, number, save, set_decided};
use crate::support::TestDb;
use crate::support::stage::{TestEngine, handler_template, wait_until};

fn march(day: u32) -> Time {
    Utc.with_ymd_and_hms(2026, 3, day, 0, 0, 0).unwrap()
}

fn wish() -> Wish {
    Wish {
        from: march(1),
        to: march(31) + TimeDelta::days(1),
        newest_first: false,
        missing_only: false,
        concurrency: 2,
    }
}

fn actor() -> Actor {
    Actor::system("test")
}

#[test]
fn a_range_is_made_a_few_at_a_time_and_in_order() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(
        &mut conn,
        "daily",
        "rules: [ { cron: \"30 6 * * 1-5\" } ]\ntimezone: Europe/Rome\nargs: { name: daily, ms: 30 }",
    );
    let dry = backfill::dry_run(&mut conn, &actor(), "daily", &wish()).unwrap();
    assert_eq!((dry.jobs, dry.first.len(), dry.have_jobs), (22, 20, 0));
    assert_eq!(dry.first[0], Utc.with_ymd_and_hms(2026, 3, 2, 5, 30, 0).unwrap());
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.jobs"), 0, "a dry run makes nothing");

    let started = backfill::start(&mut conn, &actor(), "daily", &wish(), "the first month").unwrap();
    let watched = Watched::default();
    let _engine = TestEngine::start(&db, watched.registry());
    let done = "SELECT count(*) FROM millrace.history WHERE state = 'succeeded'";
    wait_until(|| number(&mut conn, done) == 22).expect("all of March");

    let row = backfill::show(&mut conn, &actor(), started.id.0).unwrap();
    assert_eq!((row.state.as_str(), row.enqueued, row.refused), ("done", 22, 0));
    let seen = watched.of("daily");
    assert!(seen.most <= 2, "{seen:?}");
    let rows = became(&mut conn, "daily");
    let mut told = seen.stand_for.clone();
    told.sort();
    let expected: Vec<_> = rows.iter().map(|row| ("daily".to_owned(), row.at)).collect();
    assert_eq!(told, expected, "each job knows the day that it makes up for");
    let jobs: Vec<_> = rows.iter().filter_map(|row| row.job).collect();
    assert!(jobs.is_sorted() && jobs.len() == 22, "the oldest first");
    assert!(
        number(&mut conn, "SELECT count(*) FROM millrace.schedule_jobs") <= 2,
        "the others were forgotten as they ended"
    );
    let missing = Wish { missing_only: true, ..wish() };
    let dry = backfill::dry_run(&mut conn, &actor(), "daily", &missing).unwrap();
    assert_eq!((dry.jobs, dry.have_jobs, &dry.named[0].becomes), (0, 22, &Becomes::HasJob));
    let again = backfill::start(&mut conn, &actor(), "daily", &missing, "");
    assert!(matches!(&again, Err(ScheduleError::BadRange(why)) if why.contains("have a job already")), "{again:?}");
}

#[test]
fn a_dry_run_tells_what_is_left_out_and_why() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "some", "rules: [ { cron: \"0 6 * * *\" } ]\nexclude: [ { from: 2026-03-02, to: 2026-03-04 } ]");

    let dry = backfill::dry_run(&mut conn, &actor(), "some", &wish()).unwrap();

    let of_first: Vec<&Becomes> = dry.named.iter().map(|one| &one.becomes).take(5).collect();
    let out = Becomes::LeftOut("excluded: 2026-03-02 to 2026-03-04".into());
    assert_eq!(of_first, [&Becomes::Job, &out, &out, &out, &Becomes::Job]);
    assert_eq!((dry.jobs, dry.left_out, dry.left_out_more), (28, 3, false));

    save(
        &mut conn,
        "some",
        "rules: [ { cron: \"0 6 * * *\" } ]\nhours: { from: \"08:00\", to: \"18:00\", action: delay }",
    );
    let dry = backfill::dry_run(&mut conn, &actor(), "some", &wish()).unwrap();
    let (to, why) = dry.named[0].moved.clone().unwrap();
    assert_eq!((to - dry.named[0].at, why.as_str()), (TimeDelta::hours(2), "outside of the allowed hours"));
}

#[test]
fn what_is_missing_is_made_once_also_by_two_that_run_at_once() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "daily", "rules: [ { cron: \"0 6 * * *\" } ]");
    let missing = Wish { missing_only: true, ..wish() };
    let both = [1, 2].map(|_| backfill::start(&mut conn, &actor(), "daily", &missing, "").unwrap().id);
    let _engine = TestEngine::start(&db, Watched::default().registry());

    wait_until(|| both.iter().all(|id| backfill::show(&mut conn, &actor(), id.0).unwrap().state == "done")).unwrap();

    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.jobs"), 31);
    assert_eq!(number(&mut conn, "SELECT count(DISTINCT at) FROM millrace.occurrences WHERE job_id IS NOT NULL"), 31);
}

#[test]
fn two_nodes_take_turns_at_a_backfill() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "hourly", "rules: [ { cron: \"0 * * * *\" } ]");
    let many = Wish { concurrency: 1_000, ..wish() };
    let started = backfill::start(&mut conn, &actor(), "hourly", &many, "").unwrap();
    let mut nodes = [Backfills::default(), Backfills::default()];

    for round in 0..4 {
        let worked = schedules::work(&mut conn, &mut nodes[round % 2]).unwrap();
        assert_eq!(worked.running, 1, "round {round}");
    }

    let row = backfill::show(&mut conn, &actor(), started.id.0).unwrap();
    assert_eq!((row.state.as_str(), row.enqueued, row.refused), ("done", 31 * 24, 0));
    assert_eq!(number(&mut conn, "SELECT count(DISTINCT at) FROM millrace.occurrences"), 31 * 24);
}

#[test]
fn what_was_missed_is_caught_up_before_a_backfill_so_that_nothing_runs_twice() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    let all = "rules: [ { cron: \"*/10 * * * *\" } ]\noverlap: allow_all\ncatch_up: { policy: all, max: 3 }";
    save(&mut conn, "often", all);
    set_decided(&mut conn, "often", "3 hours"); // as if no engine had run since

    let to = SystemClock.now() - TimeDelta::seconds(1);
    let missing = Wish { from: to - TimeDelta::hours(2), to, missing_only: true, concurrency: 1_000, ..wish() };
    backfill::start(&mut conn, &actor(), "often", &missing, "").unwrap();
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
    schedules::work(&mut conn, &mut Backfills::default()).unwrap();
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    let twice = "SELECT count(*) FROM (SELECT at FROM millrace.occurrences WHERE job_id IS NOT NULL GROUP BY at HAVING count(*) > 1) AS t";
    assert_eq!(number(&mut conn, twice), 0);
    let by_rules = "SELECT count(*) FROM millrace.occurrences WHERE job_id IS NOT NULL AND backfill_id = 0 AND at < clock_timestamp() - interval '1 minute'";
    assert_eq!(number(&mut conn, by_rules), 3, "the last three are caught up");
    assert!(number(&mut conn, "SELECT count(*) FROM millrace.jobs") >= 11, "and the others are filled in");
}

#[test]
fn a_stop_stops_and_going_on_goes_on_where_it_was() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "daily", "rules: [ { cron: \"0 6 * * *\" } ]\nargs: { name: daily, ms: 150 }");
    let newest = Wish { newest_first: true, concurrency: 1, ..wish() };
    let started = backfill::start(&mut conn, &actor(), "daily", &newest, "").unwrap();
    let watched = Watched::default();
    let _engine = TestEngine::start(&db, watched.registry());
    wait_until(|| watched.of("daily").began.len() >= 3).unwrap();

    backfill::stop(&mut conn, &actor(), started.id.0, "wrong month").unwrap();
    let made = number(&mut conn, "SELECT count(*) FROM millrace.jobs");
    std::thread::sleep(std::time::Duration::from_millis(900));
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.jobs"), made);
    assert!(matches!(
        backfill::stop(&mut conn, &actor(), started.id.0, ""),
        Err(ScheduleError::BackfillIs(_, "is stopped"))
    ));

    backfill::resume(&mut conn, &actor(), started.id.0, "").unwrap();
    wait_until(|| number(&mut conn, "SELECT count(*) FROM millrace.history") == 31).expect("the rest of it");
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.occurrences"), 31, "none twice");
    let rows = became(&mut conn, "daily");
    let jobs: Vec<_> = rows.iter().rev().filter_map(|row| row.job).collect();
    assert!(jobs.is_sorted(), "the newest first");
}

#[test]
fn many_that_wait_keep_nobody_from_his_turn() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "hourly", "rules: [ { cron: \"0 * * * *\" } ]");
    let day = TimeDelta::days(1);
    for n in 0..21 {
        let from = wish().from + day * n;
        backfill::start(&mut conn, &actor(), "hourly", &Wish { from, to: from + day, concurrency: 1, ..wish() }, "")
            .unwrap();
    }
    let mut node = Backfills::default();

    for _ in 0..3 {
        schedules::work(&mut conn, &mut node).unwrap();
    }

    // nothing runs, so that each waits for the end of its first job
    let begun = number(&mut conn, "SELECT count(DISTINCT backfill_id) FROM millrace.occurrences");
    assert_eq!(begun, 21, "also the one behind those that a round looks at");
}

#[test]
fn whoever_may_not_see_the_queue_of_its_jobs_lets_no_backfill_go_on() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({ "queue": "secret" }));
    handler_template(&mut conn, "open", json!({ "queue": "open" }));
    save(&mut conn, "daily", "rules: [ { cron: \"0 6 * * *\" } ]");
    let started = backfill::start(&mut conn, &actor(), "daily", &wish(), "").unwrap();
    backfill::stop(&mut conn, &actor(), started.id.0, "").unwrap();
    let text = "kind: Schedule\nname: daily\ntemplate: open\nrules: [ { cron: \"0 6 * * *\" } ]";
    let spec = documents(text).unwrap()[0].read().unwrap();
    service::save(&mut conn, &actor(), &spec, None, "another template, another queue").unwrap();
    let limited = Actor { scope: Scope { queues: vec!["open".into()], tags: Vec::new() }, ..actor() };

    assert!(backfill::show(&mut conn, &limited, started.id.0).is_ok(), "its schedule is theirs by now");
    let resumed = backfill::resume(&mut conn, &limited, started.id.0, "");

    assert!(matches!(resumed, Err(ScheduleError::NoBackfill(_))), "{resumed:?}");
    backfill::resume(&mut conn, &actor(), started.id.0, "").unwrap();
}

#[test]
fn too_much_and_nothing_are_refused() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "tick", "rules: [ { every: 1s } ]");
    let mut refused = |wish: Wish| match backfill::start(&mut conn, &actor(), "tick", &wish, "") {
        Err(ScheduleError::BadRange(why)) => why,
        other => panic!("{other:?}"),
    };

    assert_eq!(refused(wish()), "more than 10000 occurrences lie in the range; choose a shorter one");
    assert_eq!(refused(Wish { to: march(1), ..wish() }), "the end of the range must be after its begin");
}
