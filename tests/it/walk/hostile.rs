//! What attackers type, wherever the console shows it: it is text there, and nothing else.

use diesel::sql_types::{Jsonb, Text};
use millrace::admin::templates::service::Publication;
use millrace::base::db::{PgConnection, statement};
use millrace::queue::job::JobId;
use millrace::queue::permission::Role;
use serde_json::{Value, json};

use super::house::{House, form};
use super::samples::take;
use crate::browser::{Browser, Look, checks};
use crate::support::stage::{enqueue, text, wait_for};

/// Markup, quotes, and the braces of a template.
pub(super) const TYPED: &str = "<script>hacked=1</script>\"'><img src=x onerror=hacked=1>{{7*7}}";
/// The same with what terminals obey (colours, a title, a bell) and what turns the direction of text: logs and payloads
/// take it.
pub(super) const LOUD: &str =
    "<script>hacked=1</script>\"'><img src=x onerror=hacked=1>\u{1b}[31mred\u{1b}]0;title\u{7}\u{202e}gpj";

/// Says its argument on every way that a command has.
const SAY: &str = "printf '%s\\n' \"$PARAM_TEXT\"; printf '::warn %s\\n' \"$PARAM_TEXT\"; printf '%s\\n' \"$PARAM_TEXT\" >&2
printf '::progress 1/2 %s\\n' \"$PARAM_TEXT\"; printf '::output %s\\n' \"$MILLRACE_ARGS\"; sleep 1; exit 3 # \u{202e}nothing";

/// Gives what is wrong with the present page, if anything.
pub(super) const INERT: &str = "const text = document.body.innerText, wrong = [];
    if (window.hacked !== undefined) wrong.push('script ran');
    if (document.querySelector('img[src=x], script:not([src]), [onerror]')) wrong.push('markup became elements');
    if (/[\\u0000-\\u0008\\u000b-\\u001f\\u202a-\\u202e\\u2066-\\u2069]/.test(text)) wrong.push('a control or direction character is shown as it is: '
        + JSON.stringify(text.match(/.{0,60}[\\u0000-\\u0008\\u000b-\\u001f\\u202a-\\u202e\\u2066-\\u2069].{0,20}/)[0]));
    if (!text.includes('<script>hacked=1</script>')) wrong.push('it is not shown at all');
    return wrong";

/// A template whose every free text is hostile, and one that fails with any message.
pub(super) fn templates(conn: &mut PgConnection) {
    let say = json!({"kind": "Template", "name": "hostile.say", "description": TYPED, "runner": "command",
        "command": {"shell": SAY}, "defaults": {"max_attempts": 1, "queue": "default"},
        "params": {"required": ["text"], "properties": {
            "text": {"type": "string", "title": TYPED, "description": TYPED, "default": LOUD},
            "choice": {"type": "string", "title": "Choice", "enum": [TYPED, "other"]}}}});
    let fail = json!({"kind": "Template", "name": "hostile.fail", "description": TYPED, "runner": "handler",
        "handler": {"name": "diag.fail"}, "defaults": {"max_attempts": 1}});
    let mut going = say.clone();
    going["name"] = json!("hostile.going");
    going["command"]["shell"] = json!(SAY.replace("sleep 1; exit 3", "sleep 600"));
    for template in [say, fail, going] {
        take(conn, &template.to_string(), Publication::WhenAllowed);
    }
}

pub(super) fn rename_everybody(conn: &mut PgConnection) {
    statement("UPDATE millrace.people SET name = $1").bind::<Text, _>(TYPED).run(conn).unwrap();
}

pub(super) fn failed(conn: &mut PgConnection, template: &str, args: Value) -> JobId {
    let job = enqueue(conn, template, args);
    wait_for(conn, job, "failed");
    job
}

/// Not to be run before it was looked at.
pub(super) fn waiting(conn: &mut PgConnection) -> JobId {
    const SQL: &str =
        "SELECT millrace.enqueue('hostile.say', $1, run_at => now() + interval '1 day', unique_key => $2)";
    let args = json!({"text": LOUD, "choice": TYPED});
    statement(SQL).bind::<Jsonb, _>(args).bind::<Text, _>(TYPED).run(conn).unwrap();
    const LAST: &str = "SELECT max(id)::text AS text FROM millrace.jobs WHERE id > $1";
    JobId(text(conn, LAST, JobId(0)).parse().unwrap())
}

