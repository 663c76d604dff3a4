//! The pages of operations, without a browser: what they ask, do and show.

use millrace::base::clock::SystemClock;
use millrace::base::db::statement;
use millrace::queue::permission::Role;
use serde_json::json;

use super::{failed, work_all};
use crate::support::stage::{enqueue_many, handler_template, number, state};
use crate::templates::stage::{Console, PASSWORD};

fn console() -> Console {
    let console = Console::start();
    handler_template(&mut console.db.connect(), "done", json!({}));
    console
}

#[test]
fn ticked_jobs_are_acted_on_at_once_and_what_was_left_alone_is_listed() {
    let console = console();
    let mut conn = console.db.connect();
    let jobs = enqueue_many(&mut conn, "done", 3);
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs");
    browser.post(&format!("/jobs/{}/cancel", jobs[0]), "");

    let both = format!("id={}&id={}&back=%2Fjobs%3Fstate%3Dready", jobs[0], jobs[1]);
    let ask = browser.get(&format!("/operations/new?act=hold&{both}")).body;
    assert!(ask.contains("Hold 1 job?") && ask.contains("href=\"/jobs?state=ready\""), "{ask}");
    let held = browser.post("/operations/new", &format!("act=hold&{both}&reason=stock&seen=1"));
    assert_eq!(held.status, 303);
    let page = browser.get(held.header("location")).body;
    assert!(page.contains("it is cancelled, so it cannot be held") && page.contains("1 job is held."), "{page}");

    let rest = browser.post("/operations/new", &format!("act=cancel&id={}&back=%2Fjobs%3Fstate%3Dready", jobs[2]));
    assert_eq!((rest.status, rest.header("location")), (303, "/jobs?state=ready"));
    assert!(browser.get("/jobs?state=ready").body.contains("1 job is cancelled."));
    assert_eq!([state(&mut conn, jobs[1]), state(&mut conn, jobs[2])], ["held", "cancelled"]);
    let audited = "SELECT count(*) AS number FROM millrace.audit WHERE act = 'operation.start'";
    assert_eq!(number(&mut conn, audited), 2);
    let list = browser.get("/operations").body;
    assert!(list.contains("Hold 1 job") && list.contains("Cancel 1 job"), "{list}");
}

#[test]
fn ticked_jobs_are_exported_and_no_others() {
    let console = console();
    let mut conn = console.db.connect();
    let jobs = enqueue_many(&mut conn, "done", 4);
    let mut browser = console.browser(Role::Analyst);

    let ticked = format!("id={}&id={}&q=state:ready&back=%2Fjobs", jobs[0], jobs[2]);
    let ask = browser.get(&format!("/jobs/export?{ticked}")).body;
    assert!(ask.contains("Export 2 jobs?") && !ask.contains("name=\"all\""), "{ask}");
    let all = browser.get(&format!("/jobs/export?{ticked}&all=on")).body;
    assert!(all.contains("Export 4 jobs?"), "{all}");
    let sent = browser.post("/jobs/export", &format!("{ticked}&format=csv&seen=2"));
    assert_eq!(sent.status, 303, "{}", sent.body);
    work_all(&mut conn);

    let href = sent.header("location").to_owned();
    let file = browser.get(&format!("{href}/file")).body;
    let written: Vec<&str> = file.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    let wanted = [jobs[2].to_string(), jobs[0].to_string()];
    assert_eq!(written.len(), 2, "{file}");
    assert!(wanted.iter().all(|job| written.contains(&job.as_str())), "{file}");
    let outcomes = browser.get(&format!("{href}/results.csv"));
    assert_eq!((outcomes.status, outcomes.header("content-type")), (200, "text/csv; charset=utf-8"));
    assert_eq!(outcomes.body.lines().count(), 3, "{}", outcomes.body);
    let bar = console.browser(Role::Operator).get("/jobs").body;
    assert!(bar.contains("formaction=\"/jobs/export\"") && bar.contains("hx-get=\"/jobs/export\""), "{bar}");
}

