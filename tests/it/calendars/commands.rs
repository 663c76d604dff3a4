//! `millrace calendar …`.

use super::FILE;
use crate::cli::Stage;

#[test]
fn calendars_are_imported_shown_exported_and_removed() {
    let stage = Stage::new();
    let file = stage.folder.path().join("days.ics");
    std::fs::write(&file, FILE).unwrap();
    let path = file.to_str().unwrap();

    let made = stage.run(&["calendar", "import", path, "--name", "it"]);
    assert_eq!(
        (made.code, made.out.as_str()),
        (0, "it was made: 3 added, 0 known already, 0 dropped\n"),
        "{}",
        made.err
    );
    assert!(made.err.contains("not taken: \"Meeting\" does not begin with a whole day"), "{}", made.err);
    let again = stage.run_with(&["calendar", "import", "-", "--name", "it", "--json"], FILE).json();
    assert_eq!((&again["known"], again["added"].as_array().map(Vec::len)), (&3.into(), Some(0)));

    let shown = stage.run(&["calendar", "show", "it"]);
    assert!(shown.out.contains("kind: Calendar") && shown.out.contains("Ferragosto"), "{}", shown.out);
    assert_eq!(shown.err, "no schedule minds it\n");
    assert_eq!(stage.run_with(&["schedule", "apply", "-"], &shown.out).code, 0, "apply takes what show prints");
    assert!(stage.run(&["calendar", "list"]).out.starts_with("CALENDAR"));

    let exported = stage.run(&["calendar", "export", "it", "--from", "2026", "--to", "2026"]);
    assert_eq!(exported.out.matches("BEGIN:VEVENT").count(), 3, "{}", exported.out);
    let copied = stage.run_with(&["calendar", "import", "-", "--name", "copy"], &exported.out);
    assert_eq!(copied.out, "copy was made: 3 added, 0 known already, 0 dropped\n");
    assert_eq!(stage.run(&["calendar", "export", "it", "--from", "2026", "--to", "2025"]).code, 2);
    assert_eq!(stage.run(&["calendar", "export", "it", "--from", "1900"]).code, 2);

    assert_eq!(stage.run(&["calendar", "remove", "it", "--reason", "a copy is there"]).code, 0);
    assert_eq!(stage.run(&["calendar", "show", "it"]).err, "millrace: there is no calendar \"it\"\n");
    assert_eq!(stage.run(&["calendar", "import", path, "--name", "It"]).code, 1);
    let odd = stage.run_with(&["calendar", "import", "-", "--name", "x"], "hello");
    assert!(
        odd.code == 1
            && odd.err.contains("this is no line of an iCalendar file") | odd.err.contains("no iCalendar file"),
        "{}",
        odd.err
    );
}
