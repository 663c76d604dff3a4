//! What people were told is found again.

use diesel::connection::SimpleConnection;
use millrace::admin::notifications::service::{Place, ROWS_MAX, list, mark_read};
use millrace::base::db::PgConnection;
use millrace::queue::actor::{Actor, PersonId, Via};
use millrace::queue::notifications::{KEPT_MAX, Message, Tone, forget_old, tell};
use millrace::queue::permission::Role;
use serde_json::json;

use crate::browser::{Browser, Look, checks};
use crate::support::TestDb;
use crate::support::stage::{PATIENCE, handler_template, number};
use crate::walk::house::House;

fn person(conn: &mut PgConnection, email: &str) -> Actor {
    conn.batch_execute(&format!("INSERT INTO millrace.people (email, name, role) VALUES ('{email}', 'x', 'viewer')"))
        .unwrap();
    let id = number(conn, "SELECT max(id) AS number FROM millrace.people");
    Actor { person: Some(PersonId(id)), role: Role::Viewer, via: Via::Console, ..Actor::system(email) }
}

#[test]
fn of_each_person_the_newest_500_are_kept_and_nobody_sees_those_of_others() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let (ada, bo) = (person(&mut conn, "ada@example.org"), person(&mut conn, "bo@example.org"));
    for n in 0..KEPT_MAX + 3 {
        tell(&mut conn, ada.person.unwrap(), &Message::new(Tone::Info, format!("Message {n}."))).unwrap();
    }
    tell(&mut conn, bo.person.unwrap(), &Message::new(Tone::Failed, "For Bo.").linking("Out", "//evil.example"))
        .unwrap();

    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.notifications"), KEPT_MAX + 1);
    let first = list(&mut conn, &ada, Place::Start, false).unwrap();
    assert_eq!((first.told.len() as i64, first.told[0].title.as_str()), (ROWS_MAX, "Message 502."));
    assert!(first.older && !first.newer);
    let second = list(&mut conn, &ada, Place::Before(first.told.last().unwrap().id), false).unwrap();
    assert_eq!(second.told[0].title, "Message 452.");
    assert_eq!(list(&mut conn, &ada, Place::After(second.told[0].id), false).unwrap().told, first.told);
    let of_bo = list(&mut conn, &bo, Place::Start, true).unwrap().told;
    assert_eq!((of_bo.len(), of_bo[0].link_path.as_deref()), (1, None), "a foreign address is left out");

    assert_eq!(mark_read(&mut conn, &ada, Some(of_bo[0].id)).unwrap(), 0, "not hers");
    assert_eq!(mark_read(&mut conn, &ada, Some(first.told[0].id)).unwrap(), 1);
    assert_eq!(mark_read(&mut conn, &ada, None).unwrap() as i64, KEPT_MAX - 1);
    assert_eq!(list(&mut conn, &ada, Place::Start, true).unwrap().told, []);
}

#[test]
fn what_is_older_than_thirty_days_goes() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let ada = person(&mut conn, "ada@example.org");
    for title in ["Old.", "New."] {
        tell(&mut conn, ada.person.unwrap(), &Message::new(Tone::Done, title)).unwrap();
    }
    conn.batch_execute("UPDATE millrace.notifications SET at = now() - interval '31 days' WHERE title = 'Old.'")
        .unwrap();

    assert_eq!(forget_old(&mut conn).unwrap(), 1);
    assert_eq!(list(&mut conn, &ada, Place::Start, false).unwrap().told[0].title, "New.");
}

#[test]
fn a_toast_is_found_again_and_what_went_wrong_waits_to_be_read() {
    let house = House::start();
    let operator = house.person(Role::Operator);
    handler_template(&mut house.connect(), "demo.noop", json!({}));
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Operator);
    browser.open(&format!("{}/notifications", house.origin));
    browser.wait_for_text("Nothing yet");
    checks::assert_clean(&browser);

    browser.open(&format!("{}/queues/default/pause", house.origin));
    browser.fill("reason", "stock count");
    browser.press("Pause default");
    browser.wait_for_text("default is paused.");
    told(&house, 1);
    browser.open(&format!("{}/notifications", house.origin));
    browser.wait_for_text("default is paused.");
    assert!(browser.shows("Everything is read"), "whoever saw the toast has read it");

    let bad = Message::new(Tone::Failed, "3 of 500 jobs could not be cancelled.").linking("Open", "/jobs");
    tell(&mut house.connect(), PersonId(operator), &bad).unwrap();
    browser.reload();
    browser.wait_for_text("1 unread");
    assert_eq!(browser.find(".bell .dot").text(), "1");
    checks::assert_clean_in_every_look(&browser);
    browser.press("Mark as read");
    browser.wait_for_text("Everything is read");
    assert_eq!(browser.find_all(".bell .dot").len(), 0);
}

#[test]
fn a_refused_act_stands_in_the_inbox_too() {
    let house = House::start();
    house.person(Role::Viewer);
    let mut viewer = house.program(Role::Viewer);
    let token = viewer.token().to_owned();
    let headers = [("Sec-Fetch-Site", "same-origin"), ("HX-Request", "true"), ("HX-Request-Type", "partial")];

    let answer = viewer.post_with("/queues/default/pause", &format!("csrf={token}"), &headers);

    assert_eq!(answer.status, 403);
    told(&house, 1);
    assert!(viewer.get("/notifications").body.contains("You may not do this."));
}

/// Messages are written behind the answer's back.
fn told(house: &House, count: i64) {
    let end = std::time::Instant::now() + PATIENCE;
    let mut conn = house.connect();
    while number(&mut conn, "SELECT count(*) AS number FROM millrace.notifications") < count {
        assert!(std::time::Instant::now() < end, "nothing was kept");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
