//! Schedules that need somebody are told of on the dashboard; what they made is found by their names.

use std::time::Duration;

use diesel::sql_types::Text;
use millrace::admin::dashboard::{Ill, ailing};
use millrace::admin::jobs::{Cursor, list};
use millrace::admin::schedules::{Page, occurrences, show};
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::{PgConnection, statement};
use millrace::queue::actor::{Actor, Scope};
use millrace::queue::schedules::{Plans, fire, forget_finished};
use serde_json::json;

use super::stage::{Watched, became, number, save, set_decided};
use crate::support::TestDb;
use crate::support::stage::{TestEngine, asked, handler_template, wait_until};

/// What is the matter with which schedules, as the dashboard sees them.
fn ill(conn: &mut PgConnection, scope: &Scope) -> Vec<(Ill, String)> {
    let all = ailing(conn, scope).unwrap();
    let mut all: Vec<_> = all.iter().filter_map(|one| Some((one.ill()?, one.schedule.clone()))).collect();
    all.sort();
    all
}

#[test]
fn what_is_the_matter_with_schedules_is_seen_by_those_who_see_their_queue() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    for name in ["well", "stuck", "missed", "resting"] {
        save(&mut conn, name, "rules: [ { every: 1h } ]\ncatch_up: { policy: skip }");
    }
    assert_eq!(ill(&mut conn, &Scope::default()), []);
    const TROUBLE: &str = "UPDATE millrace.schedules SET trouble = 'template work is archived' WHERE name = $1";
    statement(TROUBLE).bind::<Text, _>("stuck").run(&mut conn).unwrap();
    const REST: &str = "UPDATE millrace.schedules SET paused_at = now(), paused_by = 'Millrace', pause_reason = 'its last job failed: job 7' WHERE name = $1";
    statement(REST).bind::<Text, _>("resting").run(&mut conn).unwrap();
    set_decided(&mut conn, "missed", "3 hours");
    fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    let seen = |name: &str, ill: Ill| (ill, name.to_owned());
    let expected = [seen("stuck", Ill::Stuck), seen("resting", Ill::Resting), seen("missed", Ill::Missed)];
    assert_eq!(ill(&mut conn, &Scope::default()), expected);
    let missed =
        ailing(&mut conn, &Scope::default()).unwrap().into_iter().find(|one| one.schedule == "missed").unwrap();
    let rows = became(&mut conn, "missed").iter().filter(|row| row.outcome == "missed").count();
    assert_eq!((missed.runs as usize, rows), (rows, rows));
    assert!((2..=3).contains(&rows), "{rows}");
    assert_eq!(ill(&mut conn, &Scope { queues: vec!["default".into()], tags: Vec::new() }), expected);
    assert_eq!(ill(&mut conn, &Scope { queues: vec!["mail".into()], tags: Vec::new() }), []);

    // whoever pauses it himself knows of it
    const PAUSE: &str = "UPDATE millrace.schedules SET paused_at = now(), paused_by = 'ada' WHERE name = 'stuck'";
    statement(PAUSE).run(&mut conn).unwrap();
    assert_eq!(ill(&mut conn, &Scope::default()), &expected[1..]);
}

#[test]
fn a_job_that_should_have_ended_is_late_and_its_row_says_so_for_good() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "slow", "rules: [ { every: 1h } ]\nfinish_within: 1s\nargs: { ms: 4000 }");
    save(&mut conn, "quick", "rules: [ { every: 1h } ]\nfinish_within: 10m\nargs: { ms: 1 }");
    for name in ["slow", "quick"] {
        const DUE: &str = "UPDATE millrace.schedules SET decided_until = date_trunc('hour', now()) - interval '1 s', due_at = now() WHERE name = $1";
        statement(DUE).bind::<Text, _>(name).run(&mut conn).unwrap();
    }
    let _engine = TestEngine::start(&db, Watched::default().registry());

    wait_until(|| ill(&mut conn, &Scope::default()) == [(Ill::Late, "slow".to_owned())]).expect("it is late");
    let ended = "SELECT count(*) FROM millrace.history WHERE state = 'succeeded'";
    wait_until(|| number(&mut conn, ended) == 2).expect("both end");

    assert_eq!(ill(&mut conn, &Scope::default()), [], "what has ended needs nobody");
    let mut late = |name: &str| {
        let row = show::one(&mut conn, &Actor::system("test"), name).unwrap();
        let page = Page { limit: 5, ..Page::default() };
        occurrences(&mut conn, row.id, &page).unwrap().0[0].late(SystemClock.now())
    };
    assert!(late("slow").is_some_and(|late| late >= Duration::from_secs(1)));
    assert_eq!(late("quick"), None);
    assert_eq!(forget_finished(&mut conn).unwrap(), 1, "a late one that has ended is looked at no more");
}

#[test]
fn jobs_are_found_by_the_schedule_that_made_them() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "work", json!({}));
    for name in ["hourly-one", "hourly-two", "other"] {
        save(&mut conn, name, "rules: [ { every: 1h } ]");
        set_decided(&mut conn, name, "90 minutes");
    }
    fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();

    let mut found =
        |text: &str| list(&mut conn, &Scope::default(), &asked(text), Cursor::Newest, 50).unwrap().rows.len();
    assert_eq!(found("schedule:other"), 1);
    assert_eq!(found("schedule:hourly-*"), 2);
    assert_eq!(found("-schedule:other"), 2);
    assert_eq!(found("schedule:hourly"), 0);
    assert_eq!(found("by:schedule:other"), 1, "under the same name as everybody who enqueues");
}
