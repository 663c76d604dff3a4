//! The pages of queues: what they show, to whom, and what their forms do.

use diesel::connection::SimpleConnection;
use millrace::queue::permission::Role;
use serde_json::json;

use crate::jobs::live::{read_until, stream_of};
use crate::support::stage::{enqueue, enqueue_many, handler_template};
use crate::templates::stage::Console;
use crate::web::browser::Browser;

/// Headers of htmx on the page `here`, asking for the element `target`.
fn htmx<'h>(here: &'h str, target: &'h str) -> Vec<(&'h str, &'h str)> {
    vec![
        ("HX-Request", "true"),
        ("HX-Request-Type", "partial"),
        ("HX-Target", target),
        ("HX-Current-URL", here),
        ("Sec-Fetch-Site", "same-origin"),
    ]
}

/// A console with 3 jobs ready in `mail` and one in `exports`.
fn console() -> Console {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "mail.send", json!({ "queue": "mail" }));
    handler_template(&mut conn, "export.run", json!({ "queue": "exports" }));
    enqueue_many(&mut conn, "mail.send", 3);
    enqueue(&mut conn, "export.run", json!({}));
    console
}

fn post_from(browser: &mut Browser, here: &str, path: &str, fields: &str) -> crate::web::browser::Answer {
    let here = format!("http://127.0.0.1{here}");
    let body = format!("{fields}&csrf={}", browser.token());
    browser.post_with(path, &body, &htmx(&here, "form#ask"))
}

#[test]
fn the_list_counts_what_stands_in_each_queue_and_leads_to_it() {
    let console = console();
    let page = console.browser(Role::Viewer).get("/queues");

    assert_eq!(page.status, 200);
    for word in [
        "3 queues · 4 ready · 0 running",
        "/jobs?state=ready&#38;queue=mail\">3<",
        "/jobs?state=ready&#38;queue=exports\">1<",
        "/queues/mail\"",
        "Takes work",
        "data-go=\"q\" aria-current=\"page\"",
        "href=\"/nodes\"",
    ] {
        assert!(page.body.contains(word), "{word}: {}", page.body);
    }
    assert!(!page.body.contains("/queues/mail/pause"));
}

#[test]
fn whoever_is_limited_sees_only_those_queues() {
    let console = console();
    let mut limited = console.browser_of(console.person(Role::Operator, &["mail"]));

    let list = limited.get("/queues");
    assert!(list.body.contains("1 queue · 3 ready") && !list.body.contains("/queues/exports"));
    assert_eq!(limited.get("/queues/mail").status, 200);
    for path in [
        "/queues/exports",
        "/queues/exports/pause",
        "/queues/exports/limits",
        "/live/queue?name=exports",
        "/queues/no.such",
    ] {
        assert_eq!(limited.get(path).status, 404, "{path}");
    }
    assert_eq!(limited.post("/queues/exports/pause", "reason=x").status, 404);
    let mut nobody = console.browser_of(console.person(Role::Viewer, &["later"]));
    let empty = nobody.get("/queues").body;
    assert!(empty.contains("A queue is where ready jobs wait") && empty.contains("access is limited to"));
}

