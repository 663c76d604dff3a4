//! The small values of a calendar's document: each is parsed once, written back as it was read, and trusted afterwards.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::base::length::{read_ms, write_ms};
use crate::timing::holidays;

/// Declares that a type is read from and written as a text by `FromStr` and `Display`.
macro_rules! as_text {
    ($($name:ident),*) => { $(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(D::Error::custom)
            }
        }
    )* };
}

as_text!(MonthDay, Moment, TimeOfDay, Length);

/// A day of every year, `08-15`; `02-29` is one of leap years only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonthDay {
    month: u32,
    day: u32,
}

impl MonthDay {
    /// Gives the month and the day of a date.
    pub fn of(date: NaiveDate) -> Self {
        Self { month: date.month(), day: date.day() }
    }

    /// Gives the day in a year; `None` for 29 February of a common year.
    pub fn in_year(self, year: i32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(year, self.month, self.day)
    }
}

impl FromStr for MonthDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (month, day) =
            holidays::month_day(text).ok_or_else(|| format!("write a month and a day like 08-15, not {text:?}"))?;
        Ok(Self { month, day })
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

/// A local date and time in whole seconds: `2026-12-01T22:00`, `2026-12-01 22:00:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub NaiveDateTime);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("write a local date and time like 2026-12-01T22:00, not {text:?}");
        let (date, time) = text.split_once(['T', ' ']).ok_or_else(refused)?;
        let date: NaiveDate = date.parse().map_err(|_| refused())?;
        let time: TimeOfDay = time.parse().map_err(|_| refused())?;
        Ok(Self(date.and_time(time.0)))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.0.date(), TimeOfDay(self.0.time()))
    }
}

/// A local time of day in whole seconds: `02:00`, `22:30:15`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(pub NaiveTime);

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let parts: Vec<u32> = text.split(':').filter(|part| two_digits(part)).flat_map(str::parse).collect();
        let time = match (parts.as_slice(), text.len()) {
            (&[hour, minute], 5) => NaiveTime::from_hms_opt(hour, minute, 0),
            (&[hour, minute, second], 8) => NaiveTime::from_hms_opt(hour, minute, second),
            _ => None,
        };
        time.map(Self).ok_or_else(|| format!("write a time from 00:00 to 23:59:59 like 02:30, not {text:?}"))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = if self.0.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
        write!(f, "{}", self.0.format(format))
    }
}

/// A length of time in whole seconds, written like `4h` or `1h 30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length(TimeDelta);

impl Length {
    /// Makes a length of whole seconds.
    pub fn seconds(seconds: u32) -> Self {
        Self(TimeDelta::seconds(i64::from(seconds)))
    }

    /// Gives it as a difference of times.
    pub fn delta(self) -> TimeDelta {
        self.0
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ms = read_ms(text)?;
        if ms % 1_000 != 0 {
            return Err(format!("a length has whole seconds, but {text:?} has not"));
        }
        let seconds = u32::try_from(ms / 1_000).map_err(|_| format!("{text:?} is longer than 100 years"))?;
        Ok(Self::seconds(seconds))
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = u64::try_from(self.0.num_milliseconds()).unwrap_or_default();
        f.write_str(&write_ms(ms))
    }
}
