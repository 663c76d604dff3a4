//! On which day of a year a holiday falls, as the data files write it.
//!
//! | text | day |
//! |---|---|
//! | `12-25` | 25 December |
//! | `easter`, `easter-2`, `orthodox+50` | days before or after Easter Sunday, Western or Orthodox |
//! | `3 monday 01`, `last monday 05` | the third Monday of January, the last one of May |
//! | `monday before 05-25`, `saturday from 06-20` | the last Monday before 25 May, the first Saturday from 20 June on |
//! | `vernal-equinox`, `autumnal-equinox` | Japan's equinox days |
//! | `2022-09-19`, `2026-07-10 2027-06-25` | exactly these days |

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::easter;
use super::equinox::Equinox;

/// The rule of one day a year, or a list of dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// A day of a month.
    Fixed(u32, u32),
    /// Days after (before, when negative) Western Easter Sunday.
    Easter(i64),
    /// Days after (before, when negative) Orthodox Easter Sunday.
    Orthodox(i64),
    /// The nth such weekday of a month, 1 to 4.
    Nth(u8, Weekday, u32),
    /// The last such weekday of a month.
    Last(Weekday, u32),
    /// The last such weekday before a day of a month.
    Before(Weekday, u32, u32),
    /// The first such weekday at or after a day of a month.
    From(Weekday, u32, u32),
    /// An equinox in Japan.
    Equinox(Equinox),
    /// Exactly these dates, at most one a year being usual.
    Dates(Vec<NaiveDate>),
}

impl When {
    /// Reads the words of a rule; gives also how many of them were read.
    ///
    /// # Errors
    /// A sentence naming the word that could not be read.
    pub fn parse(words: &[&str]) -> Result<(Self, usize), String> {
        let (first, rest) = words.split_first().ok_or("a rule begins with a day")?;
        if let Some(offset) = first.strip_prefix("easter") {
            return Ok((Self::Easter(offset_of(offset)?), 1));
        }
        if let Some(offset) = first.strip_prefix("orthodox") {
            return Ok((Self::Orthodox(offset_of(offset)?), 1));
        }
        match *first {
            "vernal-equinox" => return Ok((Self::Equinox(Equinox::Vernal), 1)),
            "autumnal-equinox" => return Ok((Self::Equinox(Equinox::Autumnal), 1)),
            _ => {}
        }
        if let Ok(nth @ 1..=4) = first.parse::<u8>() {
            return Ok((Self::Nth(nth, weekday_at(rest, 0)?, month_at(rest, 1)?), 3));
        }
        if *first == "last" {
            return Ok((Self::Last(weekday_at(rest, 0)?, month_at(rest, 1)?), 3));
        }
        if let Ok(weekday) = first.parse::<Weekday>() {
            return Ok((Self::beside(weekday, rest)?, 3));
        }
        if let Some((month, day)) = month_day(first) {
            return Ok((Self::Fixed(month, day), 1));
        }
        let dates: Vec<NaiveDate> = words.iter().map_while(|word| word.parse().ok()).collect();
        let read = dates.len();
        if read == 0 { Err(format!("{first:?} is no day")) } else { Ok((Self::Dates(dates), read)) }
    }

    fn beside(weekday: Weekday, rest: &[&str]) -> Result<Self, String> {
        let near =
            rest.get(1).and_then(|text| month_day(text)).ok_or("a weekday stands before a day: monday before 05-25")?;
        match rest.first() {
            Some(&"before") => Ok(Self::Before(weekday, near.0, near.1)),
            Some(&"from") => Ok(Self::From(weekday, near.0, near.1)),
            other => Err(format!("after a weekday comes before or from, not {other:?}")),
        }
    }

    /// Gives the days in `year`, usually one.
    pub fn days(&self, year: i32) -> Vec<NaiveDate> {
        match self {
            Self::Dates(dates) => dates.iter().copied().filter(|date| date.year() == year).collect(),
            single => single.day(year).into_iter().collect(),
        }
    }

    fn day(&self, year: i32) -> Option<NaiveDate> {
        match *self {
            Self::Fixed(month, day) => NaiveDate::from_ymd_opt(year, month, day),
            Self::Easter(offset) => moved(easter::western(year)?, offset),
            Self::Orthodox(offset) => moved(easter::orthodox(year)?, offset),
            Self::Nth(nth, weekday, month) => NaiveDate::from_weekday_of_month_opt(year, month, weekday, nth),
            Self::Last(weekday, month) => {
                [5, 4].into_iter().find_map(|nth| NaiveDate::from_weekday_of_month_opt(year, month, weekday, nth))
            }
            Self::Before(weekday, month, day) => {
                let near = NaiveDate::from_ymd_opt(year, month, day)?;
                let back = (near.weekday().days_since(weekday) + 6) % 7 + 1;
                near.checked_sub_days(Days::new(u64::from(back)))
            }
            Self::From(weekday, month, day) => {
                let near = NaiveDate::from_ymd_opt(year, month, day)?;
                near.checked_add_days(Days::new(u64::from(weekday.days_since(near.weekday()))))
            }
            Self::Equinox(equinox) => equinox.day(year),
            Self::Dates(_) => None,
        }
    }
}

/// Gives the date `offset` days later, or earlier when it is negative.
pub fn moved(date: NaiveDate, offset: i64) -> Option<NaiveDate> {
    let days = Days::new(offset.unsigned_abs());
    if offset < 0 { date.checked_sub_days(days) } else { date.checked_add_days(days) }
}

/// Reads `+3`, `-2` or nothing (0).
pub fn offset_of(text: &str) -> Result<i64, String> {
    match text {
        "" => Ok(0),
        signed if signed.starts_with(['+', '-']) => {
            signed.parse().map_err(|_| format!("{text:?} is no number of days"))
        }
        _ => Err(format!("{text:?} is no number of days with a sign")),
    }
}

/// Reads `MM-DD`, a day that some year has.
pub fn month_day(text: &str) -> Option<(u32, u32)> {
    let (month, day) = text.split_once('-')?;
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(month) || !two_digits(day) {
        return None;
    }
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    NaiveDate::from_ymd_opt(2000, month, day).map(|_| (month, day))
}

fn weekday_at(words: &[&str], at: usize) -> Result<Weekday, String> {
    words.get(at).and_then(|word| word.parse().ok()).ok_or_else(|| format!("a weekday is missing in {words:?}"))
}

fn month_at(words: &[&str], at: usize) -> Result<u32, String> {
    let month = words.get(at).and_then(|word| word.parse().ok()).filter(|month| (1..=12).contains(month));
    month.ok_or_else(|| format!("a month from 01 to 12 is missing in {words:?}"))
}
