//! The values of a query's terms: names with asterisks, numbers, lengths of time and moments with bounds, words.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::scan::{Chars, literal, split_at_dots};
use crate::base::clock::Time;
use crate::base::length::read_ms;
use crate::queue::state::JobState;

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A state of jobs.
    State,
    /// A name; `*` stands for any text.
    Name,
    /// A whole number, with bounds.
    Number,
    /// A length of time, with bounds.
    Length,
    /// A moment, with bounds.
    Moment,
    /// Text that is contained, whatever the case.
    Words,
    /// A name or a number.
    Argument,
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound<T> {
    /// The end.
    pub value: T,
    /// Whether it belongs to the range.
    pub is_within: bool,
}

/// Values between two ends, of which one may be open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range<T> {
    /// The lower end.
    pub from: Option<Bound<T>>,
    /// The upper end.
    pub to: Option<Bound<T>>,
}

/// A moment as it is typed; the zone of whoever asks says when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So many milliseconds ago.
    Ago(u64),
    /// In so many milliseconds.
    Ahead(u64),
    /// A day.
    Day(NaiveDate),
    /// A time of day.
    Local(NaiveDateTime),
    /// A moment with its own offset.
    Instant(Time),
}

/// What one value asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// This state.
    State(JobState),
    /// Exactly this.
    Is(String),
    /// These pieces in this order, with anything between them; an empty first or last piece stands for any beginning or end.
    Like(Vec<String>),
    /// This somewhere within, whatever the case.
    Has(String),
    /// Whole numbers.
    Number(Range<i64>),
    /// Numbers of any kind.
    Decimal(Range<f64>),
    /// Milliseconds.
    Length(Range<u64>),
    /// Moments.
    Moment(Range<Moment>),
}

impl<T: Copy + PartialEq> Range<T> {
    fn only(value: T) -> Self {
        let end = Some(Bound { value, is_within: true });
        Self { from: end, to: end }
    }

    /// Gives the value when it is the only one.
    pub fn single(&self) -> Option<T> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from == to => Some(from.value),
            _ => None,
        }
    }
}

impl Range<Moment> {
    /// Puts moments in the place of "so long ago" and tells whether there was such a one. What had no end ends now.
    pub fn fix(&mut self, now: Time, zone: Tz) -> bool {
        let is_open = self.to.is_none() && self.from.is_some_and(|from| matches!(from.value, Moment::Ago(_)));
        let mut is_changed = false;
        for bound in [&mut self.from, &mut self.to].into_iter().flatten() {
            if let Moment::Ago(_) | Moment::Ahead(_) = bound.value {
                bound.value = Moment::Instant(bound.value.begins(now, zone));
                is_changed = true;
            }
        }
        if is_open {
            self.to = Some(Bound { value: Moment::Instant(now), is_within: true });
        }
        is_changed
    }
}

/// How a value begins: `>2`, `gt:2`.
const SIGNS: [(&str, Sign); 9] = [
    (">=", Sign::AtLeast),
    ("<=", Sign::AtMost),
    ("gte:", Sign::AtLeast),
    ("lte:", Sign::AtMost),
    (">", Sign::Above),
    ("<", Sign::Below),
    ("gt:", Sign::Above),
    ("lt:", Sign::Below),
    ("=", Sign::Same),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Above,
    AtLeast,
    Below,
    AtMost,
    Same,
}

/// Reads one value of a field. The error says what stands there wrongly and what could stand there.
pub fn read(kind: Kind, value: &Chars) -> Result<Test, String> {
    let text = literal(value);
    match kind {
        Kind::State => JobState::parse(&text.to_lowercase()).map(Test::State).ok_or_else(|| states(&text)),
        Kind::Name => Ok(name(value)),
        Kind::Words => Ok(Test::Has(text)),
        Kind::Number => range(value, whole).map(Test::Number),
        Kind::Length => range(value, length).map(Test::Length),
        Kind::Moment => moments(value).map(Test::Moment),
        Kind::Argument => Ok(argument(value)),
    }
}

