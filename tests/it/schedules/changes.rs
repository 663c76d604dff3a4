//! Versions, pauses, calendars: what changes holds from then on, and what was due before is decided as before.

use chrono::{SubsecRound, TimeDelta};
use diesel::sql_types::Text;
use millrace::admin::calendars;
use millrace::admin::schedules::{ScheduleError, service};
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::{PgConnection, statement};
use millrace::base::document::documents;
use millrace::queue::actor::Actor;
use millrace::queue::schedules::{self, ByHand, Plans};
use serde_json::json;

use super::stage::{Watched, became, number, save, set_decided, try_save};
use crate::support::TestDb;
use crate::support::stage::{TestEngine, handler_template, wait_until};

fn calendar(conn: &mut PgConnection, yaml: &str) {
    let calendar = documents(&format!("kind: Calendar\n{yaml}")).unwrap()[0].read().unwrap();
    calendars::service::save(conn, &Actor::system("test"), &calendar, None, "").unwrap();
}

fn actor() -> Actor {
    Actor::system("test")
}

#[test]
fn a_save_makes_a_version_and_what_says_the_same_makes_none() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));

    assert_eq!(save(&mut conn, "hourly", "rules: [ { cron: \"0 * * * *\" } ]").version, 1);
    let same = save(&mut conn, "hourly", "rules: [ { cron: \"0 * * * *\" } ]");
    assert!(same.unchanged && same.version == 1);
    assert_eq!(save(&mut conn, "hourly", "rules: [ { cron: \"30 * * * *\" } ]").version, 2);
    let back = service::roll_back(&mut conn, &actor(), "hourly", 1, "").unwrap();
    assert_eq!(back.version, 3);

    let minutes = "SELECT extract(minute FROM next_at)::bigint FROM millrace.schedules";
    assert_eq!(number(&mut conn, minutes), 0);
    let acts = "SELECT count(*) FROM millrace.audit WHERE subject_kind = 'schedule' AND subject = 'hourly'";
    assert_eq!(number(&mut conn, acts), 3);
    let changed = statement("UPDATE millrace.schedule_versions SET note = 'x' WHERE version = $1::integer")
        .bind::<Text, _>("1")
        .run(&mut conn);
    assert!(changed.is_err(), "versions are immutable");
}

#[test]
fn whoever_comes_second_overwrites_nothing() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "hourly", "rules: [ { cron: \"0 * * * *\" } ]");
    save(&mut conn, "hourly", "rules: [ { cron: \"30 * * * *\" } ]");
    let spec = documents("kind: Schedule\nname: hourly\ntemplate: work\nrules: [ { cron: \"5 * * * *\" } ]").unwrap()
        [0]
    .read()
    .unwrap();

    let stale = service::save(&mut conn, &actor(), &spec, Some(1), "");
    let taken = service::save(&mut conn, &actor(), &spec, Some(0), "");

    assert!(matches!(stale, Err(ScheduleError::Stale { base: 1, latest: 2 })), "{stale:?}");
    assert!(matches!(taken, Err(ScheduleError::NameTaken(_))), "{taken:?}");
}

#[test]
fn what_is_due_when_it_changes_is_decided_as_before() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "tick", "rules: [ { every: 1s } ]\noverlap: allow_all");
    set_decided(&mut conn, "tick", "3 seconds");

    save(&mut conn, "tick", "rules: [ { every: 1h } ]\noverlap: allow_all");

    let rows = became(&mut conn, "tick");
    assert_eq!(rows.iter().filter(|row| row.outcome == "enqueued").count(), 3, "{rows:?}");
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.schedules WHERE due_at > clock_timestamp()"), 1);
}

