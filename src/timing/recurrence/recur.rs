//! Reads the value of `RRULE` and `EXRULE`: names, numbers, ranges. Which parts go together is [`super::check`]'s.

use chrono::NaiveTime;
use chrono_tz::Tz;

use super::civil::seconds;
use super::parts::{Bound, Freq, NthDay, Parts, Skip};
use super::text::Piece;
use super::values::{Value, local, value};
use crate::timing::error::RuleError;

/// The largest INTERVAL.
pub(super) const INTERVAL_MAX: u32 = 1_000_000;
/// The largest COUNT, since occurrences are counted from the start when a rule is read.
pub(super) const COUNT_MAX: u32 = 100_000;

/// Names of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// The calendar of RFC 7529.
    Rscale,
    /// How often.
    Freq,
    /// Every how many.
    Interval,
    /// The last time.
    Until,
    /// How many times.
    Count,
    /// Months.
    ByMonth,
    /// Weeks of the year.
    ByWeekNo,
    /// Days of the year.
    ByYearDay,
    /// Days of the month.
    ByMonthDay,
    /// Weekdays.
    ByDay,
    /// Hours.
    ByHour,
    /// Minutes.
    ByMinute,
    /// Seconds.
    BySecond,
    /// Positions within a period.
    BySetPos,
    /// On which day weeks begin.
    Wkst,
    /// What becomes of days that do not exist.
    Skip,
}

impl Name {
    /// Every name, in the order in which rules are written.
    pub(super) const ALL: [(Self, &str); 16] = [
        (Self::Rscale, "RSCALE"),
        (Self::Freq, "FREQ"),
        (Self::Interval, "INTERVAL"),
        (Self::Until, "UNTIL"),
        (Self::Count, "COUNT"),
        (Self::ByMonth, "BYMONTH"),
        (Self::ByWeekNo, "BYWEEKNO"),
        (Self::ByYearDay, "BYYEARDAY"),
        (Self::ByMonthDay, "BYMONTHDAY"),
        (Self::ByDay, "BYDAY"),
        (Self::ByHour, "BYHOUR"),
        (Self::ByMinute, "BYMINUTE"),
        (Self::BySecond, "BYSECOND"),
        (Self::BySetPos, "BYSETPOS"),
        (Self::Wkst, "WKST"),
        (Self::Skip, "SKIP"),
    ];
}

/// The parts of a rule as they stand in the text.
#[derive(Debug)]
pub(super) struct Written<'t> {
    /// Where the rule begins.
    pub(super) whole: Piece<'t>,
    /// Name and value of each part.
    parts: Vec<(Name, Piece<'t>, Piece<'t>)>,
}

impl<'t> Written<'t> {
    /// Cuts a rule into its parts.
    ///
    /// # Errors
    /// A part without `=`, an unknown name, a name that stands twice, a part without a value.
    pub(super) fn read(whole: Piece<'t>) -> Result<Self, RuleError> {
        let mut written = Self { whole, parts: Vec::new() };
        let pieces = whole.split(';');
        let last = pieces.len().saturating_sub(1);
        for (at, piece) in pieces.into_iter().enumerate() {
            if piece.text.is_empty() && at == last && at > 0 {
                continue; // calendars are found that end rules with a semicolon
            }
            let (key, value) = piece.split_once('=').ok_or_else(|| {
                piece.refuse(format!("\"{}\" is no part of a rule: write NAME=VALUE, such as FREQ=DAILY", piece.text))
            })?;
            let (key, value) = (key.trim(), value.trim());
            let name = Name::ALL.into_iter().find(|(_, name)| key.text.eq_ignore_ascii_case(name));
            let Some((name, _)) = name else { return Err(unknown(key)) };
            if written.get(name).is_some() {
                return Err(key.refuse(format!("{} stands twice in one rule", key.text)));
            }
            if value.text.is_empty() {
                return Err(value.refuse(format!("{} has no value", key.text)));
            }
            written.parts.push((name, key, value));
        }
        Ok(written)
    }

