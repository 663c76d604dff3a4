//! The editor loses nothing: what a template says survives the form, YAML, and the way between them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn spec(document: Value) -> TemplateSpec {
    serde_json::from_value(document).unwrap()
}

fn name() -> TemplateName {
    TemplateName::parse("files.compress").unwrap()
}

fn told(form: &Form) -> Vec<String> {
    form.problems().iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
}

fn full_command() -> Value {
    json!({ "description": "Packs a folder", "runner": "command",
        "command": { "argv": ["/bin/tar", "-czf", "{{ params.out }}", "two\nlines", ""], "env": { "A": "b=c", "B": "x\ny" },
            "env_allow": ["TZ", "LANG"], "folder": "/tmp", "stdin": "\n{{ job.id }}\n", "success_codes": [0, 3], "retry_codes": [75],
            "fail_codes": [2], "snooze_codes": [9], "snooze_ms": 90_000, "limits": { "memory_mib": 64, "files": 9 } },
        "params": { "type": "object", "required": ["out"], "properties": {
            "out": { "type": "string", "title": "Archive", "maxLength": 80 }, "level": { "type": "integer", "default": 6, "enum": [1, 6, 9] } } },
        "defaults": { "queue": "files", "priority": 2, "max_attempts": 7, "timeout_ms": 90_000, "tags": ["a", "b:c"],
            "backoff": { "kind": "list", "delays_ms": [1_000, 90_500], "jitter": 0.29, "factor": 1.5 },
            "retry_if": { "exit_codes": [1], "http_statuses": [500, "502-504"], "error_contains": ["timed out", "\"quoted\""] },
            "on_interrupt": "hold" } })
}

#[test]
fn every_kind_of_template_survives_the_form() {
    let all = [
        full_command(),
        json!({ "runner": "command", "command": { "shell": "echo \"$PARAM_OUT\"\n" }, "params": { "properties": { "out": { "type": "string" } } } }),
        json!({ "runner": "http", "http": { "method": "POST", "url": "https://{{ params.host }}/", "headers": { "X-A": " padded ", "B": "" },
            "body": "{\n}", "expect": ["200-299", 404], "retry": [], "timeout_ms": 1_500, "redirects": 3 } }),
        json!({ "runner": "sql", "sql": { "statements": "  SELECT 1;\n\nSELECT 2", "database": "default" } }),
        json!({ "runner": "handler", "handler": { "name": "diag.noop" }, "params": { "additionalProperties": true, "title": "All" } }),
        json!({ "runner": "handler", "handler": { "name": "diag.noop" }, "params": { "properties": { "a": { "type": "array" }, "b": { "type": "string" } } },
            "debounce": { "by": ["b"], "wait_ms": 1_500, "max_wait_ms": 60_000, "mode": "accumulate", "field": "a" } }),
        json!({ "runner": "handler", "handler": { "name": "diag.noop" }, "debounce": { "wait_ms": 1_000 } }),
        json!({ "runner": "handler", "handler": { "name": "diag.noop" }, "unique": {} }),
        json!({ "runner": "handler", "handler": { "name": "diag.noop" }, "unique": { "for_ms": 3_600_000 } }),
        json!({ "runner": "handler", "handler": { "name": "diag.noop" }, "params": { "properties": { "a": { "type": "string" } } },
            "unique": { "by": ["a"], "states": "waiting" } }),
    ];

    for document in all {
        let spec = spec(document);
        let form = open(&name(), &spec);
        assert_eq!(form.text("view"), "form", "{spec:?}");

        let typed = read(form, None);

        assert_eq!(
            told(&typed.form).iter().filter(|told| !told.contains("params.host")).count(),
            0,
            "{:?}",
            told(&typed.form)
        );
        assert!(same(typed.spec.as_ref().unwrap(), &spec), "{:?}\n{spec:?}", typed.spec);
        assert_eq!(typed.name, Some(name()));
    }
}

#[test]
fn what_the_form_cannot_hold_is_opened_as_yaml() {
    for document in [
        json!({ "runner": "command", "command": { "argv": ["a"], "stdin": "dos\r\n" } }),
        json!({ "runner": "handler", "handler": { "name": "a" }, "defaults": { "retry_if": {} } }),
    ] {
        let spec = spec(document);

        let form = open(&name(), &spec);

        assert_eq!(View::of(&form), View::Yaml);
        let typed = read(form, Some(&name()));
        assert_eq!((told(&typed.form), typed.spec), (vec![], Some(spec)));
    }
    let wide: serde_json::Map<_, _> = (0..60).map(|n| (format!("p{n}"), json!({ "type": "string" }))).collect();
    let wide = spec(json!({ "runner": "handler", "handler": { "name": "a" }, "params": { "properties": wide } }));
    assert_eq!(open(&name(), &wide).text("params_view"), "schema");
}

