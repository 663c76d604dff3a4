use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use millrace::base::db::statement;
use millrace::queue::partitions::{Dropped, drop_partition};
use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::{Console, publish};
use super::work::registry;
use crate::support::stage::{TestEngine, enqueue, enqueue_many, handler_template, number, state, wait_for};

#[test]
fn the_list_shows_counts_rows_and_the_way_to_older_ones() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    let mut jobs = enqueue_many(&mut conn, "done", 60);
    jobs.sort_unstable();
    while millrace::queue::counts::fold(&mut conn).unwrap() > 0 {}
    let mut browser = console.browser(Role::Operator);

    let first = browser.get("/jobs?n=50");
    assert_eq!(first.status, 200);
    assert!(first.body.contains("60 kept") && first.body.contains("50 of 60"), "{}", first.body);
    assert!(first.body.contains(&format!("id=\"job-{}-state\"", jobs[59])));
    let older = first.body.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();

    let second = browser.get(&older.replace("&#38;", "&"));
    assert!(second.body.contains(&format!("id=\"job-{}-state\"", jobs[0])), "{older}");
    assert!(second.body.contains("older jobs, 10 shown of 60") && second.body.contains("rel=\"prev\""));
}

#[test]
fn typed_fields_become_an_address() {
    let console = Console::start();
    let mut browser = console.browser(Role::Viewer);

    let answer = browser.get("/jobs?q=state:failed+queue:mail+late");

    assert_eq!((answer.status, answer.header("location")), (303, "/jobs?state=failed&queue=mail&q=late"));
}

#[test]
fn a_search_finds_arguments_tags_and_names_but_no_arguments_for_a_viewer() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    const SQL: &str =
        "SELECT millrace.enqueue('done', '{\"to\": \"Buyer@Example.org\"}', tags => '{vip-lane}') AS number";
    let job = number(&mut conn, SQL);
    let row = format!("id=\"job-{job}-state\"");
    let (mut operator, mut viewer) = (console.browser(Role::Operator), console.browser(Role::Viewer));

    for query in ["buyer@example", "vip-l", "don"] {
        assert!(operator.get(&format!("/jobs?q={query}")).body.contains(&row), "{query}");
    }
    assert!(!viewer.get("/jobs?q=buyer@example").body.contains(&row));
    assert!(viewer.get("/jobs?q=vip-l").body.contains(&row));
    assert!(!viewer.get("/jobs").body.contains("Buyer@"));
}

#[test]
fn a_number_leads_only_to_a_job_that_is_there_and_may_be_seen() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    let job = enqueue(&mut conn, "done", json!({}));
    let mut limited = console.browser_of(console.person(Role::Operator, &["mail"]));

    let hidden = limited.get(&format!("/jobs?q={job}"));
    assert_eq!(hidden.status, 200);
    assert!(hidden.body.contains(&format!("There is no job {job}.")));
    assert!(console.browser(Role::Viewer).get("/jobs?q=999").body.contains("There is no job 999."));
}

#[test]
fn an_id_is_found_however_old_it_is() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    let first = enqueue(&mut conn, "done", json!({}));
    enqueue_many(&mut conn, "done", 5_100);
    let mut browser = console.browser(Role::Viewer);

    let found = browser.get(&format!("/jobs?q={first}"));
    assert_eq!((found.status, found.header("location")), (303, format!("/jobs/{first}").as_str()));
    assert!(browser.get(&format!("/jobs?id={first}")).body.contains(&format!("id=\"job-{first}-state\"")));
    let nothing = browser.get("/jobs?q=nowhere").body;
    assert!(nothing.contains("No job matches") && !nothing.contains("Looked at"), "it looks behind the first 5,000");
    assert!(!browser.get("/jobs?q=nowhere&state=failed").body.contains("Looked at"));
}