    /// Gives the value of a part.
    pub(super) fn get(&self, name: Name) -> Option<Piece<'t>> {
        self.parts.iter().find(|part| part.0 == name).map(|part| part.2)
    }

    /// Makes an error that points at the name of a part, or at the rule when the part is absent.
    pub(super) fn refuse(&self, name: Name, message: impl Into<String>) -> RuleError {
        self.parts.iter().find(|part| part.0 == name).map_or(self.whole, |part| part.1).refuse(message)
    }

    fn numbers(&self, name: Name, range: Range) -> Result<Vec<i16>, RuleError> {
        let Some(list) = self.get(name) else { return Ok(Vec::new()) };
        let mut found = list.split(',').into_iter().map(|piece| range.read(piece)).collect::<Result<Vec<_>, _>>()?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Reads the parts; `zone` is the zone of the recurrence.
    ///
    /// # Errors
    /// Values that are no numbers, names or times, or out of range.
    pub(super) fn parts(&self, zone: Tz) -> Result<Parts, RuleError> {
        let freq = self.get(Name::Freq).ok_or_else(|| {
            self.whole.refuse("the rule does not say how often: write FREQ=DAILY, or another frequency, into it")
        })?;
        let mut parts = Parts::new(frequency(freq)?);
        if let Some(piece) = self.get(Name::Interval) {
            parts.interval = counted(piece, "INTERVAL", INTERVAL_MAX, "such a rule would hardly ever hold")?;
        }
        parts.bound = self.bound(zone)?;
        parts.months = self.numbers(Name::ByMonth, Range::new("a month", 1, 12))?;
        parts.weeks = self.numbers(Name::ByWeekNo, Range::signed("a week of the year", 53))?;
        parts.year_days = self.numbers(Name::ByYearDay, Range::signed("a day of the year", 366))?;
        parts.month_days = self.numbers(Name::ByMonthDay, Range::signed("a day of the month", 31))?;
        parts.hours = self.numbers(Name::ByHour, Range::new("an hour", 0, 23))?;
        parts.minutes = self.numbers(Name::ByMinute, Range::new("a minute", 0, 59))?;
        parts.seconds = self.numbers(Name::BySecond, Range::new("a second", 0, 60))?;
        parts.seconds.iter_mut().for_each(|second| *second = (*second).min(59));
        parts.seconds.dedup();
        parts.positions = self.numbers(Name::BySetPos, Range::signed("a position", 366))?;
        if let Some(list) = self.get(Name::ByDay) {
            parts.weekdays = list.split(',').into_iter().map(nth_day).collect::<Result<Vec<_>, _>>()?;
            parts.weekdays.sort_unstable();
            parts.weekdays.dedup();
        }
        if let Some(piece) = self.get(Name::Wkst) {
            parts.week_start = weekday(piece.text).ok_or_else(|| no_weekday(piece))?;
        }
        parts.skip = self.skip()?;
        Ok(parts)
    }

    fn bound(&self, zone: Tz) -> Result<Bound, RuleError> {
        if let Some(piece) = self.get(Name::Count) {
            let why = "occurrences are counted from the start, so give an end with UNTIL instead";
            return Ok(Bound::Count(counted(piece, "COUNT", COUNT_MAX, why)?));
        }
        let Some(piece) = self.get(Name::Until) else { return Ok(Bound::Open) };
        let until = value(piece)?;
        let last = match until {
            Value::Date(date) => date.and_time(NaiveTime::MIN) + chrono::Duration::seconds(86_399),
            Value::Local(_) | Value::Utc(_) => local(until, zone, zone),
        };
        Ok(Bound::Until(seconds(last)))
    }

    fn skip(&self) -> Result<Skip, RuleError> {
        if let Some(piece) = self.get(Name::Rscale)
            && !piece.text.eq_ignore_ascii_case("GREGORIAN")
        {
            return Err(piece.refuse(format!(
                "RSCALE={} is not known here: rules follow the Gregorian calendar, write RSCALE=GREGORIAN",
                piece.text
            )));
        }
        let Some(piece) = self.get(Name::Skip) else { return Ok(Skip::Omit) };
        match piece.text.to_ascii_uppercase().as_str() {
            "OMIT" => Ok(Skip::Omit),
            "BACKWARD" => Ok(Skip::Backward),
            "FORWARD" => Ok(Skip::Forward),
            _ => Err(piece.refuse(format!("SKIP={} is not known: write OMIT, BACKWARD or FORWARD", piece.text))),
        }
    }
}

