//! A log that was full: every way to read it says how much was left out.

use std::time::Duration;

use millrace::queue::log_packing;
use millrace::queue::permission::Role;
use millrace::queue::work::{Ended, Handler, JobContext, Level, Outcome, Registry};
use serde_json::json;

use super::stage::Console;
use crate::support::stage::{TestEngine, enqueue, handler_template, number, wait_for};

const LINE_BYTES: usize = 10_000;

/// Fills its log, is written down, and goes on saying what nobody keeps: 310 lines more than fit.
struct Babbles;
impl Handler for Babbles {
    fn run(&self, job: &JobContext) -> Ended {
        let line = "x".repeat(LINE_BYTES - 1);
        (0..209).for_each(|_| job.log(Level::Info, &line)); // 2 MiB are 209.7 of them
        for _ in 0..3 {
            job.sleep(Duration::from_millis(900))?; // the flusher takes what there is
            (0..100).for_each(|_| job.log(Level::Info, &line));
        }
        (0..10).for_each(|_| job.log(Level::Info, &line));
        Ok(Outcome::Done)
    }
}

#[test]
fn what_a_full_log_left_out_is_told_wherever_it_is_read() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "babbles", json!({}));
    let engine = TestEngine::start(&console.db, Registry::default().with_handler("babbles", Babbles));
    let job = enqueue(&mut conn, "babbles", json!({}));
    wait_for(&mut conn, job, "succeeded");
    let mut browser = console.browser(Role::Analyst);
    let told = "3.1 MB were left out here: a log keeps 2 MiB of an attempt";

    let chunks = "SELECT count(*) AS number FROM millrace.log_chunks WHERE lines = 0";
    assert!((1..=3).contains(&number(&mut conn, chunks)), "what comes after the log was full is written down too");
    let read = |browser: &mut crate::web::browser::Browser, path: &str| {
        let page = browser.get(&format!("/jobs/{job}{path}")).body;
        assert!(page.contains(told), "{path}: {}", &page[page.len().saturating_sub(3_000)..]);
        page
    };
    let page = browser.get(&format!("/jobs/{job}")).body;
    assert!(page.contains("3.1 MB of attempt 1 were left out: a log keeps 2 MiB of an attempt"), "the job's page");
    read(&mut browser, "/log");
    assert!(read(&mut browser, "/log?q=nothing").contains("0 lines match"), "also what was searched for may be there");
    read(&mut browser, "/attempts/1");
    let text = read(&mut browser, "/log.txt");
    assert_eq!((text.lines().count(), text.lines().last()), (210, Some(format!("… {told}").as_str())));

    log_packing::pack(&mut conn).unwrap();
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.log_chunks WHERE packed"), 1);
    read(&mut browser, "/log.txt");
    engine.drain();
}
