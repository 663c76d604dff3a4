//! Saved views, columns, completion and the live list in a real browser.

use std::time::Duration;

use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::publish;
use crate::browser::{Browser, Look, checks, keys};
use crate::support::stage::{PATIENCE, enqueue, enqueue_many, handler_template};
use crate::templates::stage::Console;

fn open(console: &Console, browser: &Browser, path: &str) {
    browser.open(&format!("http://{}{path}", console.address));
}

#[test]
fn an_analyst_saves_and_shows_a_view_and_whoever_opens_it_sees_what_they_may_see() {
    let console = Console::start();
    let mut conn = console.db.connect();
    for queue in ["mail", "imports"] {
        let spec = json!({ "runner": "handler", "handler": { "name": "done" }, "defaults": { "queue": queue } });
        publish(&mut conn, &format!("{queue}.run"), spec);
        enqueue(&mut conn, &format!("{queue}.run"), json!({}));
    }
    let browser = Browser::start(Look::light().wide());
    let analyst = console.person(Role::Analyst, &[]);
    open(&console, &browser, &format!("/as/{analyst}"));
    open(&console, &browser, "/jobs?state=ready");
    checks::assert_clean_in_every_look(&browser);

    browser.find("#main h1").click();
    browser.press_keys(&["b"]);
    browser.wait_for_text("Filters, order, columns and rows");
    browser.find("#dialog").fill("name", "Everything that waits");
    browser.find("#dialog [name=visibility][value=everyone]").click();
    checks::assert_clean(&browser);
    browser.find("#dialog").press("Save view");
    browser.wait_for_url("view=everything-that-waits");
    browser.wait_for_text("The view Everything that waits is saved.");
    checks::assert_clean_in_every_look(&browser);
    browser.wait_for_text("imports.run");

    browser.find(".chip a.fx").click();
    browser.wait_for_text("Changed.");
    checks::assert_clean_in_every_look(&browser);
    browser.find(".vchanged").press("Save");
    browser.wait_for_no_text("Changed.");
    open(&console, &browser, "/views");
    browser.wait_for_text("everything");
    checks::assert_clean_in_every_look(&browser);

    let limited = console.person(Role::Operator, &["mail"]);
    open(&console, &browser, &format!("/as/{limited}"));
    open(&console, &browser, "/v/everything-that-waits");
    browser.wait_for_text("mail.run");
    browser.wait_for_text("seen by everyone");
    assert!(!browser.text().contains("imports.run"));
}

#[test]
fn a_search_is_completed_by_keyboard() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    enqueue_many(&mut conn, "done", 2);
    let browser = Browser::start(Look::light().wide());
    let person = console.person(Role::Operator, &[]);
    open(&console, &browser, &format!("/as/{person}"));
    open(&console, &browser, "/jobs");

    browser.press_keys(&["/"]);
    let offered = |text: &'static str| {
        // in one step: the offers are replaced while somebody types
        let look = "return [...document.querySelectorAll('#offers [role=option] b')].some(one => one.textContent === arguments[0])";
        browser
            .wait_until("it is offered", PATIENCE, move |browser| browser.script(look, &[json!(text)]) == json!(true));
    };
    browser.find("[data-complete]").type_text("sta");
    offered("state:");
    browser.press_keys(&[keys::DOWN]);
    assert_eq!(browser.find("[data-complete]").attribute("aria-activedescendant").as_deref(), Some("offer-1"));
    assert_eq!(browser.find("[data-complete]").attribute("aria-expanded").as_deref(), Some("true"));
    browser.press_keys(&[keys::ENTER]);
    offered("failed");
    browser.find("[data-complete]").type_text("rea");
    offered("ready");
    browser.press_keys(&[keys::ESCAPE]);
    assert!(browser.find_all("#offers [role=option]").is_empty());
    assert_eq!(browser.find("[data-complete]").value(), "state:rea", "Escape closes and keeps what was typed");
    browser.press_keys(&[keys::DOWN]);
    offered("ready");
    browser.press_keys(&[keys::DOWN]);
    browser.press_keys(&[keys::TAB]);
    assert_eq!(browser.find("[data-complete]").value(), "state:ready ");
    browser.press_keys(&[keys::ENTER]);
    browser.wait_for_url("state=ready");
    browser.find("[data-complete]").type_text("que");
    offered("queue:");
    checks::assert_clean(&browser);
    assert_eq!(browser.log_problems(), [] as [String; 0]);
}

#[test]
fn ticks_and_focus_stay_while_jobs_come_and_go() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    let mut jobs = enqueue_many(&mut conn, "done", 5);
    jobs.sort_unstable();
    let browser = Browser::start(Look::light().wide());
    let person = console.person(Role::Operator, &[]);
    open(&console, &browser, &format!("/as/{person}"));
    open(&console, &browser, "/jobs");

    browser.press_keys(&["j"]); // the first row
    browser.press_keys(&["x"]);
    browser.press_keys(&["j"]);
    browser.press_keys(&["j"]);
    browser.press_keys(&[keys::SHIFT, "x"]);
    let order = "return [...document.querySelectorAll('#rows tr')].map(row => row.id).join()";
    let before = browser.script(order, &[]);
    for _ in 0..3 {
        enqueue_many(&mut conn, "done", 4);
        std::thread::sleep(Duration::from_millis(700));
    }

    browser.wait_for_text("12 changed, Show");
    assert_eq!(browser.script(order, &[]), before, "no row moved");
    let ticked = "return [...document.querySelectorAll('#rows .cb:checked')].map(box => box.value).join()";
    assert_eq!(browser.script(ticked, &[]), format!("{},{},{}", jobs[4], jobs[3], jobs[2]));
    let here = "return document.activeElement.closest('tr')?.id";
    assert_eq!(browser.script(here, &[]), format!("job-{}", jobs[2]));
    browser.press_keys(&["."]);
    browser.wait_until("the row's menu is open", PATIENCE, |browser| {
        !browser.find_all(&format!("#job-{}-menu:popover-open", jobs[2])).is_empty()
    });
    browser.press_keys(&[keys::ESCAPE]);
    browser.find(".newrows a").click();
    browser.wait_for_text("17 kept");
    assert_eq!(browser.log_problems(), [] as [String; 0]);
}

#[test]
fn columns_are_chosen_and_rows_become_cards_on_small_screens() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    enqueue_many(&mut conn, "done", 3);
    let browser = Browser::start(Look::dark().wide());
    let person = console.person(Role::Operator, &[]);
    open(&console, &browser, &format!("/as/{person}"));
    open(&console, &browser, "/jobs");

    browser.find("[popovertarget=columns]").click();
    browser.find("#columns [value=priority]").click();
    browser.find("#columns [value=wait]").click();
    checks::assert_clean(&browser);
    browser.find("#columns").press("Show these");
    browser.wait_for_url("cols=state,queue,attempt,node,activity,wait");
    checks::assert_clean_in_every_look(&browser);
    browser.find("[popovertarget=columns]").click();
    browser.find("#columns").press("Compact");
    browser.wait_until("rows are low", PATIENCE, |browser| !browser.find_all("html[data-density=compact]").is_empty());
    checks::assert_clean_in_every_look(&browser);
}
