//! Pages that are looked at while 500 jobs run each second: nothing moves under the reader, and what the reader holds stays.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use diesel::sql_types::Jsonb;
use millrace::base::db::{PgConnection, statement};
use millrace::queue::permission::Role;
use serde_json::{Value, json};

use super::house::House;
use super::samples::take;
use crate::browser::{Browser, Look, checks};
use crate::support::stage::{PATIENCE, enqueue, number, wait_for};

/// How long the dashboard is looked at.
const LENGTH: Duration = Duration::from_secs(60);
/// How long the list is looked at.
const LIST_LENGTH: Duration = Duration::from_secs(20);
/// Jobs enqueued each second.
const JOBS_PER_S: u32 = 500;
/// Jobs enqueued at once.
const BATCH: u32 = 50;
/// Layout shift that counts as none: what a rounded half pixel makes.
const MOVED_MAX: f64 = 0.01;
/// What a tick of a stream may weigh, as it comes over the wire, in bytes.
const TICK_BYTES_MAX: u64 = 6 * 1024;
/// Seconds over which ticks are weighed, after one in which everything comes.
const WEIGHED_S: u64 = 12;
/// Longer than the 20 s after which silence counts as a cut, with what a loaded machine adds.
const CUT_MAX: Duration = Duration::from_secs(40);

/// The longest pause between two attempts to connect, with what it varies by.
const RECOVERY_MAX: Duration = Duration::from_secs(80);

/// Watches the page, for the text of one place.
const WATCH: &str = include_str!("busy.js");
const WATCHED: &str =
    "return {moved: watched.moved, moves: watched.moves, texts: watched.texts.size, lost: watched.lost}";

const TEMPLATES: &str = r#"
kind: Template
name: demo.noop
runner: handler
handler: { name: diag.noop }
---
kind: Template
name: demo.fail
runner: handler
handler: { name: diag.fail }
defaults: { max_attempts: 1 }
---
kind: Template
name: demo.step
runner: handler
handler: { name: diag.progress }
defaults: { queue: steps, timeout_ms: 900000 }
"#;

