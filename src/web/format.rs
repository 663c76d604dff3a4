//! Numbers, durations and times as the console writes them (UX.md section 10, "Words").

use std::fmt;
use std::time::Duration;

use chrono::{Datelike, Timelike};
use chrono_tz::Tz;

use crate::base::clock::Time;

/// A moment in the page's zone, ready for `<time datetime>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// RFC 3339 in UTC, for machines.
    pub iso: String,
    /// `14:32:08` today, `Tue 24 Nov 06:30` in this year, with the year else.
    pub text: String,
    /// The whole of it with the zone, for the tooltip.
    pub full: String,
}

/// Writes `at` as seen in `zone`, shortened by what `now` makes plain.
pub fn stamp(at: Time, now: Time, zone: Tz) -> Stamp {
    let (local, today) = (at.with_timezone(&zone), now.with_timezone(&zone));
    match local.date_naive() == today.date_naive() {
        true => Stamp { text: clock(&local), ..dated(at, now, zone) },
        false => dated(at, now, zone),
    }
}

/// As [`stamp`], with the day also when that is today: for ranges and lists in which other days stand, too.
pub fn dated(at: Time, now: Time, zone: Tz) -> Stamp {
    let (local, today) = (at.with_timezone(&zone), now.with_timezone(&zone));
    let is_this_year = local.year() == today.year();
    let year = if is_this_year { "" } else { " %Y" };
    let seconds = if local.second() == 0 { "" } else { ":%S" };
    let text = local.format(&format!("%a %-d %b{year} %H:%M{seconds}")).to_string();
    Stamp { iso: at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(), text, full: full(&local, zone) }
}

/// Writes `at` with milliseconds, `14:28:27.114`, as log lines need it.
pub fn stamp_ms(at: Time, zone: Tz) -> Stamp {
    let local = at.with_timezone(&zone);
    Stamp {
        iso: at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        text: local.format("%H:%M:%S%.3f").to_string(),
        full: full(&local, zone),
    }
}

fn clock(local: &chrono::DateTime<Tz>) -> String {
    format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second())
}

fn full(local: &chrono::DateTime<Tz>, zone: Tz) -> String {
    format!("{}, {} {}", local.format("%A %-d %B %Y, %H:%M:%S%.3f"), local.format("UTC%:z"), zone.name())
}

/// The zone called `name` in the tz database, or UTC when there is none by that name.
pub fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

/// Writes a duration: `180 ms`, `2.4 s`, `41 s`, `3m 41s`, `2h 05m`, `1d 15h`. Never rounds up into the next unit.
pub fn duration(length: Duration) -> String {
    let (ms, seconds) = (length.as_millis(), length.as_secs());
    match seconds {
        0 => format!("{ms} ms"),
        1..10 => format!("{}.{} s", seconds, ms % 1000 / 100),
        10..60 => format!("{seconds} s"),
        60..3_600 => pair(seconds / 60, "m", seconds % 60, "s", 2),
        3_600..86_400 => pair(seconds / 3_600, "h", seconds % 3_600 / 60, "m", 2),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h", 1),
    }
}

fn pair(large: u64, large_unit: &str, small: u64, small_unit: &str, width: usize) -> String {
    match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit} {small:0width$}{small_unit}"),
    }
}

