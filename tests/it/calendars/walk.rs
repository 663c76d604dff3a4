//! The pages of calendars as people use them, in a real browser.

use millrace::queue::permission::Role;

use crate::browser::{Browser, Look, checks};
use crate::templates::stage::Console;

fn open(console: &Console, browser: &Browser, path: &str) {
    browser.open(&format!("http://{}{path}", console.address));
}

fn signed_in(console: &Console, browser: Browser) -> Browser {
    let person = console.person(Role::Operator, &[]);
    open(console, &browser, &format!("/as/{person}"));
    browser
}

#[test]
fn a_calendar_is_made_with_script() {
    let console = Console::start();
    let browser = signed_in(&console, Browser::start(Look::light().wide()));
    open(&console, &browser, "/calendars");
    checks::assert_clean_in_every_look(&browser);

    browser.find(".head").press("New calendar");
    browser.fill("name", "de-bavaria");
    browser.fill("places.0.country", "DE");
    browser.wait_until("its regions are offered", crate::support::stage::PATIENCE, |browser| {
        browser.find_all("[name='places.0.region'] option").len() > 10
    });
    browser.fill("places.0.region", "BY");
    browser.fill("dates", "12-31 New Year's Eve");
    browser.press("Add a window");
    browser.wait_for_text("Begins on");
    browser.find("#windows").fill("windows.0.name", "Patching");
    browser.find("#windows").press("Sunday");
    browser.fill("windows.0.start", "02:00");
    browser.fill("windows.0.duration", "4h");
    browser.wait_for_text("Sundays, 02:00 for 4h");
    checks::assert_clean_in_every_look(&browser);
    browser.press("Make the calendar");
    browser.wait_for_text("de-bavaria was made.");
    checks::assert_clean_in_every_look(&browser);
    open(&console, &browser, "/calendars/de-bavaria?year=2027");
    browser.wait_for_text("Corpus Christi");
    browser.press("2028");
    browser.wait_for_url("year=2028");
    open(&console, &browser, "/calendars");
    checks::assert_clean_in_every_look(&browser);
}

#[test]
fn a_calendar_is_made_and_a_file_taken_without_script() {
    let console = Console::start();
    let browser = signed_in(&console, Browser::start(Look::dark().narrow()).without_script());
    open(&console, &browser, "/calendars/new");
    checks::assert_clean(&browser);

    browser.fill("name", "de-bavaria");
    browser.fill("places.0.country", "DE");
    browser.press("Show regions");
    browser.fill("places.0.region", "BY");
    browser.press("Add a window");
    let windows = browser.find("#windows");
    windows.fill("windows.0.name", "Patching");
    windows.press("Sunday");
    browser.fill("windows.0.duration", "4h");
    browser.press("Make the calendar");
    browser.wait_for_text("enter the time at which it begins");
    checks::assert_clean(&browser);
    browser.fill("windows.0.start", "02:00");
    browser.press("Make the calendar");
    browser.wait_for_text("de-bavaria was made.");
    checks::assert_clean(&browser);

    open(&console, &browser, "/calendars/import?into=de-bavaria");
    checks::assert_clean(&browser);
    browser.fill("ics", &super::FILE.replace('\r', ""));
    browser.press("Show what is taken");
    browser.wait_for_text("2 taken into de-bavaria");
    checks::assert_clean(&browser);
    browser.press("Put 2 entries into de-bavaria");
    browser.wait_for_text("2 entries came into de-bavaria.");
}
