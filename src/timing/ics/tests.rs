//! iCalendar files in and out.

use chrono::{DateTime, NaiveDate, Utc};
use proptest::prelude::*;

use super::lines::{escaped, lines, write};
use super::*;
use crate::timing::calendar::{Calendar, OwnDate};

fn stamp() -> DateTime<Utc> {
    "2026-11-30T21:00:00Z".parse().expect("a moment")
}

fn calendar(fields: &str) -> Calendar {
    serde_saphyr::from_str(&format!("kind: Calendar\nname: test\n{fields}")).expect("a calendar")
}

/// A file of one event with these lines.
fn file(event: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nSUMMARY:Day off\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

fn taken(event: &str) -> Vec<OwnDate> {
    let imported = import(&file(event)).expect("a file");
    assert_eq!(imported.not_taken, [], "{event}");
    imported.dates
}

fn reason(event: &str) -> String {
    let imported = import(&file(event)).expect("a file");
    assert_eq!(imported.dates, [], "{event}");
    imported.not_taken[0].reason.clone()
}

fn one(date: &str, name: &str) -> OwnDate {
    OwnDate { date: Some(date.parse().expect("a date")), name: name.into(), ..OwnDate::default() }
}

fn range(from: &str, to: &str) -> OwnDate {
    let day = |text: &str| text.parse().ok();
    OwnDate { from: day(from), to: day(to), name: "Day off".into(), ..OwnDate::default() }
}

fn yearly(day: &str) -> OwnDate {
    OwnDate { month_day: day.parse().ok(), name: "Day off".into(), ..OwnDate::default() }
}

#[test]
fn all_day_events_are_taken_as_days_and_ranges() {
    let single = [one("2026-12-24", "Day off")];
    assert_eq!(taken("DTSTART;VALUE=DATE:20261224"), single);
    assert_eq!(taken("DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261225"), single, "the end is the day after");
    assert_eq!(taken("DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20261224"), single, "as some programs write it");
    assert_eq!(taken("DTSTART;VALUE=DATE:20261224\r\nDURATION:P1D"), single);
    assert_eq!(taken("dtstart;value=date:20261224"), single, "names have no case");
    let midnight = "DTSTART;TZID=\"Europe/Rome\":20261224T000000\r\nDTEND;TZID=Europe/Rome:20261225T000000";
    assert_eq!(taken(midnight), single, "from midnight to midnight");
    assert_eq!(taken("DTSTART;VALUE=DATE:20261224\r\nDTEND;VALUE=DATE:20270107"), [range("2026-12-24", "2027-01-06")]);
    assert_eq!(taken("DTSTART;VALUE=DATE:20261224\r\nDURATION:P2W"), [range("2026-12-24", "2027-01-06")]);
}

#[test]
fn simple_yearly_rules_are_taken() {
    let every_year = "DTSTART;VALUE=DATE:20200815\r\nRRULE:";
    for rule in ["FREQ=YEARLY", "FREQ=YEARLY;INTERVAL=1", "FREQ=YEARLY;BYMONTH=8;BYMONTHDAY=15", "freq=yearly;wkst=MO"]
    {
        assert_eq!(taken(&format!("{every_year}{rule}")), [yearly("08-15")], "{rule}");
    }
    assert_eq!(
        taken("DTSTART;VALUE=DATE:20201224\r\nDTEND;VALUE=DATE:20201226\r\nRRULE:FREQ=YEARLY"),
        [yearly("12-24"), yearly("12-25")]
    );
    let counted = taken(&format!("{every_year}FREQ=YEARLY;COUNT=2"));
    assert_eq!(counted, [one("2020-08-15", "Day off"), one("2021-08-15", "Day off")]);
    let until = taken(&format!("{every_year}FREQ=YEARLY;UNTIL=20220815"));
    assert_eq!(until.last(), Some(&one("2022-08-15", "Day off")));
    assert_eq!(until.len(), 3);
    let leap = taken("DTSTART;VALUE=DATE:20200229\r\nRRULE:FREQ=YEARLY;COUNT=2");
    assert_eq!(
        leap,
        [one("2020-02-29", "Day off"), one("2024-02-29", "Day off")],
        "29 February comes in leap years only"
    );
}

#[test]
fn what_was_not_taken_is_told_with_its_reason() {
    let day = "DTSTART;VALUE=DATE:20261224";
    let expected = [
        ("DTSTART:20261224T090000Z".to_owned(), "does not begin with a whole day (20261224T090000Z)"),
        ("DTSTART:20261224T000000Z".to_owned(), "does not begin with a whole day"),
        (format!("{day}\r\nDTEND:20261224T120000"), "does not end with a whole day"),
        (format!("{day}\r\nDURATION:PT8H"), "does not last whole days (PT8H)"),
        (format!("{day}\r\nDTEND;VALUE=DATE:20261220"), "has -4 days"),
        (format!("{day}\r\nDTEND;VALUE=DATE:20281220"), "has 727 days"),
        ("DESCRIPTION:nothing".to_owned(), "has no beginning"),
        ("DTSTART;VALUE=DATE:20261324".to_owned(), "does not begin with a whole day"),
        ("DTSTART;VALUE=DATE:19891224".to_owned(), "is not in the years 1990 to 2100"),
        (format!("{day}\r\nRRULE:FREQ=WEEKLY"), "repeats by a rule other than simply every year (FREQ=WEEKLY)"),
        (format!("{day}\r\nRRULE:FREQ=YEARLY;INTERVAL=2"), "repeats by a rule"),
        (format!("{day}\r\nRRULE:FREQ=YEARLY;BYDAY=4TH;BYMONTH=11"), "repeats by a rule"),
        (format!("{day}\r\nRRULE:FREQ=YEARLY;BYMONTH=11"), "repeats by a rule"),
        (format!("{day}\r\nRRULE:COUNT=3"), "repeats by a rule"),
        (format!("{day}\r\nRRULE:FREQ=YEARLY\r\nRRULE:FREQ=YEARLY"), "has several rules"),
        (format!("{day}\r\nRRULE:FREQ=YEARLY\r\nEXDATE;VALUE=DATE:20271224"), "has exceptions"),
        (format!("{day}\r\nRDATE;VALUE=DATE:20271224"), "has dates beside"),
        (format!("{day}\r\nRECURRENCE-ID;VALUE=DATE:20261224"), "changes one occurrence"),
        (format!("{day}\r\nSTATUS:CANCELLED"), "is cancelled"),
        (
            "DTSTART;VALUE=DATE:20260227\r\nDTEND;VALUE=DATE:20260302\r\nRRULE:FREQ=YEARLY".to_owned(),
            "comes every year with more",
        ),
    ];
    for (event, why) in expected {
        assert!(reason(&event).starts_with(why), "{event}: {}", reason(&event));
    }
    let told = import(&file("DTSTART:20261224T090000Z")).expect("a file").not_taken[0].to_string();
    assert_eq!(told, "line 3: not taken: \"Day off\" does not begin with a whole day (20261224T090000Z)");
}

#[test]
fn folded_lines_escapes_and_other_components_are_read() {
    let text = "\u{feff}BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:X\nBEGIN:STANDARD\nDTSTART:19700101T000000\nEND:STANDARD\nEND:VTIMEZONE\n\
        BEGIN:VEVENT\nSUMMARY;LANGUAGE=it;X-A=\"a:b;c\":Ferrago\n sto\\, chiuso\\; \\\"B\\\\C\\\"\\nsì\n\
        BEGIN:VALARM\nDTSTART;VALUE=DATE:20200101\nSUMMARY:alarm\nEND:VALARM\nDTSTART;VALUE=DA\n\tTE:20270815\nEND:VEVENT\n\
        BEGIN:VJOURNAL\nDTSTART;VALUE=DATE:20200101\nSUMMARY:note\nEND:VJOURNAL\nEND:VCALENDAR\n";

    let imported = import(text).expect("a file");

    assert_eq!(imported.dates, [one("2027-08-15", "Ferragosto, chiuso; \"B\\C\" sì")]);
    assert_eq!(imported.not_taken, []);
}

#[test]
fn a_name_is_made_fit() {
    let named = |summary: &str| {
        import(&file("DTSTART;VALUE=DATE:20270815").replace("Day off", summary)).expect("a file").dates[0].name.clone()
    };

    assert_eq!(named("  a \u{202e} b\u{7}c  "), "a b c");
    assert_eq!(named(""), "Holiday");
    assert_eq!(named(&"ä".repeat(300)).chars().count(), 100);
    assert!(named(&"ä".repeat(300)).ends_with('…'));
}

#[test]
fn what_is_no_calendar_is_refused_with_its_line() {
    let refused = [
        ("", "this is no iCalendar file: it holds no BEGIN:VCALENDAR"),
        ("hello", "line 1: this is no iCalendar file"),
        ("<html>", "line 1: this is no iCalendar file"),
        ("SUMMARY:x", "line 1: an iCalendar file begins with BEGIN:VCALENDAR"),
        ("BEGIN:VEVENT\nEND:VEVENT", "line 1: an iCalendar file begins with BEGIN:VCALENDAR"),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR",
            "line 3: END:VCALENDAR where END:VEVENT is due, which began at line 2",
        ),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT", "line 1: END:VCALENDAR is missing"),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR\nEND:VCALENDAR", "line 3: END:VCALENDAR without its BEGIN"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nBEGIN:VEVENT", "line 3: an event stands inside another one"),
        ("BEGIN:VCALENDAR\nno colon", "line 2: this is no line of an iCalendar file"),
    ];
    for (text, why) in refused {
        let told = import(text).expect_err(text).to_string();
        assert!(told.starts_with(why), "{text:?}: {told}");
    }
}

