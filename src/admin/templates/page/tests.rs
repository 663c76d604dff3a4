//! Every template in every state.

use askama::Template;
use serde_json::json;

use super::*;
use crate::admin::templates::TemplateState;

fn specs() -> [serde_json::Value; 4] {
    [
        json!({ "runner": "command", "command": { "argv": ["/bin/tar", "{{ params.out }}"], "env": { "A": "<b>" } },
            "params": { "required": ["out"], "properties": { "out": { "type": "string", "description": "Where <b>" }, "n": { "type": "integer", "default": 3 } } },
            "defaults": { "queue": "files" } }),
        json!({ "runner": "http", "http": { "url": "http://a/<b>", "body": "<b>", "method": "POST" }, "params": { "additionalProperties": false, "type": "object" } }),
        json!({ "runner": "sql", "sql": { "statements": "SELECT '<b>'" }, "defaults": { "max_attempts": 1 } }),
        json!({ "runner": "handler", "handler": { "name": "diag.noop" } }),
    ]
}

fn clean(html: &str) {
    assert!(!html.contains("<b>mail") && !html.contains("<b></") && html.contains("<h1"), "{html}");
    assert_eq!(html.matches("<main").count(), 1);
}

#[test]
fn the_list_is_rendered_full_and_empty() {
    let full = list::sample::index(false).render().expect("rendered");
    clean(&full);
    for word in [
        "mail.command",
        "v8 is a draft",
        "1.20M",
        "Deprecated",
        "1 filter was not understood",
        "runner=magic",
        "rel=\"next\"",
    ] {
        assert!(full.contains(word), "{word}: {full}");
    }

    let empty = list::sample::index(true).render().expect("rendered");
    for word in ["No templates yet", "New template", "millrace template apply", "data-copy"] {
        assert!(empty.contains(word), "{word}");
    }
    let none = list::IndexPage { empty: false, ..list::sample::index(true) };
    assert!(none.render().expect("rendered").contains("No template matches these filters"));
}

#[test]
fn the_example_of_the_empty_list_is_a_good_template() {
    let read = crate::admin::templates::file::read_all(list::EXAMPLE).expect("no fault");

    assert_eq!(read.len(), 1);
}

#[test]
fn a_template_is_rendered_in_every_state_and_with_every_runner() {
    for state in TemplateState::ALL {
        for spec in specs() {
            let shown = show::sample::show(state, spec.clone()).render().expect("rendered");
            clean(&shown);
            assert_eq!(shown.contains("This template is archived"), state == TemplateState::Archived);

            clean(&version::sample::version(spec).render().expect("rendered"));
        }
    }
    let operator = show::sample::show(TemplateState::Active, specs()[0].clone()).render().expect("rendered");
    assert!(operator.contains("Version 8 is a draft") && operator.contains("needs admin"));
}

#[test]
fn history_and_differences_are_rendered() {
    let history = versions::sample::versions().render().expect("rendered");
    clean(&history);
    assert!(history.contains("name=\"from\" value=\"7\"") && history.contains("never") && history.contains("Older"));

    for split in [false, true] {
        let shown = diff::sample::diff(split).render().expect("rendered");
        clean(&shown);
        assert!(shown.contains("Roll back to v7…") && shown.contains("Publish v8…"), "{shown}");
        assert_eq!(shown.contains("diff two"), split);
    }
}

#[test]
fn the_editor_is_rendered_with_every_runner_as_form_and_as_yaml() {
    use crate::admin::templates::editor::View;

    for spec in specs() {
        for (view, conflict) in [(View::Form, false), (View::Yaml, false), (View::Form, true)] {
            let page = edit::sample::edit(spec.clone(), view, conflict);
            let shown = page.render().expect("rendered");
            clean(&shown);
            assert_eq!(shown.contains("name=\"document\""), view == View::Yaml);
            assert_eq!(shown.contains("Version 8 was saved meanwhile"), conflict);
            assert_eq!(shown.contains("needs admin"), conflict);
            let part = page.as_editor().render().expect("rendered");
            assert!(!part.contains("<main") && part.contains("What it will run"), "{part}");
        }
    }
}

#[test]
fn every_field_of_the_editor_has_its_label_and_every_problem_its_target() {
    use crate::admin::templates::editor::{View, fields::FIELDS};

    let form = edit::sample::edit(specs()[0].clone(), View::Form, false).render().expect("rendered");
    let yaml = edit::sample::edit(specs()[0].clone(), View::Yaml, false).render().expect("rendered");

    for (field, label) in FIELDS.iter().filter(|(field, _)| !matches!(*field, "name" | "params")) {
        let target = format!("id=\"f-{field}\"");
        assert!(form.contains(&target) || yaml.contains(&target), "{field}");
        assert!(*field == "runner" || form.contains(label) || yaml.contains(label), "{field}: {label}");
    }
}

#[test]
fn the_questions_are_rendered_with_and_without_password() {
    for fresh in [false, true] {
        let shown = ask::sample::ask(fresh).render().expect("rendered");
        clean(&shown);
        assert_eq!(shown.contains("type=\"password\""), fresh);
        assert!(shown.contains("name=\"version\" value=\"8\"") && shown.contains("Publish v8"));
    }
}
