//! The pages of nodes: what they show, to whom, and that an engine obeys drain and resume.

use std::time::Duration;

use millrace::base::db::statement;
use millrace::queue::permission::Role;
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::json;

use crate::jobs::live::{read_until, stream_of};
use crate::support::stage::{TestEngine, enqueue, handler_template, number, state, wait_for, wait_until};
use crate::templates::stage::Console;

/// Waits until it is told to stop.
struct Slow;
impl Handler for Slow {
    fn run(&self, job: &JobContext) -> Ended {
        job.sleep(Duration::from_secs(30))?;
        Ok(Outcome::Done)
    }
}

struct Quick;
impl Handler for Quick {
    fn run(&self, _: &JobContext) -> Ended {
        Ok(Outcome::Done)
    }
}

fn registry() -> Registry {
    Registry::default().with_handler("slow", Slow).with_handler("quick", Quick)
}

/// A console and the engine of the node `fra-01`, of which one heartbeat with its slots was heard.
fn console() -> (Console, TestEngine) {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "slow", json!({}));
    handler_template(&mut conn, "quick", json!({}));
    let engine = TestEngine::start_as(&console.db, "fra-01", registry());
    wait_until(|| number(&mut conn, "SELECT count(*) AS number FROM millrace.nodes WHERE slots > 0") == 1)
        .expect("heard");
    (console, engine)
}

/// Adds nodes that nobody runs: one that drains, one that stopped, one that was lost.
fn strangers(console: &Console) {
    const SQL: &str = "INSERT INTO millrace.nodes (name, epoch, state, version, slots, heartbeat_at) VALUES
        ('old-01', 3, 'down', '0.9', 4, now() - interval '3 hours'), ('mute-01', 2, 'draining', '0.9', 4, now() + interval '1 minute'),
        ('dead-01', 2, 'down', '0.9', 4, now() - interval '5 minutes')";
    statement(SQL).run(&mut console.db.connect()).unwrap();
    let lost = "UPDATE millrace.nodes SET lost_at = now() - interval '4 minutes' WHERE name = 'dead-01'";
    statement(lost).run(&mut console.db.connect()).unwrap();
}

#[test]
fn the_list_shows_every_node_and_teaches_when_there_is_none() {
    let empty = Console::start();
    let page = empty.browser(Role::Viewer).get("/nodes");
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("MILLRACE_ROLES=engine millrace serve") && page.body.contains("data-go=\"n\" aria-current")
    );

    let (console, _engine) = console();
    strangers(&console);
    let list = console.browser(Role::Operator).get("/nodes").body;
    for word in [
        "1 running · 1 draining · 1 lost · 1 stopped",
        "0/2",
        "0 of 2 slots busy",
        "all queues",
        "Stopped",
        "Lost",
        "/nodes/fra-01/drain?from=list",
        "hx-post=\"/nodes/mute-01/resume",
    ] {
        assert!(list.contains(word), "{word}: {list}");
    }
    let viewer = console.browser(Role::Viewer).get("/nodes").body;
    assert!(viewer.contains("fra-01") && !viewer.contains("/drain") && !viewer.contains("/resume"));
}

#[test]
fn a_drained_node_takes_work_again_when_it_is_resumed() {
    let (console, _engine) = console();
    let mut conn = console.db.connect();
    let mut browser = console.browser(Role::Operator);

    let question = browser.get("/nodes/fra-01/drain");
    assert!(question.body.contains("No other node takes work"), "{}", question.body);
    assert_eq!(browser.post("/nodes/fra-01/drain", "reason=").status, 422);
    let drained = browser.post("/nodes/fra-01/drain", "reason=new+disk&op=one");
    assert_eq!((drained.status, drained.header("location")), (303, "/nodes/fra-01"));
    let page = browser.get("/nodes/fra-01").body;
    for word in ["fra-01 drains.", "Draining", "It takes no new work", "drained it", "“new disk”"] {
        assert!(page.contains(word), "{word}: {page}");
    }

    assert_eq!(browser.post("/nodes/fra-01/drain", "reason=new+disk&op=one").status, 303);
    assert_eq!(browser.post("/nodes/fra-01/drain", "reason=again").status, 409);

    std::thread::sleep(Duration::from_millis(1_200)); // two heartbeats
    let job = enqueue(&mut conn, "quick", json!({}));
    std::thread::sleep(Duration::from_millis(1_000));
    assert_eq!(state(&mut conn, job), "ready");

    let resumed = browser.post("/nodes/fra-01/resume", "from=list");
    assert_eq!((resumed.status, resumed.header("location")), (303, "/nodes"));
    assert!(browser.get("/nodes").body.contains("fra-01 takes work again."));
    wait_for(&mut conn, job, "succeeded");
    assert_eq!(browser.get("/nodes/fra-01/resume").status, 409);
    assert_eq!(
        console.number("SELECT count(*) AS id FROM millrace.audit WHERE act IN ('node.drain', 'node.resume')"),
        2
    );
}

#[test]
fn one_node_shows_what_runs_there_live_and_within_scope() {
    let (console, _engine) = console();
    let mut conn = console.db.connect();
    let mut browser = console.browser(Role::Operator);
    let page = browser.get("/nodes/fra-01").body;
    assert!(page.contains("No job runs here") && page.contains("hx-sse:connect=\"/live/node?name=fra-01\""), "{page}");

    let mut stream = browser.stream(&stream_of(&page), &[]);
    let job = enqueue(&mut conn, "slow", json!({}));
    wait_for(&mut conn, job, "running");
    let later = read_until(&mut *stream, &format!("/jobs/{job}"));
    assert!(later.contains("#panel-jobs") && later.contains(&format!("/jobs/{job}")), "{later}");
    wait_until(|| browser.get("/nodes").body.contains("1/2")).expect("a busy slot");

    let mut limited = console.browser_of(console.person(Role::Operator, &["mail"]));
    let page = limited.get("/nodes/fra-01").body;
    assert!(!page.contains(&format!("/jobs/{job}")) && page.contains("0 of 1 jobs that run here are shown"), "{page}");
    assert!(!page.contains("/nodes/fra-01/drain"));
    assert_eq!(limited.get("/nodes/fra-01/drain").status, 404);
    assert_eq!(limited.post("/nodes/fra-01/drain", "reason=x").status, 404);
    for path in ["/nodes/no.such", "/live/node?name=no.such", "/nodes/fra-01/quarantine"] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
    assert_eq!(console.browser(Role::Viewer).get("/nodes/fra-01/drain").status, 403);
}

