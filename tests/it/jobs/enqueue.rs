use millrace::queue::permission::Role;
use serde_json::{Value, json};

use super::stage::{Console, publish};
use super::work::registry;
use crate::support::stage::{TestEngine, enqueue, handler_template, number, text, wait_for};
use crate::web::browser::{Answer, Browser};

fn with_params(console: &Console) {
    let spec = json!({ "runner": "command", "command": { "argv": ["/bin/tar", "-czf", "{{ params.out }}"] },
        "params": { "required": ["out"], "properties": {
            "out": { "type": "string", "title": "Archive", "maxLength": 20 },
            "at": { "type": "string", "format": "date-time" },
            "files": { "type": "array", "items": { "type": "string" } },
            "dry": { "type": "boolean" },
            "key": { "type": "string", "secret": true },
            "country": { "type": "string", "enum": ["IT", "FR"] },
            "city": { "type": "string", "enum_by": { "param": "country", "choices": { "IT": ["Roma"], "FR": ["Lyon"] } } },
        } } });
    publish(&mut console.db.connect(), "files.compress", spec);
}

fn job_of(answer: &Answer) -> i64 {
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("location").strip_prefix("/jobs/").and_then(|id| id.parse().ok()).expect("leads to a job")
}

fn args(console: &Console, job: i64) -> Value {
    const SQL: &str = "SELECT args::text AS text FROM millrace.jobs WHERE id = $1";
    serde_json::from_str(&text(&mut console.db.connect(), SQL, millrace::queue::job::JobId(job))).unwrap()
}

fn send(browser: &mut Browser, fields: &str) -> Answer {
    browser.post("/jobs/new", &format!("template=files.compress&{fields}"))
}

#[test]
fn a_template_is_chosen_and_its_form_makes_a_job() {
    let console = Console::start();
    with_params(&console);
    let mut browser = console.browser(Role::Operator);

    assert!(browser.get("/jobs/new").body.contains("/jobs/new?template=files.compress"));
    let form = browser.get("/jobs/new?template=files.compress&args.out=a.tgz").body;
    assert!(form.contains("name=\"args.out\" type=\"text\" value=\"a.tgz\"") && form.contains("/bin/tar\n-czf\na.tgz"));

    let fields = "op=1&args.out=a.tgz&args.at=2026-11-24T14:30&args.files=one%0D%0Atwo&args.dry=false&args.dry=true&\
        args.key=s3cret&args.country=IT&args.city=Roma&queue=files&priority=2&when=after&delay_ms=1h&tags=x+y&timeout_ms=90s";
    let job = job_of(&send(&mut browser, fields));

    let expected = json!({ "out": "a.tgz", "at": "2026-11-24T13:30:00Z", "files": ["one", "two"], "dry": true,
        "key": "s3cret", "country": "IT", "city": "Roma" });
    assert_eq!(args(&console, job), expected);
    let page = browser.get(&format!("/jobs/{job}")).body;
    assert!(page.contains(&format!("Job {job} is enqueued.")) && page.contains("Scheduled in 1h"), "{page}");
    assert!(page.contains("••••") && !page.contains("s3cret"));
}

#[test]
fn the_same_form_sent_twice_makes_one_job() {
    let console = Console::start();
    with_params(&console);
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs/new?template=files.compress");

    let first = job_of(&send(&mut browser, "op=same&args.out=a.tgz"));
    let second = job_of(&send(&mut browser, "op=same&args.out=a.tgz"));
    assert_eq!(first, second);
    assert!(browser.get(&format!("/jobs/{first}")).body.contains("made no second job"));

    assert_ne!(job_of(&send(&mut browser, "op=same&args.out=b.tgz")), first, "an edited form is another wish");
    assert_ne!(job_of(&send(&mut browser, "op=other&args.out=a.tgz")), first);
    assert_eq!(number(&mut console.db.connect(), "SELECT count(*) AS number FROM millrace.jobs"), 3);
}

#[test]
fn a_refused_form_names_every_problem_and_keeps_what_was_typed() {
    let console = Console::start();
    with_params(&console);
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs/new?template=files.compress");

    let refused =
        send(&mut browser, "args.out=&args.country=IT&args.city=Lyon&queue=My+Queue&priority=2&when=at&run_at=soon");

    assert_eq!(refused.status, 422);
    for part in ["f-args.out-error", "f-args.city-error", "f-queue-error", "f-run_at-error", "value=\"My Queue\""] {
        assert!(refused.body.contains(part), "{part} {}", refused.body);
    }
    assert_eq!(number(&mut console.db.connect(), "SELECT count(*) AS number FROM millrace.jobs"), 0);
}

#[test]
fn choices_that_depend_on_others_are_refreshed_without_script() {
    let console = Console::start();
    with_params(&console);
    let mut browser = console.browser(Role::Operator);
    browser.get("/jobs/new?template=files.compress");

    let shown = send(&mut browser, "only=refresh&args.out=kept.tgz&args.country=FR");

    assert_eq!(shown.status, 200);
    assert!(shown.body.contains("<option value=\"Lyon\"") && !shown.body.contains("<option value=\"Roma\""));
    assert!(shown.body.contains("value=\"kept.tgz\""));
}

#[test]
fn a_failed_job_is_retried_with_edits_as_a_new_one() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "import", json!({ "max_attempts": 1 }));
    let _engine = TestEngine::start(&console.db, registry());
    let job = enqueue(&mut conn, "import", json!({ "fails_first": true, "expected_rows": 10, "ms": 20 }));
    wait_for(&mut conn, job, "failed");
    let mut browser = console.browser(Role::Operator);

    let form = browser.get(&format!("/jobs/{job}/edit")).body;
    assert!(form.contains("&#34;fails_first&#34;: true"), "{form}");
    let edited =
        browser.post(&format!("/jobs/{job}/edit"), "op=1&args.%2B=%7B%22expected_rows%22%3A10%2C%22ms%22%3A20%7D");
    let new = millrace::queue::job::JobId(job_of(&edited));

    wait_for(&mut conn, new, "succeeded");
    let page = browser.get(&format!("/jobs/{new}")).body;
    assert!(page.contains("this job is a rerun of it") && page.contains(&format!("href=\"/jobs/{job}\"")), "{page}");
    assert!(browser.get(&format!("/jobs/{job}")).body.contains("rerun of this job"));

    let again = job_of(&browser.post(&format!("/jobs/{new}/again"), "op=2"));
    assert_eq!(job_of(&browser.post(&format!("/jobs/{new}/again"), "op=2")), again);
    let again = browser.get(&format!("/jobs/{new}/edit")).body;
    assert!(again.contains("Run import again with edits"), "{again}");
}

#[test]
fn whoever_may_not_enqueue_is_not_let_in() {
    let console = Console::start();
    with_params(&console);
    let mut browser = console.browser(Role::Analyst);

    assert_eq!(browser.get("/jobs/new?template=files.compress").status, 403);
    browser.get("/jobs");
    assert_eq!(send(&mut browser, "args.out=x").status, 403);
    let mut operator = console.browser(Role::Operator);
    assert_eq!(operator.get("/jobs/new?template=no.such").status, 404);
}
