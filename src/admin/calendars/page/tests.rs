//! Every template in every state.

use actix_web::http::StatusCode;
use askama::Template;
use serde_json::json;

use super::import::{Found, ImportPage};
use super::list::{ListPage, ROWS_MAX, Window};
use super::remove::question;
use super::sheet::{EditPage, Stale};
use super::show::ShowPage;
use crate::admin::calendars::CalendarRow;
use crate::admin::calendars::editor::{self, windows};
use crate::admin::calendars::import::{Merge, merged};
use crate::admin::jobs::trail::Record;
use crate::queue::actor::{Actor, Scope};
use crate::queue::permission::Role;
use crate::timing::calendar::Calendar;
use crate::timing::ics;
use crate::web::diff;
use crate::web::form::Form;
use crate::web::shell::sample::shell;

fn calendar() -> Calendar {
    let yaml = "kind: Calendar
name: it-holidays
title: Milan <b>office</b>
timezone: Europe/Rome
holidays: [ { country: IT }, { country: DE, region: BY }, { country: FR }, { country: ES } ]
dates: [ { month_day: \"12-07\", name: \"<i>Sant'Ambrogio\" }, { from: 2026-08-10, to: 2026-08-21, name: Summer closing } ]
workdays: [ { date: 2026-12-05, name: Stock<u>taking } ]
windows:
  - { name: \"<s>Patching\", weekdays: [Sun], start: \"02:00\", duration: 4h }
  - { name: Move, from: \"2026-12-05T22:00\", to: \"2026-12-07T06:00\" }";
    serde_saphyr::from_str(yaml).expect("a calendar")
}

fn row(spec: serde_json::Value) -> CalendarRow {
    CalendarRow {
        id: 1,
        name: "it-holidays".into(),
        version: 7,
        spec,
        updated_at: shell().now,
        updated_by: "ada@example.org".into(),
        schedules: 3,
    }
}

fn actor(role: Role) -> Actor {
    Actor { role, ..Actor::system("test") }
}

fn spec() -> serde_json::Value {
    serde_json::to_value(calendar()).expect("JSON")
}

fn no_markup(html: &str) {
    for odd in ["<b>office", "<i>Sant", "<u>taking", "<s>Patching", "<b>Day"] {
        assert!(!html.contains(odd), "{odd}: {html}");
    }
}

#[test]
fn the_list_says_what_comes_next() {
    let rows = [row(spec()), row(json!({ "kind": "Calendar", "from": "the future" }))];

    let one = Window { names: vec!["it-holidays".into()], before: 0, total: 1 };
    let html = ListPage::new(&actor(Role::Operator), shell(), &one, &rows).render().expect("rendered");

    no_markup(&html);
    for word in [
        "Italy, Bavaria (Germany), France and 1 more",
        "Sundays, 02:00 for 4h",
        "and 2 entries of its own",
        "New calendar",
    ] {
        assert!(html.contains(word), "{word}: {html}");
    }
    assert!(html.contains("does not understand what it says"));
    let empty = ListPage::new(&actor(Role::Viewer), shell(), &Window::default(), &[]).render().expect("rendered");
    assert!(empty.contains("No calendar yet") && !empty.contains("/calendars/new"), "{empty}");
}

#[test]
fn many_calendars_are_shown_a_part_at_a_time() {
    let names: Vec<String> = (0..ROWS_MAX * 2 + 50).map(|at| format!("c{at:04}")).collect();

    let first = Window::of(&names, "", "");
    let second = Window::of(&names, "c0099", "");
    let last = Window::of(&names, "c0199", "");
    assert_eq!((first.before, second.before, last.before, last.names.len()), (0, 100, 200, 50));
    assert_eq!(Window::of(&names, "", "c0200"), second, "back from the last");
    assert_eq!(Window::of(&names, "", "c0030"), first);
    let page = |window: &Window| {
        ListPage::new(&actor(Role::Viewer), shell(), window, &[row(spec())]).render().expect("rendered")
    };
    let html = page(&second);
    assert!(
        html.contains("101 to 200 of 250") && html.contains("?before=c0100") && html.contains("?after=c0199"),
        "{html}"
    );
    assert!(page(&last).contains("201 to 250 of 250") && !page(&first).contains("?before="));
    assert_eq!(Window::of(&names, "zzz", ""), first, "beyond the end");
}

#[test]
fn a_year_shows_each_day_as_what_it_is() {
    let record = Record {
        at: shell().now,
        actor: "Ada".into(),
        act: "calendar.change".into(),
        accepted: true,
        reason: Some("the <b>Day".into()),
        after: None,
    };
    let users = ["nightly".to_owned()];
    let of = |actor: &Actor, users: &[String], year| {
        let page = ShowPage::new(actor, shell(), (&row(spec()), users), (std::slice::from_ref(&record), year));
        page.expect("readable").render().expect("rendered")
    };

    let html = of(&actor(Role::Operator), &users, Some(2026));
    no_markup(&html);
    for word in [
        "25 December: Christmas Day",
        "10 to 21 Aug",
        "Extra workday",
        "5 December: Stock",
        "href=\"/schedules/nightly\"",
        "year=2025",
        "year=2027",
        "class=\"rest win\"",
        "free anyway",
        "/calendars/it-holidays/change",
    ] {
        assert!(html.contains(word), "{word}: {html}");
    }
    assert!(!html.contains("/calendars/it-holidays/remove"), "a schedule minds it");
    assert!(of(&actor(Role::Admin), &[], None).contains("/calendars/it-holidays/remove"));
    let limited = Actor { scope: Scope { queues: vec!["mail".into()], tags: Vec::new() }, ..actor(Role::Operator) };
    let html = of(&limited, &[], Some(99_999));
    assert!(
        html.contains("No schedule that you may see") && html.contains("2100") && !html.contains("/change"),
        "{html}"
    );
}

#[test]
fn what_is_not_understood_is_said_so() {
    let odd = row(json!({ "kind": "Calendar", "from": "the future" }));
    let page = ShowPage::new(&actor(Role::Admin), shell(), (&odd, &[]), (&[], None));
    let error = page.err().expect("refused");
    assert!(error.to_string().contains("does not understand"), "{error}");
    assert_eq!(actix_web::ResponseError::status_code(&error), StatusCode::CONFLICT);
}

#[test]
fn the_form_shows_its_rows_problems_and_what_somebody_else_saved() {
    let form = windows::add(editor::open(&calendar()).with("base", "7"));
    let typed = editor::read(form.clone(), Some(&calendar().name));
    let mut page = EditPage::new(shell(), "it-holidays", form, &typed);
    let html = page.render().expect("rendered");
    no_markup(&html);
    for word in [
        "Bavaria",
        "value=\"BY\" selected",
        "value=\"once\" selected",
        "window_remove_2",
        "business days",
        "Europe/Rome",
    ] {
        assert!(html.contains(word), "{word}: {html}");
    }
    page.stale = Some(Stale { by: "<b>Day".into(), at: shell().as_of(), rows: diff::rows("a\n", "<b>Day\n") });
    let html = page.render().expect("rendered");
    assert!(html.contains("changed it meanwhile"), "{html}");
    no_markup(&html);

    let nameless = editor::read(Form::default().with("workweek", "Mon"), None);
    let html = EditPage::new(shell(), "", Form::default(), &nameless).render().expect("rendered");
    assert!(html.contains("has 52 business days"), "it is looked at before it has a name: {html}");
    let odd = Form::default().with("name", "<b>Day").with("workweek", "Mon").with("dates", "soon");
    let typed = editor::read(odd, None);
    let page = EditPage::new(shell(), "", typed.form.clone(), &typed);
    let html = page.render().expect("rendered");
    for word in ["There are problems with 2 fields", "2 fields have to be filled in"] {
        assert!(html.contains(word), "{word}: {html}");
    }
    no_markup(&html);
}

#[test]
fn an_import_shows_what_is_taken_and_what_not() {
    let text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261224\nSUMMARY:<b>Day\nEND:VEVENT
BEGIN:VEVENT\nDTSTART:20261224T100000Z\nSUMMARY:<b>Day at ten\nEND:VEVENT\nEND:VCALENDAR";
    let imported = ics::import(text).expect("a file");
    let merged = merged(&calendar(), &imported, Merge::Add);
    let found = Found::of(&imported, &merged, 7);

    let page =
        ImportPage::new(shell(), Form::default().with("into", "it-holidays"), vec!["it-holidays".into()], Some(found));
    let html = page.render().expect("rendered");
    no_markup(&html);
    for word in ["1 taken into it-holidays", "1 not taken", "Put 1 entry into it-holidays", "name=\"seen\" value=\"7\""]
    {
        assert!(html.contains(word), "{word}: {html}");
    }
    let html = ImportPage::new(shell(), Form::default(), Vec::new(), None).render().expect("rendered");
    assert!(html.contains("First you see what is taken"), "{html}");
}

#[test]
fn removing_asks_for_a_reason() {
    let mut ask = question("it-holidays", Form::default());
    assert!(!ask.check() && ask.effects.len() == 2);
}
