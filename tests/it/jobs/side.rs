//! What a job's page tells beside its own story: two attempts compared, what is in force, who else is concerned.

use diesel::connection::SimpleConnection;
use millrace::admin::jobs::{detail, recent_runs};
use millrace::admin::operations::work::work;
use millrace::admin::operations::{Bulk, Plan, Which, service};
use millrace::base::clock::SystemClock;
use millrace::base::db::PgConnection;
use millrace::queue::actor::{Actor, Scope};
use millrace::queue::job::{JobId, TemplateId};
use millrace::queue::permission::Role;
use millrace::queue::template::TemplateSpec;
use serde_json::json;

use super::stage::{Console, publish};
use super::work::registry;
use crate::operations::failed;
use crate::support::stage::{TestEngine, enqueue, enqueue_many, handler_template, number, text, wait_for};

fn job_of(location: &str) -> i64 {
    location.strip_prefix("/jobs/").and_then(|id| id.parse().ok()).expect("leads to a job")
}

#[test]
fn two_attempts_are_compared_by_what_each_did_itself() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(
        &mut conn,
        "import",
        json!({ "max_attempts": 2, "backoff": { "kind": "constant", "base_ms": 1 } }),
    );
    let engine = TestEngine::start(&console.db, registry());
    let job = enqueue(&mut conn, "import", json!({ "fails_first": true, "expected_rows": 10, "ms": 20 }));
    wait_for(&mut conn, job, "succeeded");
    engine.drain();
    let mut browser = console.browser(Role::Operator);

    let page = browser.get(&format!("/jobs/{job}")).body;
    let link = format!("/jobs/compare?a={job}.1&#38;b={job}.2");
    assert!(page.contains(&link), "{page}");
    let compared = browser.get(&format!("/jobs/compare?a={job}.1&b={job}.2")).body;

    for words in [
        "Compare attempts",
        "These differ: outcome",
        "Outcome",
        "Log kept",
        "Attempt 1, failed",
        "Attempt 2, succeeded",
    ] {
        assert!(compared.contains(words), "{words}: {compared}");
    }
    assert!(
        !compared.contains("Enqueued by") && !compared.contains("Arguments"),
        "both attempts share them: {compared}"
    );
    assert_eq!(browser.get(&format!("/jobs/compare?a={job}.1&b={job}.9")).status, 404);
}

#[test]
fn what_is_in_force_is_told_with_who_says_so() {
    let console = Console::start();
    let mut conn = console.db.connect();
    publish(
        &mut conn,
        "pack",
        json!({ "runner": "command", "command": { "argv": ["/bin/true"], "env": { "API_KEY": "s3cret" } },
            "defaults": { "queue": "files", "timeout_ms": 60_000 }, "limits": { "concurrency": 4 } }),
    );
    conn.batch_execute("UPDATE millrace.queues SET concurrency = 20 WHERE name = 'files'").unwrap();
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs");
    let made = browser.post("/jobs/new", "template=pack&op=1&timeout_ms=90s");
    let job = job_of(made.header("location"));

    let page = browser.get(&format!("/jobs/{job}")).body;

    let row = |label: &str| {
        let at = page.find(&format!(">{label}</th>")).unwrap_or_else(|| panic!("{label}: {page}"));
        page[at..].split("</tr>").next().unwrap().to_owned()
    };
    assert!(row("Timeout of an attempt").contains("1m 30s") && row("Timeout of an attempt").contains(">this job<"));
    assert!(row("At once").contains("4 jobs on all nodes") && row("At once").contains("/templates/pack/v/1"));
    assert!(
        row("At once in its queue").contains("20 jobs on all nodes")
            && row("At once in its queue").contains("queue files")
    );
    assert!(row("Environment, names of the template").contains("API_KEY"));
    assert!(!page.contains("s3cret"), "names only");
}