#[test]
fn a_pause_leaves_out_and_says_so_and_a_resume_goes_on() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "tick", "rules: [ { every: 1s } ]\noverlap: allow_all");
    service::pause(&mut conn, &actor(), "tick", "stocktaking").unwrap();
    let twice = service::pause(&mut conn, &actor(), "tick", "");
    assert!(matches!(twice, Err(ScheduleError::Already(_, "paused"))));
    let made = became(&mut conn, "tick"); // a second may have begun between the save and the pause
    set_decided(&mut conn, "tick", "4 seconds");
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
    let paused: Vec<_> = became(&mut conn, "tick").into_iter().filter(|row| !made.contains(row)).collect();
    assert!(paused.len() >= 2 && paused.iter().all(|row| row.cause.as_deref() == Some("paused")), "{paused:?}");

    service::resume(&mut conn, &actor(), "tick", "").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    assert!(became(&mut conn, "tick").iter().any(|row| row.outcome == "enqueued"));
    let told = "SELECT count(*) FROM millrace.occurrences WHERE reason = 'paused by test: stocktaking'";
    assert!(number(&mut conn, told) >= 2);
}

#[test]
fn a_calendar_holds_for_those_who_mind_it_as_soon_as_it_changes() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    calendar(&mut conn, "name: shop\n");
    save(&mut conn, "daily", "rules: [ { cron: \"0 0 * * *\" } ]\nexclude: [ { calendar: shop } ]");
    let mut plans = Plans::default();
    schedules::fire(&mut conn, &mut plans, &mut || 0).unwrap();
    let next_day = "SELECT (next_at::date - (now() AT TIME ZONE 'UTC')::date)::bigint FROM millrace.schedules";
    assert_eq!(number(&mut conn, next_day), 1);

    let tomorrow = SystemClock.now().date_naive() + chrono::Days::new(1);
    calendar(&mut conn, &format!("name: shop\ndates: [ {{ date: {tomorrow}, name: Closed }} ]"));
    let fired = schedules::fire(&mut conn, &mut plans, &mut || 0).unwrap();

    assert_eq!(fired.schedules, 1, "it is looked at again");
    assert_eq!(number(&mut conn, next_day), 2);
    let kept = calendars::service::remove(&mut conn, &actor(), "shop", "");
    assert!(matches!(kept, Err(calendars::service::CalendarError::InUse { .. })), "{kept:?}");
    service::remove(&mut conn, &actor(), "daily", "").unwrap();
    calendars::service::remove(&mut conn, &actor(), "shop", "").unwrap();
}

/// The time so many hours from now, as documents write it.
fn hour(ahead: i64) -> String {
    (SystemClock.now() + TimeDelta::hours(ahead)).format("%Y-%m-%dT%H:%M").to_string()
}

/// A schedule of every minute, of which ten wait for the end of a window of the calendar `shop`.
fn ten_that_wait(conn: &mut PgConnection) -> Plans {
    handler_template(conn, "work", json!({}));
    let window = format!("windows: [ {{ name: move, from: \"{}\", to: \"{}\" }} ]", hour(-1), hour(1));
    calendar(conn, &format!("name: shop\ntimezone: UTC\n{window}"));
    save(conn, "minutely", "rules: [ { cron: \"* * * * *\" } ]\nwindows: [ { calendar: shop, action: delay } ]");
    set_decided(conn, "minutely", "10 minutes");
    let mut plans = Plans::default();
    schedules::fire(conn, &mut plans, &mut || 0).unwrap();
    assert_eq!(number(conn, "SELECT count(*) FROM millrace.jobs"), 0, "all wait for the end of the window");
    plans
}

#[test]
fn what_waits_for_the_end_of_a_window_runs_when_the_window_is_taken_away() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let mut plans = ten_that_wait(&mut conn);
    let since = SystemClock.now();

    calendar(&mut conn, "name: shop\ntimezone: UTC\n");
    schedules::fire(&mut conn, &mut plans, &mut || 0).unwrap();

    let rows: Vec<_> = became(&mut conn, "minutely").into_iter().filter(|row| row.at < since).collect();
    let of = |cause: &str| rows.iter().filter(|row| row.cause.as_deref() == Some(cause)).count();
    assert_eq!(
        (of("changed"), of("merged")),
        (1, 3),
        "one run was to stand for all, and the last told for the others: {rows:?}"
    );
    assert!(rows[0].job.is_some(), "{rows:?}");
    let told =
        "SELECT count(*) FROM millrace.occurrences WHERE reason = 'it waited until the calendar shop was changed'";
    assert_eq!(number(&mut conn, told), 1);

    calendar(&mut conn, "name: shop\ntimezone: UTC\ntitle: The shop\n");
    schedules::fire(&mut conn, &mut plans, &mut || 0).unwrap();
    assert_eq!(became(&mut conn, "minutely").iter().filter(|row| row.at < since && row.job.is_some()).count(), 1);
}