#[test]
fn a_queue_is_paused_with_a_reason_and_resumed_without_script() {
    let console = console();
    let mut browser = console.browser(Role::Operator);

    let question = browser.get("/queues/mail/pause");
    assert!(question.body.contains("3 jobs that are ready wait until somebody resumes it."), "{}", question.body);
    let refused = browser.post("/queues/mail/pause", "reason=+");
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("Enter a reason"));
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.queues WHERE paused_at IS NOT NULL"), 0);

    let paused = browser.post("/queues/mail/pause", "reason=relay+is+<down>&op=one");
    assert_eq!((paused.status, paused.header("location")), (303, "/queues/mail"));
    let page = browser.get("/queues/mail").body;
    let undo = "href=\"/queues/mail/resume\">Undo<";
    for word in [undo, "mail is paused.", "Paused for ", "“relay is &#60;down&#62;”", "by Giulia Ferrando", "paused it"]
    {
        assert!(page.contains(word), "{word}: {page}");
    }
    // the same form again acts once; another act under its id is refused
    assert_eq!(browser.post("/queues/mail/pause", "reason=relay+is+<down>&op=one").status, 303);
    assert_eq!(browser.post("/queues/exports/pause", "reason=x&op=one").status, 409);
    assert_eq!(browser.post("/queues/mail/pause", "reason=again&op=two").status, 409);
    assert_eq!(browser.get("/queues/mail/pause").status, 409);
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.audit WHERE act = 'queue.pause'"), 1);

    let resumed = browser.post("/queues/mail/resume", "from=list");
    assert_eq!((resumed.status, resumed.header("location")), (303, "/queues"));
    assert!(browser.get("/queues").body.contains("mail is resumed."));
    assert_eq!(browser.get("/queues/mail/resume").status, 409);
    assert_eq!(browser.get("/queues/mail/purge").status, 404);
}

#[test]
fn with_script_an_act_answers_with_the_parts_of_the_page_it_was_begun_on() {
    let console = console();
    let mut browser = console.browser(Role::Admin);
    browser.get("/queues");

    let dialog = browser.get_with("/queues/mail/pause?from=list", &htmx("http://127.0.0.1/queues", "dialog#dialog"));
    assert!(dialog.body.contains("Pause mail?") && !dialog.body.contains("<html"));
    let refused = post_from(&mut browser, "/queues", "/queues/mail/pause", "reason=&from=list");
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("<form") && !refused.body.contains("<html"));

    let listed = post_from(&mut browser, "/queues?refresh=30", "/queues/mail/pause", "reason=because&from=list");
    assert_eq!(listed.status, 200);
    for word in ["#panel-rows", "#panel-facts", "1 paused", "#toasts", "mail is paused."] {
        assert!(listed.body.contains(word), "{word}: {}", listed.body);
    }
    let shown = post_from(&mut browser, "/queues/mail", "/queues/mail/resume", "from=");
    for word in ["#panel-head", "#panel-banner", "#panel-deeds", "resumed it", "mail is resumed."] {
        assert!(shown.body.contains(word), "{word}: {}", shown.body);
    }
    let away = post_from(&mut browser, "/queues/mail/pause", "/queues/mail/pause", "reason=because");
    assert_eq!(away.header("hx-redirect"), "/queues/mail");
}

#[test]
fn limits_that_were_changed_meanwhile_are_shown_before_they_are_overwritten() {
    let console = console();
    let mut browser = console.browser(Role::Operator);
    let form = browser.get("/queues/mail/limits").body;
    assert!(form.contains("name=\"seen\" value=\"1,-,-,-\""), "{form}");

    let bad = browser.post("/queues/mail/limits", "weight=1001&seen=1,-,-,-");
    assert_eq!(bad.status, 422);
    assert!(bad.body.contains("must be a whole number from 1 to 1000") && bad.body.contains("value=\"1001\""));

    let set = browser.post("/queues/mail/limits", "weight=5&seen=1,-,-,-&reason=more+mail");
    assert_eq!((set.status, set.header("location")), (303, "/queues/mail"));
    let page = browser.get("/queues/mail").body;
    assert!(
        page.contains("weight 5") && page.contains("set its weight to 5") && page.contains("“more mail”"),
        "{page}"
    );

    let stale = browser.post("/queues/mail/limits", "weight=7&seen=1,-,-,-");
    assert_eq!(stale.status, 409);
    assert!(
        stale.body.contains("Somebody changed them to weight 5 meanwhile")
            && stale.body.contains("name=\"seen\" value=\"5,-,-,-\"")
    );
    assert_eq!(console.number("SELECT weight::bigint AS id FROM millrace.queues WHERE name = 'mail'"), 5);
    assert_eq!(browser.post("/queues/mail/limits", "weight=7&seen=5,-,-,-").status, 303);
    assert_eq!(console.number("SELECT weight::bigint AS id FROM millrace.queues WHERE name = 'mail'"), 7);
}