/// Writes milliseconds as a duration; what is below zero counts as zero.
pub fn duration_ms(ms: i64) -> String {
    duration(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

/// Gives the time from `from` to `to`; zero when clocks disagree and `to` is earlier.
pub fn between(from: Time, to: Time) -> Duration {
    (to - from).to_std().unwrap_or_default()
}

/// Writes how long ago or how far ahead `at` is: `52 s ago`, `in 4 s`, `now` within a second. What is ahead is rounded
/// to the nearest: a second after it was ten minutes it is still about ten, and 25 hours are a day.
pub fn relative(at: Time, now: Time) -> String {
    let (ahead, behind) = (between(now, at), between(at, now));
    if ahead.as_secs() > 0 {
        format!("in {}", nearest(ahead))
    } else if behind.as_secs() > 0 {
        format!("{} ago", rounded(behind))
    } else {
        "now".into()
    }
}

/// As [`relative`], with two units for what comes within two days: `in 15h 57m`, `in 1d 15h`.
pub fn until(at: Time, now: Time) -> String {
    let minutes = (between(now, at).as_secs() + 30) / 60;
    if (60..2_880).contains(&minutes) {
        format!("in {}", duration(Duration::from_secs(minutes * 60)))
    } else {
        relative(at, now)
    }
}

/// One unit is enough for something relative, two near the top of a unit's range say more than they should.
fn rounded(length: Duration) -> String {
    match length.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Rounds within the unit that [`rounded`] would take, and into the next where that is full; seconds up.
fn nearest(length: Duration) -> String {
    let seconds = length.as_secs() + u64::from(length.subsec_nanos() > 0);
    let unit = match seconds {
        0..60 => 1,
        60..3_600 => 60,
        3_600..86_400 => 3_600,
        _ => 86_400,
    };
    rounded(Duration::from_secs((seconds + unit / 2) / unit * unit))
}

/// A count: short enough for a table, with the exact number when the short one hides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// `18,402`, or `1.84M` above a million.
    pub text: String,
    /// The exact number for hover and focus; empty when `text` is exact.
    pub exact: String,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Writes a count; what is below zero counts as zero.
pub fn count(number: i64) -> Count {
    let number = u64::try_from(number).unwrap_or(0);
    match number {
        0..1_000_000 => Count { text: grouped(number), exact: String::new() },
        1_000_000..1_000_000_000 => Count { text: hundredths(number, 1_000_000, "M"), exact: grouped(number) },
        _ => Count { text: hundredths(number, 1_000_000_000, "B"), exact: grouped(number) },
    }
}

/// Cuts, never rounds up: 999,999,999 is `999.99M`.
fn hundredths(number: u64, unit: u64, letter: &str) -> String {
    let parts = number / (unit / 100);
    format!("{}.{:02}{letter}", grouped(parts / 100), parts % 100)
}

/// Writes a whole number with a comma between groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes names of which any will do: `Ada`, `Ada, Bo or Cy`; empty for none.
pub fn any_of(names: &[String]) -> String {
    match names {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => names.concat(),
    }
}

/// Writes a size: `812 B`, `18.4 kB`, `212 MB`, in powers of ten; what is below zero counts as zero.
pub fn bytes(size: i64) -> String {
    let size = u64::try_from(size).unwrap_or(0);
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| size >= *unit) {
        None => format!("{size} B"),
        Some((unit, name)) if size >= 100 * unit => format!("{} {name}", grouped(size / unit)),
        Some((unit, name)) => format!("{}.{} {name}", size / unit, size % unit * 10 / unit),
    }
}

/// Writes a share of a whole as a percentage: `99.9%`, below one `0.41%` or `<0.01%`; of nothing as `0%`. Cut, not rounded:
/// what is not the whole is never `100%`.
pub fn percent(part: u64, whole: u64) -> String {
    let hundredths = (u128::from(part) * 10_000).checked_div(u128::from(whole)).unwrap_or(0);
    match (hundredths / 100, hundredths % 100) {
        (0, 0) if part > 0 && whole > 0 => "<0.01%".into(),
        (0, rest) if rest % 10 > 0 => format!("0.{rest:02}%"),
        (units, rest) if rest >= 10 => format!("{units}.{}%", rest / 10),
        (units, _) => format!("{units}%"),
    }
}

/// Shortens an id in the middle to at most `max` characters (at least 5), for tables.
pub fn middle(text: &str, max: usize) -> String {
    let length = text.chars().count();
    if length <= max.max(5) {
        return text.to_owned();
    }
    let keep = max.max(5) - 1;
    let head: String = text.chars().take(keep.div_ceil(2)).collect();
    let tail: String = text.chars().skip(length - keep / 2).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().expect("a test's time is well written")
    }

    #[test]
    fn durations_have_one_form_each() {
        let cases = [
            (0, "0 ms"),
            (180, "180 ms"),
            (999, "999 ms"),
            (2_499, "2.4 s"),
            (9_999, "9.9 s"),
            (41_900, "41 s"),
            (60_000, "1m"),
            (221_000, "3m 41s"),
            (362_000, "6m 02s"),
            (7_500_000, "2h 05m"),
            (140_400_000, "1d 15h"),
            (-5, "0 ms"),
        ];
        for (ms, text) in cases {
            assert_eq!(duration_ms(ms), text);
        }
    }

    #[test]
    fn counts_are_exact_below_a_million_and_say_so_above() {
        assert_eq!(count(18_402), Count { text: "18,402".into(), exact: String::new() });
        assert_eq!(count(1_843_209), Count { text: "1.84M".into(), exact: "1,843,209".into() });
        assert_eq!(count(999_999_999).text, "999.99M");
        assert_eq!(count(10_203_000_000).text, "10.20B");
        assert_eq!(count(-1).text, "0");
    }

    #[test]
    fn times_are_written_in_the_zone_of_the_page() {
        let rome = zone("Europe/Rome");
        let now = at("2026-11-24T13:32:08Z");

        assert_eq!(stamp(now, now, rome).text, "14:32:08");
        assert_eq!(stamp(at("2026-11-24T05:30:00Z"), at("2026-11-25T10:00:00Z"), rome).text, "Tue 24 Nov 06:30");
        assert_eq!(stamp(at("2025-07-01T22:30:00Z"), now, rome).text, "Wed 2 Jul 2025 00:30");
        assert_eq!(stamp(now, now, rome).iso, "2026-11-24T13:32:08.000Z");
        assert_eq!(stamp(now, now, rome).full, "Tuesday 24 November 2026, 14:32:08.000, UTC+01:00 Europe/Rome");
        assert_eq!(zone("Nowhere/Else"), Tz::UTC);
    }

    #[test]
    fn relative_times_have_one_unit_and_no_minus() {
        let now = at("2026-11-24T13:32:08Z");

        assert_eq!(relative(at("2026-11-24T13:31:16Z"), now), "52 s ago");
        assert_eq!(relative(at("2026-11-24T13:32:12Z"), now), "in 4 s");
        assert_eq!(relative(at("2026-11-24T10:00:00Z"), now), "3h ago");
        assert_eq!(relative(now, now), "now");
        let ahead = |ms: i64| relative(now + chrono::Duration::milliseconds(ms), now);
        assert_eq!(
            [ahead(600_000), ahead(599_000), ahead(599_999), ahead(60_001)],
            ["in 10m", "in 10m", "in 10m", "in 1m"]
        );
        assert_eq!(
            [ahead(59_001), ahead(3_599_000), ahead(86_399_000), ahead(3_500)],
            ["in 1m", "in 1h", "in 1d", "in 4 s"]
        );
        assert_eq!([ahead(999), ahead(1_000)], ["now", "in 1 s"]);
        let hours = |hours: i64, minutes: i64| ahead((hours * 60 + minutes) * 60_000);
        assert_eq!(
            [hours(23, 10), hours(23, 40), hours(25, 0), hours(36, 0), hours(1, 29)],
            ["in 23h", "in 1d", "in 1d", "in 2d", "in 1h"]
        );
        assert_eq!(between(now, at("2026-11-24T13:00:00Z")), Duration::ZERO);
        let fine = |minutes: i64| super::until(now + chrono::Duration::minutes(minutes), now);
        assert_eq!(
            [fine(957), fine(2_370), fine(45), fine(60), fine(3_000)],
            ["in 15h 57m", "in 1d 15h", "in 45m", "in 1h", "in 2d"]
        );
    }

    #[test]
    fn sizes_and_shares() {
        assert_eq!([bytes(812), bytes(18_432), bytes(212_000_000), bytes(-1)], ["812 B", "18.4 kB", "212 MB", "0 B"]);
        assert_eq!([percent(9_994, 10_000), percent(1, 2), percent(1, 0)], ["99.9%", "50%", "0%"]);
        assert_eq!([percent(5, 1_000), percent(1_005, 10_000), percent(7, 9)], ["0.5%", "10%", "77.7%"]);
        assert_eq!([percent(41, 10_000), percent(1, 1_000_000), percent(5, 10_000)], ["0.41%", "<0.01%", "0.05%"]);
    }

    #[test]
    fn ids_are_cut_in_the_middle() {
        assert_eq!(middle("0123456789abcdef", 9), "0123…cdef");
        assert_eq!(middle("short", 9), "short");
        assert_eq!(middle("ünïcödé-text", 5).chars().count(), 5);
    }

    proptest::proptest! {
        #[test]
        fn a_longer_duration_never_reads_as_negative_or_empty(ms in proptest::num::i64::ANY) {
            let text = duration_ms(ms);
            proptest::prop_assert!(!text.is_empty() && !text.contains('-'));
        }

        #[test]
        fn grouping_loses_no_digit(number in proptest::num::u64::ANY) {
            proptest::prop_assert_eq!(grouped(number).replace(',', ""), number.to_string());
        }
    }
}
