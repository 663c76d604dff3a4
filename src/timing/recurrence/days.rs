//! Which days a rule means: sets of days of one month, week or year as bits, built with a handful of operations each.

use super::civil::{civil, day_number, days_before, is_leap, month_len, weekday, year_len};
use super::parts::{NthDay, Parts, Skip};
use super::times::nth_bit;

/// All months, bits 1 to 12.
const ALL_MONTHS: u32 = 0x1ffe;
const ALL_WEEKDAYS: u32 = 0x7f;

/// A bit for each number of a list.
fn bits(numbers: impl IntoIterator<Item = i16>) -> u64 {
    numbers.into_iter().filter_map(|number| 1u64.checked_shl(u32::try_from(number).ok()?)).fold(0, |all, bit| all | bit)
}

/// Days of a month, counted from its beginning and from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MonthDays {
    /// Bits 1 to 31: the first to the thirty-first.
    from_start: u32,
    /// Bits 1 to 31: the last to the last but thirty.
    from_end: u32,
}

impl MonthDays {
    fn new(days: &[i16]) -> Option<Self> {
        (!days.is_empty()).then(|| Self {
            from_start: bits(days.iter().copied()) as u32,
            from_end: bits(days.iter().map(|day| -day)) as u32,
        })
    }

    /// The days of a month of `len` days, as bits 1 to `len`.
    fn of(self, len: u32) -> u64 {
        let mirrored = (u64::from(self.from_end.reverse_bits()) << 1) >> (31 - len);
        (u64::from(self.from_start) | mirrored) & all_days(len)
    }

    /// The same; days that the month does not have move to the next day there is. Bits 0 and `len + 1` are the days beside the month.
    fn moved(self, len: u32, skip: Skip) -> u64 {
        let beyond = u64::from(self.from_start) >> (len + 1) != 0;
        let before = u64::from(self.from_end) >> (len + 1) != 0;
        let (late, early) = match skip {
            Skip::Omit => (0, 0),
            Skip::Backward => (1 << len, 1),
            Skip::Forward => (1 << (len + 1), 2),
        };
        self.of(len) | if beyond { late } else { 0 } | if before { early } else { 0 }
    }
}

/// Bits 1 to `len`.
fn all_days(len: u32) -> u64 {
    (1 << (len + 1)) - 2
}

/// Weekdays as bits 0 to 63, bit 1 falling on weekday `first`.
fn weekday_bits(weekdays: u32, first: u32) -> u64 {
    // Weekday of bit 0 is the one before; turn the seven bits so that they begin there, then repeat them every seven.
    let start = (first + 6) % 7;
    let turned = (weekdays >> start | weekdays << (7 - start)) & ALL_WEEKDAYS;
    u64::from(turned).wrapping_mul(0x8102_0408_1020_4081)
}

/// Days of the year as bits 1 to 366, for common and for leap years.
type YearDays = Box<[[u64; 6]; 2]>;

fn year_days(days: &[i16]) -> Option<YearDays> {
    let of = |len: i16| {
        let mut set = DaySet::default();
        for day in days {
            let day = if *day > 0 { *day } else { len + 1 + *day };
            if (1..=len).contains(&day) {
                set.put(i64::from(day));
            }
        }
        set.bits
    };
    (!days.is_empty()).then(|| Box::new([of(365), of(366)]))
}

/// What limits the days of rules from DAILY to SECONDLY: months, days of the month and of the year, weekdays; all must agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DayFilter {
    months: u32,
    month_days: Option<MonthDays>,
    year_days: Option<YearDays>,
    weekdays: u32,
}

impl DayFilter {
    /// Makes the filter of a rule.
    pub(super) fn new(parts: &Parts) -> Self {
        let months = bits(parts.months.iter().copied()) as u32;
        let weekdays = bits(parts.weekdays.iter().map(|day| i16::from(day.weekday))) as u32;
        Self {
            months: if months == 0 { ALL_MONTHS } else { months },
            month_days: MonthDays::new(&parts.month_days),
            year_days: year_days(&parts.year_days),
            weekdays: if weekdays == 0 { ALL_WEEKDAYS } else { weekdays },
        }
    }

    /// Tells whether every day passes.
    pub(super) fn is_open(&self) -> bool {
        self.months == ALL_MONTHS
            && self.weekdays == ALL_WEEKDAYS
            && self.month_days.is_none()
            && self.year_days.is_none()
    }

    /// Gives the days of a month, the first of which has the number `first`, that pass, as bits 1 to 31.
    pub(super) fn of_month(&self, year: i64, month: u32, first: i64) -> u32 {
        if self.months & (1 << month) == 0 {
            return 0;
        }
        let len = month_len(year, month);
        let mut days = self.month_days.map_or(all_days(len), |days| days.of(len));
        if self.weekdays != ALL_WEEKDAYS {
            days &= weekday_bits(self.weekdays, weekday(first));
        }
        if let Some([common, leap]) = self.year_days.as_deref() {
            let of_year = if is_leap(year) { leap } else { common };
            days &= window(of_year, days_before(year, month));
        }
        days as u32
    }
}