#[test]
fn a_queue_s_limits_of_jobs_at_once_are_set_and_taken_away_by_the_form() {
    const LIMITS: &str = "SELECT coalesce(concurrency, 0) * 1000 + coalesce(concurrency_per_node, 0)::bigint AS id
        FROM millrace.queues WHERE name = 'mail'";
    let console = console();
    let mut browser = console.browser(Role::Operator);
    browser.get("/queues/mail/limits");

    let bad = browser.post("/queues/mail/limits", "weight=1&concurrency=0&concurrency_per_node=x");
    assert_eq!(bad.status, 422);
    assert!(bad.body.contains("There are problems with 2 fields"), "{}", bad.body);

    assert_eq!(browser.post("/queues/mail/limits", "weight=1&concurrency=12&concurrency_per_node=4").status, 303);
    assert_eq!(console.number(LIMITS), 12_004);
    let page = browser.get("/queues/mail").body;
    for word in ["mail has weight 1, at most 12 at once, 4 on a node now.", "set its jobs at once to 12"] {
        assert!(page.contains(word), "{word}: {page}");
    }
    assert!(browser.get("/queues").body.contains("at most 12 at once, 4 on a node"));

    assert_eq!(browser.post("/queues/mail/limits", "weight=2").status, 303);
    assert_eq!(console.number(LIMITS), 12_004, "what does not come stays as it is");
    assert_eq!(browser.post("/queues/mail/limits", "weight=2&concurrency=+&concurrency_per_node=").status, 303);
    assert_eq!(console.number(LIMITS), 0);
    assert!(browser.get("/queues/mail").body.contains("took away its limit of jobs at once"));
}

#[test]
fn a_wait_target_is_set_by_the_form_and_shown_beside_the_oldest() {
    const TARGET: &str = "SELECT coalesce(wait_target_ms, 0)::bigint AS id FROM millrace.queues WHERE name = 'mail'";
    let console = console();
    let mut browser = console.browser(Role::Operator);
    browser.get("/queues/mail/limits");

    let bad = browser.post("/queues/mail/limits", "weight=1&wait_target=-3");
    assert_eq!(bad.status, 422);
    assert!(bad.body.contains("The wait target is a number of seconds"), "{}", bad.body);

    assert_eq!(browser.post("/queues/mail/limits", "weight=1&wait_target=1.5").status, 303);
    assert_eq!(console.number(TARGET), 1_500);
    let page = browser.get("/queues/mail").body;
    for word in ["mail has weight 1, a wait target of 1.5 s now.", "set its wait target to 1.5 s", "of 1.5 s target"] {
        assert!(page.contains(word), "{word}: {page}");
    }
    for path in ["/queues", "/"] {
        assert!(browser.get(path).body.contains("of 1.5 s target"), "{path}");
    }

    assert_eq!(browser.post("/queues/mail/limits", "weight=2").status, 303);
    assert_eq!(console.number(TARGET), 1_500, "what does not come stays as it is");
    assert_eq!(browser.post("/queues/mail/limits", "weight=2&wait_target=").status, 303);
    assert_eq!(console.number(TARGET), 0);
    assert!(browser.get("/queues/mail").body.contains("took away its wait target"));
}

