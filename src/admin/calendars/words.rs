//! Countries and maintenance windows in words.

use chrono::{Datelike, NaiveDateTime, Timelike, Weekday};

use crate::base::length::write_ms;
use crate::timing::calendar::{Calendar, HolidaysOf, Length, OwnDate, WindowRule};
use crate::timing::holidays::country;
use crate::timing::words::{MONTHS, joined};

const LEAP_YEAR: i32 = 2000;

/// Weekdays, Monday first.
pub const WEEKDAYS: [(Weekday, &str); 7] = [
    (Weekday::Mon, "Monday"),
    (Weekday::Tue, "Tuesday"),
    (Weekday::Wed, "Wednesday"),
    (Weekday::Thu, "Thursday"),
    (Weekday::Fri, "Friday"),
    (Weekday::Sat, "Saturday"),
    (Weekday::Sun, "Sunday"),
];

/// Says whose holidays are meant: `Italy`, `Bavaria (Germany)`; the codes where the place is not known.
pub fn place(place: &HolidaysOf) -> String {
    let Some(country) = country(&place.country) else {
        return place.region.as_ref().map_or(place.country.clone(), |region| format!("{}-{region}", place.country));
    };
    match &place.region {
        None => country.name.clone(),
        Some(code) => {
            let region = country.regions.iter().find(|region| region.code == *code);
            format!("{} ({})", region.map_or(code.as_str(), |region| region.name.as_str()), country.name)
        }
    }
}

/// Says on which weekdays work is done: `Monday to Friday`, `Sunday, Monday and Thursday`.
pub fn workweek(calendar: &Calendar) -> String {
    weekdays(&calendar.workweek, "")
}

/// Names weekdays in the order of the week, three or more that follow one another as a range.
fn weekdays(days: &[Weekday], ending: &str) -> String {
    let chosen: Vec<usize> = (0..7).filter(|at| days.contains(&WEEKDAYS[*at].0)).collect();
    let name = |at: usize| format!("{}{ending}", WEEKDAYS[at].1);
    match chosen.as_slice() {
        [first, .., last] if chosen.len() > 2 && last - first + 1 == chosen.len() => {
            format!("{} to {}", name(*first), name(*last))
        }
        some => joined(&some.iter().map(|at| name(*at)).collect::<Vec<_>>()),
    }
}

/// Says when a window is open: `Sundays, 02:00 for 4h`, `last Friday of the month, 22:00 for 8h`, `5 Mar 2027 22:00 to 7 Mar 2027 06:00`.
pub fn window(rule: &WindowRule) -> String {
    if let (Some(from), Some(to)) = (rule.from, rule.to) {
        return format!("{} to {}", moment(from.0), moment(to.0));
    }
    let start = rule.start.map(|start| start.to_string()).unwrap_or_default();
    let length = rule.duration.map(length).unwrap_or_default();
    format!("{}, {start} for {length}", begins(rule))
}

/// Says which days an entry covers: `Thu 24 Dec 2026`, `7 Dec, every year`, `9 Aug to 20 Aug 2027`.
pub fn own_days(own: &OwnDate) -> String {
    // a leap year has every day that there can be
    let yearly = own.month_day.and_then(|day| day.in_year(LEAP_YEAR));
    match (own.date, yearly, own.from, own.to) {
        (Some(date), ..) => date.format("%a %-d %b %Y").to_string(),
        (None, Some(day), ..) => format!("{}, every year", day.format("%-d %b")),
        (None, None, Some(from), Some(to)) => {
            let first = if from.year() == to.year() { "%-d %b" } else { "%-d %b %Y" };
            format!("{} to {}", from.format(first), to.format("%-d %b %Y"))
        }
        (None, None, ..) => String::new(),
    }
}

fn moment(at: NaiveDateTime) -> String {
    let time = if at.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    format!("{} {} {} {}", at.day(), short_month(at.month()), at.year(), at.format(time))
}

fn short_month(month: u32) -> &'static str {
    let at = usize::try_from(month).unwrap_or_default().saturating_sub(1);
    MONTHS.get(at).and_then(|name| name.get(..3)).unwrap_or_default()
}

