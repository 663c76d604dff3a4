//! In a browser: a group is found, marked handled, and comes back when it fails again.

use std::time::Duration;

use millrace::queue::permission::Role;
use serde_json::json;

use crate::browser::{Browser, Look, checks};
use crate::support::stage::{enqueue, handler_template, wait_for};
use crate::walk::house::House;

/// Folds are made once a second, pages look every two.
const SEEN_MAX: Duration = Duration::from_secs(15);

#[test]
fn a_group_is_found_handled_and_returns_when_it_fails_again() {
    let house = House::start();
    house.person(Role::Operator);
    let mut conn = house.connect();
    handler_template(&mut conn, "diag.fail", json!({ "max_attempts": 1 }));
    let fail = |conn: &mut _, message: &str| {
        let job = enqueue(conn, "diag.fail", json!({ "message": message }));
        wait_for(conn, job, "failed");
    };
    fail(&mut conn, "the shop 17 is shut");
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Operator);

    browser.wait_until("the failure is counted", SEEN_MAX, |browser| {
        browser.open(&format!("{}/failures", house.origin));
        browser.shows("the shop 17 is shut")
    });
    checks::assert_clean_in_every_look(&browser);
    browser.press("the shop 17 is shut");
    browser.wait_for_text("Recognised by");
    checks::assert_clean_in_every_look(&browser);
    browser.press("Mark handled…");
    browser.find("#dialog").press("Mark handled");
    browser.wait_for_text("it comes back as Returned");
    browser.wait_for_text("Open again…");

    fail(&mut conn, "the shop 23 is shut");
    browser.wait_until("it has returned", SEEN_MAX, |browser| {
        browser.open(&format!("{}/failures?state=returned", house.origin));
        browser.shows("the shop 23 is shut")
    });
    assert_eq!(browser.log_problems(), [] as [String; 0]);
}
