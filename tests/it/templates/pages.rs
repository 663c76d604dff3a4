//! Reading pages, publishing, rolling back and archiving, as a browser without script does them.

use millrace::admin::templates::service::{Publication, apply};
use millrace::base::clock::SystemClock;
use millrace::base::db::statement;
use millrace::base::text::TemplateName;
use millrace::queue::actor::Actor;
use millrace::queue::permission::Role;
use serde_json::{Value, json};

use super::stage::{Console, PASSWORD};

fn command(argument: &str) -> Value {
    json!({ "description": "Echoes <text>", "runner": "command", "command": { "argv": ["/bin/echo", argument] } })
}

fn handler() -> Value {
    json!({ "runner": "handler", "handler": { "name": "diag.noop" } })
}

/// Saves `spec` as the next version of `name`, published or as a draft.
fn put(console: &Console, name: &str, spec: Value, publication: Publication) {
    let template = (TemplateName::parse(name).unwrap(), serde_json::from_value(spec).unwrap());
    let actor = Actor::command_line("ada");
    apply(&mut console.db.connect(), &SystemClock, &actor, &[template], ("because", publication)).unwrap();
}

fn console() -> Console {
    let console = Console::start();
    put(&console, "demo.echo", command("one"), Publication::WhenAllowed);
    put(&console, "demo.echo", command("two"), Publication::WhenAllowed);
    put(&console, "demo.echo", command("three"), Publication::Never);
    put(&console, "demo.noop", handler(), Publication::WhenAllowed);
    console
}

#[test]
fn an_empty_list_teaches() {
    let console = Console::start();

    let page = console.browser(Role::Operator).get("/templates");
    assert_eq!(page.status, 200);
    for word in ["No templates yet", "/templates/new", "kind: Template", "millrace template apply"] {
        assert!(page.body.contains(word), "{word}");
    }
    let viewer = console.browser(Role::Viewer).get("/templates");
    assert!(viewer.body.contains("No templates yet") && !viewer.body.contains("/templates/new"));
}

#[test]
fn the_list_is_filtered_by_its_address() {
    let console = console();
    let mut browser = console.browser(Role::Viewer);

    let all = browser.get("/templates");
    assert!(
        all.body.contains("demo.echo")
            && all.body.contains("v3 is a draft")
            && all.body.contains("Echoes &#60;text&#62;")
    );
    let handlers = browser.get("/templates?runner=handler");
    assert!(handlers.body.contains("demo.noop") && !handlers.body.contains(">demo.echo<"));
    let none = browser.get("/templates?q=zzz");
    assert!(none.body.contains("No template matches these filters"));
    let odd = browser.get("/templates?runner=magic&state=asleep");
    assert!(odd.body.contains("2 filters were not understood") && odd.body.contains("state=asleep"));

    let part = browser.get_with(
        "/templates?q=noop",
        &[("HX-Request", "true"), ("HX-Request-Type", "partial"), ("HX-Target", "div#results")],
    );
    assert!(part.body.contains("demo.noop") && !part.body.contains("<html"), "{} {}", part.status, part.body);
}

#[test]
fn everybody_may_read_a_template_and_its_history() {
    let console = console();
    let mut viewer = console.browser(Role::Viewer);

    let page = viewer.get("/templates/demo.echo");
    assert_eq!(page.status, 200);
    for word in ["v2 active", "/bin/echo", "Version 3 is a draft", "tab=versions"] {
        assert!(page.body.contains(word), "{word}");
    }
    for word in ["/templates/demo.echo/edit", "/templates/demo.echo/archive", "/jobs/new"] {
        assert!(!page.body.contains(word), "{word}");
    }
    let history = viewer.get("/templates/demo.echo?tab=versions");
    assert!(history.body.contains("cli:ada") && history.body.contains("because") && history.body.contains("never"));
    let old = viewer.get("/templates/demo.echo/v/1");
    assert!(old.body.contains("Version 1") && old.body.contains("one") && !old.body.contains("Roll back"));
    for (path, word) in [("", "2 removed"), ("&view=split", "diff two")] {
        let diff = viewer.get(&format!("/templates/demo.echo/diff?from=1&to=3{path}"));
        assert!(diff.body.contains("three") && (diff.body.contains(word) || path.is_empty()), "{}", diff.body);
    }
    let file = viewer.get("/templates/demo.echo/file.yaml?version=1");
    assert!(file.header("content-disposition").contains("demo.echo.v1.yaml"));
    assert!(file.body.starts_with("kind: Template\nname: demo.echo\n") && file.body.contains("- one"));

    for path in [
        "/templates/no.such",
        "/templates/demo.echo/v/9",
        "/templates/demo.echo/diff?from=x",
        "/templates/demo.echo/v/x",
    ] {
        assert_eq!(viewer.get(path).status, 404, "{path}");
    }
}

