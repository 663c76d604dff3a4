//! Which days of a month a rule names.
//!
//! A month is known by its length and the weekday of its first day: 28 shapes in all, each of which comes again within
//! any 400 years. Days are therefore worked out once for every shape, and a rule is possible exactly when some shape of
//! one of its months has a day.

use chrono::{Datelike, NaiveDate};

use super::field::Field;
use super::item::{self, DayOf, Item, WeekdayOf};
use super::spread::Spread;

const SATURDAY: u8 = 6;
const LENGTH_MIN: u8 = 28;
/// Days 1 to 31 as bits.
const EVERY_DAY: u64 = 0xffff_fffe;

/// The days and weekdays that a rule asks for, `H` decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Days {
    /// Days of the month as bits.
    pub(super) numbers: u64,
    /// Days that depend on the month, as written.
    pub(super) special: Vec<DayOf>,
    /// Weekdays as bits, Sunday is bit 0.
    pub(super) weekdays: u64,
    /// Weekdays that come once a month, as written.
    pub(super) special_weekdays: Vec<WeekdayOf>,
    /// What decides.
    pub(super) by: By,
}

/// Which of the two fields is restricted, that is neither `*` nor `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Neither: every day.
    Nothing,
    /// The day of the month.
    Day,
    /// The weekday.
    Weekday,
    /// Both are: a day that either of them names.
    Either,
}

impl Days {
    pub(super) fn new(days: &[Item], weekdays: &[Item], spread: Spread) -> Self {
        Days {
            numbers: item::set(days, Field::Day, spread),
            special: days.iter().filter_map(|item| if let Item::Day(day) = item { Some(*day) } else { None }).collect(),
            weekdays: item::set(weekdays, Field::Weekday, spread),
            special_weekdays: weekdays
                .iter()
                .filter_map(|item| if let Item::Weekday(day) = item { Some(*day) } else { None })
                .collect(),
            by: match (is_restricted(days), is_restricted(weekdays)) {
                (false, false) => By::Nothing,
                (true, false) => By::Day,
                (false, true) => By::Weekday,
                (true, true) => By::Either,
            },
        }
    }

    /// The days of a month of this shape, as bits.
    pub(super) fn in_month(&self, shape: Shape) -> u64 {
        let chosen = match self.by {
            By::Nothing => EVERY_DAY,
            By::Day => self.by_day(shape),
            By::Weekday => self.by_weekday(shape),
            By::Either => self.by_day(shape) | self.by_weekday(shape),
        };
        chosen & shape.all()
    }

    fn by_day(&self, shape: Shape) -> u64 {
        self.special.iter().filter_map(|day| shape.day(*day)).fold(self.numbers, |set, day| set | 1 << day)
    }

    fn by_weekday(&self, shape: Shape) -> u64 {
        let plain = (1..=shape.length).filter(|day| self.weekdays & 1 << shape.weekday(*day) != 0);
        let special = self.special_weekdays.iter().map(|weekday| shape.once(*weekday));
        plain.chain(special).fold(0, |set, day| set | 1 << day)
    }
}

/// Only a list that is exactly `*` or `?` leaves a field free: `*/2`, `1-31` and `H` restrict it.
fn is_restricted(items: &[Item]) -> bool {
    items != [Item::Any]
}

/// A month's length and the weekday of its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    length: u8,
    first: u8,
}

impl Shape {
    /// The 28 shapes in the order of [`Shape::number`].
    pub(super) fn all_shapes() -> impl Iterator<Item = Shape> {
        (LENGTH_MIN..=31).flat_map(|length| (0..7).map(move |first| Shape { length, first }))
    }

    /// The shape of a month of a year; none outside chrono's calendar.
    pub(super) fn of(year: i32, month: u32) -> Option<Shape> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        let weekday = u8::try_from(first.weekday().num_days_from_sunday()).ok()?;
        Some(Shape { length: length(month, first.leap_year()), first: weekday })
    }

    /// Its place among all shapes.
    pub(super) fn number(self) -> usize {
        usize::from(self.length - LENGTH_MIN) * 7 + usize::from(self.first)
    }

    /// Whether this month can have the shape, in some year.
    pub(super) fn suits(self, month: u32) -> bool {
        self.length == length(month, true) || self.length == length(month, false)
    }

    fn all(self) -> u64 {
        EVERY_DAY >> (31 - self.length) & EVERY_DAY
    }

    fn weekday(self, day: u8) -> u8 {
        (self.first + day - 1) % 7
    }

    fn day(self, day: DayOf) -> Option<u8> {
        match day {
            DayOf::BeforeLast(before) => self.before_last(before),
            DayOf::NearWorking(day) => (day <= self.length).then(|| self.near_working(day)),
            DayOf::NearWorkingBeforeLast(before) => self.before_last(before).map(|day| self.near_working(day)),
        }
    }

    fn before_last(self, before: u8) -> Option<u8> {
        self.length.checked_sub(before).filter(|day| *day > 0)
    }

    /// Friday for a Saturday and Monday for a Sunday, unless that lies in another month.
    fn near_working(self, day: u8) -> u8 {
        match self.weekday(day) {
            SATURDAY if day == 1 => 3,
            SATURDAY => day - 1,
            0 if day == self.length => day - 2,
            0 => day + 1,
            _ => day,
        }
    }

    /// The day of such a weekday; behind the month's end, and so cut off, when there is no fifth one.
    fn once(self, weekday: WeekdayOf) -> u8 {
        let first = |weekday: u8| (weekday + 7 - self.first) % 7 + 1;
        match weekday {
            WeekdayOf::Nth(weekday, nth) => first(weekday) + 7 * (nth - 1),
            WeekdayOf::Last(weekday) => {
                let first = first(weekday);
                first + (self.length - first) / 7 * 7
            }
        }
    }
}

fn length(month: u32, is_leap: bool) -> u8 {
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
