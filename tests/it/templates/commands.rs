//! `millrace template …` as scripts see it.

use serde_json::{Value, json};

use crate::cli::{Said, Stage};

const TWO: &str = "kind: Template\nname: files.compress\nrunner: command\ncommand: { argv: [/bin/tar, -czf] }\n---\nkind: Template\nname: demo.noop\nrunner: handler\nhandler: { name: diag.noop }\n";

fn stage() -> Stage {
    let stage = Stage::new();
    std::fs::write(stage.folder.path().join("two.yaml"), TWO).unwrap();
    stage
}

fn done(said: &Said) -> &Said {
    assert_eq!(said.code, 0, "{} {}", said.out, said.err);
    said
}

#[test]
fn a_file_is_applied_and_published_and_again_without_change() {
    let stage = stage();

    let first = stage.run(&["template", "apply", "two.yaml", "--message", "from git"]);
    assert_eq!(done(&first).out, "files.compress@1 published\ndemo.noop@1 published\n");
    let again = stage.run(&["template", "apply", "two.yaml", "--json"]);
    let unchanged = |name: &str| json!({ "name": name, "version": 1, "unchanged": true, "published": true });
    assert_eq!(done(&again).json(), json!({ "templates": [unchanged("files.compress"), unchanged("demo.noop")] }));
    let shown = stage.run(&["template", "show", "files.compress", "--json"]).json();
    assert_eq!((&shown["version"]["message"], &shown["state"]), (&json!("from git"), &json!("active")));
    assert!(shown["version"]["author"].as_str().unwrap().starts_with("cli:"));
}

#[test]
fn a_faulty_file_is_told_by_line_and_column_and_saves_nothing() {
    let stage = stage();
    let faulty = TWO.replace("argv: [/bin/tar", "argv: [./tar").replace("name: diag.noop", "nam: diag.noop");

    let said = stage.run_with(&["template", "apply", "-"], &faulty);

    assert_eq!((said.code, said.out.as_str()), (1, ""));
    let lines: Vec<&str> = said.err.lines().collect();
    assert_eq!(
        lines,
        [
            "millrace: nothing was saved:",
            "  <stdin>:4:19: /command/argv/0 must be an absolute path, or a bare name that is looked up in PATH",
            "  <stdin>:9:12: /handler/nam is no field here; known are name",
            "  <stdin>:9:1: /handler/name is missing",
        ]
    );
    let told = stage.run_with(&["template", "apply", "-", "--json"], &faulty);
    assert_eq!(told.json()["faults"][0]["line"], 4);
    assert_eq!(stage.run(&["template", "list", "--json"]).json(), json!({ "templates": [] }));
    let missing = stage.run(&["template", "apply", "none.yaml"]);
    assert!(missing.code == 1 && missing.err.contains("cannot read none.yaml"), "{}", missing.err);
}

#[test]
fn all_documents_or_none() {
    let stage = stage();
    done(&stage.run(&["template", "apply", "two.yaml"]));
    done(&stage.run(&["template", "archive", "demo.noop", "--reason", "old"]));
    let changed = TWO.replace("-czf", "-cJf").replace("diag.noop", "diag.sleep");

    let said = stage.run_with(&["template", "apply", "-"], &changed);

    assert!(said.code == 1 && said.err.contains("\"demo.noop\" is archived, so it cannot be changed"), "{}", said.err);
    assert_eq!(stage.run(&["template", "show", "files.compress", "--json"]).json()["latest_version"], 1);
}

#[test]
fn drafts_are_left_published_compared_and_rolled_back() {
    let stage = stage();
    done(&stage.run(&["template", "apply", "two.yaml"]));

    let draft = stage.run_with(&["template", "apply", "-", "--draft"], &TWO.replace("-czf", "-cJf"));
    assert_eq!(done(&draft).out, "files.compress@2 saved as a draft\ndemo.noop@1 unchanged\n");
    assert!(draft.err.contains("millrace template publish"), "{}", draft.err);
    let diff = stage.run(&["template", "diff", "files.compress", "1", "2"]);
    assert!(done(&diff).out.contains("-  - -czf\n+  - -cJf\n"), "{}", diff.out);
    let published = stage.run(&["template", "publish", "files.compress"]);
    assert_eq!(done(&published).out, "files.compress: v2 is active.\n");
    assert_eq!(stage.run(&["template", "publish", "files.compress@2"]).out, "files.compress: v2 was active already.\n");
    let back = stage.run(&["template", "rollback", "files.compress", "1"]);
    assert_eq!(done(&back).out, "files.compress: v3 has the content of v1 and is active.\n");
    let same = stage.run(&["template", "diff", "files.compress", "1", "3"]);
    assert_eq!((same.code, same.out.as_str(), same.err.as_str()), (0, "", "They say the same.\n"));

    for (args, reason) in [
        (&["publish", "no.such"][..], "there is no template called \"no.such\""),
        (&["publish", "files.compress@9"], "the template \"files.compress\" has no version 9"),
        (&["show", "files.compress@9"], "the template \"files.compress\" has no version 9"),
        (&["rollback", "files.compress", "9"], "has no version 9"),
    ] {
        let said = stage.run(&[&["template"], args].concat());
        assert!(said.code == 1 && said.err.contains(reason), "{args:?} {}", said.err);
    }
    assert_eq!(stage.run(&["template", "show", "files.compress@x"]).code, 2);
}

#[test]
fn what_is_exported_can_be_applied_elsewhere() {
    let (here, there) = (stage(), Stage::new());
    done(&here.run(&["template", "apply", "two.yaml"]));

    let exported = here.run(&["template", "export"]);
    let applied = there.run_with(&["template", "apply", "-"], &done(&exported).out);

    assert_eq!(done(&applied).out, "demo.noop@1 published\nfiles.compress@1 published\n");
    assert_eq!(there.run(&["template", "export"]).out, exported.out);
    let json = here.run(&["template", "export", "demo.noop", "--json"]).json();
    assert_eq!(json["templates"][0]["handler"], json!({ "name": "diag.noop" }));
}

#[test]
fn lists_and_schema_are_for_people_and_programs() {
    let stage = stage();
    done(&stage.run(&["template", "apply", "two.yaml"]));

    let list = stage.run(&["template", "list"]);
    assert!(
        done(&list).out.starts_with("NAME") && list.out.contains("files.compress  active  command  1"),
        "{}",
        list.out
    );
    let filtered = stage.run(&["template", "list", "--runner", "handler", "--json"]).json();
    assert_eq!(
        (filtered["templates"].as_array().unwrap().len(), &filtered["templates"][0]["name"]),
        (1, &json!("demo.noop"))
    );
    assert_eq!(stage.run(&["template", "list", "--state", "asleep"]).code, 2);
    let schema: Value = stage.run(&["template", "schema"]).json();
    assert_eq!(schema["title"], "Millrace template");
    let shown = stage.run(&["template", "show", "files.compress"]);
    assert!(done(&shown).out.starts_with("# files.compress@1 of 1, active; by cli:"), "{}", shown.out);
}