#[test]
fn a_job_is_run_again_with_another_version() {
    let console = Console::start();
    let mut conn = console.db.connect();
    let params = |name: &str| json!({ "properties": { name: { "type": "string" }, "kept": { "type": "string" } } });
    let spec = |name: &str| json!({ "runner": "handler", "handler": { "name": "done" }, "params": params(name) });
    publish(&mut conn, "sent", spec("old"));
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs");
    let job = job_of(browser.post("/jobs/new", "template=sent&op=1&args.old=x&args.kept=y").header("location"));
    conn.batch_execute(&format!(
        "INSERT INTO millrace.template_versions (template_id, version, spec, author, published_at, published_by) SELECT id, 2, '{}', 'test', now(), 'test' FROM millrace.templates;
         UPDATE millrace.templates SET active_version = 2",
        serde_json::to_value(serde_json::from_value::<TemplateSpec>(spec("new")).unwrap()).unwrap()
    ))
    .unwrap();

    let page = browser.get(&format!("/jobs/{job}")).body;
    assert!(page.contains(&format!("href=\"/jobs/{job}/edit?version=active\"")), "{page}");
    let form = browser.get(&format!("/jobs/{job}/edit?version=active")).body;
    for words in [
        "Run sent again with edits",
        "v2, active",
        "v1, which this job has",
        "/templates/sent/diff?from=1&#38;to=2",
        "name=\"args.new\"",
        "<b class=\"b mono\">old</b>, so what the old job has there is left out.",
    ] {
        assert!(form.contains(words), "{words}: {form}");
    }
    assert!(form.contains("value=\"y\"") && !form.contains("name=\"args.old\""));

    let again =
        job_of(browser.post(&format!("/jobs/{job}/edit"), "op=2&version=2&args.new=z&args.kept=y").header("location"));
    let mut version =
        |id: i64| text(&mut conn, "SELECT version::text AS text FROM millrace.jobs WHERE id = $1", JobId(id));
    assert_eq!([version(job), version(again)], ["1", "2"]);
    let same = job_of(browser.post(&format!("/jobs/{job}/edit"), "op=3&args.old=x&args.kept=y").header("location"));
    assert_eq!(version(same), "1", "without a choice it keeps its version");
    assert_eq!(browser.get(&format!("/jobs/{job}/edit?version=7")).status, 404);
}

#[test]
fn the_form_tells_whom_a_new_job_would_meet() {
    let console = Console::start();
    let mut conn = console.db.connect();
    publish(
        &mut conn,
        "once",
        json!({ "runner": "handler", "handler": { "name": "done" }, "unique": { "by": ["customer"] },
            "params": { "properties": { "customer": { "type": "string" } } } }),
    );
    publish(
        &mut conn,
        "quiet",
        json!({ "runner": "handler", "handler": { "name": "done" }, "debounce": { "wait_ms": 60_000 },
            "params": { "properties": { "customer": { "type": "string" } } } }),
    );
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs");
    let once = job_of(browser.post("/jobs/new", "template=once&op=1&args.customer=acme").header("location"));
    let quiet = job_of(browser.post("/jobs/new", "template=quiet&op=2&args.customer=acme").header("location"));

    let form =
        |browser: &mut crate::web::browser::Browser, of: &str| browser.get(&format!("/jobs/new?template={of}")).body;
    let met = form(&mut browser, "once&args.customer=acme");
    assert!(met.contains("One of a kind: one job with the same customer until it ends."), "{met}");
    assert!(met.contains(&format!("Job {once} has that place now: no new job would be made.")), "{met}");
    let free = form(&mut browser, "once&args.customer=nordwind");
    assert!(free.contains("With these arguments it meets no other job now."), "{free}");
    let waits = form(&mut browser, "quiet");
    assert!(waits.contains(&format!("Job {quiet} waits now: the new one would take its place.")), "{waits}");

    let other = browser.post("/jobs/new", "template=once&op=3&args.customer=acme");
    assert_eq!(job_of(other.header("location")), once, "what the form said");
}

#[test]
fn whoever_has_the_unique_key_now_is_told() {
    let console = Console::start();
    let mut conn = console.db.connect();
    publish(&mut conn, "sent", json!({ "runner": "handler", "handler": { "name": "done" } }));
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs");
    let enqueue = |browser: &mut crate::web::browser::Browser, op: u8| {
        job_of(browser.post("/jobs/new", &format!("template=sent&op={op}&unique_key=acme")).header("location"))
    };
    let first = enqueue(&mut browser, 1);
    browser.post(&format!("/jobs/{first}/cancel"), "");
    let second = enqueue(&mut browser, 2);
    assert_ne!(first, second);

    let page = browser.get(&format!("/jobs/{first}")).body;
    assert!(page.contains("has its unique key now") && page.contains(&format!("href=\"/jobs/{second}\"")), "{page}");
    assert!(!browser.get(&format!("/jobs/{second}")).body.contains("has its unique key now"));
}

