use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta};
use proptest::prelude::*;

use super::*;

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

fn days(text: &str) -> Days {
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

fn name_on(days: &Days, date: &str) -> Option<String> {
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
        assert!(name.parse::<CalendarName>().is_err(), "{name}");
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
    assert_eq!(begins("weekdays: [Sat], week: 5, months: [1, 2]", 2026), ["01-31"]);
    assert_eq!(begins("month_days: [1, -1], months: [2]", 2028), ["02-01", "02-29"]);
    assert_eq!(begins("month_days: [31]", 2026).len(), 7);
    assert_eq!(begins("month_days: [-31]", 2026).len(), 7, "the first day of months with 31");
    assert_eq!(begins("months: [12]", 2026).len(), 31);
}

fn problems(fields: &str) -> Vec<String> {
    let problems = with(fields).validate().expect_err(fields);
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_problem_names_its_field() {
    let expected = [
        ("holidays: [ { country: XX } ]", "holidays[0]: there are no holidays for the country \"XX\""),
        ("holidays: [ { country: IT }, { country: DE, region: XX } ]", "holidays[1]: DE has no region \"XX\""),
        ("holidays: [ { country: IT }, { country: IT } ]", "holidays[1]: stands here twice"),
        ("dates: [ { name: x } ]", "dates[0]: give either date, or month_day, or from and to"),
        ("dates: [ { date: 2026-01-01, month_day: '01-01', name: x } ]", "dates[0]: give either"),
        ("dates: [ { from: 2026-01-01, name: x } ]", "dates[0]: give either"),
        ("dates: [ { from: 2026-01-02, to: 2026-01-01, name: x } ]", "dates[0]: the range ends on 2026-01-01, before"),
        ("dates: [ { from: 2026-01-01, to: 2027-01-02, name: x } ]", "dates[0]: a range has at most 366 days"),
        ("dates: [ { date: 1989-12-31, name: x } ]", "dates[0]: 1989-12-31 is not in the years"),
        ("dates: [ { date: 2026-01-01, name: '' } ]", "dates[0].name: give it a name"),
        ("dates: [ { date: 2026-01-01, name: \"a\\u202eb\" } ]", "dates[0].name: may not hold"),
        ("removed: [ { date: 2026-01-01 } ]", "removed[0]: 2026-01-01 is no public holiday of this"),
        (
            "holidays: [ { country: IT } ]\nremoved: [ { date: 2026-01-01 }, { holiday: Xmas } ]",
            "removed[1]: \"Xmas\" is no public",
        ),
        ("removed: [ {} ]", "removed[0]: give either date, or month_day, or holiday"),
        (
            "workdays: [ { date: 2026-01-01, name: y } ]\ndates: [ { date: 2026-01-01, name: x } ]",
            "workdays[0]: 2026-01-01 is also a holiday by dates[0]",
        ),
        ("workdays: [ { date: 2101-01-01, name: y } ]", "workdays[0].date: 2101-01-01 is not in the years"),
        ("workweek: []", "workweek: name at least one weekday"),
        ("workweek: [Mon, Mon]", "workweek: Mon stands here twice"),
        ("windows: [ { name: x } ]", "windows[0].start: a window needs start"),
        ("windows: [ { name: x, start: '02:00' } ]", "windows[0].duration: a window needs duration"),
        (
            "windows: [ { name: x, start: '02:00', duration: 30s } ]",
            "windows[0].duration: a window lasts from 1 minute",
        ),
        (
            "windows: [ { name: x, start: '02:00', duration: 32d } ]",
            "windows[0].duration: a window lasts from 1 minute",
        ),
        (
            "windows: [ { name: x, start: '02:00', duration: 1h, week: 1 } ]",
            "windows[0].week: the week of a month needs weekdays",
        ),
        (
            "windows: [ { name: x, start: '02:00', duration: 1h, week: 6, weekdays: [Mon] } ]",
            "windows[0].week: write 1 to 5",
        ),
        (
            "windows: [ { name: x, start: '02:00', duration: 1h, month_days: [0] } ]",
            "windows[0].month_days: write days from 1",
        ),
        ("windows: [ { name: x, start: '02:00', duration: 1h, months: [13] } ]", "windows[0].months: write months"),
        (
            "windows: [ { name: x, start: '02:00', duration: 1h, month_days: [30], months: [2] } ]",
            "windows[0]: no day is all",
        ),
        ("windows: [ { name: x, from: '2026-01-01T00:00' } ]", "windows[0].to: a window with from needs to"),
        ("windows: [ { name: x, to: '2026-01-01T00:00' } ]", "windows[0].from: a window with to needs from"),
        (
            "windows: [ { name: x, from: '2026-01-01T00:00', to: '2026-01-01T00:00' } ]",
            "windows[0].to: a window ends after",
        ),
        (
            "windows: [ { name: x, from: '2026-01-01T00:00', to: '2026-02-02T00:00' } ]",
            "windows[0].to: a window lasts at most",
        ),
        (
            "windows: [ { name: x, from: '2026-01-01T00:00', to: '2026-01-02T00:00', start: '01:00' } ]",
            "windows[0]: a window has either",
        ),
        ("windows: [ { name: '', start: '02:00', duration: 1h } ]", "windows[0].name: give it a name"),
    ];
    for (fields, problem) in expected {
        let told = problems(fields);
        assert!(told.len() == 1 && told[0].starts_with(problem), "{fields}: {told:?}");
    }
}

#[test]
fn all_problems_are_told_at_once_within_a_bound() {
    assert_eq!(problems("holidays: [ { country: XX } ]\nworkweek: []\ndates: [ { name: x } ]").len(), 3);
    let many = format!("dates: [ {} ]", "{ name: '' }, ".repeat(1_000));
    assert_eq!(problems(&many).len(), 100);
}

#[test]
fn sizes_are_bounded() {
    let too_many = |field: &str, entry: &str, count: usize| {
        problems(&format!("{field}: [ {} ]", format!("{entry}, ").repeat(count)))
    };

    assert_eq!(
        too_many("dates", "{ month_day: '01-01', name: x }", 2_001),
        ["dates: has 2001 entries, at most 2000 are allowed"]
    );
    assert_eq!(too_many("workdays", "{ date: 2026-01-01, name: x }", 2_001).len(), 1);
    assert_eq!(too_many("windows", "{ name: x, start: '01:00', duration: 1m }", 101).len(), 1);
    let ranges: String =
        (2000..2060).map(|year| format!("{{ from: {year}-01-02, to: {year}-12-30, name: x }}, ")).collect();
    assert!(problems(&format!("dates: [ {ranges} ]"))[0].starts_with("dates: its entries cover more than 20000 days"));
}

#[test]
fn a_calendar_without_business_days_is_refused() {
    let year_off = problems("dates: [ { from: 2030-01-01, to: 2030-12-31, name: Sabbatical } ]");
    assert_eq!(year_off, ["dates: 2030 has no business day: work that waits for one would never run"]);

    let every_day: String = with("")
        .days()
        .expect("valid")
        .year(2028)
        .iter()
        .map(|day| format!("{{ month_day: '{}', name: x }}, ", day.date.format("%m-%d")))
        .collect();
    assert!(problems(&format!("dates: [ {every_day} ]"))[0].contains("1990 has no business day"));
}

#[test]
fn windows_without_a_gap_are_refused() {
    assert!(
        problems("windows: [ { name: x, start: '00:00', duration: 1d } ]")[0].starts_with("windows: they leave no gap")
    );
    let halves = "windows: [ { name: a, start: '00:00', duration: 12h }, { name: b, start: '12:00', duration: 12h } ]";
    assert!(problems(halves)[0].starts_with("windows: they leave no gap"));
    let single: String = (1..=3)
        .map(|month| format!("{{ name: x, from: '2027-0{month}-01T00:00', to: '2027-0{}-01T00:00' }}, ", month + 1))
        .collect();
    assert!(problems(&format!("windows: [ {single} ]"))[0].starts_with("windows: they leave no gap"));
    assert!(with("windows: [ { name: x, start: '00:00', duration: 23h 59m } ]").validate().is_ok());
}

/// A calendar drawn at random: some country, some own dates, some workweek, some windows.
fn any_calendar() -> impl Strategy<Value = Calendar> {
    let places = ["IT", "JP", "GB", "US", "GR"];
    let own = proptest::collection::vec((0i64..1_500, 0i64..20), 0..12);
    let windows = proptest::collection::vec((0u32..24, 1u32..40, 0u8..128), 0..4);
    (0..places.len(), own, 1u8..128, windows).prop_map(move |(place, own, week, windows)| {
        let mut calendar = with("");
        calendar.holidays = vec![HolidaysOf { country: places[place].into(), region: None }];
        calendar.workweek = weekdays(week);
        calendar.dates = own
            .into_iter()
            .map(|(from, length)| {
                let from = day("2026-01-01") + TimeDelta::days(from);
                OwnDate {
                    from: Some(from),
                    to: Some(from + TimeDelta::days(length)),
                    name: "own".into(),
                    ..OwnDate::default()
                }
            })
            .collect();
        calendar.windows = windows
            .into_iter()
            .map(|(hour, hours, week)| WindowRule {
                name: "w".into(),
                weekdays: weekdays(week),
                start: Some(format!("{hour:02}:00").parse().expect("a time")),
                duration: Some(Length::seconds(hours * 3_600)),
                ..WindowRule::default()
            })
            .collect();
        calendar
    })
}

fn weekdays(bits: u8) -> Vec<chrono::Weekday> {
    (0u8..7).filter(|bit| bits & (1 << bit) != 0).flat_map(chrono::Weekday::try_from).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_next_business_day_is_one_and_nothing_before_it_is(calendar in any_calendar(), offset in 0i64..2_000) {
        let Ok(days) = calendar.days() else { return Ok(()) };
        let from = day("2025-12-01") + TimeDelta::days(offset);

        let next = days.next_business_day(from).expect("a business day");

        prop_assert!(next > from && days.is_business_day(next));
        let between = from.succ_opt().expect("a day").iter_days().take_while(|day| *day < next);
        prop_assert!(between.into_iter().all(|day| !days.is_business_day(day)));
        prop_assert_eq!(days.previous_business_day(next), days.roll(from, Roll::Previous), "no business day lies between");
    }

    #[test]
    fn rolling_gives_a_business_day_and_rolling_again_changes_nothing(calendar in any_calendar(), offset in 0i64..2_000) {
        let Ok(days) = calendar.days() else { return Ok(()) };
        let date = day("2025-12-01") + TimeDelta::days(offset);
        for roll in [Roll::Next, Roll::Previous, Roll::ModifiedNext] {
            let rolled = days.roll(date, roll).expect("a day");
            prop_assert!(days.is_business_day(rolled));
            prop_assert_eq!(days.roll(rolled, roll), Some(rolled));
        }
        prop_assert_eq!(days.roll(date, Roll::Keep), Some(date));
    }

    #[test]
    fn the_nth_business_days_are_those_of_the_month_in_order(calendar in any_calendar(), month in 1u32..=12) {
        let Ok(days) = calendar.days() else { return Ok(()) };
        let year = days.year(2027);
        let of_month: Vec<NaiveDate> =
            year.iter().map(|day| day.date).filter(|date| date.month() == month && days.is_business_day(*date)).collect();

        let counted: Vec<NaiveDate> = (1..).map_while(|nth| days.nth_business_day(2027, month, nth)).collect();
        let mut back: Vec<NaiveDate> = (1..).map_while(|nth| days.nth_business_day(2027, month, -nth)).collect();
        back.reverse();

        prop_assert_eq!(&counted, &of_month);
        prop_assert_eq!(&back, &of_month);
    }

    #[test]
    fn a_window_is_open_until_its_end_and_not_at_it(calendar in any_calendar(), minutes in 0i64..400_000) {
        let Ok(days) = calendar.days() else { return Ok(()) };
        let moment = at("2026-01-01T00:00") + TimeDelta::minutes(minutes);
        let Some(window) = days.window_at(moment) else { return Ok(()) };

        prop_assert!(window.ends > moment);
        let last = window.ends - TimeDelta::seconds(1);
        prop_assert_eq!(days.window_at(last).map(|window| window.ends), Some(window.ends));
        let halfway = moment + (window.ends - moment) / 2;
        prop_assert!(days.window_at(halfway).is_some());
        prop_assert_eq!(days.window_at(window.ends), None);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9:T \\-a-zäé]{0,24}") {
        let _read = (text.parse::<Moment>(), text.parse::<TimeOfDay>(), text.parse::<MonthDay>(), text.parse::<Length>());
    }

    #[test]
    fn small_values_are_written_as_they_are_read(seconds in 0u32..10_000_000, minutes in 0i64..1_000_000) {
        let length = Length::seconds(seconds);
        prop_assert_eq!(length.to_string().parse(), Ok(length));
        let moment = Moment(at("2026-01-01T00:00") + TimeDelta::seconds(minutes * 61));
        prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        let time = TimeOfDay(moment.0.time());
        prop_assert_eq!(time.to_string().parse(), Ok(time));
    }
}