/// 64 bits of a set, from one on.
fn window(bits: &[u64; 6], from: u32) -> u64 {
    let word = |at: u32| bits.get(at as usize).copied().unwrap_or_default();
    let (at, shift) = (from / 64, from % 64);
    word(at) >> shift | word(at + 1).checked_shl(64 - shift).unwrap_or_default()
}

/// Up to 384 days in a row. Of a period's set, bit 1 is its first day; bits 0 and `len + 1` are its neighbours, onto which days that
/// do not exist may have been moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DaySet {
    /// The number of the day of bit 0.
    pub(super) origin: i64,
    bits: [u64; 6],
}

impl DaySet {
    fn put(&mut self, day: i64) {
        if let Ok(day) = u32::try_from(day)
            && let Some(word) = self.bits.get_mut(day as usize / 64)
        {
            *word |= 1 << (day % 64);
        }
    }

    /// Adds 64 bits beginning at a day.
    fn add(&mut self, days: u64, from: u32) {
        let (at, shift) = (from as usize / 64, from % 64);
        if let Some(word) = self.bits.get_mut(at) {
            *word |= days << shift;
        }
        if let Some(word) = self.bits.get_mut(at + 1) {
            *word |= days.checked_shr(64 - shift).unwrap_or_default();
        }
    }

    fn keep(&mut self, others: &[u64; 6]) {
        self.bits.iter_mut().zip(others).for_each(|(mine, theirs)| *mine &= theirs);
    }

    /// Gives the first day at or after a day's number.
    pub(super) fn first_from(&self, day: i64) -> Option<i64> {
        let from = u32::try_from((day - self.origin).max(0)).ok()?;
        let mut mask = u64::MAX << (from % 64);
        for (at, word) in self.bits.iter().enumerate().skip(from as usize / 64) {
            let rest = word & mask;
            if rest != 0 {
                return Some(self.origin + at as i64 * 64 + i64::from(rest.trailing_zeros()));
            }
            mask = u64::MAX;
        }
        None
    }

    /// Gives the number of days in the set.
    pub(super) fn len(&self) -> u32 {
        self.bits.iter().map(|word| word.count_ones()).sum()
    }

    /// Gives the day that comes after `skip` others.
    pub(super) fn nth(&self, skip: u32) -> Option<i64> {
        let mut skip = skip;
        for (at, word) in self.bits.iter().enumerate() {
            if let Some(bit) = nth_bit(*word, skip.min(64)) {
                return Some(self.origin + at as i64 * 64 + i64::from(bit));
            }
            skip -= word.count_ones();
        }
        None
    }
}

/// What makes the days of rules from WEEKLY to YEARLY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DayPicks {
    /// Bits 1 to 12; None when BYMONTH is absent.
    months: Option<u32>,
    month_days: Option<MonthDays>,
    /// BYWEEKNO; empty when absent.
    weeks: Vec<i16>,
    week_start: u32,
    year_days: Option<YearDays>,
    /// Weekdays without an ordinal, bits 0 to 6.
    every: u32,
    nth: Vec<NthDay>,
    skip: Skip,
}

impl DayPicks {
    /// Makes the picks of a rule, in which what DTSTART settles is already written.
    pub(super) fn new(parts: &Parts) -> Self {
        let every = parts.weekdays.iter().filter(|day| day.ordinal == 0).map(|day| i16::from(day.weekday));
        Self {
            months: (!parts.months.is_empty()).then(|| bits(parts.months.iter().copied()) as u32),
            month_days: MonthDays::new(&parts.month_days),
            weeks: parts.weeks.clone(),
            week_start: u32::from(parts.week_start),
            year_days: year_days(&parts.year_days),
            every: bits(every) as u32,
            nth: parts.weekdays.iter().filter(|day| day.ordinal != 0).copied().collect(),
            skip: parts.skip,
        }
    }

    /// Tells whether days that do not exist move to days that may lie in a neighbouring period.
    pub(super) fn moves(&self) -> bool {
        self.skip != Skip::Omit && self.month_days.is_some() && self.weeks.is_empty() && self.year_days.is_none()
    }

    fn has_month(&self, month: u32) -> bool {
        self.months.is_none_or(|months| months & (1 << month) != 0)
    }

    fn has_weekdays(&self) -> bool {
        self.every != 0 || !self.nth.is_empty()
    }

