//! A page whose server is slow, away, or has said enough.

use std::time::Duration;

use millrace::queue::permission::Role;

use crate::browser::{Browser, Look, checks};
use crate::walk::house::House;

/// Longer than the 20 s after which silence counts as a cut, with what a loaded machine adds.
const CUT_MAX: Duration = Duration::from_secs(40);

fn at(house: &House, browser: &Browser, path: &str) {
    browser.open(&format!("{}{path}", house.origin));
}

/// From now on every request ends as `answer` says, a piece of script that gives a promise.
fn answered(browser: &Browser, answer: &str) {
    browser.script(&format!("window.kept = window.fetch; window.fetch = (url, options) => {answer}"), &[]);
}

#[test]
fn a_server_that_is_away_is_said_and_what_was_typed_is_kept() {
    let house = House::start();
    house.person(Role::Operator);
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Operator);
    at(&house, &browser, "/queues");
    browser.find_all("#main a[hx-get*='/pause']")[0].click();
    browser.wait_for_text("Pause default?");
    browser.find("#dialog").fill("reason", "stock count");
    answered(&browser, "Promise.reject(new TypeError('away'))");

    browser.find("#dialog").press("Pause default");

    browser.wait_for_text("The server could not be reached.");
    assert_eq!(browser.find("#dialog [name=reason]").value(), "stock count");
    browser.script("window.fetch = window.kept", &[]);
    browser.press("Try again");
    browser.wait_for_text("default is paused.");
}

#[test]
fn a_slow_request_says_so_after_two_seconds_and_can_be_stopped() {
    let house = House::start();
    house.person(Role::Operator);
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Operator);
    at(&house, &browser, "/queues");
    let hangs = "new Promise((_, no) => options.signal?.addEventListener('abort', () => no(new DOMException('', 'AbortError'))))";
    answered(&browser, hangs);

    browser.find_all("#main a[hx-get]")[0].click();

    browser.wait_for_text("This takes longer than usual.");
    browser.press("Stop");
    browser.wait_for_no_text("This takes longer than usual.");
}

#[test]
fn a_stream_that_falls_silent_is_said_and_comes_back() {
    let house = House::start();
    house.person(Role::Operator);
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Operator);
    at(&house, &browser, "/queues");
    browser.wait_until("the page is live", CUT_MAX, |browser| badge(browser) == "on");
    answered(&browser, "new Promise(() => {})");
    browser.script("document.querySelector('#live')._htmx.sse.reader.cancel()", &[]);

    browser.wait_until("the badge says so", CUT_MAX, |browser| badge(browser) == "cut");
    browser.wait_for_text("Live updates stopped");
    checks::assert_clean_in_every_look(&browser);
    browser.script("window.fetch = window.kept", &[]);
    at(&house, &browser, "/queues");
    browser.wait_until("the page is live again", CUT_MAX, |browser| badge(browser) == "on");
}

#[test]
fn a_sixth_page_says_why_it_is_not_live() {
    let house = House::start();
    house.person(Role::Operator);
    let program = house.program(Role::Operator);
    let browser = Browser::start(Look::light());
    let _five: Vec<_> = (0..5).map(|n| program.stream(&format!("/live/queues?n={n}"), &[])).collect();

    house.sign_in(&browser, Role::Operator);

    browser.wait_for_text("This page is not live: five others of yours are.");
    assert_eq!(badge(&browser), "full");
}

fn badge(browser: &Browser) -> String {
    let state = browser.script("return document.querySelector('#live-badge')?.dataset.state ?? ''", &[]);
    state.as_str().unwrap_or_default().to_owned()
}
