//! Days and local times as plain numbers, in the Gregorian calendar carried on into past and future.
//!
//! Inside this module a day is the number of days since 1970-01-01 and a local time the number of seconds since that day's
//! midnight, so that jumps over years are arithmetic. Day numbers are counted by the method of eras of 400 years with years that
//! begin in March (E. M. Reingold and N. Dershowitz, *Calendrical Calculations*; the form for computers is Howard Hinnant's).

use chrono::{DateTime, NaiveDateTime, Timelike};

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// The last second of year 2999, up to which rules are searched.
pub(super) const HORIZON: i64 = 32_503_680_000 - 1;

const ERA_DAYS: i64 = 146_097;
/// From 0000-03-01, where eras begin, to 1970-01-01.
const EPOCH: i64 = 719_468;

/// Gives the number of a day.
pub(super) fn day_number(year: i64, month: u32, day: u32) -> i64 {
    let month = i64::from(month);
    let (year, from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let in_era = year.rem_euclid(400);
    let in_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
    year.div_euclid(400) * ERA_DAYS + in_era * 365 + in_era / 4 - in_era / 100 + in_year - EPOCH
}

/// Gives year, month (1 to 12) and day of the month of a day's number.
pub(super) fn civil(day: i64) -> (i64, u32, u32) {
    let shifted = day + EPOCH;
    let in_era = shifted.rem_euclid(ERA_DAYS);
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / (ERA_DAYS - 1)) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = (in_year - (153 * from_march + 2) / 5 + 1) as u32;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 } as u32;
    let year = shifted.div_euclid(ERA_DAYS) * 400 + year + i64::from(month <= 2);
    (year, month, day)
}

/// Gives the weekday of a day, 0 for Monday to 6 for Sunday.
pub(super) fn weekday(day: i64) -> u32 {
    (day + 3).rem_euclid(7) as u32
}

/// Tells whether a year has a 29 February.
pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Gives the number of days of a year.
pub(super) fn year_len(year: i64) -> u32 {
    if is_leap(year) { 366 } else { 365 }
}

/// Gives the number of days of a month (1 to 12).
pub(super) fn month_len(year: i64, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Gives how many days of a year stand before a month.
pub(super) fn days_before(year: i64, month: u32) -> u32 {
    (day_number(year, month, 1) - day_number(year, 1, 1)) as u32
}

/// Gives a local time's seconds; fractions of a second are cut off.
pub(super) fn seconds(at: NaiveDateTime) -> i64 {
    at.and_utc().timestamp()
}

/// Gives the first whole second at or after a local time.
pub(super) fn seconds_from(at: NaiveDateTime) -> i64 {
    seconds(at) + i64::from(at.nanosecond() > 0)
}

/// Gives the local time of a number of seconds; None beyond what a calendar holds.
pub(super) fn moment(seconds: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(seconds, 0).map(|at| at.naive_utc())
}

/// Gives the number of the day in which a local second lies.
pub(super) fn day_of(at: i64) -> i64 {
    at.div_euclid(DAY)
}

/// Gives the last second of the day in which a local second lies.
pub(super) fn day_end(at: i64) -> i64 {
    day_of(at) * DAY + DAY - 1
}