#[test]
fn with_script_an_act_answers_with_the_parts_of_the_page_it_was_begun_on() {
    let (console, _engine) = console();
    let mut browser = console.browser(Role::Admin);
    browser.get("/nodes");
    let token = browser.token().to_owned();
    let mut post = |here: &str, path: &str, fields: &str| {
        let here = format!("http://127.0.0.1{here}");
        let headers = [
            ("HX-Request", "true"),
            ("HX-Request-Type", "partial"),
            ("HX-Target", "form#ask"),
            ("HX-Current-URL", here.as_str()),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        browser.post_with(path, &format!("{fields}&csrf={token}"), &headers)
    };

    let listed = post("/nodes", "/nodes/fra-01/drain", "reason=disk&from=list");
    for word in ["#panel-rows", "#panel-facts", "1 draining", "#toasts", "fra-01 drains."] {
        assert!(listed.body.contains(word), "{word}: {}", listed.body);
    }
    let shown = post("/nodes/fra-01", "/nodes/fra-01/resume", "from=");
    for word in ["#panel-head", "#panel-banner", "#panel-deeds", "resumed it", "takes work again."] {
        assert!(shown.body.contains(word), "{word}: {}", shown.body);
    }
    let away = post("/nodes/fra-01/drain", "/nodes/fra-01/drain", "reason=disk");
    assert_eq!(away.header("hx-redirect"), "/nodes/fra-01");
}

#[test]
fn the_slots_of_a_node_are_bounded_by_a_form_and_given_back() {
    let (console, _engine) = console();
    let mut conn = console.db.connect();
    let mut browser = console.browser(Role::Admin);
    const SLOTS: &str = "SELECT slots::bigint AS number FROM millrace.nodes";
    let page = browser.get("/nodes/fra-01").body;
    assert!(page.contains("as its own setting says") && !page.contains("/nodes/fra-01/own-slots"), "{page}");
    assert_eq!(browser.get("/nodes/fra-01/own-slots").status, 409);

    let form = browser.get("/nodes/fra-01/slots").body;
    assert!(
        form.contains("It has 2 to 8 now") && form.contains("value=\"8\"") && form.contains("room for 64"),
        "{form}"
    );
    for (typed, told) in [
        ("min=4&max=65", "must be a whole number from 1 to 64"),
        ("min=6&max=5", "must not be fewer than the fewest"),
        ("min=&max=", "must be a whole number from 1 to 64"),
    ] {
        let refused = browser.post("/nodes/fra-01/slots", typed);
        assert!(refused.status == 422 && refused.body.contains(told), "{typed}: {}", refused.body);
    }

    let set = browser.post("/nodes/fra-01/slots", "min=6&max=20&reason=the+sale&op=one");
    assert_eq!((set.status, set.header("location")), (303, "/nodes/fra-01"));
    let page = browser.get("/nodes/fra-01").body;
    for word in [
        "fra-01 has 6 to 20 slots with its next heartbeat.",
        ">Undo</a>",
        "6 to 20</b> as ",
        "Its own setting says 2 to 8",
        "set its slots to 6..20",
        "“the sale”",
        "hx-post=\"/nodes/fra-01/own-slots\"",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
    wait_until(|| number(&mut conn, SLOTS) == 6).expect("it obeys");
    wait_until(|| browser.get("/nodes/fra-01").body.contains("Somebody set the bounds to 6..20")).expect("a decision");
    assert!(browser.get("/nodes").body.contains("6 to 20"));

    assert_eq!(browser.post("/nodes/fra-01/slots", "min=6&max=20&reason=the+sale&op=one").status, 303);
    assert_eq!(browser.post("/nodes/fra-01/slots", "min=1&max=1").status, 303);
    assert!(browser.get("/nodes/fra-01").body.contains("/nodes/fra-01/slots?min=6&#38;max=20"), "the way back");
    wait_until(|| number(&mut conn, SLOTS) == 1).expect("it obeys");

    assert!(browser.get("/nodes/fra-01/own-slots").body.contains("Its setting says 2 to 8."));
    let back = browser.post("/nodes/fra-01/own-slots", "");
    assert_eq!((back.status, back.header("location")), (303, "/nodes/fra-01"));
    let page = browser.get("/nodes/fra-01").body;
    assert!(page.contains("has its slots as its setting says") && page.contains("set its slots to its own setting"));
    wait_until(|| number(&mut conn, SLOTS) == 2).expect("it obeys");
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.audit WHERE act = 'node.slots'"), 3);

    let mut limited = console.browser_of(console.person(Role::Admin, &["mail"]));
    assert!(!limited.get("/nodes/fra-01").body.contains("/nodes/fra-01/slots"));
    assert_eq!(limited.post("/nodes/fra-01/slots", "min=1&max=1").status, 404);
    assert_eq!(console.browser(Role::Operator).get("/nodes/fra-01/slots").status, 403);
    strangers(&console);
    assert_eq!(browser.get("/nodes/mute-01/slots").status, 409, "it has not told what it has room for");
}
