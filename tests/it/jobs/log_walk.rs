//! The log of a running job as people read it, in a real browser: it follows, until somebody scrolls away; it wraps, or not; it is searched.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use millrace::queue::permission::Role;
use millrace::queue::work::{Ended, Handler, JobContext, Level, Outcome, Registry};
use serde_json::{Value, json};

use super::stage::Console;
use crate::browser::{Browser, Look, checks};
use crate::support::stage::{PATIENCE, TestEngine, enqueue, handler_template, wait_for};

/// Says as many lines as it is let: every tenth is a warning, every fortieth an error. Ends after line 999.
struct Speaks(Arc<AtomicUsize>);
impl Handler for Speaks {
    fn run(&self, job: &JobContext) -> Ended {
        let mut said = 0;
        while said < 999 {
            while said < self.0.load(Ordering::SeqCst) {
                said += 1;
                let level = match said {
                    said if said % 40 == 0 => Level::Error,
                    said if said % 10 == 0 => Level::Warn,
                    _ => Level::Info,
                };
                job.log(level, &format!("line {said:03} {}", "and what it is about, at some length ".repeat(8)));
            }
            job.sleep(Duration::from_millis(20))?;
        }
        Ok(Outcome::Done)
    }
}

/// Pixels between what is seen of the log and its end, and above it.
fn place(browser: &Browser) -> (i64, i64) {
    let script = "const log = document.getElementById('log');
        return [log.scrollHeight - log.scrollTop - log.clientHeight, log.scrollTop].map(Math.round)";
    let place = browser.script(script, &[]);
    (place[0].as_i64().unwrap(), place[1].as_i64().unwrap())
}

fn is_at_end(browser: &Browser) -> bool {
    place(browser).0 < 24
}

/// Turns the wheel over the log until its first line is seen.
fn scroll_up(browser: &Browser) {
    let script = "const log = document.getElementById('log'); log.scrollTop = 0;
        log.firstElementChild.firstElementChild.dispatchEvent(new WheelEvent('wheel', { bubbles: true, deltaY: -500 }))";
    browser.script(script, &[]);
}

fn follows(browser: &Browser) -> bool {
    browser.script("return document.querySelector('[data-follows=log]').checked", &[]) == Value::Bool(true)
}

/// How the words of a line are set.
fn is_wrapped(browser: &Browser) -> bool {
    let script = "return getComputedStyle(document.querySelector('#log .tx')).whiteSpace";
    let space = browser.script(script, &[]);
    space.as_str().unwrap().contains("wrap") && !space.as_str().unwrap().contains("nowrap")
}

#[test]
fn a_log_follows_until_its_reader_scrolls_up_wraps_and_is_filtered() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "speaks", json!({ "timeout_ms": 600_000 }));
    let let_say = Arc::new(AtomicUsize::new(120));
    let registry = Registry::default().with_handler("speaks", Speaks(Arc::clone(&let_say)));
    let _engine = TestEngine::start(&console.db, registry);
    let job = enqueue(&mut conn, "speaks", json!({}));
    wait_for(&mut conn, job, "running");
    let browser = Browser::start(Look::light().wide());
    let person = console.person(Role::Operator, &[]);
    let open = |path: &str| browser.open(&format!("http://{}{path}", console.address));
    let say = |lines: usize| {
        let_say.store(lines, Ordering::SeqCst);
        browser.wait_for_text(&format!("line {lines:03}"));
    };
    open(&format!("/as/{person}"));
    open(&format!("/jobs/{job}"));
    browser.wait_for_text("line 120");

    browser.wait_until("its end is seen", PATIENCE, is_at_end);
    let (_, before) = place(&browser);
    say(150);
    browser.wait_until("it follows new lines", PATIENCE, |browser| is_at_end(browser) && place(browser).1 > before);
    assert!(follows(&browser));

    scroll_up(&browser);
    browser.wait_until("it follows no more", PATIENCE, |browser| !follows(browser));
    say(180);
    browser.settle();
    assert_eq!(place(&browser).1, 0, "the reader is left where they read");
    browser.find("[data-follows=log]").click();
    browser.wait_until("it follows again", PATIENCE, is_at_end);
    say(200);
    browser.wait_until("also what comes now", PATIENCE, is_at_end);

    assert!(is_wrapped(&browser));
    browser.press("Wrap lines");
    assert_eq!(browser.find("[data-wrap=log]").attribute("aria-pressed").as_deref(), Some("false"));
    assert!(!is_wrapped(&browser));
    browser.press("Wrap lines");
    assert!(is_wrapped(&browser));

    browser.find("#panel-levels a[href*='level=error']").click();
    browser.wait_for_text("line 160");
    assert!(!browser.shows("line 170") && !browser.shows("line 161"), "a warning and what only happens");
    say(240);
    assert!(!browser.shows("line 239") && !browser.shows("line 230"), "what comes is filtered too");

    open(&format!("/jobs/{job}/log"));
    browser.fill("q", "LINE 23");
    browser.find("[name=q]").submit();
    browser.wait_for_text("10 lines match");
    assert!(browser.shows("line 231") && !browser.shows("line 240"));
    browser.find("a[href*='level=warn']").click();
    browser.wait_for_text("1 line matches");
    assert!(browser.shows("line 230") && !browser.shows("line 231"));
    checks::assert_clean(&browser);
    let_say.store(999, Ordering::SeqCst);
    wait_for(&mut conn, job, "succeeded");
}
