//! Moments as people type them: in the zone of the page, without an offset.

use chrono::{DateTime, Datelike, NaiveDateTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;

use crate::base::clock::Time;
use crate::queue::enqueue::YEARS;

/// What a browser's field for date and time sends, with and without seconds.
const FORMATS: [&str; 4] = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f"];

/// Reads a moment in `zone`, or one with an offset of its own, in the years that the API takes as well: those that the database
/// and the pages can show. Of two passes through an hour the first is meant.
///
/// # Errors
/// A sentence for the field.
pub fn read(text: &str, zone: Tz) -> Result<Time, String> {
    let moment = read_any(text.trim(), zone)?;
    let out_of_range = || format!("Write a year from {} to {}", YEARS.start(), YEARS.end());
    if YEARS.contains(&moment.year()) { Ok(moment) } else { Err(out_of_range()) }
}

fn read_any(text: &str, zone: Tz) -> Result<Time, String> {
    if let Ok(moment) = text.parse::<Time>() {
        return Ok(moment);
    }
    if let Ok(moment) = DateTime::parse_from_str(text, "%Y-%m-%d %H:%M %:z") {
        return Ok(moment.to_utc());
    }
    let local = FORMATS.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let local = local.ok_or_else(|| format!("Write a date and time like 2026-11-24T14:30, in {}", zone.name()))?;
    let moment = zone.from_local_datetime(&local).earliest();
    moment
        .map(|moment| moment.to_utc())
        .ok_or_else(|| format!("There is no such time in {}: clocks go forward over it", zone.name()))
}

/// Writes a moment for a field of date and time, so that [`read`] gives the same moment again: with seconds where there are some, and
/// with its offset where the clock shows the time twice and the second pass is meant.
pub fn write(moment: Time, zone: Tz) -> String {
    let local = moment.with_timezone(&zone);
    let is_first = zone.from_local_datetime(&local.naive_local()).earliest() == Some(local);
    let format = match (is_first, local.second(), local.nanosecond()) {
        (false, ..) => "%Y-%m-%d %H:%M:%S%.f %:z",
        (true, 0, 0) => "%Y-%m-%dT%H:%M",
        (true, _, 0) => "%Y-%m-%dT%H:%M:%S",
        (true, ..) => "%Y-%m-%dT%H:%M:%S%.f",
    };
    local.format(format).to_string()
}

/// Writes a moment that is proposed: to the minute, as people write times.
pub fn propose(moment: Time, zone: Tz) -> String {
    let minute = moment.with_second(0).and_then(|moment| moment.with_nanosecond(0));
    write(minute.unwrap_or(moment), zone)
}

/// Tells whether a browser's field for date and time can show what stands in it. It takes no offset and no part of a second below a
/// thousandth, and would drop both without a word.
pub fn fits_picker(text: &str) -> bool {
    let is_time = |format: &&str| NaiveDateTime::parse_from_str(text, format).is_ok();
    text.is_empty() || FORMATS.iter().take(2).any(is_time) && text.len() <= "2026-11-24T14:30:00.000".len()
}

/// Says which zone and offset a field is read in: `Europe/Rome, UTC+01:00`.
pub fn hint(now: Time, zone: Tz) -> String {
    let offset = now.with_timezone(&zone).offset().fix();
    format!("In {}, now UTC{offset}", zone.name())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROME: Tz = chrono_tz::Europe::Rome;

    #[test]
    fn a_moment_is_read_in_the_zone_of_the_page() {
        let moment = read(" 2026-11-24T14:30 ", ROME).expect("a moment");

        assert_eq!(moment.to_rfc3339(), "2026-11-24T13:30:00+00:00");
        assert_eq!(write(moment, ROME), "2026-11-24T14:30");
        assert_eq!(read("2026-11-24T14:30:00Z", ROME).expect("a moment").to_rfc3339(), "2026-11-24T14:30:00+00:00");
    }

    #[test]
    fn seconds_and_the_second_pass_of_an_hour_are_kept() {
        let cases = [
            ("2026-11-24T13:30:15Z", "2026-11-24T14:30:15"),
            ("2026-11-24T13:30:15.250Z", "2026-11-24T14:30:15.250"),
            ("2026-10-25T00:30:15Z", "2026-10-25T02:30:15"),
            ("2026-10-25T01:30:15Z", "2026-10-25 02:30:15 +01:00"),
            ("2026-10-25T01:30:00Z", "2026-10-25 02:30:00 +01:00"),
        ];
        for (at, written) in cases {
            let moment: Time = at.parse().expect("a moment");
            assert_eq!(write(moment, ROME), written);
            assert_eq!(read(written, ROME), Ok(moment), "{written}");
        }
        let now = "2026-11-24T13:30:15.123456Z".parse().expect("a moment");
        assert_eq!(propose(now, ROME), "2026-11-24T14:30", "what is only proposed needs no seconds");
        let typed = read("2026-10-25 02:30 +01:00", ROME).expect("a moment");
        assert_eq!(typed.to_rfc3339(), "2026-10-25T01:30:00+00:00", "nobody has to type seconds");
    }

    #[test]
    fn a_picker_is_given_only_what_it_keeps() {
        for text in ["", "2026-11-24T14:30", "2026-11-24T14:30:15", "2026-11-24T14:30:15.250"] {
            assert!(fits_picker(text), "{text}");
        }
        for text in ["2026-10-25 02:30 +01:00", "2026-11-24T14:30:15.250001", "2026-11-24T14:30:00Z", "soon"] {
            assert!(!fits_picker(text), "{text}");
        }
    }

    fn zones() -> impl Strategy<Value = Tz> {
        prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec())
    }

    proptest! {
        #[test]
        fn a_moment_comes_back_from_its_field(seconds in 0_i64..4_102_444_800, nanos in prop_oneof![Just(0_u32), 0..1_000_000_000_u32], zone in zones()) {
            let moment = Time::from_timestamp(seconds, nanos).expect("a moment");

            prop_assert_eq!(read(&write(moment, zone), zone), Ok(moment));
        }

        /// The hours around the changes of a zone, where the clock shows times twice.
        #[test]
        fn a_moment_near_a_change_of_the_clock_comes_back(year in 1970..2037_i32, near in prop_oneof![-10_800..10_800_i64, (-180..180_i64).prop_map(|minutes| minutes * 60)], zone in zones()) {
            let begin = chrono::NaiveDate::from_ymd_opt(year, 1, 1).expect("a day").and_time(chrono::NaiveTime::MIN).and_utc();
            let offset = |hours: i64| (begin + chrono::TimeDelta::hours(hours)).with_timezone(&zone).offset().fix();
            let changes = (1..366 * 24).filter(|hours| offset(*hours) != offset(hours - 1)).take(4);
            for hours in changes {
                let moment = begin + chrono::TimeDelta::hours(hours) + chrono::TimeDelta::seconds(near);
                prop_assume!(YEARS.contains(&moment.year()));
                prop_assert_eq!(read(&write(moment, zone), zone), Ok(moment), "{} in {}", moment, zone);
            }
        }
    }

    #[test]
    fn a_year_that_jobs_cannot_have_is_refused_with_the_years_they_can() {
        for text in [
            "0000-01-01T00:00",
            "-001-01-01T00:00",
            "0001-01-01T00:00",
            "1969-12-31T23:59:00Z",
            "+12026-01-01T00:00",
            "9999-12-31T23:59:00-10:00",
        ] {
            assert_eq!(read(text, ROME), Err("Write a year from 1970 to 9999".into()), "{text}");
        }
        assert!(read("9999-12-31T23:59", ROME).is_ok() && read("1970-01-01T01:00", ROME).is_ok());
    }

    #[test]
    fn clock_changes_are_told() {
        assert!(read("2026-03-29T02:30", ROME).is_err_and(|error| error.contains("clocks go forward")));
        assert_eq!(read("2026-10-25T02:30", ROME).expect("a moment").to_rfc3339(), "2026-10-25T00:30:00+00:00");
        assert!(read("tomorrow", ROME).is_err());
    }
}