#[test]
fn an_operation_tells_who_did_what_to_it_and_where_its_jobs_are_now() {
    let console = console();
    let mut conn = console.db.connect();
    let jobs = failed(&mut conn, 3);
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs");
    let sent = browser.post("/operations/new", "act=retry&all=on&q=state:failed&rate_per_s=1");
    let href = sent.header("location").to_owned();

    assert!(browser.get(&href).body.contains("The operation has begun."));
    assert_eq!(browser.post(&format!("{href}/stop"), "").status, 303);
    assert_eq!(browser.post(&format!("{href}/resume"), "").status, 303);
    assert_eq!(browser.post(&format!("{href}/stop"), "").status, 303);
    let stopped = browser.get(&href).body;
    assert!(stopped.contains("Giulia Ferrando stopped it") && stopped.contains("resumed it"), "{stopped}");
    assert!(!stopped.contains("@example.org</b>") && stopped.contains("started it"), "{stopped}");
    assert_eq!(browser.post(&format!("{href}/resume"), "").status, 303);
    statement("UPDATE millrace.operations SET rate_per_s = NULL, due_at = now()").run(&mut conn).unwrap();
    work_all(&mut conn);
    browser.post(&format!("/jobs/{}/cancel", jobs[0]), "");

    let done = browser.get(&format!("{href}?panels=all")).body;
    assert!(done.contains("Its jobs now") && done.contains("2 ready") && done.contains("1 cancelled"), "{done}");
    let ready = "/jobs?q=state%3Aready%20id%3A";
    assert!(done.contains(ready) && done.contains("finished it: 3 done"), "{done}");
    let inbox = browser.get("/notifications").body;
    assert!(inbox.contains(&format!("href=\"{href}\"")) && inbox.contains("goes on."), "{inbox}");
    let list = browser.get("/operations").body;
    assert!(list.contains("<td>Giulia Ferrando</td>"), "{list}");
    assert_eq!(millrace::admin::operations::askable(&mut conn).unwrap(), "", "there is no admin");
    console.browser(Role::Admin);
    assert_eq!(millrace::admin::operations::askable(&mut conn).unwrap(), "Giulia Ferrando");
}

#[test]
fn a_form_that_is_sent_twice_acts_once() {
    let console = console();
    let mut conn = console.db.connect();
    failed(&mut conn, 2);
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs");

    let fields = "act=retry&all=on&q=state:failed&op=0123456789abcdef";
    let (first, second) = (browser.post("/operations/new", fields), browser.post("/operations/new", fields));

    assert_eq!([first.status, second.status], [303, 303], "{}", second.body);
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.operations"), 1);
}

#[test]
fn many_jobs_ask_for_their_number_a_reason_and_the_password() {
    let console = console();
    let mut conn = console.db.connect();
    failed(&mut conn, 1_200);
    let query = "q=state:failed&all=on&act=retry";
    let mut operator = console.browser(Role::Operator);
    let denied = operator.get(&format!("/operations/new?{query}")).body;
    assert!(denied.contains("need the role admin") && !denied.contains("type=\"submit\">Retry"), "{denied}");

    let mut admin = console.browser(Role::Admin);
    let ask = admin.get(&format!("/operations/new?{query}")).body;
    assert!(
        ask.contains("Retry 1,200 jobs?") && ask.contains("Type 1200 to confirm") && ask.contains("once more"),
        "{ask}"
    );
    let refused = admin.post("/operations/new", &format!("{query}&seen=1200&typed=12"));
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("Type 1200 exactly") && refused.body.contains("a reason"), "{}", refused.body);
    let whole = format!("{query}&typed=1%2C200&reason=outage&password={}&rate_per_s=300", PASSWORD.replace(' ', "+"));
    let drifted = admin.post("/operations/new", &format!("{whole}&seen=1000"));
    assert_eq!(drifted.status, 409);
    assert!(drifted.body.contains("1,000 jobs matched when you looked"), "{}", drifted.body);
    let started = admin.post("/operations/new", &format!("{whole}&seen=1200"));
    assert_eq!(started.status, 303, "{}", started.body);

    let href = started.header("location").to_owned();
    let page = admin.get(&href).body;
    assert!(page.contains("The operation has begun.") && page.contains("0 of 1,200"), "{page}");
    millrace::admin::operations::work::work(&mut conn, &SystemClock).unwrap();
    assert!(admin.get(&href).body.contains("200 of 1,200"));
    assert!(admin.get(&format!("{href}/stop")).body.contains("What was done stays done"));
    assert_eq!(admin.post(&format!("{href}/stop"), "").status, 303);
    let stopped = admin.get(&href).body;
    assert!(stopped.contains("stopped it. What was done stays done") && stopped.contains(">Resume<"), "{stopped}");
    assert_eq!(admin.post(&format!("{href}/stop"), "").status, 409);
    assert_eq!(admin.post(&format!("{href}/resume"), "").status, 303);
    assert!(console.browser(Role::Viewer).get(&href).body.contains("needs the role analyst"));
    work_all(&mut conn);
}

#[test]
fn a_search_that_was_not_understood_is_acted_on_by_nobody() {
    let console = console();
    failed(&mut console.db.connect(), 1);
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs");

    for answer in [
        browser.get("/operations/new?act=cancel&all=on&q=quue:mail"),
        browser.post("/operations/new", "act=cancel&all=on&q=quue:mail"),
    ] {
        assert_eq!(answer.status, 409);
        assert!(answer.body.contains("column 1") && answer.body.contains("quue"), "{}", answer.body);
    }
    assert_eq!(browser.get("/operations/new?act=purge&q=").status, 404);
    let nothing = browser.get("/operations/new?act=cancel").body;
    assert!(nothing.contains("Nothing to cancel"), "{nothing}");
    let answers = [
        browser.post("/operations/new", "act=priority&all=on&q=state:failed"),
        browser.post("/operations/new", "act=retry&all=on&q=state:failed&rate_per_s=0"),
    ];
    assert!(answers.iter().all(|answer| answer.status == 422), "{}", answers[1].body);
}
