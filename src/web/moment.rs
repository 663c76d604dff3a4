//! Moments as people type them: in the zone of the page, without an offset.

use chrono::{Datelike, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

use crate::base::clock::Time;
use crate::queue::enqueue::YEARS;

/// What a browser's field for date and time sends, with and without seconds.
const FORMATS: [&str; 3] = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"];

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
    let local = FORMATS.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let local = local.ok_or_else(|| format!("Write a date and time like 2026-11-24T14:30, in {}", zone.name()))?;
    let moment = zone.from_local_datetime(&local).earliest();
    moment
        .map(|moment| moment.to_utc())
        .ok_or_else(|| format!("There is no such time in {}: clocks go forward over it", zone.name()))
}

/// Writes a moment for a field of date and time.
pub fn write(moment: Time, zone: Tz) -> String {
    moment.with_timezone(&zone).format("%Y-%m-%dT%H:%M").to_string()
}

/// Says which zone and offset a field is read in: `Europe/Rome, UTC+01:00`.
pub fn hint(now: Time, zone: Tz) -> String {
    let offset = now.with_timezone(&zone).offset().fix();
    format!("In {}, now UTC{offset}", zone.name())
}

#[cfg(test)]
mod tests {
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