#[test]
fn those_who_wrote_versions_are_called_by_their_names() {
    let console = Console::start();
    let mut browser = console.browser(Role::Admin);
    let author =
        "INSERT INTO millrace.people (email, name, role) VALUES ('ada@example.org', 'Ada Lovelace', 'operator')";
    statement(author).run(&mut console.db.connect()).unwrap();
    let ada = Actor { name: "ada@example.org".into(), ..Actor::command_line("ada") };
    let template = (TemplateName::parse("demo.echo").unwrap(), serde_json::from_value(handler()).unwrap());
    apply(&mut console.db.connect(), &SystemClock, &ada, &[template], ("first", Publication::WhenAllowed)).unwrap();

    let pages = ["/templates", "/templates/demo.echo?tab=versions", "/templates/demo.echo/v/1"];
    for page in pages.map(|path| browser.get(path).body) {
        assert!(page.contains("Ada Lovelace") && !page.contains("ada@example.org"), "{page}");
    }
}

#[test]
fn a_single_version_is_compared_with_nothing() {
    let console = console();
    let mut browser = console.browser(Role::Viewer);

    let one = browser.get("/templates/demo.noop?tab=versions").body;
    assert!(!one.contains("Compare the two") && !one.contains("name=\"from\""), "{one}");
    let three = browser.get("/templates/demo.echo?tab=versions").body;
    assert!(three.contains("Compare the two") && three.contains("Saved ") && three.contains("Published "), "{three}");
}

#[test]
fn who_may_not_change_meets_a_closed_door() {
    let console = console();
    let mut viewer = console.browser(Role::Viewer);
    for path in [
        "/templates/new",
        "/templates/demo.echo/edit",
        "/templates/demo.echo/publish",
        "/templates/demo.echo/rollback?version=1",
        "/templates/demo.echo/archive",
    ] {
        assert_eq!(viewer.get(path).status, 403, "{path}");
        assert_eq!(viewer.post(path.split('?').next().unwrap(), "runner=handler").status, 403, "{path}");
    }

    let mut operator = console.browser(Role::Operator);
    let page = operator.get("/templates/demo.echo");
    assert!(page.body.contains("/templates/demo.echo/edit") && page.body.contains("needs admin"));
    assert!(!page.body.contains("/templates/demo.echo/publish"));
    assert_eq!(operator.post("/templates/demo.echo/publish", "version=3").status, 403);
    assert_eq!(
        console.number("SELECT active_version::bigint AS id FROM millrace.templates WHERE name = 'demo.echo'"),
        2
    );
}

#[test]
fn publishing_work_that_runs_code_asks_for_the_password_once() {
    let console = console();
    let mut admin = console.browser(Role::Admin);

    let question = admin.get("/templates/demo.echo/publish?version=3");
    for word in [
        "Publish version 3 of demo.echo?",
        "New jobs run version 3 instead of version 2",
        "1 removed, 1 added",
        "type=\"password\"",
    ] {
        assert!(question.body.contains(word), "{word}: {}", question.body);
    }
    for (typed, word) in [("", "Enter your password"), ("wrong horse", "That is not your password")] {
        let refused = admin.post("/templates/demo.echo/publish", &format!("version=3&password={typed}"));
        assert_eq!(refused.status, 422);
        assert!(refused.body.contains(word), "{}", refused.body);
    }

    let done =
        admin.post("/templates/demo.echo/publish", &format!("version=3&password={}", PASSWORD.replace(' ', "+")));
    assert_eq!((done.status, done.header("location")), (303, "/templates/demo.echo"), "{}", done.body);
    let page = admin.get("/templates/demo.echo");
    assert!(page.body.contains("Version 3 is published.") && page.body.contains("v3 active"));
    let again = admin.get("/templates/demo.echo/rollback?version=1");
    assert!(again.body.contains("Roll back demo.echo to version 1?") && !again.body.contains("type=\"password\""));
}