    /// Gives the days of the week that begins with day `first`.
    pub(super) fn of_week(&self, first: i64) -> DaySet {
        let mut days = weekday_bits(self.every, weekday(first)) & all_days(7);
        if self.months.is_some() {
            let (year, month, of_month) = civil(first);
            let here = all_days(month_len(year, month) - of_month + 1);
            let mine = if self.has_month(month) { here } else { 0 };
            let others = if self.has_month(month % 12 + 1) { !here } else { 0 };
            days &= mine | others;
        }
        let mut set = DaySet { origin: first - 1, bits: [0; 6] };
        set.add(days, 0);
        set
    }

    fn of_month_days(&self, len: u32) -> u64 {
        match self.month_days {
            None => all_days(len),
            Some(days) if self.moves() => days.moved(len, self.skip),
            Some(days) => days.of(len),
        }
    }

    /// Gives the days of the month that begins with day `first`.
    pub(super) fn of_month(&self, year: i64, month: u32, first: i64) -> DaySet {
        let mut set = DaySet { origin: first - 1, bits: [0; 6] };
        if self.has_month(month) {
            let len = month_len(year, month);
            let mut days = self.of_month_days(len);
            if self.has_weekdays() {
                let mut meant = DaySet::default();
                self.add_nth(&mut meant, 0, len, weekday(first));
                days &= meant.bits.first().copied().unwrap_or_default() | weekday_bits(self.every, weekday(first));
            }
            set.add(days, 0);
        }
        set
    }

    /// Gives the days of the year that begins with day `first`.
    pub(super) fn of_year(&self, year: i64, first: i64) -> DaySet {
        let mut set = DaySet { origin: first - 1, bits: [0; 6] };
        for month in (1..=12).filter(|month| self.has_month(*month)) {
            set.add(self.of_month_days(month_len(year, month)), days_before(year, month));
        }
        if !self.weeks.is_empty() {
            set.keep(&self.of_weeks(year, first).bits);
        }
        if let Some([common, leap]) = self.year_days.as_deref() {
            set.keep(if is_leap(year) { leap } else { common });
        }
        if self.has_weekdays() {
            set.keep(&self.of_weekdays(year, first).bits);
        }
        set
    }

    /// The days of a year that BYDAY names: ordinals count within the months of BYMONTH, else within the year.
    fn of_weekdays(&self, year: i64, first: i64) -> DaySet {
        let mut set = DaySet::default();
        for (at, word) in set.bits.iter_mut().enumerate() {
            *word = weekday_bits(self.every, weekday(first + at as i64 * 64));
        }
        match self.months {
            None => self.add_nth(&mut set, 0, year_len(year), weekday(first)),
            Some(_) => {
                for month in (1..=12).filter(|month| self.has_month(*month)) {
                    let before = days_before(year, month);
                    self.add_nth(&mut set, before, month_len(year, month), weekday(first + i64::from(before)));
                }
            }
        }
        set
    }

    /// Adds the weekdays with ordinals of a span of `len` days after `before` others, the first of which falls on weekday `first`.
    fn add_nth(&self, set: &mut DaySet, before: u32, len: u32, first: u32) {
        let (len, first) = (i64::from(len), i64::from(first));
        for NthDay { ordinal, weekday } in &self.nth {
            let (ordinal, weekday) = (i64::from(*ordinal), i64::from(*weekday));
            let day = if ordinal > 0 {
                1 + (weekday - first).rem_euclid(7) + 7 * (ordinal - 1)
            } else {
                len - (first + len - 1 - weekday).rem_euclid(7) + 7 * (ordinal + 1)
            };
            if (1..=len).contains(&day) {
                set.put(i64::from(before) + day);
            }
        }
    }

    /// The days of a year that lie in the weeks of BYWEEKNO. Weeks begin on WKST and the first has four days in its year at least
    /// (ISO 8601); days at a year's ends that lie in the neighbour's last or first week count as that week.
    fn of_weeks(&self, year: i64, first: i64) -> DaySet {
        let mut set = DaySet::default();
        for near in year - 1..=year + 1 {
            let (start, weeks) = self.weeks_of(near);
            for week in &self.weeks {
                let week = if *week > 0 { i64::from(*week) } else { weeks + 1 + i64::from(*week) };
                if (1..=weeks).contains(&week) {
                    let day = start + 7 * (week - 1) - first + 1;
                    (day..day + 7).filter(|day| *day > 0).for_each(|day| set.put(day));
                }
            }
        }
        set
    }

    /// The first day of a year's first week, and the number of its weeks.
    fn weeks_of(&self, year: i64) -> (i64, i64) {
        let start = |year: i64| {
            let fourth = day_number(year, 1, 4);
            fourth - i64::from((weekday(fourth) + 7 - self.week_start) % 7)
        };
        (start(year), (start(year + 1) - start(year)) / 7)
    }
}
