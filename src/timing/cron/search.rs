//! A rule made ready to be searched: a set of bits for every field.
//!
//! The search jumps from month to month, then to a day, then to a time of that day. Every step is a look at one set, and
//! what a possible rule names comes again within 400 years, so that no search looks at more than 4,800 months; an
//! impossible rule is known beforehand and not searched for.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::days::{Days, Shape};

/// The last year in which a rule is looked for.
pub(super) const LAST_YEAR: i32 = 2999;
const SHAPES: usize = 28;

/// The sets of a rule whose `H` is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The times of a day.
    pub(super) times: Times,
    /// Months as bits 1 to 12.
    pub(super) months: u64,
    /// Days as bits 1 to 31, for each shape of a month.
    days: [u64; SHAPES],
    is_possible: bool,
}

/// Seconds, minutes and hours as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u64,
}

impl Plan {
    pub(super) fn new(times: Times, months: u64, days: &Days) -> Self {
        let mut table = [0; SHAPES];
        for (place, shape) in table.iter_mut().zip(Shape::all_shapes()) {
            *place = days.in_month(shape);
        }
        let is_possible = Shape::all_shapes()
            .zip(table)
            .any(|(shape, days)| days != 0 && (1..=12).any(|month| months & 1 << month != 0 && shape.suits(month)));
        Plan { times, months, days: table, is_possible }
    }

    /// Whether any day of any year is named.
    pub(super) fn is_possible(&self) -> bool {
        self.is_possible
    }

    /// The first whole second at or after `from` that the rule names, up to the end of [`LAST_YEAR`].
    pub(super) fn next(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        if !self.is_possible {
            return None;
        }
        let from = whole_second(from)?;
        if self.has_day(from.date())
            && let Some(time) = self.times.at_or_after(from.time())
        {
            return Some(from.date().and_time(time));
        }
        let day = self.day_at_or_after(from.date().succ_opt()?)?;
        self.times.at_or_after(NaiveTime::MIN).map(|time| day.and_time(time))
    }

    /// Whether the rule names exactly this second.
    pub(super) fn holds(&self, at: NaiveDateTime) -> bool {
        self.has_day(at.date()) && self.times.at_or_after(at.time()) == Some(at.time())
    }

    /// Until when the rule holds without a break from `at` on, which it names, within that day; none when it does not name all minutes of the hour.
    /// With `whole_minutes` a minute that it names is named to its end.
    pub(super) fn holds_until(&self, at: NaiveDateTime, whole_minutes: bool) -> Option<NaiveDateTime> {
        const ALL: u64 = (1 << 60) - 1;
        let Times { seconds, minutes, hours } = self.times;
        if minutes & ALL != ALL || !whole_minutes && seconds & ALL != ALL {
            return None;
        }
        let after = (at.hour() + 1..24).find(|hour| hours & 1 << hour == 0);
        match after {
            Some(hour) => at.date().and_hms_opt(hour, 0, 0),
            None => Some(at.date().succ_opt()?.and_time(NaiveTime::MIN)),
        }
    }

    fn has_day(&self, date: NaiveDate) -> bool {
        date.year() <= LAST_YEAR && self.days_of(date.year(), date.month()) & 1 << date.day() != 0
    }

    fn day_at_or_after(&self, from: NaiveDate) -> Option<NaiveDate> {
        let (mut year, mut month, mut day) = (from.year(), from.month(), from.day());
        while year <= LAST_YEAR {
            if let Some(found) = lowest_from(self.days_of(year, month), day) {
                return NaiveDate::from_ymd_opt(year, month, found);
            }
            (year, month, day) = match lowest_from(self.months, month + 1) {
                Some(month) => (year, month, 1),
                None => (year + 1, lowest_from(self.months, 1)?, 1),
            };
        }
        None
    }

    fn days_of(&self, year: i32, month: u32) -> u64 {
        if self.months & 1 << month == 0 {
            return 0;
        }
        Shape::of(year, month).and_then(|shape| self.days.get(shape.number())).copied().unwrap_or(0)
    }
}

impl Times {
    /// The first of these times of a day at or after `time`, which is a whole second.
    fn at_or_after(&self, time: NaiveTime) -> Option<NaiveTime> {
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        if self.hours & 1 << hour != 0
            && let Some((minute, second)) = self.within_hour(minute, second)
        {
            return NaiveTime::from_hms_opt(hour, minute, second);
        }
        let hour = lowest_from(self.hours, hour + 1)?;
        let (minute, second) = self.within_hour(0, 0)?;
        NaiveTime::from_hms_opt(hour, minute, second)
    }

    fn within_hour(&self, minute: u32, second: u32) -> Option<(u32, u32)> {
        if self.minutes & 1 << minute != 0
            && let Some(second) = lowest_from(self.seconds, second)
        {
            return Some((minute, second));
        }
        Some((lowest_from(self.minutes, minute + 1)?, lowest_from(self.seconds, 0)?))
    }
}

/// The least member of a set that is `from` or greater.
fn lowest_from(set: u64, from: u32) -> Option<u32> {
    let rest = set.checked_shr(from).unwrap_or(0);
    (rest != 0).then(|| rest.trailing_zeros() + from)
}

/// The instant itself, or the next whole second when it lies between two; a leap second counts as the next one.
fn whole_second(at: NaiveDateTime) -> Option<NaiveDateTime> {
    let whole = at.with_nanosecond(0)?;
    if at.nanosecond() == 0 { Some(whole) } else { whole.checked_add_signed(TimeDelta::seconds(1)) }
}
