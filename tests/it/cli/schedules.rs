//! `millrace schedule …` with a database: saved, listed, acted on, compared, exported, removed.

use millrace::queue::schedules::{Plans, fire};
use serde_json::{Value, json};

use super::{Said, Stage};
use crate::schedules::stage::set_decided;
use crate::support::stage::handler_template;

/// Schedules of the template `work`, one document each.
fn documents(schedules: &[(&str, &str)]) -> String {
    let one = |(name, rules): &(&str, &str)| {
        format!("kind: Schedule\nname: {name}\ntemplate: work\nrules: [ {rules} ]\noverlap: allow_all\n")
    };
    schedules.iter().map(one).collect::<Vec<_>>().join("---\n")
}

const SIX: &str = "{ cron: \"0 6 * * *\" }";
const SEVEN: &str = "{ cron: \"0 7 * * *\" }";

/// A stage with these schedules.
fn stage(schedules: &[(&str, &str)]) -> Stage {
    let stage = Stage::new();
    handler_template(&mut stage.db.connect(), "work", json!({}));
    let said = stage.run_with(&["schedule", "apply", "-"], &documents(schedules));
    assert_eq!(said.code, 0, "{}", said.err);
    stage
}

trait Asked {
    fn ask(&self, args: &[&str]) -> Said;
    fn done(&self, args: &[&str]) -> String;
    fn told(&self, args: &[&str]) -> Value;
    fn refused(&self, args: &[&str]) -> String;
}

impl Asked for Stage {
    fn ask(&self, args: &[&str]) -> Said {
        self.run(&[&["schedule"], args].concat())
    }

    #[track_caller]
    fn done(&self, args: &[&str]) -> String {
        let said = self.ask(args);
        assert_eq!(said.code, 0, "{args:?}: {}", said.err);
        said.out
    }

    #[track_caller]
    fn told(&self, args: &[&str]) -> Value {
        self.ask(&[args, &["--json"]].concat()).json()
    }

    #[track_caller]
    fn refused(&self, args: &[&str]) -> String {
        let said = self.ask(args);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{args:?}");
        said.err
    }
}

fn names(page: &Value) -> Vec<String> {
    page["schedules"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_file_is_saved_listed_page_by_page_and_exported_as_it_was() {
    let stage = stage(&[("a", SIX), ("b", SEVEN), ("c", "{ every: 1h }")]);

    let listed = stage.ask(&["list", "--limit", "2"]);
    assert!(listed.out.contains("a  ") && !listed.out.contains("\nc "), "{}", listed.out);
    assert_eq!(listed.err.trim(), "There are more: --after b");
    let page = stage.told(&["list", "--limit", "2", "--after", "b"]);
    assert_eq!((names(&page), &page["next"]), (vec!["c".to_owned()], &Value::Null));
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let place = after.clone().map(|place: String| vec!["--after".to_owned(), place]).unwrap_or_default();
        let mut args = vec!["list", "--sort", "next", "--limit", "1"];
        args.extend(place.iter().map(String::as_str));
        let page = stage.told(&args);
        seen.extend(names(&page));
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, ["a", "b", "c"]);
    assert_eq!(stage.ask(&["list", "--sort", "next", "--after", "a"]).code, 2, "no place in that order");
    assert_eq!(names(&stage.told(&["list", "--template", "none"])), Vec::<String>::new());

    let file = stage.done(&["export"]);
    assert_eq!(file.matches("kind: Schedule").count(), 3, "{file}");
    assert_eq!(stage.done(&["export", "b"]), stage.done(&["show", "b"]));
    assert_eq!(stage.told(&["export", "c", "a"])["schedules"][1]["name"], "a");
    assert!(stage.refused(&["export", "a", "no-such"]).contains("there is no schedule called"));
    let again = stage.run_with(&["schedule", "apply", "-", "--json"], &file).json();
    assert!(again["applied"].as_array().unwrap().iter().all(|one| one["unchanged"] == true), "{again}");

    let faulty = documents(&[("d", SIX), ("e", "{ cron: \"0 25 * * *\" }")]);
    let said = stage.run_with(&["schedule", "apply", "-"], &faulty);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("nothing was saved") && said.err.contains("hour 25 is out of 0 to 23"), "{}", said.err);
    assert!(stage.refused(&["show", "d"]).contains("there is no schedule called \"d\""));
}

