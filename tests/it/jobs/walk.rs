//! The jobs pages as people use them, in a real browser.

use millrace::base::db::PgConnection;
use millrace::queue::job::JobId;
use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::{Console, publish};
use super::work::registry;
use crate::browser::{Browser, Look, checks};
use crate::support::stage::{TestEngine, enqueue, enqueue_many, handler_template, state, wait_for};

fn open(console: &Console, browser: &Browser, path: &str) {
    browser.open(&format!("http://{}{path}", console.address));
}

fn signed_in(console: &Console, browser: Browser) -> Browser {
    let person = console.person(Role::Operator, &[]);
    open(console, &browser, &format!("/as/{person}"));
    browser
}

fn templates(conn: &mut PgConnection) {
    handler_template(conn, "done", json!({}));
    let spec = json!({ "runner": "handler", "handler": { "name": "import" }, "description": "Import of a price list",
        "params": { "required": ["supplier", "expected_rows"], "properties": {
            "supplier": { "type": "string", "title": "Supplier" },
            "expected_rows": { "type": "integer", "title": "Rows expected", "minimum": 1 },
            "ms": { "type": "integer", "title": "Pace" },
            "country": { "type": "string", "title": "Country", "enum": ["IT", "FR"] },
            "city": { "type": "string", "title": "City", "enum_by": { "param": "country", "choices": { "IT": ["Roma"], "FR": ["Lyon"] } } } } } });
    publish(conn, "import", spec);
}

fn menu_of(browser: &Browser, job: JobId) {
    browser.find(&format!("[popovertarget=job-{job}-menu]")).click();
}

#[test]
fn an_operator_holds_cancels_and_follows_jobs() {
    let console = Console::start();
    let mut conn = console.db.connect();
    templates(&mut conn);
    let mut jobs = enqueue_many(&mut conn, "done", 3);
    jobs.sort_unstable();
    let browser = signed_in(&console, Browser::start(Look::light().wide()));
    checks::assert_clean_in_every_look(&browser);

    menu_of(&browser, jobs[2]);
    browser.find(&format!("#job-{}-menu", jobs[2])).press("Hold…");
    browser.find("#dialog").fill("reason", "stock count");
    browser.find("#dialog").press("Hold");
    browser.wait_for_text(&format!("Job {} is held.", jobs[2]));
    browser.wait_until("the row says so", crate::support::stage::PATIENCE, |browser| {
        browser.find(&format!("#job-{}-state", jobs[2])).text() == "Held"
    });

    browser.press(&format!("Select done {}", jobs[0]));
    browser.press(&format!("Select done {}", jobs[1]));
    browser.find("#bulk").press("Cancel…");
    browser.find("#dialog").press("Cancel 2 jobs");
    browser.wait_for_text("2 jobs are cancelled.");
    assert_eq!(state(&mut conn, jobs[0]), "cancelled");

    open(&console, &browser, &format!("/jobs/{}", jobs[2]));
    browser.wait_for_text("Why is it not running?");
    checks::assert_clean_in_every_look(&browser);
    browser.press("Release");
    browser.wait_for_text(&format!("Job {} is released.", jobs[2])); // until it runs, then it says how that goes
    let _engine = TestEngine::start(&console.db, registry());
    browser.wait_until("it ends before our eyes", crate::support::stage::PATIENCE, |browser| {
        browser.find(".jt .st").text() == "Succeeded"
    });
    browser.wait_for_no_text("Why is it not running?");
}

#[test]
fn a_job_is_enqueued_by_its_form_and_watched_until_it_is_done() {
    let console = Console::start();
    let mut conn = console.db.connect();
    templates(&mut conn);
    let _engine = TestEngine::start(&console.db, registry());
    let browser = signed_in(&console, Browser::start(Look::dark().wide()));
    open(&console, &browser, "/jobs/new?template=import");
    checks::assert_clean_in_every_look(&browser);

    browser.fill("Supplier", "nordwind");
    browser.fill("args.country", "FR");
    browser.wait_until("the cities of France", crate::support::stage::PATIENCE, |browser| {
        !browser.find_all("option[value=Lyon]").is_empty()
    });
    browser.fill("Rows expected", "0");
    browser.press("Enqueue job");
    browser.wait_for_text("There is a problem with 1 field");
    browser.log(); // an answer 422 stands in the browser's log as an error
    browser.fill("Rows expected", "50");
    browser.fill("args.ms", "8000");
    browser.press("Enqueue job");

    browser.wait_for_text("is enqueued.");
    browser.wait_for_text("upsert: batch 3/25 written");
    browser.wait_for_text("left");
    checks::assert_clean(&browser);
    browser.wait_until("it is done", crate::support::stage::PATIENCE, |browser| {
        browser.find(".jt .st").text() == "Succeeded"
    });
    browser.wait_for_text("\"warnings\": 1");
    browser.wait_for_no_text("is enqueued."); // long true no more, and it would stay above the job
}

#[test]
fn an_operator_of_one_queue_is_offered_it_and_shown_where_another_is_refused() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    let browser = Browser::start(Look::light().wide());
    let person = console.person(Role::Operator, &["mail"]);
    open(&console, &browser, &format!("/as/{person}"));

    open(&console, &browser, "/jobs/new?template=done");
    assert_eq!(browser.find("#f-queue").value(), "mail", "the template's own queue is not theirs");
    browser.fill("queue", "default");
    browser.find("#options > summary").click();
    browser.press("Enqueue job");

    browser.wait_for_text("The queue default is outside of what you may see. Choose the queue mail");
    browser.log(); // an answer 422 stands in the browser's log as an error
    browser.fill("queue", "mail");
    browser.press("Enqueue job");
    browser.wait_for_text("is enqueued.");
}

#[test]
fn everything_is_done_without_script() {
    let console = Console::start();
    let mut conn = console.db.connect();
    templates(&mut conn);
    let job = enqueue(&mut conn, "done", json!({}));
    let browser = signed_in(&console, Browser::start(Look::light().narrow()).without_script());
    checks::assert_clean(&browser);

    browser.press(&format!("Select done {job}"));
    browser.find("#bulk").press("Hold…");
    browser.fill("reason", "no script here");
    browser.press("Hold 1 job");
    browser.wait_for_text("1 job is held.");
    open(&console, &browser, &format!("/jobs/{job}"));
    browser.press("Release");
    browser.wait_for_text(&format!("Job {job} is released."));
    browser.press("Cancel…");
    browser.press("Cancel");
    browser.wait_for_text(&format!("Job {job} is cancelled."));
    browser.press("Retry");
    browser.wait_for_text(&format!("Job {job} is ready again."));
    checks::assert_clean(&browser);

    open(&console, &browser, "/jobs/new?template=import");
    browser.fill("Supplier", "x");
    browser.fill("args.country", "IT");
    browser.press("Refresh choices");
    browser.fill("args.city", "Roma");
    browser.fill("Rows expected", "25");
    browser.press("Enqueue job");
    browser.wait_for_text("is enqueued.");
    let _engine = TestEngine::start(&console.db, registry());
    wait_for(&mut conn, job, "succeeded");
    browser.reload();
    browser.wait_for_text("As of");
}
