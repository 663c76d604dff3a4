//! Writing a template, as a browser without script does it, and the parts that htmx asks for.

use millrace::queue::permission::Role;

use super::stage::Console;
use crate::web::browser::{Answer, Browser};

/// Spells pairs as a form.
fn form(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

const COMPRESS: &[(&str, &str)] = &[
    ("base", "0"),
    ("name", "files.compress"),
    ("description", "Packs a folder"),
    ("runner", "command"),
    ("command.argv", "/bin/tar\r\n-czf\r\n{{ params.out }}\r\n{{ params.folder }}"),
    ("command.retry_codes", "75"),
    ("params_view", "table"),
    ("params.0.name", "folder"),
    ("params.0.type", "string"),
    ("params.0.required", "on"),
    ("params.1.name", "out"),
    ("params.1.title", "Archive"),
    ("params.1.type", "string"),
    ("params.1.default", "/tmp/out.tgz"),
    ("defaults.queue", "files"),
    ("defaults.timeout_ms", "10"),
    ("defaults.timeout_ms.unit", "m"),
    ("message", "first"),
];

fn with(pairs: &[(&'static str, &'static str)], more: &[(&'static str, &'static str)]) -> String {
    let kept = pairs.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    form(&kept.chain(more).copied().collect::<Vec<_>>())
}

fn post(browser: &mut Browser, path: &str, body: &str) -> Answer {
    browser.get(path);
    browser.post(path, body)
}

#[test]
fn a_template_is_written_saved_and_shown() {
    let console = Console::start();
    let mut operator = console.browser(Role::Operator);
    let blank = operator.get("/templates/new?runner=http");
    assert!(blank.body.contains("New template") && blank.body.contains("value=\"http\" checked"), "{}", blank.body);

    let saved = post(&mut operator, "/templates/new", &form(COMPRESS));

    assert_eq!((saved.status, saved.header("location")), (303, "/templates/files.compress"), "{}", saved.body);
    let page = operator.get("/templates/files.compress");
    for word in ["Version 1 is saved as a draft.", "Packs a folder", "/tmp/out.tgz", "10m", "75: try again"] {
        assert!(page.body.contains(word), "{word}");
    }
    let stored = "SELECT spec::text AS text FROM millrace.template_versions";
    let spec: serde_json::Value = serde_json::from_str(&console.text(stored)).unwrap();
    assert_eq!(
        spec["command"]["argv"],
        serde_json::json!(["/bin/tar", "-czf", "{{ params.out }}", "{{ params.folder }}"])
    );
    assert_eq!(
        (&spec["defaults"]["timeout_ms"], &spec["params"]["required"]),
        (&600_000.into(), &serde_json::json!(["folder"]))
    );
}

#[test]
fn one_until_it_runs_is_written_shown_again_and_kept() {
    let console = Console::start();
    let mut operator = console.browser(Role::Operator);
    let typed = [("unique.scope", "waiting"), ("unique.by", "folder"), ("unique.for_ms", "5")];

    let saved = post(&mut operator, "/templates/new", &with(COMPRESS, &typed));

    assert_eq!(saved.status, 303, "{}", saved.body);
    let unique = || {
        console.text(
            "SELECT (spec -> 'unique')::text AS text FROM millrace.template_versions ORDER BY version DESC LIMIT 1",
        )
    };
    assert_eq!(
        unique(),
        r#"{"by": ["folder"], "states": "waiting"}"#,
        "what was typed for another scope is no part of it"
    );
    let page = operator.get("/templates/files.compress/edit").body;
    assert!(page.contains("value=\"waiting\" selected") && page.contains("value=\"folder\""), "{page}");

    let again =
        with(COMPRESS, &[typed[0], typed[1], ("base", "1"), ("description", "Packs it"), ("message", "second")]);
    let saved = post(&mut operator, "/templates/files.compress/edit", &again);
    assert_eq!((saved.status, unique().contains("waiting")), (303, true), "{}", saved.body);
}

#[test]
fn nothing_typed_is_lost_when_it_is_refused() {
    let console = Console::start();
    let mut operator = console.browser(Role::Operator);
    let body =
        with(COMPRESS, &[("name", "Files Compress"), ("defaults.priority", "9"), ("command.argv", "./tar\n<kept>")]);

    let refused = post(&mut operator, "/templates/new", &body);

    assert_eq!(refused.status, 422);
    for word in [
        "There are problems with 2 fields",
        "href=\"#f-name\"",
        "href=\"#f-defaults.priority\"",
        "Files Compress",
        "&#60;kept&#62;",
    ] {
        assert!(refused.body.contains(word), "{word}: {}", refused.body);
    }
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.templates"), 0);
    let taken = post(&mut operator, "/templates/new", &with(COMPRESS, &[("name", "new")]));
    assert!(taken.status == 422 && taken.body.contains("is an address of the console"), "{}", taken.body);
}

#[test]
fn a_preview_shows_what_would_run_and_saves_nothing() {
    let console = Console::start();
    let mut operator = console.browser(Role::Operator);
    let typed = [("act", "preview"), ("sample", "{\"folder\": \"/srv/a b\"}")];

    let page = post(&mut operator, "/templates/new", &with(COMPRESS, &typed));
    assert_eq!(page.status, 200);
    for word in
        ["<html", "<code>/srv/a b</code>", "<code>/tmp/out.tgz</code>", "value=\"files.compress\"", "Attempt 2 after"]
    {
        assert!(page.body.contains(word), "{word}: {}", page.body);
    }
    let asked = [
        ("HX-Request", "true"),
        ("HX-Request-Type", "partial"),
        ("HX-Target", "div#preview"),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    let token = operator.token().to_owned();
    let part = operator.post_with("/templates/new", &format!("{}&csrf={token}", with(COMPRESS, &typed)), &asked);
    assert!(part.body.contains("<code>/srv/a b</code>") && !part.body.contains("<textarea"), "{}", part.body);
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.templates"), 0);

    let odd = post(&mut operator, "/templates/new", &with(COMPRESS, &[("act", "preview"), ("sample", "{}")]));
    assert!(odd.body.contains("It would refuse these arguments: /folder: is missing"), "{}", odd.body);
}

#[test]
fn rows_and_views_change_without_script() {
    let console = Console::start();
    let mut operator = console.browser(Role::Operator);
    let mut press = |act: &'static str| post(&mut operator, "/templates/new", &with(COMPRESS, &[("act", act)])).body;

    assert!(press("param_add").contains("name=\"params.2.name\""));
    let removed = press("param_remove_0");
    assert!(
        removed.contains("name=\"params.0.name\" type=\"text\" value=\"out\"") && !removed.contains("params.1.name"),
        "{removed}"
    );
    assert!(press("params_schema").contains("&#34;default&#34;: &#34;/tmp/out.tgz&#34;"));
    let yaml = press("view_yaml");
    assert!(
        yaml.contains("name: files.compress")
            && yaml.contains("name=\"document\"")
            && !yaml.contains("name=\"command.argv\""),
        "{yaml}"
    );
    assert!(yaml.contains("value=\"first\""));
    assert_eq!(post(&mut operator, "/templates/new", "act=destroy").status, 400);
}

#[test]
fn yaml_is_saved_and_its_faults_have_their_place() {
    let console = Console::start();
    let mut operator = console.browser(Role::Operator);
    let document = "kind: Template\nname: demo.noop\nrunner: handler\nhandler: { name: diag.noop }\n";

    let broken = form(&[("view", "yaml"), ("document", &document.replace("handler: {", "handlr: {"))]);
    let refused = post(&mut operator, "/templates/new", &broken);
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("Line 4, column 1: /handlr is no field here"), "{}", refused.body);

    let saved =
        post(&mut operator, "/templates/new", &form(&[("view", "yaml"), ("base", "0"), ("document", document)]));
    assert_eq!(saved.header("location"), "/templates/demo.noop", "{}", saved.body);
    let renamed = form(&[("view", "yaml"), ("base", "1"), ("document", &document.replace("demo.noop", "demo.other"))]);
    let refused = post(&mut operator, "/templates/demo.noop/edit", &renamed);
    assert!(refused.status == 422 && refused.body.contains("The name must stay demo.noop"), "{}", refused.body);
    let taken = post(
        &mut operator,
        "/templates/new",
        &form(&[("view", "yaml"), ("base", "0"), ("document", &document.replace("diag.noop", "x"))]),
    );
    assert!(
        taken.status == 422 && taken.body.contains("There is a template called demo.noop already"),
        "{}",
        taken.body
    );
}

#[test]
fn an_edit_makes_the_next_version_and_opens_what_was_saved() {
    let console = Console::start();
    let mut admin = console.browser(Role::Admin);
    post(&mut admin, "/templates/new", &form(COMPRESS));

    let editor = admin.get("/templates/files.compress/edit");
    for word in
        ["Saving makes version 2", "name=\"base\" value=\"1\"", "{{ params.folder }}", "Save and publish…", "None yet."]
    {
        assert!(editor.body.contains(word), "{word}");
    }
    let changed = with(COMPRESS, &[("base", "1"), ("description", "Packs better"), ("act", "publish")]);
    let saved = post(&mut admin, "/templates/files.compress/edit", &changed);
    assert_eq!(saved.header("location"), "/templates/files.compress/publish?version=2", "{}", saved.body);
    let unchanged = post(&mut admin, "/templates/files.compress/edit", &changed);
    assert_eq!(unchanged.status, 303, "a form sent twice is no conflict");
    let old = admin.get("/templates/files.compress/edit?from=1");
    assert!(old.body.contains("value=\"Packs a folder\"") && old.body.contains("name=\"base\" value=\"2\""));
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.template_versions"), 2);
}

#[test]
fn whoever_comes_second_chooses_between_both_versions() {
    let console = Console::start();
    let (mut ada, mut bob) = (console.browser(Role::Admin), console.browser(Role::Operator));
    post(&mut ada, "/templates/new", &form(COMPRESS));
    let edit = "/templates/files.compress/edit";
    let theirs = with(COMPRESS, &[("base", "1"), ("description", "from Ada"), ("message", "hers")]);
    assert_eq!(post(&mut ada, edit, &theirs).status, 303);

    let conflict = post(&mut bob, edit, &with(COMPRESS, &[("base", "1"), ("description", "from Bob")]));
    assert_eq!(conflict.status, 409);
    for word in [
        "Version 2 was saved meanwhile",
        "hers",
        "+ description: from Ada",
        "+ description: from Bob",
        "value=\"from Bob\"",
        "name=\"base\" value=\"2\"",
        "Save mine as v3",
    ] {
        assert!(conflict.body.contains(word), "{word}: {}", conflict.body);
    }
    let mine = bob.post(edit, &with(COMPRESS, &[("base", "2"), ("description", "from Bob")]));
    assert_eq!(mine.status, 303, "{}", mine.body);
    assert_eq!(console.number("SELECT latest_version::bigint AS id FROM millrace.templates"), 3);
}

#[test]
fn htmx_gets_the_editor_alone_and_is_led_on_by_header() {
    let console = Console::start();
    let mut operator = console.browser(Role::Operator);
    operator.get("/templates/new");
    let token = operator.token().to_owned();
    let asked = |target: &'static str| {
        [
            ("HX-Request", "true"),
            ("HX-Request-Type", "partial"),
            ("HX-Target", target),
            ("Sec-Fetch-Site", "same-origin"),
        ]
    };
    let body = |more: &[(&'static str, &'static str)]| format!("{}&csrf={token}", with(COMPRESS, more));

    let refused = operator.post_with("/templates/new", &body(&[("name", "A b")]), &asked("div#editor"));
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("id=\"problems\"") && !refused.body.contains("<html"), "{}", refused.body);
    let rows = operator.post_with("/templates/new", &body(&[("act", "param_add")]), &asked("div#params"));
    assert!(rows.body.contains("params.2.name") && !rows.body.contains("command.argv"), "{}", rows.body);
    let saved = operator.post_with("/templates/new", &body(&[]), &asked("div#editor"));
    assert_eq!((saved.status, saved.header("hx-redirect")), (200, "/templates/files.compress"));
}

#[test]
fn a_queue_out_of_scope_is_refused_at_its_field() {
    let console = Console::start();
    let person = console.person(Role::Operator, &["mail"]);
    let mut operator = console.browser_of(person);

    let refused = post(&mut operator, "/templates/new", &form(COMPRESS));

    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("The queue files is outside of what you may act on"), "{}", refused.body);
    assert!(refused.body.contains("href=\"#f-defaults.queue\""));
}