#[test]
fn more_schedules_than_a_page_are_all_reached() {
    let names_of: Vec<String> = (0..205).map(|n| format!("s-{n:03}")).collect();
    let all: Vec<(&str, &str)> = names_of.iter().map(|name| (name.as_str(), SIX)).collect();
    let stage = stage(&all);

    let first = stage.told(&["list"]);
    let rest = stage.told(&["list", "--after", first["next"].as_str().unwrap()]);

    assert_eq!([names(&first), names(&rest)].concat(), names_of);
    assert_eq!(stage.done(&["export"]).matches("kind: Schedule").count(), 205);
    assert_eq!(stage.told(&["export"])["schedules"].as_array().unwrap().len(), 205);
}

#[test]
fn a_schedule_is_paused_resumed_run_and_its_history_read() {
    let stage = stage(&[("hourly", "{ cron: \"0 * * * *\" }")]);

    assert!(stage.done(&["pause", "hourly", "--reason", "stocktaking"]).contains("hourly is paused"));
    let paused = stage.told(&["list", "--state", "paused"]);
    assert_eq!(paused["schedules"][0]["paused"]["reason"], "stocktaking");
    assert!(stage.refused(&["pause", "hourly"]).contains("is paused already"));
    assert!(stage.done(&["resume", "hourly"]).contains("hourly is enabled. It runs next at"));
    assert!(stage.refused(&["resume", "hourly"]).contains("is enabled already"));

    let mut conn = stage.db.connect();
    set_decided(&mut conn, "hourly", "5 hours 30 minutes");
    fire(&mut conn, &mut Plans::default(), &mut || 0).unwrap();
    let job = stage.told(&["run-now", "hourly", "--reason", "by hand"])["job"].clone();

    let by_hand = stage.told(&["history", "hourly", "--backfill", "by_hand"]);
    assert_eq!(by_hand["occurrences"][0]["job"], job);
    let missed = stage.told(&["history", "hourly", "--outcome", "missed"]);
    assert!(missed["occurrences"].as_array().unwrap().len() >= 3, "{missed}");
    let all = stage.told(&["history", "hourly", "--limit", "200"])["occurrences"].as_array().unwrap().clone();
    let (mut seen, mut before) = (Vec::new(), None::<String>);
    loop {
        let page = match &before {
            None => stage.told(&["history", "hourly", "--limit", "2"]),
            Some(before) => stage.told(&["history", "hourly", "--limit", "2", "--before", before]),
        };
        seen.extend(page["occurrences"].as_array().unwrap().iter().cloned());
        before = page["next"].as_str().map(str::to_owned);
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, all);
    let told = stage.ask(&["history", "hourly", "--limit", "1"]);
    assert!(
        told.out.contains("enqueued") && told.err.starts_with("There are more: --before "),
        "{} {}",
        told.out,
        told.err
    );
    for bad in [["--outcome", "lost"], ["--backfill", "0"], ["--before", "x"], ["--limit", "0"]] {
        assert_eq!(stage.ask(&[&["history", "hourly"], &bad[..]].concat()).code, 2, "{bad:?}");
    }
}

#[test]
fn versions_are_compared_brought_back_and_copied() {
    let stage = stage(&[("nightly", SIX)]);
    let later = stage.run_with(&["schedule", "apply", "-", "-m", "later"], &documents(&[("nightly", SEVEN)]));
    assert_eq!(later.out.trim(), "schedule nightly@2 saved");

    assert!(stage.done(&["versions", "nightly"]).contains("later"));
    let diff = stage.done(&["diff", "nightly", "1", "2"]);
    assert!(diff.starts_with("--- nightly@1\n+++ nightly@2\n") && diff.contains("0 7 * * *"), "{diff}");
    assert_eq!(stage.told(&["diff", "nightly", "1", "2"])["changes"][0]["pointer"], "/rules");
    assert_eq!(stage.ask(&["diff", "nightly", "2", "2"]).err.trim(), "They say the same.");
    assert!(stage.refused(&["diff", "nightly", "1", "9"]).contains("has no version 9"));

    assert!(stage.done(&["rollback", "nightly", "1"]).contains("version 3 has the content of version 1"));
    assert!(stage.done(&["show", "nightly"]).contains("0 6 * * *"));
    assert!(stage.refused(&["rollback", "nightly", "9"]).contains("has no version 9"));

    assert!(
        stage
            .done(&["clone", "nightly", "second", "--paused"])
            .contains("second says what nightly says. It is paused.")
    );
    let copy = stage.told(&["show", "second"]);
    assert_eq!((&copy["state"], &copy["spec"]["rules"]), (&json!("paused"), &json!([{ "cron": "0 6 * * *" }])));
    assert!(stage.refused(&["clone", "nightly", "second"]).contains("there is a schedule called \"second\" already"));
    assert_eq!(stage.told(&["clone", "nightly", "third"])["version"], 1);
    assert_eq!(stage.told(&["show", "third"])["state"], "enabled");
}

