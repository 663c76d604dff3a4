//! `millrace schedule preview`: no server, no database, no settings.

use std::fs;

use tempfile::TempDir;

use super::{Said, millrace};

fn preview(folder: &TempDir, args: &[&str]) -> Said {
    millrace(folder.path(), &[], &[&["schedule", "preview"], args].concat(), "")
}

#[test]
fn instants_of_a_range_are_printed_in_utc_one_a_line() {
    let folder = TempDir::new().unwrap();
    let range = ["--tz", "Europe/Rome", "--from", "2027-03-27T00:00:00Z", "--to", "2027-03-30T00:30:00Z"];

    for (rule, lines) in [
        ("30 2 * * *", "2027-03-27T01:30:00Z\n2027-03-28T01:00:00Z\n2027-03-29T00:30:00Z"), // the clock goes forward on the 28th
        ("every 36h", "2027-03-27T00:00:00Z\n2027-03-28T12:00:00Z\n2027-03-30T00:00:00Z"),  // from the Unix epoch
        (
            "DTSTART;TZID=America/New_York:20270301T090000\nRRULE:FREQ=DAILY;BYDAY=SU,MO",
            "2027-03-28T13:00:00Z\n2027-03-29T13:00:00Z",
        ),
        ("2027-03-29T10:00:00+02:00", "2027-03-29T08:00:00Z"),
    ] {
        let said = preview(&folder, &[&[rule], &range[..]].concat());
        assert_eq!((said.code, said.out.trim_end(), said.err.as_str()), (0, lines, ""), "{rule}");
    }
    let few = preview(&folder, &["*/5 * * * *", "--from", "2026-11-24", "--count", "2", "--json"]).json();
    assert_eq!(few["occurrences"], serde_json::json!(["2026-11-24T00:00:00Z", "2026-11-24T00:05:00Z"]));
    assert_eq!(few["sentences"], serde_json::json!(["Every 5 minutes"]));
}

#[test]
fn what_is_no_rule_is_told_with_its_column_and_what_never_runs_says_so() {
    let folder = TempDir::new().unwrap();

    let refused = preview(&folder, &["0 61 * * *"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("column 3: hour 61 is out of 0 to 23"), "{}", refused.err);
    let never = preview(&folder, &["0 0 30 2 *"]);
    assert_eq!((never.code, never.out.as_str()), (0, ""));
    assert!(never.err.contains("never runs"), "{}", never.err);
    assert_eq!(preview(&folder, &["* * * * *", "--tz", "Mars/Olympus"]).code, 2);
}

#[test]
fn a_file_has_its_calendars_beside_its_schedule() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("month-end.yaml");
    let text = "kind: Calendar
name: it
holidays: [{ country: IT }]
---
kind: Calendar
name: maintenance
timezone: Europe/Rome
windows: [{ name: patch, weekdays: [fri], start: \"17:00\", duration: 2h }]
---
kind: Schedule
name: month-end
template: ledger.close
timezone: Europe/Rome
rules: [{ cron: \"30 17 L * *\" }]
exclude: [{ cron: \"* * * 8 *\" }]
business_days: { calendar: it, roll: previous }
windows: [{ calendar: maintenance, action: delay }]
overlap: buffer_one
catch_up: { policy: one, window: 1h }
";
    fs::write(&file, text).unwrap();
    let at = format!("@{}", file.display());

    let said = preview(&folder, &[&at, "--from", "2026-05-01", "--to", "2026-11-01"]);

    // the last of May is a Sunday and of October a Saturday: Friday, after the window; August is left out
    let lines = [
        "2026-05-29T17:00:00Z",
        "2026-06-30T15:30:00Z",
        "2026-07-31T17:00:00Z",
        "2026-09-30T15:30:00Z",
        "2026-10-30T18:00:00Z",
    ];
    assert_eq!(said.out.lines().collect::<Vec<_>>(), lines, "{}", said.err);

    fs::write(&file, text.replace("calendar: it,", "calendar: italy,").replace("30 17 L", "30 25 L")).unwrap();
    let refused = preview(&folder, &[&at]);
    assert!(refused.err.contains("rules[0].cron: hour 25 is out of 0 to 23"), "{}", refused.err);
    assert!(refused.err.contains("business_days.calendar: there is no calendar \"italy\""), "{}", refused.err);
    fs::write(&file, text.replace("overlap:", "overlaps:")).unwrap();
    let strange = preview(&folder, &[&at]);
    assert!(strange.err.contains("overlaps") && strange.err.contains("line 18"), "{}", strange.err);
}

#[test]
fn what_is_left_out_or_moved_is_explained() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("nightly.yaml");
    let text = "kind: Schedule
name: nightly
template: work
timezone: Europe/Rome
rules: [{ cron: \"30 2 * * *\" }]
exclude: [{ from: 2027-03-30, to: 2027-04-02 }]
";
    fs::write(&file, text).unwrap();
    let at = format!("@{}", file.display());
    let asked = [at.as_str(), "--from", "2027-03-27", "--to", "2027-04-04"];

    let plain = preview(&folder, &asked);
    assert_eq!((plain.out.lines().count(), plain.err.as_str()), (4, ""), "{}", plain.out);
    let told = preview(&folder, &[&asked[..], &["--explain"]].concat());
    for words in [
        "2027-03-27T01:30:00Z\n2027-03-28T01:00:00Z",
        "2027-03-30T00:30:00Z  left out: excluded: 2027-03-30 to 2027-04-02",
        "4 of its days are without a run",
        "2027-04-01 is without a run: excluded",
        "02:30 does not exist that day, so it runs at 03:00",
    ] {
        assert!(told.out.contains(words), "{words}: {}", told.out);
    }

    let shown = preview(&folder, &[&asked[..], &["--json"]].concat()).json();
    assert_eq!(shown["occurrences"].as_array().unwrap().len(), 4);
    assert_eq!((&shown["cut"], &shown["next"], &shown["days_without"]), (&false.into(), &().into(), &4.into()));
    assert_eq!(shown["named"][3]["reason"], "excluded: 2027-03-30 to 2027-04-02");
    assert_eq!(shown["clock_changes"][0]["touched"][0]["becomes"], "moved");
    let twice = ["30 2 * * *", "--tz", "Europe/Rome", "--from", "2027-10-31", "--to", "2027-11-01", "--explain"];
    let told = preview(&folder, &twice).out;
    assert!(told.contains("2027-10-31T00:30:00Z  first pass") && told.contains("02:30 comes twice that day"), "{told}");
    assert!(preview(&folder, &["0 0 30 2 *", "--explain"]).out.contains("Nothing runs in that time."));
    let many = preview(&folder, &["* * * * *", "--explain", "--count", "1001"]);
    assert!(many.code == 2 && many.err.contains("at most 1000 are explained at once"), "{}", many.err);
}

#[test]
fn three_years_of_minutes_are_printed_to_the_last() {
    let folder = TempDir::new().unwrap();
    let years = ["every 1m", "--from", "2026-01-01", "--to", "2029-01-01"];

    let said = preview(&folder, &years);

    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let mut lines = said.out.lines();
    assert_eq!(lines.next(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(lines.next_back(), Some("2028-12-31T23:59:00Z"));
    assert_eq!(lines.count() + 2, 1_578_240, "2028 has a day more");
    let refused = preview(&folder, &["every 1m", "--count", "100000001"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("from 1 to 100000000"), "{}", refused.err);
}