fn states(text: &str) -> String {
    let names = JobState::ALL.map(JobState::as_str);
    let near = names.iter().map(|name| (strsim::damerau_levenshtein(text, name), *name)).min();
    match near.filter(|(errors, _)| *errors <= 2) {
        Some((_, name)) => format!("{text:?} is no state; did you mean {name}?"),
        None => format!("{text:?} is no state; they are {}", names.join(", ")),
    }
}

/// An asterisk within quotes is an asterisk.
fn name(value: &Chars) -> Test {
    if !value.iter().any(|(c, quoted)| *c == '*' && !quoted) {
        return Test::Is(literal(value));
    }
    Test::Like(value.split(|(c, quoted)| *c == '*' && !quoted).map(literal).collect())
}

/// Bounds ask for numbers; everything else is compared as text.
fn argument(value: &Chars) -> Test {
    let has_sign = sign(value).1.is_some() || split_at_dots(value).is_some();
    match range(value, decimal) {
        Ok(range) if has_sign => Test::Decimal(range),
        _ => name(value),
    }
}

fn whole(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{text:?} is no whole number"))
}

fn decimal(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| format!("{text:?} is no number"))
}

fn length(text: &str) -> Result<u64, String> {
    match text.chars().next_back() {
        Some(last) if last.is_alphabetic() => {
            read_ms(text).map_err(|_| format!("{text:?} is no length of time; write 90s, 5m or 1h30m"))
        }
        _ => Err(format!("{text:?} has no unit; write 500ms, 90s, 5m or 1h30m")),
    }
}

/// Splits off how a value begins.
fn sign(value: &Chars) -> (&Chars, Option<Sign>) {
    let starts = |sign: &str| {
        sign.chars()
            .zip(value.iter().map(Some).chain(std::iter::repeat(None)))
            .all(|(c, at)| at.is_some_and(|(v, quoted)| *v == c && !quoted))
    };
    match SIGNS.iter().find(|(text, _)| starts(text)) {
        Some((text, sign)) => (&value[text.chars().count()..], Some(*sign)),
        None => (value, None),
    }
}