#[test]
fn new_schedules_of_a_file_are_saved_paused_and_the_others_go_on() {
    let stage = stage(&[("old", SIX)]);
    let file = documents(&[("old", SEVEN), ("young", SIX)]);

    let said = stage.run_with(&["schedule", "apply", "-", "--paused"], &file);

    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(stage.told(&["show", "old"])["state"], "enabled");
    assert_eq!(stage.told(&["show", "young"])["state"], "paused");
    assert_eq!(stage.run_with(&["schedule", "apply", "-", "--paused"], &file).code, 0);
}

#[test]
fn what_comes_next_is_told_with_what_is_left_out() {
    let stage = stage(&[("nightly", SIX)]);
    let text = format!("{}exclude: [ {{ from: 2027-03-02, to: 2027-03-03 }} ]\n", documents(&[("nightly", SIX)]));
    assert_eq!(stage.run_with(&["schedule", "apply", "-"], &text).code, 0);

    let asked = ["next", "nightly", "--from", "2027-03-01", "--to", "2027-03-06", "--count", "4"];
    let said = stage.ask(&asked);

    assert!(
        said.out.contains("2027-03-01T06:00:00Z\n2027-03-02T06:00:00Z  left out: excluded: 2027-03-02 to"),
        "{}",
        said.out
    );
    assert_eq!(said.err.trim(), "There are more: --from 2027-03-05T06:00:00Z");
    let shown = stage.told(&asked);
    assert_eq!((&shown["days_without"], &shown["occurrences"][1]["run_at"]), (&json!(2), &Value::Null));
    assert!(stage.refused(&["next", "no-such"]).contains("there is no schedule"));
}

#[test]
fn a_backfill_is_tried_started_listed_stopped_and_let_go_on() {
    let stage = stage(&[("nightly", SIX)]);
    let range = ["backfill", "nightly", "--from", "2026-03-01", "--to", "2026-03-08"];

    assert!(stage.done(&[&range[..], &["--dry-run"]].concat()).starts_with("7 jobs would be made"));
    assert_eq!(stage.told(&["backfills", "nightly"])["backfills"], json!([]));
    let first = stage.told(&[&range[..], &["--concurrency", "2", "--reason", "the first week"]].concat());
    let second = stage.told(&range);
    assert_eq!((&first["planned"], &first["reason"]), (&json!(7), &json!("the first week")));

    let id = first["id"].to_string();
    let page = stage.ask(&["backfills", "nightly", "--limit", "1"]);
    assert!(page.out.contains("running") && page.out.contains("2026-03-01 00:00:00 UTC"), "{}", page.out);
    assert_eq!(page.err.trim(), format!("There are more: --after {}", second["id"]));
    let rest = stage.told(&["backfills", "nightly", "--after", &second["id"].to_string()]);
    assert_eq!((&rest["backfills"][0]["id"], &rest["next"]), (&first["id"], &Value::Null));

    assert!(stage.done(&["backfill-state", &id, "--stop"]).contains("stopped, 0 of 7 jobs made"));
    assert!(stage.refused(&["backfill-state", &id, "--stop"]).contains("is stopped already"));
    assert!(stage.done(&["backfill-state", &id, "--resume"]).contains("running"));
    assert_eq!(stage.told(&["backfill-state", &id])["state"], "running");
    assert!(stage.refused(&["backfill-state", "999"]).contains("there is no backfill 999"));
    assert!(
        stage
            .refused(&[&range[..3], &["2026-03-08", "--to", "2026-03-01"]].concat())
            .contains("must be after its begin")
    );
}

#[test]
fn what_was_removed_is_gone() {
    let stage = stage(&[("nightly", SIX)]);

    assert!(stage.done(&["remove", "nightly", "--reason", "not needed"]).contains("nightly was removed"));

    for command in [&["show", "nightly"][..], &["run-now", "nightly"], &["history", "nightly"], &["pause", "nightly"]] {
        assert!(stage.refused(command).contains("was removed"), "{command:?}");
    }
    assert_eq!(names(&stage.told(&["list"])), Vec::<String>::new());
}
