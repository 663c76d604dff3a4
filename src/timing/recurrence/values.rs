//! Dates and times as calendars write them, and what they mean in the zone of a recurrence.

use chrono::{Duration, MappedLocalTime, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;

use super::text::Piece;
use crate::timing::error::RuleError;

/// A date or time as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// `20261201`
    Date(NaiveDate),
    /// `20261201T173000`
    Local(NaiveDateTime),
    /// `20261201T173000Z`
    Utc(NaiveDateTime),
}

/// Reads a date or time. Second 60 is read as 59, as RFC 5545 section 3.3.12 says for who knows no leap seconds.
pub(super) fn value(piece: Piece<'_>) -> Result<Value, RuleError> {
    let wrong = || {
        piece.refuse(format!(
            "\"{}\" is no date or time: write 20261201, 20261201T173000, or 20261201T163000Z for UTC",
            piece.text
        ))
    };
    let missing = || piece.refuse(format!("there is no such day or time as {}", piece.text));
    let (date, time) = match piece.text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (piece.text, None),
    };
    let [century, year, month, day] = pairs(date).ok_or_else(wrong)?;
    let date = NaiveDate::from_ymd_opt((century * 100 + year) as i32, month, day);
    let date = date.filter(|_| century + year > 0).ok_or_else(missing)?;
    let Some(time) = time else { return Ok(Value::Date(date)) };
    let (time, is_utc) = match time.strip_suffix('Z') {
        Some(time) => (time, true),
        None => (time, false),
    };
    let [hour, minute, second] = pairs(time).ok_or_else(wrong)?;
    let second = if second == 60 { 59 } else { second };
    let at = date.and_hms_opt(hour, minute, second).ok_or_else(missing)?;
    Ok(if is_utc { Value::Utc(at) } else { Value::Local(at) })
}

/// Reads exactly so many numbers of two digits.
fn pairs<const COUNT: usize>(text: &str) -> Option<[u32; COUNT]> {
    let (digits, rest) = text.as_bytes().as_chunks::<2>();
    let digits: &[[u8; 2]; COUNT] = digits.try_into().ok()?;
    let is_number = rest.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.map(|[tens, ones]| u32::from(tens - b'0') * 10 + u32::from(ones - b'0')))
}

/// Reads the name of a zone; some calendars put a slash before it.
pub(super) fn zone(piece: Piece<'_>) -> Result<Tz, RuleError> {
    let name = piece.text.trim_start_matches('/');
    name.parse().map_err(|_| {
        piece.refuse(format!("\"{name}\" is no time zone: write a name of the tz database, such as Europe/Rome"))
    })
}

/// Gives the local time in `zone` of a value, which stands in zone `own` when it names none.
///
/// A time of another zone that the clocks of that zone skip means the same offset as before they change, and one that comes twice
/// means the first (RFC 5545 section 3.3.5). A time of `zone` itself stays as written, whatever its clocks do.
pub(super) fn local(value: Value, own: Tz, zone: Tz) -> NaiveDateTime {
    match value {
        Value::Date(date) => date.into(),
        Value::Local(at) if own == zone => at,
        Value::Local(at) => zone.from_utc_datetime(&instant(at, own)).naive_local(),
        Value::Utc(at) => zone.from_utc_datetime(&at).naive_local(),
    }
}

/// The instant, in UTC, of a local time.
fn instant(at: NaiveDateTime, zone: Tz) -> NaiveDateTime {
    // No gap is longer than a day (Apia 2011), and offsets are whole quarters of an hour since long.
    let mut before = at;
    for _ in 0..=26 * 4 {
        match zone.from_local_datetime(&before) {
            MappedLocalTime::Single(found) | MappedLocalTime::Ambiguous(found, _) => {
                return found.naive_utc() + (at - before);
            }
            MappedLocalTime::None => before -= Duration::minutes(15),
        }
    }
    at
}

/// Gives the UTC time that [`local`] turns into this local time again; None for a time that the clocks skip.
pub(super) fn utc(at: NaiveDateTime, zone: Tz) -> Option<NaiveDateTime> {
    zone.from_local_datetime(&at).earliest().map(|found| found.naive_utc())
}
