//! Forms of schedules in a browser: an instant stays what it is, several schedules are ticked.

use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::{number, save};
use super::walk::open;
use crate::browser::{Browser, Look, checks};
use crate::support::stage::handler_template;
use crate::templates::stage::Console;

#[test]
fn an_instant_of_a_repeated_hour_stays_when_something_else_is_changed() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    let rule = "rules: [ { at: \"2034-10-29T01:30:15Z\" } ]\nstart: \"2034-10-01T10:00:05Z\"\ntimezone: Europe/Rome";
    save(&mut conn, "once", rule);
    let browser = Browser::start(Look::light().wide());
    let admin = console.person(Role::Admin, &[]);
    open(&console, &browser, &format!("/as/{admin}"));

    open(&console, &browser, "/schedules/once");
    assert_eq!(browser.find("#f-at").value(), "2034-10-29 02:30:15 +01:00");
    assert_eq!(browser.find("#f-start").value(), "2034-10-01T12:00:05");
    browser.fill("description", "the second pass");
    browser.press("Save as v2");
    browser.wait_for_text("version 2 is in force");

    let same = "SELECT count(*) FROM millrace.schedule_versions v WHERE v.version = 2 AND (v.spec #>> '{rules,0,at}')::timestamptz = '2034-10-29T01:30:15Z'
        AND (v.spec ->> 'start')::timestamptz = '2034-10-01T10:00:05Z'";
    assert_eq!(number(&mut conn, same), 1);
}

#[test]
fn several_are_ticked_and_paused_and_the_list_is_narrowed() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    for name in ["one", "three", "two"] {
        save(&mut conn, name, "rules: [ { cron: \"30 17 L * *\" } ]\ntimezone: Europe/Rome");
    }
    let browser = Browser::start(Look::light().narrow());
    let admin = console.person(Role::Admin, &[]);
    open(&console, &browser, &format!("/as/{admin}"));

    open(&console, &browser, "/schedules");
    for name in ["one", "two"] {
        browser.find(&format!("#schedule-{name} .cb")).click();
    }
    checks::assert_clean_in_every_look(&browser);
    browser.find("#bulk").press("Pause…");
    browser.wait_for_text("Pause 2 schedules?");
    browser.fill("reason", "stocktaking");
    browser.find("#dialog").press("Pause 2 schedules");
    browser.wait_for_text("2 schedules are paused.");
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.schedules WHERE pause_reason = 'stocktaking'"), 2);

    for name in ["one", "three"] {
        browser.find(&format!("#schedule-{name} .cb")).click();
    }
    browser.find("#bulk").press("Resume…");
    browser.wait_for_text("Resume 2 schedules?");
    browser.find("#dialog").press("Resume 2 schedules");
    browser.wait_for_text("1 schedule was not");
    browser.wait_for_text("is enabled already");
    browser.log(); // an answer 409 stands in the browser's log as an error
    browser.press("Back to the list");
    browser.press("Filters");
    browser.find("#add-filter").fill("zone", "Asia/Tokyo");
    browser.press("Apply");
    browser.wait_for_text("No schedule matches");
    checks::assert_clean(&browser);
}
