use std::io::Read;
use std::time::{Duration, Instant};

use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::Console;
use super::work::registry;
use crate::support::stage::{TestEngine, enqueue, handler_template, wait_for};

/// Reads until the text holds `wanted` or the stream ends.
pub fn read_until(stream: &mut dyn Read, wanted: &str) -> String {
    let (mut text, mut piece) = (String::new(), [0u8; 65_536]);
    let end = Instant::now() + Duration::from_secs(15);
    while !text.contains(wanted) && Instant::now() < end {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(length) => text.push_str(&String::from_utf8_lossy(&piece[..length])),
        }
    }
    text
}

/// The address of the stream that a page asks for.
pub fn stream_of(page: &str) -> String {
    let address = page.split("hx-sse:connect=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a live page");
    address.replace("&#38;", "&")
}

#[test]
fn rows_keep_their_place_while_their_cells_change_and_news_are_counted() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "import", json!({}));
    let job = enqueue(&mut conn, "import", json!({ "expected_rows": 25, "ms": 4_000 }));
    let mut browser = console.browser(Role::Operator);
    let page = browser.get("/jobs").body;
    assert!(page.contains("Ready"));

    let mut stream = browser.stream(&stream_of(&page), &[]);
    let first = read_until(&mut stream, "panel-news");
    assert!(first.contains(&format!("#job-{job}-menu")) && !first.contains("csrf"), "{first}");
    let _engine = TestEngine::start(&console.db, registry());
    let later = read_until(&mut stream, "value=\"");
    assert!(later.contains(&format!("#job-{job}-state")) && later.contains("Running"), "{later}");

    enqueue(&mut conn, "import", json!({ "expected_rows": 25, "ms": 10 }));
    assert!(read_until(&mut stream, "1 changed, Show").contains("1 changed, Show"));
}

#[test]
fn a_running_job_reports_progress_and_its_log_goes_on_where_a_browser_left_it() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "import", json!({ "backoff": { "kind": "constant", "base_ms": 50, "jitter": 0.0 } }));
    let _engine = TestEngine::start(&console.db, registry());
    let job = enqueue(&mut conn, "import", json!({ "expected_rows": 25, "ms": 6_000, "fails_first": true }));
    wait_for(&mut conn, job, "running");
    let browser = console.browser(Role::Operator);

    let mut stream = browser.stream(&format!("/live/job?id={job}&after=0"), &[]);
    let text = read_until(&mut stream, "batch 3/25");
    for panel in ["panel-head", "panel-line", "panel-going", "panel-attempts", "panel-facts", "panel-levels"] {
        assert!(text.contains(&format!("hx-target=\"#{panel}\"")), "{panel}");
    }
    assert!(
        text.contains("id=\"log-1\"") && text.contains("<li class=\"begin\"><span>Attempt 2</span></li>"),
        "{text}"
    );
    assert!(text.contains("Attempt 2</span></li><li class=\"I\" id=\"log-3\">"), "rows are numbered through attempts");
    assert!(text.contains("% ") || text.contains("%</b>"), "progress in percent");

    let mut back = browser.stream(&format!("/live/job?id={job}&after=0"), &[("Last-Event-ID", "4")]);
    let missed = read_until(&mut back, "log-5\"");
    assert!(missed.contains("id=\"log-5\"") && !missed.contains("id=\"log-4\""));

    let mut errors = browser.stream(&format!("/live/job?id={job}&level=error&after=0"), &[]);
    let only = read_until(&mut errors, "serialization");
    assert!(only.contains("serialization failure") && !only.contains("advisory lock"), "{only}");
}

#[test]
fn a_viewer_gets_no_log_and_a_stream_of_nothing_is_not_opened() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    let job = enqueue(&mut conn, "done", json!({}));
    let mut browser = console.browser(Role::Viewer);

    let mut stream = browser.stream(&format!("/live/job?id={job}"), &[]);
    let text = read_until(&mut stream, "panel-output");
    assert!(text.contains("panel-head") && !text.contains("log-rows"));
    assert_eq!(browser.get("/live/job?id=99999").status, 404);
    assert_eq!(browser.get("/live/job?id=x").status, 404);
}
