//! What is not kept any more is not missing: no backfill makes it again.

use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use millrace::admin::schedules::ScheduleError;
use millrace::admin::schedules::backfill::{self, Wish};
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::PgConnection;
use millrace::queue::actor::Actor;
use millrace::queue::schedules::forget_old;
use serde_json::json;

use super::stage::{number, save};
use crate::support::TestDb;
use crate::support::stage::handler_template;

/// The old schedule has run daily for 500 days.
const PAST: &str = "UPDATE millrace.schedules SET created_at = now() - interval '600 days' WHERE name = 'old';
INSERT INTO millrace.occurrences (schedule_id, at, version, outcome, job_id, decided_at)
SELECT s.id, date_trunc('day', now(), 'UTC') - n * interval '1 day' + interval '6 hours', 1, 'enqueued', n, now() - n * interval '1 day'
FROM millrace.schedules s CROSS JOIN generate_series(1, 500) AS n WHERE s.name = 'old'";

fn asked(conn: &mut PgConnection, name: &str, days: i64, missing_only: bool) -> Result<usize, String> {
    let now = SystemClock.now();
    let wish = Wish { from: now - TimeDelta::days(days), to: now, newest_first: false, missing_only, concurrency: 1 };
    let dry = backfill::dry_run(conn, &Actor::system("test"), name, &wish).map(|dry| dry.jobs);
    let started = backfill::start(conn, &Actor::system("test"), name, &wish, "");
    match (dry, started) {
        (Err(ScheduleError::BadRange(why)), Err(ScheduleError::BadRange(same))) if why == same => Err(why),
        (Err(error), _) => panic!("{error}"),
        (Ok(jobs), _) => Ok(jobs),
    }
}

#[test]
fn what_was_forgotten_is_not_taken_for_missing() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    for name in ["old", "young"] {
        save(&mut conn, name, "rules: [ { cron: \"0 6 * * *\" } ]");
    }
    conn.batch_execute(PAST).unwrap();
    assert!(asked(&mut conn, "old", 450, true).unwrap() <= 1, "all of it is known");

    assert_eq!(forget_old(&mut conn, 0).unwrap(), 0);
    assert!(asked(&mut conn, "old", 450, true).unwrap() <= 1, "nothing was forgotten");
    let gone = forget_old(&mut conn, 400).unwrap();
    assert!((100..=101).contains(&gone), "{gone}");

    let told = asked(&mut conn, "old", 450, true).unwrap_err();
    assert!(
        told.contains("is not kept any more") && told.contains("begin the range later, or make all of it"),
        "{told}"
    );
    assert!(asked(&mut conn, "old", 390, true).unwrap() <= 1, "behind it all is known");
    assert!(asked(&mut conn, "old", 450, false).unwrap() >= 449, "all of it, whatever there was");
    assert!(
        asked(&mut conn, "young", 450, true).unwrap() >= 449,
        "it was not there then, so nothing of it is forgotten"
    );

    assert_eq!(forget_old(&mut conn, 400).unwrap(), 0);
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.forgotten_occurrences"), 1);
}