#[test]
fn one_queue_shows_its_priorities_its_waits_its_limits_and_its_nodes() {
    const STAGE: &str = "INSERT INTO millrace.nodes (name, epoch, version, slots, busy, heartbeat_at, queues)
        VALUES ('far', 1, '1', 4, 2, now(), '{exports}'), ('near', 1, '1', 8, 1, now(), NULL);
    UPDATE millrace.queues SET concurrency = 2 WHERE name = 'mail';
    INSERT INTO millrace.lanes (key, jobs_max) SELECT 'q' || id, 2 FROM millrace.queues WHERE name = 'mail';
    INSERT INTO millrace.lane_use (key, node_id, epoch, taken) SELECT 'q' || q.id, n.id, 1, 1 FROM millrace.queues q, millrace.nodes n
        WHERE q.name = 'mail' AND n.name = 'near';
    INSERT INTO millrace.leases (node_id, epoch, job_ids, attempts, started_at)
        SELECT n.id, 1, ARRAY[r.job_id], '{1}', now() - interval '90 seconds' FROM millrace.nodes n, millrace.ready r
        JOIN millrace.queues q ON q.id = r.queue_id WHERE q.name = 'mail' AND n.name = 'near' ORDER BY r.job_id LIMIT 1;
    INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, succeeded, wait_histogram)
        SELECT 60, date_trunc('minute', now()) - interval '2 minutes', 1, id, 1, 4, '{230, 4}' FROM millrace.queues WHERE name = 'mail'";
    let console = console();
    console.db.connect().batch_execute(STAGE).unwrap();

    let page = console.browser(Role::Viewer).get("/queues/mail?panels=all").body;

    for word in [
        "3 ready jobs of priority 3",
        "0 ready jobs of priority 1",
        "Jobs of the last hour by how long they waited for a slot: median",
        "1 of 2 places",
        "near, 1m 30s",
        "1 of 8 slots busy",
        "Show as table",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
    assert!(!page.contains("/nodes/far"), "it does not serve this queue");
}

#[test]
fn one_queue_shows_its_counts_its_users_and_what_people_did_to_it() {
    let console = console();
    let mut operator = console.browser(Role::Operator);
    operator.get("/queues/mail"); // takes the session's token
    operator.post("/queues/mail/pause", "reason=because");

    let page = console.browser(Role::Auditor).get("/queues/mail").body;
    for word in [
        "/jobs?state=ready&#38;queue=mail",
        "/jobs?state=failed&#38;queue=mail",
        "/templates/mail.send",
        "paused it",
        "jobs per minute",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
    let viewer = console.browser(Role::Viewer).get("/queues/mail").body;
    assert!(viewer.contains("You have changed nothing here.") && !viewer.contains("/queues/mail/resume"));
    let mut limited = console.browser_of(console.person(Role::Viewer, &["mail"]));
    for path in ["/queues/mail/pause", "/queues/mail/limits"] {
        assert_eq!(limited.get(path).status, 403, "{path}");
    }
}

#[test]
fn the_pages_are_live() {
    let console = console();
    let mut browser = console.browser(Role::Operator);
    let (list, one) = (browser.get("/queues").body, browser.get("/queues/mail").body);

    let mut rows = browser.stream(&stream_of(&list), &[]);
    let first = read_until(&mut *rows, "panel-rows");
    assert!(first.contains("4 ready") && !first.contains("name=\"csrf\""), "{first}");
    let mut queue = browser.stream(&stream_of(&one), &[]);
    read_until(&mut *queue, "panel-hour");
    enqueue_many(&mut console.db.connect(), "mail.send", 2);
    assert!(read_until(&mut *rows, "6 ready").contains("6 ready"));
    let later = read_until(&mut *queue, ">5<");
    assert!(later.contains(">5<") && !later.contains("panel-deeds"), "{later}");
}

#[test]
fn the_last_hour_comes_from_the_rollups() {
    const ROLLUPS: &str = "INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, enqueued, succeeded, failed,
            attempts_failed, wait_us, run_us, cpu_ms, peak_memory_bytes, wait_histogram, run_histogram)
        SELECT 60, date_trunc('minute', now()) - n * interval '1 minute', 1, q.id, 1, 0, 40, 0, 10, 0, 0, 0, 0, '{}', '{}'
        FROM generate_series(1, 2) AS n CROSS JOIN millrace.queues q WHERE q.name = 'mail'";
    let console = console();
    millrace::base::db::statement(ROLLUPS).run(&mut console.db.connect()).unwrap();
    let mut browser = console.browser(Role::Viewer);

    let list = browser.get("/queues").body;
    assert!(list.contains(">20%<") && list.contains(">50<"), "{list}");
    let one = browser.get("/queues/mail").body;
    assert!(one.contains("80 succeeded, 20 attempts failed"), "{one}");
}