#[test]
fn sizes_are_bounded() {
    let events = |count: usize| format!("BEGIN:VCALENDAR\n{}END:VCALENDAR", "BEGIN:VEVENT\nEND:VEVENT\n".repeat(count));
    assert_eq!(import(&events(5_000)).expect("a file").not_taken.len(), 5_000);
    assert!(import(&events(5_001)).expect_err("too many").message.contains("more than 5000 events"));
    assert!(import(&"x".repeat(BYTES_MAX + 1)).expect_err("too large").message.contains("at most 1048576"));
    let many = "BEGIN:VEVENT\nDTSTART;VALUE=DATE:19900101\nSUMMARY:NAME\nRRULE:FREQ=YEARLY;COUNT=111\nEND:VEVENT\n";
    let many: String = (0..5_000).map(|at| many.replace("NAME", &at.to_string())).collect();
    let imported = import(&format!("BEGIN:VCALENDAR\n{many}END:VCALENDAR")).expect("a file");
    assert_eq!(
        (imported.dates.len(), imported.not_taken.len()),
        (18 * 111, 4_982),
        "a calendar has at most 2000 dates"
    );
    let deep = "BEGIN:VCALENDAR\n".to_owned() + &"BEGIN:X\n".repeat(100_000);
    assert!(import(&deep).expect_err("too deep").message.contains("more than 16 deep"));
}

