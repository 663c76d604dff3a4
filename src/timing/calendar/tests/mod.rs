//! What calendars promise about documents, days and windows.

mod laws;
mod refusals;

use chrono::{NaiveDate, NaiveDateTime};

use super::*;
use crate::base::text::CalendarName;

/// The calendar of the document's own example, with an odd workday.
const EXAMPLE: &str = r#"
kind: Calendar
name: it-holidays
title: Holidays of the Milan office
timezone: Europe/Rome
holidays: [ { country: IT }, { country: DE, region: BY } ]
dates:
  - { date: 2026-12-24, name: Christmas Eve }
  - { month_day: "12-07", name: Sant'Ambrogio }
  - { from: 2027-08-09, to: 2027-08-20, name: Summer closing }
removed: [ { holiday: epiphany }, { date: 2027-06-02 }, { month_day: "11-01" } ]
workdays: [ { date: 2026-12-05, name: Stocktaking } ]
workweek: [Mon, Tue, Wed, Thu, Fri]
windows:
  - { name: Patching, weekdays: [Sun], start: "02:00", duration: 4h }
  - { name: Backup, start: "23:00", duration: 2h }
  - { name: Move, from: "2027-03-05T22:00", to: "2027-03-07T02:00" }
"#;

fn calendar(text: &str) -> Calendar {
    serde_saphyr::from_str(text).expect("a calendar")
}

fn days(text: &str) -> BusinessDays {
    calendar(text).days().expect("a valid calendar")
}

fn with(fields: &str) -> Calendar {
    calendar(&format!("kind: Calendar\nname: test\n{fields}"))
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn at(text: &str) -> NaiveDateTime {
    text.parse::<Moment>().expect("a moment").0
}

fn name_on(days: &BusinessDays, date: &str) -> Option<String> {
    days.is_holiday(day(date)).map(|name| name.to_string())
}

#[test]
fn a_document_is_written_as_it_was_read() {
    let read = calendar(EXAMPLE);

    let yaml = serde_saphyr::to_string(&read).expect("yaml");
    let json = serde_json::to_string(&read).expect("json");

    assert_eq!(calendar(&yaml), read);
    assert_eq!(serde_json::from_str::<Calendar>(&json).expect("json"), read);
    assert!(json.contains(r#""month_day":"12-07""#) && json.contains(r#""duration":"4h""#), "{json}");
}

#[test]
fn unknown_fields_and_odd_values_are_refused() {
    let odd = [
        "color: red",
        "kind: Holidays",
        "holidays: [ { country: IT, state: x } ]",
        "dates: [ { day: 1, name: x } ]",
        "dates: [ { date: 2026-13-01, name: x } ]",
        "dates: [ { month_day: '02-30', name: x } ]",
        "dates: [ { date: 2026-01-01 } ]",
        "windows: [ { name: x, start: '24:00' } ]",
        "windows: [ { name: x, start: '2:00' } ]",
        "windows: [ { name: x, duration: soon } ]",
        "windows: [ { name: x, from: 2026-01-01 } ]",
        "timezone: Mars/Base",
        "workweek: [Someday]",
        "windows: [ { name: x, duration: 1500 } ]",
    ];
    for fields in odd {
        let text = format!("kind: Calendar\nname: test\n{fields}");
        assert!(serde_saphyr::from_str::<Calendar>(&text).is_err(), "{fields}");
    }
    for name in ["", "A", "a b", "-a", &"a".repeat(65)] {
        assert!(CalendarName::parse(name).is_err(), "{name}");
    }
}

#[test]
fn the_smallest_calendar_is_monday_to_friday() {
    let days = days("kind: Calendar\nname: plain");

    assert!(days.is_business_day(day("2026-12-25")));
    assert!(!days.is_business_day(day("2026-12-26")));
    assert_eq!(days.meaning(day("2026-12-26")), Meaning::Rest);
    assert_eq!(days.window_at(at("2026-12-25T00:00")), None);
}

#[test]
fn holidays_come_from_countries_and_own_dates() {
    let days = days(EXAMPLE);

    assert_eq!(name_on(&days, "2026-12-08").as_deref(), Some("Immacolata"));
    assert_eq!(name_on(&days, "2026-10-03").as_deref(), Some("Tag der Deutschen Einheit"));
    assert_eq!(name_on(&days, "2026-12-24").as_deref(), Some("Christmas Eve"));
    assert_eq!(name_on(&days, "2031-12-07").as_deref(), Some("Sant'Ambrogio"));
    assert_eq!(name_on(&days, "2027-08-09").as_deref(), Some("Summer closing"));
    assert_eq!(name_on(&days, "2027-08-20").as_deref(), Some("Summer closing"));
    assert_eq!(name_on(&days, "2027-08-21"), None);
    assert_eq!(name_on(&days, "2026-12-09"), None);
}

#[test]
fn removed_holidays_are_business_days() {
    let days = days(EXAMPLE);

    assert!(days.is_business_day(day("2027-01-06")), "Epiphany by its English name, in both countries");
    assert!(days.is_business_day(day("2027-06-02")), "one date");
    assert_eq!(name_on(&days, "2028-06-02").as_deref(), Some("Festa della Repubblica"));
    assert!(days.is_business_day(day("2027-11-01")), "a day of every year, in both countries");
    let by_local_name =
        with("holidays: [ { country: NL } ]\nremoved: [ { holiday: GOEDE VRIJDAG } ]").days().expect("valid");
    assert!(by_local_name.is_business_day(day("2026-04-03")));
}

#[test]
fn a_workday_counts_whatever_else_is_said() {
    let days = days(EXAMPLE);

    assert_eq!(days.meaning(day("2026-12-05")), Meaning::Workday("Stocktaking"));
    assert!(days.is_business_day(day("2026-12-05")), "a Saturday");
    let holiday =
        with("holidays: [ { country: IT } ]\nworkdays: [ { date: 2026-12-25, name: Rota } ]").days().expect("valid");
    assert!(holiday.is_business_day(day("2026-12-25")));
    assert_eq!(holiday.contains(day("2026-12-25")), None);
}

#[test]
fn an_exclusion_tells_its_reason() {
    let days = days(EXAMPLE);

    assert_eq!(days.contains(day("2026-12-08")).as_deref(), Some("Immacolata (it-holidays)"));
    assert_eq!(days.contains(day("2026-12-12")), None, "a Saturday alone is no reason");
    let japan = with("holidays: [ { country: JP } ]").days().expect("valid");
    assert_eq!(japan.contains(day("2026-05-06")).as_deref(), Some("Constitution Day (substitute day) (test)"));
}

#[test]
fn the_year_view_has_every_day_with_its_meaning() {
    let days = days(EXAMPLE);

    let year = days.year(2028);

    assert_eq!(year.len(), 366);
    assert!(year.windows(2).all(|pair| pair[0].date.succ_opt() == Some(pair[1].date)));
    assert!(matches!(year[0].meaning, Meaning::Holiday(name) if name.name == "New Year's Day"));
    assert_eq!(year[1].meaning, Meaning::Rest, "2 January 2028 is a Sunday");
    assert_eq!(year[2].meaning, Meaning::Business);
    assert!(days.year(0).is_empty() && days.year(i32::MAX).is_empty());
}

#[test]
fn business_days_are_found_near_a_date() {
    let days = with("holidays: [ { country: GB, region: ENG } ]").days().expect("valid");

    assert_eq!(
        days.next_business_day(day("2027-12-24")),
        Some(day("2027-12-29")),
        "over Christmas and its substitutes"
    );
    assert_eq!(days.previous_business_day(day("2027-12-29")), Some(day("2027-12-24")));
    assert_eq!(days.next_business_day(day("2027-12-29")), Some(day("2027-12-30")), "after, not at");
    assert_eq!(days.nth_business_day(2027, 12, 1), Some(day("2027-12-01")));
    assert_eq!(days.nth_business_day(2026, 5, 1), Some(day("2026-05-01")));
    assert_eq!(days.nth_business_day(2026, 5, 2), Some(day("2026-05-05")), "4 May is a holiday");
    assert_eq!(days.last_business_day(2026, 5), Some(day("2026-05-29")));
    assert_eq!(days.nth_business_day(2026, 5, -2), Some(day("2026-05-28")));
    assert_eq!(days.nth_business_day(2026, 5, 20), None, "May 2026 has 19");
    assert_eq!(days.nth_business_day(2026, 5, 0), None);
    assert_eq!(days.nth_business_day(2026, 13, 1), None);
    assert_eq!(days.nth_business_day(2026, 5, i32::MIN), None);
}

#[test]
fn a_roll_moves_only_what_is_no_business_day() {
    let days = with("holidays: [ { country: IT } ]").days().expect("valid");
    let rolled = |date: &str, roll| days.roll(day(date), roll).expect("a day").to_string();

    assert_eq!(rolled("2026-06-02", Roll::Keep), "2026-06-02");
    assert_eq!(rolled("2026-06-02", Roll::Next), "2026-06-03");
    assert_eq!(rolled("2026-06-02", Roll::Previous), "2026-06-01");
    assert_eq!(rolled("2026-05-31", Roll::ModifiedNext), "2026-05-29", "Sunday at the month's end goes back");
    assert_eq!(rolled("2026-05-31", Roll::Next), "2026-06-01");
    assert_eq!(rolled("2026-06-03", Roll::Previous), "2026-06-03");
}

#[test]
fn windows_are_open_from_their_start_until_before_their_end() {
    let days = days(EXAMPLE);
    let window = |moment: &str| days.window_at(at(moment)).map(|window| (window.name, window.ends.to_string()));
    let open = |name: &str, ends: &str| Some((name.to_owned(), ends.to_owned()));

    assert_eq!(window("2026-12-06T01:59:59"), None);
    assert_eq!(window("2026-12-06T02:00"), open("Patching", "2026-12-06 06:00:00"));
    assert_eq!(window("2026-12-06T05:59:59"), open("Patching", "2026-12-06 06:00:00"));
    assert_eq!(window("2026-12-06T06:00"), None);
    assert_eq!(window("2026-12-07T00:30"), open("Backup", "2026-12-07 01:00:00"), "over midnight");
    assert_eq!(window("2026-12-07T01:00"), None);
}

#[test]
fn windows_that_touch_are_one() {
    let days = days(EXAMPLE);

    // The move ends at 02:00 on Sunday the 7th, when patching begins.
    let window = days.window_at(at("2027-03-06T12:00")).expect("an open window");

    assert_eq!((window.name.as_str(), window.ends), ("Move", at("2027-03-07T06:00")));
}

#[test]
fn a_window_begins_on_exactly_the_days_it_names() {
    let begins = |rule: &str, year: i32| -> Vec<String> {
        let days =
            with(&format!("windows: [ {{ name: x, start: '12:00', duration: 1m, {rule} }} ]")).days().expect("valid");
        let year = days.year(year);
        let open = year
            .iter()
            .filter(|day| day.date.and_hms_opt(12, 0, 30).is_some_and(|noon| days.window_at(noon).is_some()));
        open.map(|day| day.date.format("%m-%d").to_string()).collect()
    };

    assert_eq!(begins("weekdays: [Tue], week: 2, months: [1, 6]", 2026), ["01-13", "06-09"]);
    assert_eq!(begins("weekdays: [Fri], week: -1, months: [2]", 2026), ["02-27"]);
    assert_eq!(begins("weekdays: [Sat], week: -1, months: [2]", 2026), ["02-28"], "and not the 21st");
    assert_eq!(begins("weekdays: [Sat], week: 5, months: [1, 2]", 2026), ["01-31"]);
    assert_eq!(begins("month_days: [1, -1], months: [2]", 2028), ["02-01", "02-29"]);
    assert_eq!(begins("month_days: [31]", 2026).len(), 7);
    assert_eq!(begins("month_days: [-31]", 2026).len(), 7, "the first day of months with 31");
    assert_eq!(begins("months: [12]", 2026).len(), 31);
}
