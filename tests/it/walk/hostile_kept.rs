//! What attackers type, on the pages of watching and repairing: text there, too, and what is shown, copied and written down is what
//! was stored, or it was refused with a sentence.

use diesel::sql_types::{BigInt, Text};
use millrace::admin::jobs::query::parse;
use millrace::admin::operations::work::work_on;
use millrace::admin::operations::{Bulk, Format, Plan, Which, service};
use millrace::admin::templates::service::Publication;
use millrace::base::clock::SystemClock;
use millrace::base::db::{PgConnection, statement};
use millrace::queue::access::token;
use millrace::queue::actor::{Actor, PersonId};
use millrace::queue::job::JobId;
use millrace::queue::notifications::{Message, Tone, tell};
use millrace::queue::permission::Role;
use millrace::web::ansi::visible;
use serde_json::{Value, json};

use super::hostile::{LOUD, TYPED, assert_inert, failed, rename_everybody, templates, waiting};
use super::house::{House, form};
use super::samples::{insert_token, take};
use crate::browser::{Browser, Look};
use crate::support::stage::{enqueue, number, text, wait_for, wait_until};
use crate::web::browser::Browser as Program;

/// Lines of a megabyte, and bytes that are no text: a NUL, half of a pair.
const LONG: &str = r#"
kind: Template
name: hostile.long
runner: command
command: { shell: "head -c 1000000 /dev/zero | tr '\\0' x; echo; printf 'a\\000b\\355\\240\\200c\\n'; echo \"$PARAM_TEXT\"; head -c 1000000 /dev/zero | tr '\\0' y >&2; exit 3" }
defaults: { max_attempts: 1 }
params: { properties: { text: { type: string } } }
"#;

fn posted(admin: &mut Program, path: &str, fields: &[(&str, &str)]) {
    let answer = admin.post(path, &form(fields));
    assert_eq!(answer.status, 303, "{path}: {}", answer.body);
}

/// Does to `act` what `q` finds, and gives the number of the operation.
fn operation(conn: &mut PgConnection, act: Bulk, query: &str) -> i64 {
    let parsed = parse(query);
    assert_eq!(parsed.problems, [], "{query}");
    let plan =
        Plan { act, which: Which::Query(parsed.query), zone: chrono_tz::UTC, rate_per_s: None, reason: TYPED.into() };
    let operation = service::start(conn, &SystemClock, &Actor::command_line("ada"), &plan, None).unwrap();
    while service::find(conn, &Actor::command_line("ada"), operation.id).unwrap().finished_at.is_none() {
        work_on(conn, &SystemClock, operation.id).unwrap();
    }
    operation.id.0
}

/// The groups of these failures, once they are counted.
fn groups(conn: &mut PgConnection, count: i64) -> Vec<String> {
    const COUNT: &str = "SELECT count(*) AS number FROM millrace.failure_groups";
    const ALL: &str = "SELECT fingerprint FROM millrace.failure_groups";
    wait_until(|| number(conn, COUNT) >= count).expect("the failures are counted");
    statement(ALL).tuples::<Text, String>(conn).unwrap()
}

#[test]
fn what_attackers_type_is_text_on_the_pages_of_repair() {
    let house = House::start();
    let person = house.person(Role::Admin);
    let mut conn = house.connect();
    templates(&mut conn);
    take(&mut conn, LONG, Publication::WhenAllowed);
    failed(&mut conn, "hostile.say", json!({"text": LOUD}));
    failed(&mut conn, "hostile.fail", json!({"message": LOUD}));
    let long = failed(&mut conn, "hostile.long", json!({"text": LOUD}));
    let huge = failed(&mut conn, "hostile.fail", json!({"message": format!("{LOUD} {}", "x".repeat(60_000))}));
    let groups = groups(&mut conn, 3);
    let mut pages = furnish(&house, &groups);
    pages.extend(["", "/log", "/attempts/1", "/edit"].map(|part| format!("/jobs/{long}{part}")));
    pages.extend(["", "/attempts/1"].map(|part| format!("/jobs/{huge}{part}")));
    pages.push(format!("/jobs/compare?a={long}&b={huge}"));
    let bad = Message::new(Tone::Failed, TYPED).saying(TYPED);
    tell(&mut conn, PersonId(person), &bad).unwrap();
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Admin);
    rename_everybody(&mut conn);

    assert_inert(&house, &browser, &pages);
}

