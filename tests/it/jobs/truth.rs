//! After an act the page tells the truth again, even when the job is soon what it was before.

use diesel::connection::SimpleConnection;
use millrace::base::db::{PgConnection, transaction};
use millrace::queue::control::{self, ControlError};
use millrace::queue::job::JobId;
use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::Console;
use crate::browser::{Browser, Look};
use crate::support::stage::{PATIENCE, enqueue, handler_template, number, wait_until};

fn cancel(conn: &mut PgConnection, job: JobId) {
    transaction(conn, "test", |tx| control::cancel(tx, job, "test", None).map(|_| ()))
        .map_err(|error: ControlError| error.to_string())
        .unwrap();
}

fn state(browser: &Browser) -> String {
    browser.find(".jt .st").text()
}

/// The stream reads the log and an act does not: with the log locked no tick sees what happens between two of them.
#[test]
fn an_act_is_followed_by_the_truth_even_when_all_is_as_it_was() {
    let console = Console::start();
    let (mut conn, mut locking) = (console.db.connect(), console.db.connect());
    handler_template(&mut conn, "done", json!({}));
    let job = enqueue(&mut conn, "done", json!({}));
    cancel(&mut conn, job);
    let person = console.person(Role::Operator, &[]);
    let (acting, watching) = Browser::start_two(Look::light());
    for browser in [&acting, &watching] {
        browser.open(&format!("http://{}/as/{person}", console.address));
        browser.open(&format!("http://{}/jobs/{job}", console.address));
        browser.wait_for_text("Live");
        assert_eq!(state(browser), "Cancelled");
    }

    locking.batch_execute("BEGIN; LOCK TABLE millrace.log_chunks IN ACCESS EXCLUSIVE MODE").unwrap();
    let waiting =
        "SELECT count(*) AS number FROM pg_locks WHERE relation = 'millrace.log_chunks'::regclass AND NOT granted";
    wait_until(|| number(&mut conn, waiting) > 0).expect("a tick has seen the job and waits for its log");
    acting.press("Retry");
    acting.wait_for_text(&format!("Job {job} is ready again."));
    assert_eq!(state(&acting), "Ready");
    cancel(&mut conn, job);
    locking.batch_execute("COMMIT").unwrap();

    acting.wait_until("the page tells the truth", PATIENCE, |browser| state(browser) == "Cancelled");
    acting.wait_for_no_text("Why is it not running?");
    assert_eq!(state(&watching), "Cancelled");
}