fn unknown(key: Piece<'_>) -> RuleError {
    let upper = key.text.to_ascii_uppercase();
    let hint = match upper.as_str() {
        "DTSTART" | "TZID" => "; the start stands on a line of its own: DTSTART;TZID=Europe/Rome:20261201T090000",
        "BYEASTER" => "; it is no part of RFC 5545",
        _ => "",
    };
    key.refuse(format!("\"{}\" is not the name of a part of a rule{hint}", key.text))
}

fn frequency(piece: Piece<'_>) -> Result<Freq, RuleError> {
    Freq::ALL.into_iter().find(|freq| piece.text.eq_ignore_ascii_case(freq.as_str())).ok_or_else(|| {
        piece.refuse(format!(
            "\"{}\" is no frequency: write SECONDLY, MINUTELY, HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY",
            piece.text
        ))
    })
}

/// Reads a number from 1 to `most`.
fn counted(piece: Piece<'_>, name: &str, most: u32, why: &str) -> Result<u32, RuleError> {
    let is_number = !piece.text.is_empty() && piece.text.bytes().all(|byte| byte.is_ascii_digit());
    match piece.text.parse::<u32>() {
        _ if !is_number => Err(piece.refuse(format!("{name} is \"{}\": write a whole number", piece.text))),
        Ok(0) => Err(piece.refuse(format!("{name} must be 1 at least"))),
        Ok(number) if number <= most => Ok(number),
        Ok(_) | Err(_) => Err(piece.refuse(format!("{name} may be {most} at most: {why}"))),
    }
}

/// What a number may be.
#[derive(Debug, Clone, Copy)]
struct Range {
    what: &'static str,
    least: i16,
    most: i16,
    is_signed: bool,
}

impl Range {
    const fn new(what: &'static str, least: i16, most: i16) -> Self {
        Self { what, least, most, is_signed: false }
    }

    const fn signed(what: &'static str, most: i16) -> Self {
        Self { what, least: 1, most, is_signed: true }
    }

    fn read(self, piece: Piece<'_>) -> Result<i16, RuleError> {
        let digits = piece.text.strip_prefix(['+', '-']).filter(|_| self.is_signed).unwrap_or(piece.text);
        let is_number = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse::<i16>().ok().filter(|number| is_number && (self.least..=self.most).contains(number));
        match number {
            Some(number) => Ok(if piece.text.starts_with('-') { -number } else { number }),
            None => {
                let Self { what, least, most, is_signed } = self;
                let back = if is_signed { format!(", or -1 to -{most} counted from the end") } else { String::new() };
                Err(piece.refuse(format!("\"{}\" is not {what}: write {least} to {most}{back}", piece.text)))
            }
        }
    }
}

/// The names of weekdays, from Monday.
pub(super) const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

fn weekday(text: &str) -> Option<u8> {
    (0u8..).zip(WEEKDAYS).find(|(_, name)| text.eq_ignore_ascii_case(name)).map(|(number, _)| number)
}

fn no_weekday(piece: Piece<'_>) -> RuleError {
    piece.refuse(format!("\"{}\" is no weekday: write MO, TU, WE, TH, FR, SA or SU", piece.text))
}

/// Reads `MO`, `1MO`, `+2TU` or `-1FR`.
fn nth_day(piece: Piece<'_>) -> Result<NthDay, RuleError> {
    let cut = piece.text.len().checked_sub(2).and_then(|cut| piece.text.split_at_checked(cut));
    let Some((ordinal, Some(weekday))) = cut.map(|(ordinal, name)| (ordinal, weekday(name))) else {
        return Err(no_weekday(piece));
    };
    let digits = ordinal.strip_prefix(['+', '-']).unwrap_or(ordinal);
    let is_number = digits.len() <= 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<i16>().ok().filter(|number| is_number && (1..=53).contains(number));
    match number {
        _ if ordinal.is_empty() => Ok(NthDay { ordinal: 0, weekday }),
        Some(number) => Ok(NthDay { ordinal: if ordinal.starts_with('-') { -number } else { number }, weekday }),
        None => Err(piece.refuse(format!(
            "\"{}\" is no weekday: the number before it counts from 1 to 53, or from -1 to -53 from the end",
            piece.text
        ))),
    }
}
