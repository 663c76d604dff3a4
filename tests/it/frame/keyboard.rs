//! The palette and the keys in a real browser, without a mouse.

use millrace::queue::permission::Role;
use serde_json::json;

use crate::browser::{Browser, Look, checks, keys};
use crate::support::stage::{enqueue, handler_template, number};
use crate::walk::house::House;

fn house() -> House {
    let house = House::start();
    house.person(Role::Operator);
    handler_template(&mut house.connect(), "demo.noop", json!({}));
    house
}

fn type_into_palette(browser: &Browser, text: &str) {
    browser.press_keys(&[keys::CONTROL, "k"]);
    for letter in text.chars() {
        browser.press_keys(&[&letter.to_string()]);
    }
}

#[test]
fn the_palette_opens_a_job_and_pauses_a_queue_by_keyboard_alone() {
    let house = house();
    let mut conn = house.connect();
    let job = enqueue(&mut conn, "demo.noop", json!({}));
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Operator);

    type_into_palette(&browser, &job.to_string());
    browser.press_keys(&[keys::ENTER]); // before the answer may have come
    browser.wait_for_url(&format!("/jobs/{job}"));

    type_into_palette(&browser, "pause default");
    browser.wait_for_text("Pause queue default…");
    let active = "return document.getElementById(document.querySelector('[role=combobox]').getAttribute('aria-activedescendant'))?.textContent.trim()";
    assert_eq!(browser.script(active, &[]), "Pause queue default…");
    checks::assert_clean_in_every_look(&browser);
    browser.press_keys(&[keys::ENTER]);
    browser.wait_for_text("Pause default?");
    browser.fill("reason", "stock count");
    browser.press_keys(&[keys::ENTER]);
    browser.wait_for_text("default is paused.");
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.queues WHERE paused_at IS NOT NULL"), 1);

    browser.press_keys(&[keys::CONTROL, "k"]);
    browser.wait_for_text("paused");
    assert!(browser.find("#pal-0").text().contains("Queue default"), "the last one looked at comes first");
    browser.press_keys(&[keys::ESCAPE]);
    assert_eq!(browser.script("return document.querySelector('#palette').open", &[]), false);
}

#[test]
fn the_palette_is_a_page_of_links_without_script() {
    let house = house();
    let browser = Browser::start(Look::light()).without_script();
    house.sign_in(&browser, Role::Operator);

    browser.find("a.jump").click();
    browser.fill("q", "pause default");
    browser.find("main form").press("Search");
    checks::assert_clean(&browser);
    browser.press("Pause queue default…");
    browser.wait_for_text("Pause default?");
}

#[test]
fn keys_act_until_somebody_switches_them_off() {
    let house = house();
    let browser = Browser::start(Look::dark());
    house.sign_in(&browser, Role::Operator);

    browser.press_keys(&["?"]);
    browser.wait_for_text("Tick up to the row");
    checks::assert_clean_in_every_look(&browser);
    browser.press_keys(&[keys::ESCAPE]);
    browser.press_keys(&["g"]);
    browser.press_keys(&["q"]);
    browser.wait_for_url("/queues");
    browser.press_keys(&["j"]);
    browser.press_keys(&["o"]);
    browser.wait_for_url("/queues/default");

    browser.open(&format!("{}/account", house.origin));
    browser.press("Single keys act");
    browser.press("Save");
    browser.wait_for_text("Your account was saved.");
    browser.open(&format!("{}/queues", house.origin));
    browser.press_keys(&["?"]);
    browser.press_keys(&["g"]);
    browser.press_keys(&["j"]);
    browser.settle();
    assert!(browser.url().ends_with("/queues") && !browser.shows("Tick up to the row"));
    browser.press_keys(&[keys::CONTROL, "k"]);
    browser.wait_for_text("Dashboard");
    assert_eq!(browser.script("return document.querySelector('#palette').open", &[]), true, "a chord is no single key");
}

#[test]
fn shift_x_ticks_up_to_the_row() {
    let house = house();
    for _ in 0..5 {
        enqueue(&mut house.connect(), "demo.noop", json!({}));
    }
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Operator);
    browser.open(&format!("{}/jobs", house.origin));

    for key in ["j", "x", "j", "j"] {
        browser.press_keys(&[key]);
    }
    browser.press_keys(&["\u{E008}", "X"]);

    let ticked = "return document.querySelectorAll('#main tbody .cb:checked').length";
    assert_eq!(browser.script(ticked, &[]), 3);
    browser.press_keys(&[keys::ESCAPE]);
    assert_eq!(browser.script(ticked, &[]), 0);
}