/// Leaves something of it wherever somebody may type, and gives where it is shown.
fn furnish(house: &House, groups: &[String]) -> Vec<String> {
    let (mut admin, mut conn) = (house.program(Role::Admin), house.connect());
    posted(
        &mut admin,
        "/views/new",
        &[("page", "jobs"), ("address", "state=failed"), ("name", TYPED), ("visibility", "everyone")],
    );
    posted(&mut admin, "/pools/new", &[("name", "seats"), ("amount", "4"), ("description", TYPED), ("reason", TYPED)]);
    waiting(&mut conn);
    let query = "\"<script>hacked=1</script>\"";
    let operations =
        [Bulk::Hold, Bulk::Priority(4), Bulk::Export(Format::Csv)].map(|act| operation(&mut conn, act, query));
    for group in groups {
        posted(&mut admin, &format!("/failures/{group}/note"), &[("note", TYPED)]);
        posted(&mut admin, &format!("/failures/{group}/assign"), &[("person", "1"), ("reason", TYPED)]);
    }
    posted(&mut admin, "/queues/default/pause", &[("reason", TYPED)]);
    posted(&mut admin, "/nodes/mil-01/slots", &[("min", "1"), ("max", "3"), ("reason", TYPED)]);
    posted(&mut admin, "/nodes/mil-01/drain", &[("reason", TYPED)]);
    let slug = slug(&mut conn);
    let query = form(&[("q", TYPED)]);
    let mut pages: Vec<String> = [
        "/",
        "/queues",
        "/queues/default",
        "/nodes",
        "/nodes/mil-01",
        "/nodes/mil-01/slots",
        "/pools",
        "/pools/seats",
        "/views",
        "/operations",
        "/notifications",
        "/jobs",
    ]
    .map(str::to_owned)
    .into();
    pages.extend(operations.map(|id| format!("/operations/{id}")));
    pages.extend(["change", "delete"].map(|verb| format!("/views/{slug}/{verb}")));
    pages.extend([
        format!("/jobs?state=failed&view={slug}"),
        format!("/failures?state=all&{query}"),
        format!("/palette?{query}"),
    ]);
    for group in groups {
        pages.extend(["", "/assign"].map(|part| format!("/failures/{group}{part}")));
    }
    pages
}

fn slug(conn: &mut PgConnection) -> String {
    const SLUG: &str = "SELECT slug FROM millrace.saved_views";
    statement(SLUG).tuples::<Text, String>(conn).unwrap().remove(0)
}

#[test]
fn what_is_shown_copied_and_written_down_is_what_was_stored() {
    const SHOWN: &str = "return [document.querySelector('[data-copy][title=\"Copy arguments\"]').dataset.copy,
        document.querySelector('[aria-label=\"Arguments as JSON\"]').textContent, document.querySelector('.atts .err').textContent]";
    const STORED: &str = "SELECT error FROM millrace.history WHERE job_id = $1";
    let house = House::start();
    let person = house.person(Role::Admin);
    let mut conn = house.connect();
    templates(&mut conn);
    let message = format!("=HYPERLINK(\"{LOUD}\")");
    let args = json!({"message": message, "<b>": {"-1": [LOUD, "\u{feff}\u{200b}\u{1f600}", "@SUM(1)", 0.1, null]}});
    let job = failed(&mut conn, "hostile.fail", args.clone());
    let error = statement(STORED).bind::<BigInt, _>(job).tuples::<Text, String>(&mut conn).unwrap().remove(0);
    assert!(
        error.contains('\u{1b}') && error.contains('\u{202e}') && error.starts_with("=HYPER"),
        "kept as it was said: {error:?}"
    );
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Admin);
    browser.open(&format!("{}/jobs/{job}", house.origin));

    let shown = browser.script(SHOWN, &[]);
    let shown = |n: usize| shown[n].as_str().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&shown(0)).unwrap(), args, "what is copied");
    assert_eq!(shown(1), visible_lines(&shown(0)), "what is shown");
    assert_eq!(shown(2), visible_lines(&error), "what it failed of");

    let files =
        [Format::Csv, Format::JsonLines].map(|format| operation(&mut conn, Bulk::Export(format), "state:failed"));
    let mut admin = house.program(Role::Admin);
    let csv = admin.get(&format!("/operations/{}/file", files[0]));
    assert!(csv.header("content-disposition").starts_with("attachment"));
    let mut table = csv::Reader::from_reader(csv.body.as_bytes());
    let row: std::collections::HashMap<String, String> = table.deserialize().next().unwrap().unwrap();
    assert_eq!(row["error"], format!("'{error}"), "no spreadsheet takes it for a formula");
    assert_eq!(serde_json::from_str::<Value>(&row["args"]).unwrap(), args);
    let lines = admin.get(&format!("/operations/{}/file", files[1])).body;
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((&line["args"], &line["error"]["message"]), (&args, &json!(error)));

    let secret = token::generate();
    insert_token(&mut conn, person, &secret);
    let bearer = format!("Bearer {secret}");
    let answer = house.stranger().get_with(&format!("/api/v1/jobs/{job}"), &[("Authorization", &bearer)]).body;
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["args"], args);
}