#[test]
fn both_views_hold_the_same() {
    let spec = spec(full_command());
    let form = open(&name(), &spec).with("base", "3").with("message", "because");

    let yaml = to_yaml(form.clone(), &document_of(&name(), &spec));
    let read_back = read(yaml.clone(), Some(&name()));
    let fields = to_fields(&yaml, Some(&name()), &read_back.spec.unwrap()).unwrap();

    assert_eq!((yaml.text("base"), yaml.text("message"), yaml.text("command.argv")), ("3", "because", ""));
    assert_eq!((fields.text("base"), fields.text("message"), fields.text("document")), ("3", "because", ""));
    assert_eq!(fields.text("command.argv"), form.text("command.argv"));
    assert!(same(&read(fields, None).spec.unwrap(), &spec));
}

#[test]
fn the_smallest_form_is_enough() {
    let form = Form::default().with("name", "a").with("runner", "command").with("command.argv", "/bin/true");

    let typed = read(form, None);

    assert_eq!(told(&typed.form), [""; 0]);
    assert_eq!(typed.spec, Some(spec(json!({ "runner": "command", "command": { "argv": ["/bin/true"] } }))));
}

#[test]
fn every_problem_stands_at_its_field() {
    let form = Form::default()
        .with("name", "A b")
        .with("runner", "command")
        .with("command.argv", "./run\n{{ params.x }}")
        .with("command.env", "A")
        .with("command.success_codes", "0 x")
        .with("command.limits.cpu_s", "many")
        .with("defaults.priority", "9")
        .with("defaults.timeout_ms", "10")
        .with("defaults.timeout_ms.unit", "d")
        .with("defaults.backoff.kind", "list")
        .with("defaults.backoff.delays_ms", "10")
        .with("params_view", "table")
        .with("params.0.name", "a b")
        .with("params.0.type", "string");

    let typed = read(form, None);

    assert_eq!(
        told(&typed.form),
        [
            "command.env: Environment: line 1 has no \"=\"",
            "command.success_codes: Done: \"x\" is no whole number",
            "command.limits.cpu_s: CPU time: \"many\" is no number",
            "defaults.backoff.delays_ms: Waits: \"10\" has no unit: write 10s, 5m or 1h",
            "defaults.priority: Priority: goes from 1 to 5",
            "defaults.timeout_ms: Timeout of an attempt: goes from 100 to 604800000",
            "name: Name: a template's name may hold only a-z, 0-9, '.', '_' and '-', but \"A b\" holds 'A'",
            "params.0.name: Parameter a b, name: is no name: 1 to 64 of A-Z a-z 0-9 _ -, beginning with a letter or _",
        ]
    );
    let empty = read(Form::default().with("runner", "http").with("name", "a"), None);
    assert_eq!(told(&empty.form), ["http.url: Address: must begin with http:// or https://"]);
    let nothing = read(Form::default(), None);
    assert_eq!(told(&nothing.form)[0], "runner: How it runs: choose one of the four");
}

#[test]
fn rules_are_told_once_the_shape_is_right() {
    let form = Form::default()
        .with("name", "a")
        .with("runner", "command")
        .with("command.argv", "./run\n{{ params.x }}")
        .with("params_view", "table")
        .with("params.0.name", "y");

    assert_eq!(
        told(&read(form, None).form),
        [
            "command.argv: Program: must be an absolute path, or a bare name that is looked up in PATH",
            "command.argv: Argument 1: params.x is none of the parameters",
        ]
    );
}

#[test]
fn yaml_is_told_with_line_and_column_and_keeps_its_name() {
    let yaml = |text: &str| read(Form::default().with("view", "yaml").with("document", text), Some(&name())).form;

    assert_eq!(
        told(&yaml("kind: Template\nname: files.compress\nrunner: sql\nsql:\n  statments: x\n")),
        [
            "document: Line 5, column 3: /sql/statments is no field here; known are statements, database",
            "document: Line 4, column 1: /sql/statements is missing",
        ]
    );
    let other = yaml("kind: Template\nname: other\nrunner: handler\nhandler: { name: a }\n");
    assert!(told(&other)[0].contains("The name must stay files.compress"));
    assert!(told(&yaml("a: [\n"))[0].starts_with("document: Line "));
}

fn word() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[a-z \"'{}\\\\\n=:,-]{0,8}").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_a_template_says_the_editor_can_save_it_unchanged(
        argv in proptest::collection::vec(word(), 1..5),
        env in proptest::collection::btree_map("[A-Z]{1,3}", word(), 0..3),
        stdin in word(), title in word(), default in word(), base in 0u64..1_000_000, factor in 1.0f64..100.0, jitter in 0.0f64..1.0,
    ) {
        let spec = spec(json!({ "description": title, "runner": "command",
            "command": { "argv": argv, "env": env, "stdin": stdin },
            "params": { "properties": { "p": { "type": "string", "title": title, "default": default } } },
            "defaults": { "backoff": { "base_ms": base, "factor": factor, "jitter": jitter, "max_ms": 2_000_000 } } }));

        let form = open(&name(), &spec);
        // what braces say may be refused, but it must be read as it was
        let read = match View::of(&form) {
            View::Form => read_template(&typed::document(&mut form.clone())).spec,
            View::Yaml => super::file::read_one(form.text("document")).unwrap().0.spec,
        };

        prop_assert!(same(&read.unwrap(), &spec));
    }
}