#[test]
fn an_entry_that_stands_twice_is_taken_once() {
    let event = "BEGIN:VEVENT\nSUMMARY:x\nDTSTART;VALUE=DATE:20270815\nEND:VEVENT\n";

    let imported = import(&format!("BEGIN:VCALENDAR\n{event}{event}END:VCALENDAR")).expect("a file");

    assert_eq!(imported.dates, [one("2027-08-15", "x")]);
}

#[test]
fn an_export_is_a_file_by_the_standard() {
    let fields =
        "holidays: [ { country: AT } ]\ndates: [ { from: 2026-12-28, to: 2026-12-31, name: 'Ruhe; Stille, \\ Ende' } ]";
    let days = calendar(fields).days().expect("valid");

    let text = export(&days, "Österreich", 2026..=2026, stamp());

    assert!(text.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:") && text.ends_with("END:VCALENDAR\r\n"));
    assert!(text.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])));
    assert_eq!(text.matches("BEGIN:VEVENT").count(), 14, "13 holidays and one range");
    assert!(text.contains("UID:20261228-test@millrace.invalid\r\nDTSTAMP:20261130T210000Z\r\nDTSTART;VALUE=DATE:20261228\r\nDTEND;VALUE=DATE:20270101\r\n"));
    assert!(text.contains("SUMMARY:Ruhe\\; Stille\\, \\\\ Ende\r\n"), "{text}");
    let again = export(&days, "Österreich", 2026..=2027, stamp());
    let uids = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("UID:")).map(str::to_owned).collect()
    };
    assert_eq!(uids(&text), uids(&again)[..14], "UIDs stay the same");
    let all: std::collections::HashSet<String> = uids(&again).into_iter().collect();
    assert_eq!(all.len(), 27, "none twice");
}