fn length(length: Length) -> String {
    write_ms(u64::try_from(length.delta().num_milliseconds()).unwrap_or_default())
}

fn begins(rule: &WindowRule) -> String {
    let mut parts = Vec::new();
    match rule.week {
        Some(week) => parts.push(format!("{} {} of the month", nth(week), weekdays(&rule.weekdays, ""))),
        None if !rule.weekdays.is_empty() => parts.push(weekdays(&rule.weekdays, "s")),
        None => {}
    }
    if !rule.month_days.is_empty() {
        let days: Vec<String> = rule.month_days.iter().map(|day| month_day(*day)).collect();
        parts.push(format!("on {} of the month", joined(&days)));
    }
    if parts.is_empty() {
        parts.push("every day".into());
    }
    if !rule.months.is_empty() {
        let name = |month: &u8| MONTHS.get(usize::from(*month).saturating_sub(1)).copied().unwrap_or("?").to_owned();
        parts.push(format!("in {}", joined(&rule.months.iter().map(name).collect::<Vec<_>>())));
    }
    parts.join(" ")
}

fn nth(week: i8) -> &'static str {
    match week {
        1 => "first",
        2 => "second",
        3 => "third",
        4 => "fourth",
        5 => "fifth",
        _ => "last",
    }
}

fn month_day(day: i8) -> String {
    match day {
        -1 => "the last day".into(),
        ..0 => format!("the {} day from its end", ordinal(day.unsigned_abs())),
        _ => format!("the {}", ordinal(day.unsigned_abs())),
    }
}

fn ordinal(number: u8) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(yaml: &str) -> WindowRule {
        serde_saphyr::from_str(&format!("name: x\n{yaml}")).expect("a window")
    }

    #[test]
    fn windows_are_said_in_words() {
        for (yaml, words) in [
            ("weekdays: [Sun]\nstart: \"02:00\"\nduration: 4h", "Sundays, 02:00 for 4h"),
            ("start: \"22:30\"\nduration: 30m", "every day, 22:30 for 30m"),
            ("weekdays: [Fri]\nweek: -1\nstart: \"22:00\"\nduration: 8h", "last Friday of the month, 22:00 for 8h"),
            ("weekdays: [Mon, Tue, Wed]\nstart: \"01:00\"\nduration: 1h", "Mondays to Wednesdays, 01:00 for 1h"),
            (
                "month_days: [1, -1, -2]\nmonths: [1, 7]\nstart: \"01:00\"\nduration: 1h",
                "on the 1st, the last day and the 2nd day from its end of the month in January and July, 01:00 for 1h",
            ),
            ("from: \"2027-03-05T22:00\"\nto: \"2027-03-07T06:00\"", "5 Mar 2027 22:00 to 7 Mar 2027 06:00"),
        ] {
            assert_eq!(window(&rule(yaml)), words);
        }
    }

    #[test]
    fn own_days_are_said_in_words() {
        let of = |yaml: &str| own_days(&serde_saphyr::from_str(&format!("name: x\n{yaml}")).expect("an entry"));
        assert_eq!(of("date: 2026-12-24"), "Thu 24 Dec 2026");
        assert_eq!(of("month_day: \"02-29\""), "29 Feb, every year");
        assert_eq!(of("from: 2027-08-09\nto: 2027-08-20"), "9 Aug to 20 Aug 2027");
        assert_eq!(of("from: 2026-12-24\nto: 2027-01-06"), "24 Dec 2026 to 6 Jan 2027");
    }

    #[test]
    fn places_are_named() {
        let of = |country: &str, region: Option<&str>| HolidaysOf {
            country: country.into(),
            region: region.map(str::to_owned),
        };
        assert_eq!(place(&of("IT", None)), "Italy");
        assert_eq!(place(&of("DE", Some("BY"))), "Bavaria (Germany)");
        assert_eq!(place(&of("XX", Some("Y"))), "XX-Y");
    }
}