#[test]
fn what_attackers_type_is_text_wherever_it_is_shown() {
    let house = House::start();
    house.person(Role::Admin);
    let mut conn = house.connect();
    templates(&mut conn);
    let said = failed(&mut conn, "hostile.say", json!({"text": LOUD}));
    let refused = failed(&mut conn, "hostile.fail", json!({"message": LOUD}));
    let waiting = waiting(&mut conn);
    let going = enqueue(&mut conn, "hostile.going", json!({"text": LOUD}));
    wait_for(&mut conn, going, "running");
    act_with_reasons(&house, waiting);
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Admin);
    rename_everybody(&mut conn);

    browser.open(&format!("{}/jobs/{going}", house.origin));
    browser.wait_for_text("1 of 2");
    assert_inert(&house, &browser, &shown(&[said, refused, waiting, going]));
}

/// Opens each page and fails for those where something of it is more than text, or breaks the page on a phone.
#[track_caller]
pub(super) fn assert_inert(house: &House, browser: &Browser, addresses: &[String]) {
    let mut wrong = Vec::new();
    for address in addresses {
        browser.open(&format!("{}{address}", house.origin));
        let found = browser.script(INERT, &[]);
        let found = found.as_array().unwrap().iter().map(|problem| problem.as_str().unwrap().to_owned());
        let mut found: Vec<_> = found.chain(browser.log_problems()).collect();
        browser.set_look(Look::light().narrow());
        found.extend(checks::problems(browser));
        browser.set_look(Look::light().wide());
        wrong.extend(found.into_iter().map(|problem| format!("{address} {problem}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Pages that hold something of it.
fn shown(jobs: &[JobId]) -> Vec<String> {
    let query = form(&[("q", TYPED)]);
    let mut all = vec![
        "/".to_owned(),
        format!("/jobs?{query}"),
        "/jobs/new".to_owned(),
        "/jobs/new?template=hostile.say".to_owned(),
        "/templates".to_owned(),
        format!("/templates?{query}"),
        "/people".to_owned(),
        "/people/1".to_owned(),
        "/people/1/disable".to_owned(),
        "/tokens".to_owned(),
        "/account".to_owned(),
        format!("/jobs/compare?a={}&b={}", jobs[0], jobs[1]),
    ];
    all.extend(["", "/edit", "/v/1", "/archive"].map(|part| format!("/templates/hostile.say{part}")));
    for job in jobs {
        all.push(format!("/jobs/{job}"));
    }
    all.extend(["/log", "/attempts/1", "/edit"].map(|part| format!("/jobs/{}{part}", jobs[0])));
    all.push(format!("/jobs/{}/attempts/1", jobs[1]));
    all
}

/// Reasons, and the names of tokens, as the forms take them.
fn act_with_reasons(house: &House, job: JobId) {
    let mut admin = house.program(Role::Admin);
    let held = admin.post(&format!("/jobs/{job}/hold"), &form(&[("reason", TYPED)]));
    assert_eq!(held.status, 303, "{}", held.body);
    let token = admin.post("/tokens/new", &form(&[("name", TYPED), ("scopes", "all"), ("expires", "30")]));
    assert_eq!(token.status, 200, "{}", token.body);
    let turned = format!("{TYPED}\u{202e}");
    let refused = admin.post(&format!("/jobs/{job}/release"), &form(&[("reason", &turned)]));
    assert!(refused.status == 422 && refused.body.contains("turn the direction"), "{}", refused.body);
}

#[test]
fn what_is_sent_back_with_a_refusal_is_text() {
    let house = House::start();
    house.person(Role::Admin);
    templates(&mut house.connect());
    let mut admin = house.program(Role::Admin);
    let fields: Vec<_> = [
        "name",
        "email",
        "scope",
        "role",
        "description",
        "command.argv",
        "template",
        "args.text",
        "args.choice",
        "queue",
        "tags",
        "run_at",
        "unique_key",
        "zone",
        "theme",
        "reason",
        "act",
        "runner",
        "view",
        "message",
        "params.0.name",
        "params.0.type",
        "defaults.queue",
        "document",
        "next",
        "token",
        "sample",
    ]
    .map(|name| (name, TYPED))
    .into();

    for path in [
        "/people/new",
        "/people/1",
        "/account",
        "/tokens/new",
        "/templates/new",
        "/templates/hostile.say/edit",
        "/jobs/new",
        "/operations/new",
        "/people/1/disable",
        "/sign-in",
        "/setup",
    ] {
        let answer = admin.post(path, &form(&fields));
        assert!(answer.status < 500, "{path}: {}", answer.status);
        assert!(!answer.body.contains("<script>hacked") && !answer.body.contains("<img src=x"), "{path}");
        assert!(!answer.header("location").contains("script"), "{path}: {}", answer.header("location"));
    }
}