#[test]
fn years_out_of_reach_cost_nothing() {
    let days = calendar("holidays: [ { country: AT } ]").days().expect("valid");

    assert_eq!(export(&days, "", i32::MIN..=1989, stamp()).matches("BEGIN:VEVENT").count(), 0);
    assert_eq!(export(&days, "", 2100..=i32::MAX, stamp()).matches("BEGIN:VEVENT").count(), 13);
}

/// The holidays of two years, with the names that people see.
fn holidays_of(calendar: &Calendar) -> Vec<(NaiveDate, String)> {
    let days = calendar.days().expect("valid");
    let all = [2026, 2027].into_iter().flat_map(|year| days.year(year)).map(|day| day.date);
    all.filter_map(|date| Some((date, days.is_holiday(date)?.to_string()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_exported_is_imported_as_the_same_holidays(
        own in proptest::collection::vec((0u64..700, 0u64..40, "[a-zA-Zäöß漢,;:\\\\\"]([a-zA-Zäöß漢,;:\\\\\" ]{0,90}[a-z])?"), 0..20),
        country in 0usize..5,
    ) {
        let code = ["IT", "JP", "GB", "GR", "NO"][country];
        let mut first = calendar(&format!("holidays: [ {{ country: {code} }} ]"));
        first.dates = own
            .into_iter()
            .map(|(from, length, name)| {
                let from = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day") + chrono::Days::new(from);
                let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
                OwnDate { from: Some(from), to: Some(from + chrono::Days::new(length)), name, ..OwnDate::default() }
            })
            .collect();

        let text = export(&first.days().expect("valid"), "x", 2026..=2027, stamp());
        let imported = import(&text).expect("a file");
        let mut second = calendar("");
        second.dates = imported.dates;

        prop_assert_eq!(imported.not_taken, vec![]);
        prop_assert_eq!(holidays_of(&first), holidays_of(&second));
    }

    #[test]
    fn a_line_is_read_as_it_was_written(text in "\\PC{0,200}") {
        let mut out = String::new();
        write(&mut out, &format!("SUMMARY:{}", escaped(&text)));

        prop_assert!(out.split("\r\n").all(|line| line.len() <= 75));
        let read: Vec<_> = lines(&out).collect();
        prop_assert_eq!(read.len(), 1);
        let line = read[0].as_ref().expect("a line");
        prop_assert_eq!(line.text(), text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(BEGIN:|END:|VCALENDAR|VEVENT|DTSTART|;VALUE=DATE|:2026|0101|RRULE:FREQ=YEARLY|;|=|\"|\\\\|:|\r?\n| |ä){0,60}") {
        let _read_or_refused = import(&text);
        let _read_or_refused = import(&format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{text}\nEND:VEVENT\nEND:VCALENDAR"));
    }
}