#[test]
fn nobody_sees_jobs_outside_of_their_scope() {
    let console = Console::start();
    let mut conn = console.db.connect();
    for name in ["mine", "theirs"] {
        publish(
            &mut conn,
            name,
            json!({ "runner": "handler", "handler": { "name": "done" }, "defaults": { "queue": name } }),
        );
    }
    let (mine, theirs) = (enqueue(&mut conn, "mine", json!({})), enqueue(&mut conn, "theirs", json!({})));
    while millrace::queue::counts::fold(&mut conn).unwrap() > 0 {}
    let mut browser = console.browser_of(console.person(Role::Operator, &["mine"]));

    let list = browser.get("/jobs").body;
    assert!(list.contains(&format!("job-{mine}-state")) && !list.contains("theirs") && list.contains("1 kept"));
    assert_eq!(browser.get(&format!("/jobs/{mine}")).status, 200);
    for path in ["", "/cancel", "/log", "/edit"] {
        assert_eq!(browser.get(&format!("/jobs/{theirs}{path}")).status, 404, "{path}");
    }
    browser.get("/jobs");
    assert_eq!(browser.post(&format!("/jobs/{theirs}/cancel"), "reason=x").status, 404);
    assert_eq!(browser.post(&format!("/jobs/{theirs}/again"), "op=1").status, 404);
    assert_eq!(state(&mut conn, theirs), "ready");
}

#[test]
fn a_job_is_held_released_moved_and_cancelled_without_script() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    conn.batch_execute("SELECT setval('millrace.job_seq', 10)").unwrap();
    let job = enqueue(&mut conn, "done", json!({}));
    let mut browser = console.browser(Role::Operator);

    let ask = browser.get(&format!("/jobs/{job}/hold")).body;
    assert!(ask.contains(&format!("Hold done {job}?")) && ask.contains("name=\"reason\""));
    let held = browser.post(&format!("/jobs/{job}/hold"), "reason=wait+for+me");
    assert_eq!((held.status, held.header("location")), (303, format!("/jobs/{job}").as_str()));
    let page = browser.get(&format!("/jobs/{job}")).body;
    assert!(page.contains(&format!("Job {job} is held.")) && page.contains("“wait for me”"), "{page}");
    assert!(page.contains("held it"), "the audit trail of this job");

    browser.post(&format!("/jobs/{job}/priority"), "priority=1");
    browser.post(&format!("/jobs/{job}/release"), "");
    assert_eq!(state(&mut conn, job), "ready");
    let again = browser.post(&format!("/jobs/{job}/release"), "");
    assert_eq!(again.status, 409);
    assert!(again.body.contains(&format!("Job {job} is ready, so it cannot be released")), "{}", again.body);

    let refused = browser.post(&format!("/jobs/{job}/reschedule"), "run_at=soon");
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("value=\"soon\"") && refused.body.contains("Write a date and time"));
    browser.post(&format!("/jobs/{job}/reschedule"), "run_at=2036-11-24T14:30");
    assert_eq!(state(&mut conn, job), "scheduled");
    browser.post(&format!("/jobs/{job}/cancel"), "reason=");
    assert_eq!(state(&mut conn, job), "cancelled");
    assert_eq!(browser.get(&format!("/jobs/{job}/cancel")).status, 409);
    browser.post(&format!("/jobs/{job}/retry"), "");
    assert_eq!(state(&mut conn, job), "ready");
}

#[test]
fn an_act_with_htmx_brings_the_changed_parts() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    let job = enqueue(&mut conn, "done", json!({}));
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs");
    let token = browser.token().to_owned();
    let headers = [
        ("Sec-Fetch-Site", "same-origin"),
        ("HX-Request", "true"),
        ("HX-Request-Type", "partial"),
        ("X-CSRF-Token", &token),
    ];

    let row = browser.post_with(&format!("/jobs/{job}/hold"), "from=list&reason=", &headers).body;
    assert!(row.contains(&format!("hx-target=\"#job-{job}-state\"")) && row.contains("Held"), "{row}");
    assert!(row.contains("hx-target=\"#toasts\"") && !row.contains("panel-line"));

    let page = browser.post_with(&format!("/jobs/{job}/release"), "", &headers).body;
    assert!(page.contains("hx-target=\"#panel-head\"") && page.contains("hx-target=\"#panel-why\""), "{page}");
    assert!(page.contains(&format!("Job {job} is released.")));
}