#[test]
fn a_change_that_cannot_let_run_what_waits_is_not_made() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let mut plans = ten_that_wait(&mut conn);
    refuse_occurrences(&mut conn);
    let open = documents("kind: Calendar\nname: shop\ntimezone: UTC\n").unwrap()[0].read().unwrap();

    let changed = calendars::service::save(&mut conn, &actor(), &open, None, "");

    assert!(matches!(changed, Err(calendars::service::CalendarError::Db(_))), "{changed:?}");
    statement("DROP TRIGGER refuse ON millrace.occurrences").run(&mut conn).unwrap();
    calendars::service::save(&mut conn, &actor(), &open, None, "").unwrap();
    schedules::fire(&mut conn, &mut plans, &mut || 0).unwrap();
    let told = "SELECT count(*) FROM millrace.occurrences WHERE job_id IS NOT NULL AND cause = 'changed'";
    assert_eq!(number(&mut conn, told), 1, "it waited until then");
}

/// From now on no occurrence can be written down.
fn refuse_occurrences(conn: &mut PgConnection) {
    let refuse =
        "CREATE FUNCTION millrace.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room for it'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON millrace.occurrences FOR EACH ROW EXECUTE FUNCTION millrace.refuse()";
    diesel::connection::SimpleConnection::batch_execute(conn, refuse).unwrap();
}

#[test]
fn what_waits_runs_by_a_version_that_lets_it_and_says_so_where_another_does_not() {
    let db = TestDb::new();
    let mut conn = db.connect();
    ten_that_wait(&mut conn);
    let since = SystemClock.now();

    save(&mut conn, "minutely", "rules: [ { cron: \"* * * * *\" } ]");

    let rows: Vec<_> = became(&mut conn, "minutely").into_iter().filter(|row| row.at < since).collect();
    assert_eq!(rows.iter().filter(|row| row.job.is_some()).count(), 1, "{rows:?}");

    let db = TestDb::new();
    let mut conn = db.connect();
    ten_that_wait(&mut conn);

    save(&mut conn, "minutely", "rules: [ { cron: \"0 0 1 1 *\" } ]");

    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.jobs"), 0);
    let told = "SELECT count(*) FROM millrace.occurrences WHERE reason = 'version 2 came into force while it waited' AND cause = 'changed'";
    assert_eq!(number(&mut conn, told), 1, "{:?}", became(&mut conn, "minutely"));
}

#[test]
fn what_a_calendar_moves_to_a_time_that_is_over_runs_at_once() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    let week = "workweek: [ mon, tue, wed, thu, fri, sat, sun ]";
    calendar(&mut conn, &format!("name: shop\ntimezone: UTC\n{week}\n"));
    let at = (SystemClock.now() + TimeDelta::hours(23)).trunc_subsecs(0);
    let once = format!("rules: [ {{ at: \"{}\" }} ]\n", at.to_rfc3339());
    save(&mut conn, "month-end", &format!("{once}business_days: {{ calendar: shop, roll: previous }}"));

    // a day before that is an hour ago
    let closed = format!("dates: [ {{ date: {}, name: Inventory }} ]", at.date_naive());
    calendar(&mut conn, &format!("name: shop\ntimezone: UTC\n{week}\n{closed}"));
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    let rows = became(&mut conn, "month-end");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].job.is_some() && rows[0].cause.as_deref() == Some("changed"), "{rows:?}");
}