/// Enqueues jobs until it ends, one in 50 of which fails.
struct Feeder {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Feeder {
    fn start(house: &House) -> Feeder {
        let ends = Arc::new(AtomicBool::new(false));
        let (over, mut conn) = (Arc::clone(&ends), house.connect());
        let thread = thread::spawn(move || {
            let begun = Instant::now();
            for batch in 0.. {
                let due = Duration::from_millis(u64::from(batch) * 1_000 * u64::from(BATCH) / u64::from(JOBS_PER_S));
                thread::sleep(due.saturating_sub(begun.elapsed()));
                if over.load(Ordering::SeqCst) {
                    break;
                }
                feed(&mut conn, batch);
            }
        });
        Feeder { ends, thread: Some(thread) }
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let ended = self.thread.take().unwrap().join();
        assert!(thread::panicking() || ended.is_ok(), "jobs could not be enqueued");
    }
}

fn feed(conn: &mut PgConnection, batch: u32) {
    const SQL: &str = "SELECT FROM millrace.enqueue_many($1)";
    let mut jobs: Vec<Value> = (1..BATCH).map(|n| json!({"template": "demo.noop", "args": {"n": n}})).collect();
    let message = format!("the {} is shut", ["shop", "bank", "school"][batch as usize % 3]);
    jobs.push(json!({"template": "demo.fail", "args": {"message": message}}));
    statement(SQL).bind::<Jsonb, _>(Value::Array(jobs)).run(conn).unwrap();
}

fn finished(conn: &mut PgConnection) -> i64 {
    number(conn, "SELECT count(*) AS number FROM millrace.history")
}

fn house() -> House {
    let house = House::start();
    house.person(Role::Operator);
    take(&mut house.connect(), TEMPLATES, millrace::admin::templates::service::Publication::WhenAllowed);
    house
}

fn badge(browser: &Browser) -> String {
    let state = browser.script("return document.querySelector('#live-badge')?.dataset.state ?? ''", &[]);
    state.as_str().unwrap_or_default().to_owned()
}

fn watch(browser: &Browser, place: &str) {
    browser.wait_until("the page is live", PATIENCE, |browser| badge(browser) == "on");
    browser.settle();
    browser.script(WATCH, &[json!(place)]);
}

/// Looks on for `length` while `meanwhile` happens in each second, and fails when something moved, the focus left `focused` or the
/// watched place stood still.
#[track_caller]
fn look_on(browser: &Browser, length: Duration, focused: &str, mut meanwhile: impl FnMut(u64)) {
    const HAS_FOCUS: &str = "return document.activeElement.matches(arguments[0])";
    browser.script("watched.lost = 0", &[]);
    for second in 0..length.as_secs() {
        thread::sleep(Duration::from_secs(1));
        meanwhile(second);
        assert_eq!(browser.script(HAS_FOCUS, &[json!(focused)]), true, "{focused} lost the focus");
        assert_eq!(badge(browser), "on");
    }
    let watched = browser.script(WATCHED, &[]);
    assert!(watched["texts"].as_u64() > Some(length.as_secs() / 4), "the numbers stand still: {watched}");
    assert_eq!(watched["lost"], 0, "the focus came and went");
    assert!(watched["moved"].as_f64() < Some(MOVED_MAX), "things moved: {watched:#}");
}

/// Reads the stream of the present page as a browser does, and gives what a tick of it weighs, when one comes each `every`
/// seconds.
fn tick_bytes(house: &House, browser: &Browser, every: u64) -> u64 {
    const STREAM: &str = "return document.querySelector('#live').getAttribute('hx-sse:connect')";
    let address = browser.script(STREAM, &[]);
    let mut stream = house.program(Role::Operator).stream(address.as_str().unwrap(), &[("Accept-Encoding", "gzip")]);
    let (begun, mut weighed, mut piece) = (Instant::now(), 0, [0; 64 * 1024]);
    while begun.elapsed() < Duration::from_secs(1 + WEIGHED_S) {
        let length = stream.read(&mut piece).unwrap();
        if begun.elapsed() > Duration::from_secs(1) {
            weighed += length as u64;
        }
    }
    weighed * every / WEIGHED_S
}

#[track_caller]
fn assert_ticks_are_light(house: &House, browser: &Browser, every: u64) {
    let bytes = tick_bytes(house, browser, every);
    assert!((100..TICK_BYTES_MAX).contains(&bytes), "a tick has {bytes} bytes");
}

/// The same watch sees what does move.
#[track_caller]
fn assert_movement_is_seen(browser: &Browser) {
    const PUSH: &str =
        "const block = document.createElement('p'); block.textContent = 'x'; block.className = 'card body';
        scrollTo(0, 0); document.querySelector('main').prepend(block, block.cloneNode(true), block.cloneNode(true))";
    browser.wait_until("what moves is seen", PATIENCE, |browser| {
        browser.script(PUSH, &[]); // again and again: what follows a key press within half a second does not count
        browser.script(WATCHED, &[])["moved"].as_f64() > Some(MOVED_MAX)
    });
}

#[test]
fn nothing_moves_on_the_dashboard_while_500_jobs_run_each_second() {
    let house = house();
    let mut conn = house.connect();
    let browser = Browser::start(Look::light().wide());
    house.sign_in(&browser, Role::Operator);
    let before = enqueue(&mut conn, "demo.fail", json!({"message": "the pub is shut"}));
    wait_for(&mut conn, before, "failed");
    let paused = house.program(Role::Operator).post("/queues/steps/pause", "reason=stock+count");
    assert_eq!(paused.status, 303, "{}", paused.body);
    let _feeder = Feeder::start(&house);
    browser.wait_until("work has begun", PATIENCE, |_| finished(&mut conn) > i64::from(JOBS_PER_S));
    browser.open(&format!("{}/", house.origin));
    browser.stretch();
    watch(&browser, "#panel-flow");
    browser.script("document.querySelector('#queue-default a').focus()", &[]);
    let done = finished(&mut conn);

    look_on(&browser, LENGTH, "#queue-default a", |second| {
        if second == LENGTH.as_secs() / 4 {
            trouble(&mut conn);
        }
    });

    let text = browser.text();
    assert!(text.contains("changed, Show") && !text.contains("museum"), "what came moved what was there: {text}");

    let done = finished(&mut conn) - done;
    let wanted = LENGTH.as_secs() as i64 * i64::from(JOBS_PER_S);
    assert!(done > wanted * 8 / 10, "only {done} of {wanted} jobs ran");
    assert_movement_is_seen(&browser);
    assert_ticks_are_light(&house, &browser, 1);
    browser.find("#news a").click();
    browser.wait_for_text("the museum is shut");
    browser.wait_for_text("steps has been paused for 15");
    assert_eq!(browser.log_problems(), [] as [String; 0]);
}

/// Something fails in a new way, another queue becomes the fullest, and soon somebody should look at it.
fn trouble(conn: &mut PgConnection) {
    const STEPS: &str = "SELECT FROM millrace.enqueue_many((SELECT jsonb_agg('{\"template\": \"demo.step\", \"args\": {\"steps\": 1}}'::jsonb)
        FROM generate_series(1, 900)))";
    const PAUSED: &str =
        "UPDATE millrace.queues SET paused_at = now() - interval '890 s', wait_target_ms = 1000 WHERE name = 'steps'";
    statement(PAUSED).run(conn).unwrap();
    statement(STEPS).run(conn).unwrap();
    enqueue(conn, "demo.fail", json!({"message": "the museum is shut"}));
}