/// As pages show it: what cannot be seen is a sign of its own; lines stay lines.
fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_log_is_kept_line_by_line_whatever_the_lines_hold() {
    let house = House::start();
    house.person(Role::Admin);
    let mut conn = house.connect();
    templates(&mut conn);
    take(&mut conn, LONG, Publication::WhenAllowed);
    let long = failed(&mut conn, "hostile.long", json!({"text": LOUD}));
    let mut admin = house.program(Role::Admin);

    let log = admin.get(&format!("/jobs/{long}/log.txt"));
    assert_eq!((log.status, log.header("content-type")), (200, "text/plain; charset=utf-8"));
    let lines: Vec<&str> = log.body.lines().collect();
    assert!(lines.iter().any(|line| line.ends_with(LOUD)), "the loud line is kept as it was said");
    let is_long = |line: &&str| line.contains("xxxx") || line.contains("yyyy");
    let (pieces, words): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(is_long);
    assert!(words.iter().any(|line| line.contains("a\u{2400}b\u{fffd}")), "{words:?}");
    assert_eq!(
        pieces.iter().map(|line| line.matches('x').count()).sum::<usize>(),
        1_000_000,
        "a long line is kept in pieces"
    );
    assert!(pieces.iter().all(|line| line.len() < 20_000), "a piece is a page");
    for page in ["", "/log", "/attempts/1"] {
        let answer = admin.get(&format!("/jobs/{long}{page}"));
        assert!(
            answer.status == 200 && !answer.body.contains('\0') && answer.body.len() < 2_500_000,
            "{page}: {}",
            answer.body.len()
        );
    }
}

#[test]
fn what_cannot_be_kept_is_refused_with_a_sentence() {
    let house = House::start();
    let person = house.person(Role::Admin);
    let mut conn = house.connect();
    templates(&mut conn);
    let secret = token::generate();
    insert_token(&mut conn, person, &secret);
    let bearer = format!("Bearer {secret}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let refuse = |body: &str, status: u16, sentence: &str| {
        let answer = house.stranger().post_json("/api/v1/jobs", body, &headers);
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body.contains(sentence), "{}: {}", body.chars().take(90).collect::<String>(), answer.body);
    };

    for half in ["\\ud800", "\\udc00", "\\ud83d\\u0041", "x\\udfff"] {
        refuse(&format!(r#"{{"template":"hostile.say","args":{{"text":"{half}"}}}}"#), 400, "JSON");
        refuse(&format!(r#"{{"template":"hostile.say","args":{{"text":"a"}},"unique_key":"{half}"}}"#), 400, "JSON");
    }
    refuse(r#"{"template":"hostile.say","args":{"text":"\u0000"}}"#, 422, "which a database cannot keep");
    refuse(r#"{"template":"hostile.say","args":{"text":"a"},"tags":["<script>"]}"#, 422, "tag");
    refuse(r#"{"template":"hostile.say","args":{"text":"a"},"queue":"<script>"}"#, 422, "queue");
    let megabyte = "x".repeat(1_100_000);
    refuse(&format!(r#"{{"template":"hostile.say","args":{{"text":"{megabyte}"}}}}"#), 413, "");
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.jobs"), 0);

    let mut admin = house.program(Role::Admin);
    for (typed, status) in [("a%00b", 422), ("%ED%A0%80", 400), ("%FF", 400)] {
        let answer = admin.post("/jobs/new", &format!("template=hostile.say&args.text={typed}"));
        assert!(
            answer.status == status || answer.status == 422,
            "{typed}: {} {}",
            answer.status,
            answer.header("location")
        );
        assert!(answer.body.contains("character") || answer.body.contains("UTF-8"), "{typed}: {}", answer.body);
    }
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.jobs"), 0);
    let whole = enqueue(&mut conn, "hostile.fail", json!({"message": "\u{1f600}"}));
    wait_for(&mut conn, whole, "failed");
    let kept = "SELECT error AS text FROM millrace.history WHERE job_id = $1";
    assert_eq!(text(&mut conn, kept, JobId(whole.0)), "\u{1f600}", "a whole pair is kept");
}
