//! What a job's pages tell of who did what, and of what ran.

use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::{Console, publish};
use super::work::registry;
use crate::support::stage::{TestEngine, enqueue, handler_template, text, wait_for};
use millrace::queue::job::JobId;

/// The job that the answer to an enqueue form leads to.
fn made(location: &str) -> JobId {
    JobId(location.rsplit('/').next().and_then(|id| id.parse().ok()).expect("a job"))
}

#[test]
fn people_are_called_by_their_names() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    publish(&mut conn, "sent", json!({ "runner": "handler", "handler": { "name": "done" } }));
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs");
    let job = made(browser.post("/jobs/new", "template=sent&op=1").header("location"));
    let keeps = "SELECT enqueued_by AS text FROM millrace.jobs WHERE id = $1";
    assert_eq!(text(&mut conn, keeps, job), "operator@example.org");

    browser.post(&format!("/jobs/{job}/hold"), "reason=stock");
    let held = browser.get(&format!("/jobs/{job}")).body;
    for words in [
        "enqueued by <b class=\"b\">Giulia Ferrando</b>",
        "It is held by Giulia Ferrando.",
        "by Giulia Ferrando · stock",
    ] {
        assert!(held.contains(words), "{words}: {held}");
    }
    browser.post(&format!("/jobs/{job}/cancel"), "reason=not+needed");
    let again = made(browser.post(&format!("/jobs/{job}/again"), "op=2").header("location"));

    for path in [format!("/jobs/{job}"), "/jobs".into(), format!("/jobs/compare?a={job}&b={again}")] {
        let page = browser.get(&path).body;
        assert!(page.contains("cancelled by Giulia Ferrando: not needed"), "{path}: {page}");
        assert!(!page.contains("operator@example.org"), "{path}");
    }
    let old = browser.get(&format!("/jobs/{job}")).body;
    assert!(old.contains("now by Giulia Ferrando") || old.contains("ago by Giulia Ferrando"), "the job made from it");
}

#[test]
fn a_job_that_had_failed_for_good_tells_who_retried_it() {
    let console = Console::start();
    let mut conn = console.db.connect();
    let never = json!({ "max_attempts": 3, "retry_if": { "exit_codes": [75] } });
    handler_template(&mut conn, "refused", never);
    let engine = TestEngine::start(&console.db, registry());
    let job = enqueue(&mut conn, "refused", json!({}));
    wait_for(&mut conn, job, "failed");
    engine.drain();
    let mut browser = console.browser(Role::Operator);

    browser.get("/jobs");
    browser.post(&format!("/jobs/{job}/retry"), "");
    let page = browser.get(&format!("/jobs/{job}")).body;

    assert!(page.contains("<b>Failed</b>") && page.contains("retried by Giulia Ferrando"), "{page}");
    assert!(!page.contains("<b>Retrying</b>") && !page.contains("backoff<"), "it never waited for a backoff: {page}");
}

#[test]
fn the_page_of_an_attempt_tells_what_ran() {
    let console = Console::start();
    let mut conn = console.db.connect();
    publish(
        &mut conn,
        "pack",
        json!({ "runner": "command", "command": { "argv": ["/bin/tar", "-czf", "{{ params.out }}"], "env": { "KEY": "{{ params.key }}" } },
            "params": { "properties": { "out": { "type": "string" }, "key": { "type": "string", "secret": true } } },
            "defaults": { "max_attempts": 1 } }),
    );
    // this engine runs no commands: the attempt fails, which is all that is wanted here
    let engine = TestEngine::start(&console.db, registry());
    let job = enqueue(&mut conn, "pack", json!({ "out": "a b.tgz", "key": "s3cret" }));
    wait_for(&mut conn, job, "failed");
    engine.drain();

    let page = console.browser(Role::Analyst).get(&format!("/jobs/{job}/attempts/1")).body;
    for words in [
        "What ran",
        "/bin/tar\n-czf\na b.tgz",
        "••••",
        "removed when it ends",
        "KEY, PATH, HOME",
        "MILLRACE_COMMAND_USER",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("s3cret"));
    let unseen = console.browser(Role::Viewer).get(&format!("/jobs/{job}/attempts/1")).body;
    assert!(!unseen.contains("What ran") && !unseen.contains("a b.tgz"));
}

#[test]
fn a_long_log_makes_no_long_page() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "chatty", json!({}));
    let _engine = TestEngine::start(&console.db, registry());
    let job = enqueue(&mut conn, "chatty", json!({}));
    wait_for(&mut conn, job, "succeeded");
    let mut browser = console.browser(Role::Operator);

    for path in [format!("/jobs/{job}"), format!("/jobs/{job}/attempts/1")] {
        let page = browser.get(&path).body;
        assert!(page.len() < 400 * 1024, "{path} has {} bytes", page.len());
        assert!(page.contains("line 249 x") && page.contains("cut, the whole log has"), "{path}");
        assert!(page.contains(&format!("href=\"/jobs/{job}/log")), "{path}");
    }
    assert!(browser.get(&format!("/jobs/{job}")).body.contains(" earlier lines</a>"));
    assert!(browser.get(&format!("/jobs/{job}/log.txt")).body.len() > 1_900_000);
}
