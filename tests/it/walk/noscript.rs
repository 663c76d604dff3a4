//! The main acts in a browser whose script is switched off, on a phone: forms, questions on pages of their own, redirects.

use millrace::queue::permission::Role;

use super::house::{House, PASSWORD, email};
use crate::browser::{Browser, Look, checks};
use crate::support::stage::number;

#[test]
fn an_admin_works_without_script() {
    let house = House::start();
    house.person(Role::Admin);
    let browser = Browser::start(Look::light().narrow()).without_script();
    browser.open(&format!("{}/sign-in", house.origin));
    checks::assert_clean(&browser);
    browser.fill("email", &email(Role::Admin));
    browser.fill("password", PASSWORD);
    browser.press("Sign in");
    browser.wait_until("the dashboard", crate::support::stage::PATIENCE, |browser| !browser.url().contains("sign-in"));
    checks::assert_clean(&browser);

    write_a_template(&house, &browser);
    enqueue_cancel_and_retry(&house, &browser);
    add_somebody(&house, &browser);
    sign_out(&house, &browser);
}

fn write_a_template(house: &House, browser: &Browser) {
    browser.open(&format!("{}/templates/new", house.origin));
    browser.fill("name", "demo.sleep");
    browser.fill("command.argv", "/bin/sleep\n{{ params.seconds }}");
    browser.press("Add parameter");
    browser.fill("params.0.name", "seconds");
    browser.fill("params.0.title", "Seconds");
    browser.find(".savebar").press("Preview");
    browser.wait_for_text("What it will run");
    checks::assert_clean(browser);
    browser.press("Save and publish…");
    browser.wait_for_url("/templates/demo.sleep/publish");
    checks::assert_clean(browser);
    browser.find("form .savebar button[type=submit]").click();
    browser.wait_for_text("is published");
}

fn enqueue_cancel_and_retry(house: &House, browser: &Browser) {
    browser.open(&format!("{}/jobs/new?template=demo.sleep", house.origin));
    browser.fill("args.seconds", "300");
    browser.press("Enqueue job");
    browser.wait_for_text("is enqueued.");
    browser.press("Cancel…");
    checks::assert_clean(browser);
    browser.fill("reason", "not today");
    browser.press("Cancel");
    browser.wait_until("it is cancelled", crate::support::stage::PATIENCE, |browser| {
        browser.reload();
        browser.find(".jt .st").text() == "Cancelled"
    });
    browser.press("Retry");
    browser.wait_for_text("is ready again.");
    checks::assert_clean(browser);
}

fn add_somebody(house: &House, browser: &Browser) {
    browser.open(&format!("{}/people/new", house.origin));
    browser.fill("email", "nadia@example.org");
    browser.fill("name", "Nadia Kowalczyk");
    browser.fill("role", "operator");
    browser.fill("new_password", "nine dry badgers hum");
    browser.press("Add the person");
    browser.wait_for_text("Nadia Kowalczyk was added.");
    checks::assert_clean(browser);
}

fn sign_out(house: &House, browser: &Browser) {
    browser.press("More");
    browser.find("nav .who").click();
    browser.press("Sign out");
    browser.wait_for_url("/sign-in");
    let sessions = "SELECT count(*) AS number FROM millrace.sessions";
    assert_eq!(number(&mut house.connect(), sessions), 0);
}
