//! What goes wrong and what is stopped, in front of the page that shows it.

use std::time::{Duration, Instant};

use millrace::queue::job::JobId;
use millrace::queue::permission::Role;
use serde_json::json;

use super::house::House;
use crate::browser::{Browser, Look, checks};
use crate::support::stage::{enqueue, template, wait_for};

/// The promise: from the press to the page that says so.
const CANCEL_MAX: Duration = Duration::from_secs(3);
/// Ten seconds between TERM and KILL, and three until the page says so.
const KILL_MAX: Duration = Duration::from_secs(13);
/// Longest time for three short attempts with a second between them.
const ATTEMPTS_MAX: Duration = Duration::from_secs(40);

fn publish(house: &House, name: &str, runner: serde_json::Value) {
    let mut spec = json!({"defaults": {"queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 60_000,
        "backoff": {"kind": "constant", "base_ms": 1_000, "jitter": 0.0}}});
    spec.as_object_mut().unwrap().extend(runner.as_object().unwrap().clone());
    template(&mut house.connect(), name, spec);
}

fn open(house: &House, browser: &Browser, job: JobId) {
    browser.open(&format!("{}/jobs/{job}", house.origin));
    browser.script("window.untouched = true", &[]);
}

fn shown_state(browser: &Browser) -> String {
    let text = browser.script("return document.querySelector('.jt .st')?.textContent.trim() ?? ''", &[]);
    text.as_str().unwrap_or_default().to_owned()
}

fn assert_untouched(browser: &Browser) {
    assert_eq!(browser.script("return window.untouched === true", &[]), true, "the page was loaded again");
    assert_eq!(browser.log_problems(), [] as [String; 0]);
}

#[test]
fn a_job_fails_twice_and_succeeds_before_our_eyes() {
    let house = House::start();
    house.person(Role::Operator);
    publish(&house, "try.thrice", json!({"runner": "handler", "handler": {"name": "diag.fail"}}));
    let browser = Browser::start(Look::dark());
    house.sign_in(&browser, Role::Operator);
    let job = enqueue(&mut house.connect(), "try.thrice", json!({"times": 2, "message": "the shop is shut"}));
    open(&house, &browser, job);

    let mut states = Vec::new();
    browser.wait_until("the third attempt succeeds", ATTEMPTS_MAX, |browser| {
        let state = shown_state(browser);
        if states.last() != Some(&state) {
            states.push(state.clone());
        }
        state == "Succeeded"
    });

    assert!(states.iter().any(|state| state.starts_with("Retrying")), "{states:?}");
    assert_untouched(&browser);
    browser.wait_until("all attempts are listed", CANCEL_MAX, |browser| {
        let text = browser.text();
        text.contains("the shop is shut") && [1, 2, 3].iter().all(|n| text.contains(&format!("Attempt {n}")))
    });
    checks::assert_clean_in_every_look(&browser);
}

#[test]
fn what_runs_is_cancelled_within_three_seconds() {
    let house = House::start();
    house.person(Role::Operator);
    publish(&house, "long.command", json!({"runner": "command", "command": {"argv": ["/bin/sleep", "300"]}}));
    publish(&house, "long.handler", json!({"runner": "handler", "handler": {"name": "diag.sleep"}}));
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Operator);

    let mut conn = house.connect();
    for name in ["long.command", "long.handler"] {
        let job = enqueue(&mut conn, name, json!({"ms": 300_000}));
        wait_for(&mut conn, job, "running");
        open(&house, &browser, job);
        let pressed = cancel(&browser);
        browser.wait_until("the page says so", CANCEL_MAX * 3, |browser| shown_state(browser) == "Cancelled");
        let took = pressed.elapsed();
        assert!(took <= CANCEL_MAX, "{name}: {took:?}");
        assert_untouched(&browser);
        wait_for(&mut conn, job, "cancelled");
    }
}

#[test]
fn a_command_that_ignores_being_told_is_shown_as_cancelling_and_then_killed() {
    let house = House::start();
    house.person(Role::Operator);
    let shell = "trap '' TERM; echo started; sleep 300 & wait; sleep 300";
    publish(&house, "stubborn.command", json!({"runner": "command", "command": {"shell": shell}}));
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Operator);
    let job = enqueue(&mut house.connect(), "stubborn.command", json!({}));
    open(&house, &browser, job);
    browser.wait_for_text("started");

    let pressed = cancel(&browser);
    browser.wait_for_text("Cancelling, asked");
    assert!(pressed.elapsed() <= CANCEL_MAX, "{:?}", pressed.elapsed());
    checks::assert_clean_in_every_look(&browser);
    browser.wait_until("it is killed", KILL_MAX, |browser| shown_state(browser) == "Cancelled");
    assert_untouched(&browser);
}

/// Cancels by the dialog of the page, and gives when its button was pressed.
fn cancel(browser: &Browser) -> Instant {
    browser.press("Cancel…");
    browser.find("#dialog").fill("reason", "not needed any more");
    browser.settle();
    let pressed = Instant::now();
    browser.find("#dialog").press("Cancel");
    pressed
}
