//! Bulk operations as people use them, in a real browser.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millrace::admin::operations::work::work;
use millrace::base::clock::SystemClock;
use millrace::queue::permission::Role;
use serde_json::json;

use super::failed;
use crate::browser::{Browser, Look, checks};
use crate::support::stage::{PATIENCE, handler_template, number};
use crate::templates::stage::{Console, PASSWORD};

/// Ends the work also when the test fails: a scope waits for its threads.
struct Ends<'o>(&'o AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn five_thousand_jobs_are_retried_watched_stopped_and_resumed() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    for _ in 0..5 {
        failed(&mut conn, 1_000);
    }
    let person = console.person(Role::Admin, &[]);
    let browser = Browser::start(Look::light().wide());
    let open = |path: &str| browser.open(&format!("http://{}{path}", console.address));
    open(&format!("/as/{person}"));
    let over = AtomicBool::new(false);

    std::thread::scope(|scope| {
        let _ends = Ends(&over);
        scope.spawn(|| {
            let mut conn = console.db.connect();
            while !over.load(Ordering::Relaxed) {
                if work(&mut conn, &SystemClock).unwrap() == 0 {
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        });

        open("/jobs?q=sate:failed");
        browser.wait_for_text("did you mean state");
        open("/jobs?state=failed");
        browser.press("Select all on this page");
        browser.press("All 5,000 that match");
        browser.find("#bulk").press("Retry…");
        browser.wait_for_text("Retry 5,000 jobs?");
        let dialog = browser.find("#dialog");
        checks::assert_clean(&browser);
        dialog.fill("rate_per_s", "400");
        dialog.fill("reason", "the mail server is back");
        dialog.fill("typed", "5000");
        dialog.fill("password", PASSWORD);
        dialog.press("Retry 5,000 jobs");

        browser.wait_for_url("/operations/");
        browser.wait_until("some are done", PATIENCE, |browser| {
            browser.shows(" of 5,000") && number(&mut conn, "SELECT done AS number FROM millrace.operations") > 0
        });
        browser.press("Stop…");
        browser.find("#dialog").press("Stop it");
        browser.wait_for_text("What was done stays done; resume it");
        let done = number(&mut conn, "SELECT done AS number FROM millrace.operations");
        assert!((200..5_000).contains(&done), "{done}");
        checks::assert_clean_in_every_look(&browser);
        browser.press("Resume");
        browser.wait_until("it has come to its end", PATIENCE, |browser| browser.shows("5,000 of 5,000"));
        browser.wait_until("it says so", PATIENCE, |browser| browser.find(".jt .st").text() == "Done");
    });

    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.ready"), 5_000);
    open("/operations");
    checks::assert_clean_in_every_look(&browser);
    assert!(browser.shows("Retry 5,000 jobs"));
}
