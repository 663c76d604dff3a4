//! What a calendar is refused for.

use super::*;

fn problems(fields: &str) -> Vec<String> {
    let problems = with(fields).validate().expect_err(fields);
    problems.iter().map(ToString::to_string).collect()
}

/// Each of these fields is refused with one problem, which begins so.
fn told_alone(expected: &[(&str, &str)]) {
    for (fields, problem) in expected {
        let told = problems(fields);
        assert!(told.len() == 1 && told[0].starts_with(problem), "{fields}: {told:?}");
    }
}

#[test]
fn a_problem_names_its_field() {
    told_alone(&[
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
    ]);
}

#[test]
fn a_problem_of_a_window_names_its_field() {
    told_alone(&[
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
    ]);
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
