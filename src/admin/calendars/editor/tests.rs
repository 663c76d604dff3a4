//! A calendar goes into the form and comes out the same; what is wrong stands at its field.

use super::*;

const WHOLE: &str = "kind: Calendar
name: it-holidays
title: Holidays of the Milan office
timezone: Europe/Rome
holidays: [ { country: IT }, { country: DE, region: BY } ]
dates:
  - { date: 2026-12-24, name: Christmas Eve }
  - { month_day: \"12-07\", name: Sant'Ambrogio }
  - { from: 2027-08-09, to: 2027-08-20, name: Summer closing }
removed: [ { holiday: Epiphany }, { date: 2027-06-02 }, { month_day: \"12-26\" } ]
workdays: [ { date: 2026-12-05, name: Stocktaking } ]
workweek: [Mon, Tue, Wed, Sat]
windows:
  - { name: Patching, weekdays: [Mon, Sun], week: -1, start: \"02:00\", duration: 4h }
  - { name: Closing, month_days: [1, -1], months: [1, 7], start: \"02:30:15\", duration: 1h 30m }
  - { name: Move, from: \"2027-03-05T22:00\", to: \"2027-03-07T06:00:30\" }";

fn calendar(yaml: &str) -> Calendar {
    serde_saphyr::from_str(yaml).expect("a calendar")
}

fn name() -> CalendarName {
    CalendarName::parse("it-holidays").expect("a name")
}

/// As a browser sends it back.
fn sent(form: Form) -> Form {
    let fields = form.into_fields().into_iter();
    fields.fold(Form::default(), |form, (name, value)| form.with(&name, value.replace('\n', "\r\n")))
}

#[test]
fn nothing_is_lost_by_opening_a_calendar() {
    let whole = calendar(WHOLE);

    let read = read(sent(open(&whole)), Some(&name()));

    assert_eq!((read.calendar, read.form.problems()), (Some(whole), [].as_slice()));
}

#[test]
fn every_problem_stands_at_its_field() {
    let form = open(&calendar("kind: Calendar\nname: a\nwindows: [ { name: x, start: \"02:00\", duration: 4h } ]"));
    let form =
        without(&form, |name| ["name", "title", "dates", "removed", "timezone", "windows.0.start"].contains(&name))
            .with("name", "It Holidays")
            .with("timezone", "Mars/Olympus")
            .with("dates", "\n2026-12-24 Eve\nsoon")
            .with("windows.0.start", "25:00");

    let read = read(form, None);

    let problems: Vec<&str> = read.form.problems().iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(problems, ["name", "timezone", "dates", "windows.0.start"]);
    assert!(read.calendar.is_none() && read.form.text("dates").contains("soon"));
    assert!(read.form.problem("dates").starts_with("Line 3: write a day"), "{}", read.form.problem("dates"));
}

#[test]
fn rules_of_the_whole_are_told_at_their_fields_too() {
    let mut whole = calendar(WHOLE);
    whole.workweek = Vec::new();
    whole.holidays.push(HolidaysOf { country: "IT".into(), region: None });
    whole.removed.push(crate::timing::calendar::Removed { holiday: Some("Festivus".into()), ..Default::default() });
    let form = without(&open(&whole), |name| name == "windows.1.duration").with("windows.1.duration", "40d");

    let read = read(form, Some(&name()));

    let told: Vec<String> = read.form.problems().iter().map(|one| format!("{}: {}", one.field, one.message)).collect();
    assert_eq!(
        told,
        [
            "places.2.country: Stands here twice",
            "removed: Line 4: \"Festivus\" is no public holiday of this calendar's countries",
            "workweek: Name at least one weekday, such as Mon",
            "windows.1.duration: Window 2: a window lasts from 1 minute to 31 days",
        ]
    );
}

#[test]
fn rows_come_and_go() {
    let form = windows::add(windows::add(add_place(open(&calendar(WHOLE)))));
    assert_eq!((places(&form), windows::count(&form)), (3, 5));

    let form = remove_row(&remove_row(&form, "places.", 0), "windows.", 1);
    assert_eq!((places(&form), windows::count(&form)), (2, 4));
    let read = read(form, Some(&name())).calendar.expect("blank rows say nothing");
    assert_eq!((read.holidays.len(), read.windows.len()), (1, 2));
    assert_eq!((read.holidays[0].region.as_deref(), read.windows[1].name.as_str()), (Some("BY"), "Move"));
}

#[test]
fn a_window_says_what_it_lacks() {
    let form =
        Form::default().with("windows.0.name", "x").with("windows.0.kind", windows::ONCE).with("workweek", "Mon");
    let read = read(form, Some(&name()));

    assert_eq!(read.form.problem("windows.0.from"), "Window 1: enter when it begins");
    assert_eq!(read.form.problem("windows.0.to"), "Window 1: enter when it ends");
}