fn range<T: Copy + PartialEq + PartialOrd>(
    value: &Chars,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Range<T>, String> {
    if let Some((from, to)) = split_at_dots(value) {
        let end = |text: &Chars| match literal(text) {
            text if text.is_empty() => Ok(None),
            text => read(&text).map(|value| Some(Bound { value, is_within: true })),
        };
        return ordered(Range { from: end(from)?, to: end(to)? }, &literal(value));
    }
    let (rest, sign) = sign(value);
    let value = read(&literal(rest))?;
    Ok(signed(sign, value, value))
}

/// A range with a sign before it: above its end, below its beginning.
fn signed<T: Copy + PartialEq>(sign: Option<Sign>, first: T, last: T) -> Range<T> {
    let end = |value, is_within| Some(Bound { value, is_within });
    match sign {
        None | Some(Sign::Same) if first == last => Range::only(first),
        None | Some(Sign::Same) => Range { from: end(first, true), to: end(last, true) },
        Some(Sign::Above) => Range { from: end(last, false), to: None },
        Some(Sign::AtLeast) => Range { from: end(first, true), to: None },
        Some(Sign::Below) => Range { from: None, to: end(first, false) },
        Some(Sign::AtMost) => Range { from: None, to: end(last, true) },
    }
}

fn ordered<T: PartialOrd>(range: Range<T>, text: &str) -> Result<Range<T>, String> {
    match (&range.from, &range.to) {
        (None, None) => Err("a range needs a beginning or an end, such as 2..5, 2.. or ..5".into()),
        (Some(from), Some(to)) if from.value > to.value => Err(format!("{text:?} ends before it begins")),
        _ => Ok(range),
    }
}

fn moments(value: &Chars) -> Result<Range<Moment>, String> {
    if let Some((from, to)) = split_at_dots(value) {
        let end = |text: &Chars| match literal(text) {
            text if text.is_empty() => Ok(None),
            text => moment(&text).map(|value| Some(Bound { value, is_within: true })),
        };
        let range = Range { from: end(from)?, to: end(to)? };
        return match (range.from, range.to) {
            (None, None) => Err("a range needs a beginning or an end, such as 2026-11-01..2026-11-07".into()),
            (Some(from), Some(to)) if is_after(from.value, to.value) => {
                Err(format!("{:?} ends before it begins", literal(value)))
            }
            _ => Ok(range),
        };
    }
    let (rest, sign) = sign(value);
    let value = moment(&literal(rest))?;
    match (value, sign) {
        (Moment::Ago(_), None) => Ok(Range { from: Some(Bound { value, is_within: true }), to: None }), // "-24h": since then
        _ => Ok(signed(sign, value, value)),
    }
}

/// Tells it as far as it holds in every zone.
fn is_after(one: Moment, other: Moment) -> bool {
    match (one, other) {
        (Moment::Ago(one), Moment::Ago(other)) => one < other,
        (Moment::Ahead(one), Moment::Ahead(other)) => one > other,
        (Moment::Ahead(_), Moment::Ago(_)) => true,
        (Moment::Day(one), Moment::Day(other)) => one > other,
        (Moment::Local(one), Moment::Local(other)) => one > other,
        (Moment::Instant(one), Moment::Instant(other)) => one > other,
        (Moment::Day(one), Moment::Local(other)) => one > other.date(),
        (Moment::Local(one), Moment::Day(other)) => one.date() > other,
        _ => false,
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    if let Some(ago) = text.strip_prefix('-') {
        return length(ago).map(Moment::Ago);
    }
    if let Some(ahead) = text.strip_prefix('+') {
        return length(ahead).map(Moment::Ahead);
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(Moment::Day(day));
    }
    for form in ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(local) = NaiveDateTime::parse_from_str(text, form) {
            return Ok(Moment::Local(local));
        }
    }
    match text.parse::<Time>() {
        Ok(instant) => Ok(Moment::Instant(instant)),
        Err(_) => Err(format!("{text:?} is no moment; write 2026-11-24, 2026-11-24T14:30, -24h or +2h")),
    }
}

impl Moment {
    /// Gives its beginning in a zone.
    pub fn begins(self, now: Time, zone: Tz) -> Time {
        match self {
            Self::Ago(ms) => before(now, ms),
            Self::Ahead(ms) => after(now, ms),
            Self::Day(day) => in_zone(day.and_time(NaiveTime::MIN), zone),
            Self::Local(local) => in_zone(local, zone),
            Self::Instant(instant) => instant,
        }
    }

    /// Gives the first moment after it: of a day, the next midnight.
    pub fn ends(self, now: Time, zone: Tz) -> Time {
        match self {
            Self::Day(day) => Self::Day(day.succ_opt().unwrap_or(day)).begins(now, zone),
            Self::Ago(_) | Self::Ahead(_) | Self::Local(_) | Self::Instant(_) => self.begins(now, zone),
        }
    }
}

fn before(now: Time, ms: u64) -> Time {
    let ago = i64::try_from(ms).ok().and_then(TimeDelta::try_milliseconds);
    ago.and_then(|ago| now.checked_sub_signed(ago)).unwrap_or(Time::UNIX_EPOCH)
}

fn after(now: Time, ms: u64) -> Time {
    let ahead = i64::try_from(ms).ok().and_then(TimeDelta::try_milliseconds);
    ahead.and_then(|ahead| now.checked_add_signed(ahead)).unwrap_or(Time::MAX_UTC)
}

/// Gives the first moment at which clocks of the zone show `local`, or passed over it.
fn in_zone(local: NaiveDateTime, zone: Tz) -> Time {
    let hours = (0..=3).filter_map(|hour| local.checked_add_signed(TimeDelta::hours(hour)));
    let moment = hours.filter_map(|local| zone.from_local_datetime(&local).earliest()).next();
    moment.map_or(Time::UNIX_EPOCH, |moment| moment.to_utc())
}
