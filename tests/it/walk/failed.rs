//! From the dashboard to a failed job and its retry: by the Tab and Enter keys, by single keys, and both without script.

use millrace::admin::templates::service::Publication;
use millrace::queue::job::JobId;
use millrace::queue::permission::Role;
use serde_json::json;

use super::house::House;
use super::samples::take;
use crate::browser::{Browser, Look, checks, keys};
use crate::support::stage::{PATIENCE, enqueue, state, text, wait_for, wait_until};

/// Presses of Tab that a person bears.
const TABS_MAX: usize = 60;
const TEMPLATE: &str = r#"
kind: Template
name: shop.close
runner: handler
handler: { name: diag.fail }
defaults: { max_attempts: 1 }
"#;

/// Gives what is wrong with the place of the focus: nobody may have to guess where it is.
const FOCUS: &str = include_str!("focus.js");

/// A house in which one job has failed, which succeeds when it is tried again, and its failure is counted.
fn house() -> (House, JobId) {
    const COUNTED: &str = "SELECT count(*)::text AS text FROM millrace.failure_groups WHERE last_job = $1";
    let house = House::start();
    house.person(Role::Operator);
    let mut conn = house.connect();
    take(&mut conn, TEMPLATE, Publication::WhenAllowed);
    let job = enqueue(&mut conn, "shop.close", json!({"times": 1, "message": "the shop is shut"}));
    wait_for(&mut conn, job, "failed");
    wait_until(|| text(&mut conn, COUNTED, job) == "1").expect("the failure is counted");
    (house, job)
}

/// Presses Tab until the focus is on a link or button in the main part that is called `name` or leads there; it can be seen all the way.
#[track_caller]
fn tab_to(browser: &Browser, name: &str) {
    let mut passed = Vec::new();
    for _ in 0..TABS_MAX {
        browser.press_keys(&[keys::TAB]);
        browser.settle(); // a link that comes into view does so a moment after it has the focus
        let focus = browser.script(FOCUS, &[]);
        assert_eq!(focus["problem"], "", "after {passed:?}: {focus}");
        if (focus["name"] == name || focus["href"] == name) && focus["main"] == true {
            return;
        }
        passed.push(focus["name"].as_str().unwrap_or_default().to_owned());
    }
    panic!("{TABS_MAX} presses of Tab do not lead to “{name}” but over {passed:?} on {}", browser.url());
}

#[track_caller]
fn enter_at(browser: &Browser, name: &str) {
    tab_to(browser, name);
    browser.press_keys(&[keys::ENTER]);
}

/// Only Tab and Enter, from the dashboard to the retry.
fn walk_by_tab(browser: &Browser, job: JobId) {
    enter_at(browser, "the shop is shut");
    browser.wait_for_url("/failures/");
    browser.wait_for_text("shop.close");
    checks::assert_clean(browser);
    enter_at(browser, &format!("/jobs/{job}"));
    browser.wait_for_url(&format!("/jobs/{job}"));
    browser.wait_for_text("the shop is shut");
    checks::assert_clean(browser);
    enter_at(browser, "Retry");
    browser.wait_for_text(&format!("Job {job} is ready again."));
}

/// The database says that somebody's press has run it again, and the page says so, too.
fn assert_retried(house: &House, browser: &Browser, job: JobId) {
    const WHO: &str = "SELECT coalesce(min(actor), 'nobody') AS text FROM millrace.audit
        WHERE act = 'job.retry' AND accepted AND subject = ($1::bigint)::text";
    let mut conn = house.connect();
    wait_for(&mut conn, job, "succeeded");
    assert_eq!(text(&mut conn, WHO, job), "operator@example.org");
    browser.wait_until("the page says so", PATIENCE, |browser| {
        if !browser.is_scripted() {
            browser.reload();
        }
        browser.find(".jt .st").text() == "Succeeded"
    });
    assert_eq!(state(&mut conn, job), "succeeded");
}

#[test]
fn a_failed_job_is_found_and_retried_with_tab_and_enter_alone() {
    let (house, job) = house();
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Operator);
    browser.wait_for_text("the shop is shut");

    walk_by_tab(&browser, job);

    assert_retried(&house, &browser, job);
}

#[test]
fn a_failed_job_is_found_and_retried_with_single_keys() {
    let (house, job) = house();
    let browser = Browser::start(Look::dark());
    house.sign_in(&browser, Role::Operator);
    let press = |keys: &[&str]| {
        for key in keys {
            browser.press_keys(&[key]);
        }
        assert_eq!(browser.script(FOCUS, &[])["problem"], "");
    };

    press(&["g", "f"]);
    browser.wait_for_url("/failures");
    browser.wait_for_text("the shop is shut");
    press(&["j", "o"]);
    browser.wait_for_url("/failures/");
    browser.wait_for_text(&job.to_string());
    press(&["g", "j"]);
    browser.wait_for_url("/jobs");
    browser.wait_for_text(&job.to_string());
    press(&["j"]);
    press(&["o"]);
    browser.wait_for_url(&format!("/jobs/{job}"));
    browser.wait_for_text("the shop is shut");
    press(&["r"]);
    browser.wait_for_text(&format!("Job {job} is ready again."));

    assert_retried(&house, &browser, job);
}

#[test]
fn a_failed_job_is_found_and_retried_with_tab_and_enter_without_script() {
    let (house, job) = house();
    let browser = Browser::start(Look::light()).without_script();
    house.sign_in(&browser, Role::Operator);

    walk_by_tab(&browser, job);

    assert_retried(&house, &browser, job);
}

#[test]
fn a_failed_job_is_found_and_retried_on_a_phone_without_script() {
    let (house, job) = house();
    let browser = Browser::start(Look::dark()).without_script();
    house.sign_in(&browser, Role::Operator);
    browser.set_look(Look::dark().narrow());
    checks::assert_clean(&browser);

    browser.find("#panel-failing a").click();
    browser.wait_for_url("/failures/");
    checks::assert_clean(&browser);
    browser.find(&format!("main a[href='/jobs/{job}']")).click();
    browser.wait_for_url(&format!("/jobs/{job}"));
    checks::assert_clean(&browser);
    browser.press("Retry");
    browser.wait_for_text(&format!("Job {job} is ready again."));

    assert_retried(&house, &browser, job);
}