#[test]
fn a_handler_is_published_without_password() {
    let console = console();
    put(&console, "demo.other", handler(), Publication::Never);
    let mut admin = console.browser(Role::Admin);

    let question = admin.get("/templates/demo.other/publish");
    assert!(question.body.contains("the first to be published") && !question.body.contains("type=\"password\""));
    assert_eq!(admin.post("/templates/demo.other/publish", "version=1").status, 303);
}

#[test]
fn rolling_back_twice_with_one_form_makes_one_version() {
    let console = console();
    put(
        &console,
        "demo.noop",
        json!({ "runner": "handler", "handler": { "name": "diag.sleep" } }),
        Publication::WhenAllowed,
    );
    let mut admin = console.browser(Role::Admin);
    admin.get("/templates/demo.noop/rollback?version=1");

    for _ in 0..2 {
        let done = admin.post("/templates/demo.noop/rollback", "version=1&op=abc");
        assert_eq!(done.status, 303, "{}", done.body);
    }

    let page = admin.get("/templates/demo.noop");
    assert!(page.body.contains("Version 3 has the content of version 1.") && page.body.contains("v3 active"));
    let other = admin.post("/templates/demo.noop/rollback", "version=2&op=abc");
    assert_eq!(other.status, 409);
    assert_eq!(admin.post("/templates/demo.noop/rollback", "version=9&op=d").status, 404);
}

#[test]
fn the_effect_on_jobs_is_told_in_numbers() {
    let console = console();
    crate::support::stage::enqueue_many(&mut console.db.connect(), "demo.echo", 12);
    let mut admin = console.browser(Role::Admin);

    let publish = admin.get("/templates/demo.echo/publish?version=3");
    assert!(
        publish.body.contains("12 jobs that wait or run stay on the version they were enqueued with."),
        "{}",
        publish.body
    );
    let archive = admin.get("/templates/demo.echo/archive");
    assert!(archive.body.contains("12 jobs that wait or run go on."));
}

#[test]
fn archiving_asks_for_a_reason_and_ends_the_template() {
    let console = console();
    let mut admin = console.browser(Role::Admin);

    admin.get("/templates/demo.noop/archive");
    let refused = admin.post("/templates/demo.noop/archive", "reason=");
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("Enter a reason"), "{}", refused.body);
    let done = admin.post("/templates/demo.noop/archive", "reason=replaced");
    assert_eq!((done.status, done.header("location")), (303, "/templates/demo.noop"));

    let page = admin.get("/templates/demo.noop");
    assert!(page.body.contains("This template is archived") && !page.body.contains("/templates/demo.noop/edit"));
    assert_eq!(admin.get("/templates/demo.noop/edit").status, 409);
    assert_eq!(admin.post("/templates/demo.noop/archive", "reason=again").status, 409);
    assert_eq!(admin.get("/templates/demo.noop/publish").status, 409);
    let kept = "SELECT reason AS text FROM millrace.audit WHERE act = 'template.archive'";
    assert_eq!(console.text(kept), "replaced");
}

#[test]
fn a_form_that_archived_one_template_archives_no_other() {
    let console = console();
    let mut admin = console.browser(Role::Admin);

    admin.get("/templates/demo.noop/archive");
    assert_eq!(admin.post("/templates/demo.noop/archive", "reason=old&op=one").status, 303);
    let password = PASSWORD.replace(' ', "+");
    let other = admin.post("/templates/demo.echo/archive", &format!("reason=old&op=one&password={password}"));

    assert_eq!(other.status, 409);
    assert!(other.body.contains("used for another act"), "{}", other.body);
}

#[test]
fn a_form_without_a_version_publishes_the_one_that_was_asked_about() {
    let console = console();
    let mut admin = console.browser(Role::Admin);

    admin.get("/templates/demo.echo/publish");
    // the latest is the third: both forms say the same
    let password = PASSWORD.replace(' ', "+");
    assert_eq!(admin.post("/templates/demo.echo/publish", &format!("op=one&password={password}")).status, 303);
    let same = admin.post("/templates/demo.echo/publish", "version=3&op=one");

    assert_eq!(same.status, 303, "{}", same.body);
}

#[test]
fn the_question_is_the_inside_of_a_dialog_as_well() {
    let console = console();
    let mut admin = console.browser(Role::Admin);
    let asked = [("HX-Request", "true"), ("HX-Request-Type", "partial"), ("HX-Target", "dialog#dialog")];

    let dialog = admin.get_with("/templates/demo.echo/archive", &asked);

    assert!(dialog.body.contains("Archive demo.echo?") && !dialog.body.contains("<html"));
}