#[test]
fn who_cannot_be_decided_can_be_paused_repaired_and_removed() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    for name in ["paused", "repaired", "removed"] {
        save(&mut conn, name, "rules: [ { every: 1s } ]");
        set_decided(&mut conn, name, "5 seconds");
    }
    refuse_occurrences(&mut conn);

    service::pause(&mut conn, &actor(), "paused", "it cannot be followed").unwrap();
    save(&mut conn, "repaired", "rules: [ { cron: \"0 0 1 1 *\" } ]");
    service::remove(&mut conn, &actor(), "removed", "").unwrap();

    let rest = "SELECT count(*) FROM millrace.schedules WHERE paused_at IS NULL AND removed_at IS NULL";
    assert_eq!(number(&mut conn, rest), 1);
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.jobs"), 0);
}

#[test]
fn a_clock_that_was_put_far_forward_and_back_is_told_and_a_resume_goes_on_from_now() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "tick", "rules: [ { every: 1s } ]\noverlap: allow_all");
    save(&mut conn, "well", "rules: [ { every: 1s } ]");
    set_decided(&mut conn, "tick", "-1 year");
    let row = "INSERT INTO millrace.occurrences (schedule_id, at, backfill_id, version, outcome, cause, reason)
        SELECT s.id, date_trunc('second', clock_timestamp()) + n * interval '1 second', 0, 1, 'missed', 'missed', 'nothing ran then'
        FROM millrace.schedules s CROSS JOIN generate_series(1, 60) AS n WHERE s.name = 'tick'";
    statement(row).run(&mut conn).unwrap();
    schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    assert_eq!(schedules::note_ahead(&mut conn).unwrap(), 1);
    assert_eq!(schedules::note_ahead(&mut conn).unwrap(), 0, "it is told once");
    let told = "SELECT count(*) FROM millrace.schedules WHERE name = 'tick' AND trouble LIKE 'the clock was put back%'";
    assert_eq!(number(&mut conn, told), 1);

    service::pause(&mut conn, &actor(), "tick", "").unwrap();
    service::resume(&mut conn, &actor(), "tick", "").unwrap();
    let made =
        "SELECT count(*) FROM millrace.jobs j JOIN millrace.schedules s ON s.id = j.schedule_id WHERE s.name = 'tick'";
    wait_until(|| {
        schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
        number(&mut conn, made) >= 2
    })
    .expect("it runs again");
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.schedules WHERE trouble IS NOT NULL"), 0);
}

#[test]
fn a_run_by_hand_is_beside_the_rules_and_minds_the_policy() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "yearly", "rules: [ { cron: \"0 0 1 1 *\" } ]");
    let ByHand::Made { job, behind } = service::run_now(&mut conn, &actor(), "yearly", "a test").unwrap() else {
        panic!()
    };
    assert_eq!(behind, None);

    let again = service::run_now(&mut conn, &actor(), "yearly", "");

    assert!(matches!(again, Err(ScheduleError::Overlaps(of)) if of == job), "{again:?}");
    let _engine = TestEngine::start(&db, Watched::default().registry());
    wait_until(|| number(&mut conn, "SELECT count(*) FROM millrace.history") == 1).unwrap();
    service::run_now(&mut conn, &actor(), "yearly", "").unwrap();
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.occurrences WHERE backfill_id = -1"), 2);
    assert_eq!(number(&mut conn, "SELECT jobs FROM millrace.schedules"), 0, "the limit counts those of the rules");
}

#[test]
fn a_removed_schedule_runs_no_more_and_its_name_is_free() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "tick", "rules: [ { every: 1s } ]");
    service::remove(&mut conn, &actor(), "tick", "no longer needed").unwrap();

    assert_eq!(schedules::fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap().schedules, 0);
    assert!(matches!(service::pause(&mut conn, &actor(), "tick", ""), Err(ScheduleError::Removed(..))));
    assert_eq!(try_save(&mut conn, "tick", "rules: [ { every: 1h } ]").unwrap().version, 1);
}