#[test]
fn a_removed_job_is_gone_and_one_that_never_was_is_not_there() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    let job = enqueue(&mut conn, "done", json!({}));
    let mut browser = console.browser(Role::Viewer);
    assert_eq!(browser.get(&format!("/jobs/{}", job.0 - 1)).status, 404, "a gap in the numbers is no removed job");
    statement("DELETE FROM millrace.ready WHERE job_id = $1").bind::<BigInt, _>(job).run(&mut conn).unwrap();
    conn.batch_execute("SELECT setval('millrace.job_seq', 1000000)").unwrap();
    assert_eq!(drop_partition(&mut conn, 0).unwrap(), Dropped::Dropped);

    let gone = browser.get(&format!("/jobs/{job}"));
    assert_eq!(gone.status, 410);
    assert!(gone.body.contains("was removed by retention"));
    for path in ["/jobs/9999999", "/jobs/0", "/jobs/-4", "/jobs/x", "/jobs/9999999/attempts/1"] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_failed_job_shows_its_attempts_log_and_trace() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "import", json!({ "max_attempts": 1 }));
    let _engine = TestEngine::start(&console.db, registry());
    let job = enqueue(&mut conn, "import", json!({ "fails_first": true, "expected_rows": 10 }));
    wait_for(&mut conn, job, "failed");
    let mut browser = console.browser(Role::Analyst);

    let page = browser.get(&format!("/jobs/{job}")).body;
    assert!(page.contains("HTTP 503 from files.nordwind.example") && page.contains("Stack trace, 3 frames"), "{page}");
    assert!(page.contains("advisory lock catalog:nordwind acquired") && page.contains("Attempt 1 of 1 · 2 lines"));
    assert!(!page.contains("/retry"), "an analyst repairs nothing");

    let attempt = browser.get(&format!("/jobs/{job}/attempts/1")).body;
    assert!(attempt.contains("import.rs:41") && attempt.contains("advisory lock"));
    assert_eq!(browser.get(&format!("/jobs/{job}/attempts/2")).status, 404);

    let log = browser.get(&format!("/jobs/{job}/log?q=ADVISORY")).body;
    assert!(log.contains("1 line matches") && log.contains("id=\"log-2\""), "{log}");
    let text = browser.get(&format!("/jobs/{job}/log.txt"));
    assert_eq!(text.header("content-disposition"), format!("attachment; filename=\"job-{job}.log\""));
    assert_eq!(text.body.lines().count(), 2);
    assert!(text.body.lines().nth(1).unwrap().ends_with("1 DEBUG advisory lock catalog:nordwind acquired"));

    let mut viewer = console.browser(Role::Viewer);
    assert_eq!(viewer.get(&format!("/jobs/{job}/log.txt")).status, 403);
    assert!(viewer.get(&format!("/jobs/{job}")).body.contains("Seeing it needs the role"));
    let told = [format!("/jobs/{job}"), format!("/jobs/{job}/attempts/1"), "/jobs".into(), "/".into()];
    for path in told.iter().filter(|path| path.as_str() != "/") {
        assert!(viewer.get(path).body.contains("needs the role analyst, operator or admin"), "{path}");
    }
    for path in told {
        let page = viewer.get(&path).body;
        assert!(!page.contains("HTTP 503") && !page.contains("import.rs:41"), "{path}: {page}");
    }
}

#[test]
fn two_jobs_are_compared() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    let (a, b) = (enqueue(&mut conn, "done", json!({ "n": 1 })), enqueue(&mut conn, "done", json!({ "n": 2 })));
    let mut browser = console.browser(Role::Analyst);

    let page = browser.get(&format!("/jobs/compare?a={a}&b={b}")).body;
    assert!(page.contains("&#34;n&#34;: 1") && page.contains("&#34;n&#34;: 2"), "{page}");
    assert_eq!(browser.get("/jobs/compare").status, 200);
    assert_eq!(browser.get(&format!("/jobs/compare?a={a}&b=99999")).status, 404);
}