#[test]
fn what_an_operation_did_stands_in_the_audit_trail_of_its_jobs() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    let jobs = enqueue_many(&mut conn, "done", 3);
    let plan = Plan {
        act: Bulk::Hold,
        which: Which::Ids(vec![jobs[0], jobs[2]]),
        zone: chrono_tz::UTC,
        rate_per_s: None,
        reason: "stock count".into(),
    };
    let made = service::start(&mut conn, &SystemClock, &Actor::command_line("root"), &plan, None).unwrap();
    while work(&mut conn, &SystemClock).unwrap() > 0 {}
    let (mut admin, mut operator) = (console.browser(Role::Admin), console.browser(Role::Operator));
    let told = format!("held it, by operation {}", made.id);

    let held = admin.get(&format!("/jobs/{}", jobs[0])).body;
    assert!(held.contains(&told) && held.contains("“stock count”"), "{held}");
    assert!(!admin.get(&format!("/jobs/{}", jobs[1])).body.contains(&told), "it lies between them and was not touched");
    assert!(!operator.get(&format!("/jobs/{}", jobs[0])).body.contains(&told), "acts of others");
}

#[test]
fn the_last_jobs_of_a_template_stand_in_the_order_of_their_ends() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    let jobs = failed(&mut conn, 3);
    let late =
        format!("UPDATE millrace.history SET finished_at = now() + interval '1 minute' WHERE job_id = {}", jobs[0]);
    conn.batch_execute(&late).unwrap();
    let template = detail(&mut conn, &Scope::default(), jobs[0]).unwrap().unwrap().template_id;

    let recent = recent_runs(&mut conn, &Scope::default(), template, 40).unwrap();

    assert!(!recent.may_have_more, "all that ended were looked at");
    assert_eq!(recent.runs.iter().map(|run| run.id).collect::<Vec<_>>(), [jobs[1], jobs[2], jobs[0]]);
}

#[test]
fn the_last_jobs_of_a_rare_template_are_found_where_its_digests_say() {
    let console = crate::templates::stage::Console::start();
    let mut conn = console.db.connect();
    for name in ["rare", "done"] {
        handler_template(&mut conn, name, json!({}));
    }
    let template =
        TemplateId(number(&mut conn, "SELECT id::bigint AS number FROM millrace.templates WHERE name = 'rare'") as i32);
    // 30,000 others behind them: more than are looked at without digests
    conn.batch_execute(
        "INSERT INTO millrace.history (job_id, since, started_at, finished_at, template_id, version, queue_id, state, priority, attempt)
         SELECT n, now(), now(), now(), CASE WHEN n <= 3 THEN rare.id ELSE done.id END, 1, 1, 'succeeded', 3, 1
         FROM generate_series(1, 30003) AS n, millrace.templates rare, millrace.templates done WHERE rare.name = 'rare' AND done.name = 'done'",
    )
    .unwrap();
    let found = |conn: &mut PgConnection| {
        let recent = recent_runs(conn, &Scope::default(), template, 40).unwrap();
        (recent.runs.iter().map(|run| run.id.0).collect::<Vec<_>>(), recent.may_have_more)
    };

    assert_eq!(found(&mut conn), (Vec::new(), true), "no digest tells where they are, and that is said");
    let page = console.browser(Role::Admin).get("/templates/rare").body;
    assert!(page.contains("There may be older ones") && !page.contains("appear here when they have ended"), "{page}");
    conn.batch_execute(&format!(
        "INSERT INTO millrace.digests (block, jobs, open, templates, queues, nodes, states, bits, grams)
         SELECT block, 4096, 0, ARRAY[CASE WHEN block = 0 THEN {template} ELSE 0 END], '{{1}}', '{{}}', '{{succeeded}}', 8, '\\x00'
         FROM generate_series(0, 6) AS block"
    ))
    .unwrap();
    assert_eq!(found(&mut conn), (vec![1, 2, 3], true));
}