#[test]
fn ticks_and_focus_survive_on_the_list_while_500_jobs_run_each_second() {
    const ROWS: &str = "return [...document.querySelectorAll('#rows tr')].map(row => row.id)";
    const TICKED: &str = "return [...document.querySelectorAll('#rows .cb:checked')].map(box => box.value)";
    let house = house();
    let mut conn = house.connect();
    let browser = Browser::start(Look::light().wide());
    house.sign_in(&browser, Role::Operator);
    let _feeder = Feeder::start(&house);
    browser.wait_until("work has begun", PATIENCE, |_| finished(&mut conn) > i64::from(JOBS_PER_S));
    let jobs = [1, 2].map(|_| enqueue(&mut conn, "demo.step", json!({"steps": 600, "ms": 500})));
    jobs.iter().for_each(|job| wait_for(&mut conn, *job, "running"));
    browser.open(&format!("{}/jobs?state=running,failed", house.origin));
    watch(&browser, &format!("#job-{}-state", jobs[0]));
    let news = "return !!document.querySelector('#panel-news a')?.getClientRects().length";
    browser.wait_until("news are counted", PATIENCE, |browser| browser.script(news, &[]) == true);
    let rows = browser.script(ROWS, &[]);
    for job in jobs {
        browser.press(&format!("Select demo.step {job}"));
    }
    let ticked = browser.script(TICKED, &[]);
    assert_eq!(ticked.as_array().map(Vec::len), Some(2));

    look_on(&browser, LIST_LENGTH, &format!("#rows .cb[value='{}']", jobs[1]), |_| ());

    assert_eq!(browser.script(ROWS, &[]), rows, "rows came, went or changed places");
    assert_eq!(browser.script(TICKED, &[]), ticked);
    assert!(browser.shows("2 selected") && browser.shows("changed, Show"));
    assert_movement_is_seen(&browser);
    assert_ticks_are_light(&house, &browser, 2);
    assert_eq!(browser.log_problems(), [] as [String; 0]);
}

#[test]
fn a_server_that_goes_away_is_said_and_the_page_is_whole_when_it_comes_back() {
    const FOCUS: &str = "const link = document.querySelector('#queue-default a'); link.focus(); window.kept = link";
    const KEPT: &str = "return window.kept.isConnected && document.activeElement === window.kept";
    const LATER: &str =
        "SELECT millrace.enqueue('demo.noop', run_at => now() + interval '1 day') FROM generate_series(1, 7)";
    let mut house = house();
    let browser = Browser::start(Look::light().wide());
    house.sign_in(&browser, Role::Operator);
    browser.wait_until("the page is live", PATIENCE, |browser| badge(browser) == "on");
    browser.script(FOCUS, &[]);

    house.stop();
    statement(LATER).run(&mut house.connect()).unwrap();
    browser.wait_until("the badge says so", CUT_MAX, |browser| badge(browser) == "cut");
    browser.wait_for_text("Live updates stopped");
    assert!(browser.shows("Out of date") && browser.shows("Values below are from") && browser.shows("Reconnect now"));
    assert!(browser.shows("0 more scheduled for later"), "the values stay");

    house.start_again();
    browser.wait_until("the page is live again", RECOVERY_MAX, |browser| badge(browser) == "on");
    browser.wait_for_text("7 more scheduled for later");
    browser.wait_for_no_text("Live updates stopped");
    assert_eq!(browser.script(KEPT, &[]), true, "the page was loaded again, or the focus is lost");
    browser.log(); // what could not be reached stands in the browser's log
    checks::assert_clean(&browser);
}
