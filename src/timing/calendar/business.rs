//! Business days near a date or in a month.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use super::days::BusinessDays;
use crate::timing::holidays::{YEAR_MAX, YEAR_MIN};

/// How far a business day is looked for, in days. A valid calendar has one in each year from 1990 to 2100, so that the search can
/// only be in vain far outside these.
pub const SEARCH_DAYS_MAX: usize = 800;

/// What becomes of a date that is no business day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Roll {
    /// It stays.
    Keep,
    /// The next business day takes its place.
    Next,
    /// The previous business day takes its place.
    Previous,
    /// The next business day, unless that lies in another month: then the previous one.
    ModifiedNext,
}

impl BusinessDays {
    /// Tells how many days in a row are no business days at most, at least a week.
    pub fn longest_closure(&self) -> u16 {
        *self.closure.get_or_init(|| {
            let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
            let (begin, end) = (day(YEAR_MIN, 1, 1), day(YEAR_MAX, 12, 31));
            let is_closed = |date: &NaiveDate| *date >= begin && *date <= end && !self.is_business_day(*date);
            // whatever is closed for longer than a week holds one of these days
            let looked_at = begin.iter_days().step_by(7).take_while(|date| *date <= end).filter(is_closed);
            let longest = looked_at.map(|date| {
                let before = date.iter_days().rev().take_while(is_closed).count();
                before + date.iter_days().skip(1).take_while(is_closed).count()
            });
            u16::try_from(longest.max().unwrap_or_default()).unwrap_or(u16::MAX).max(7)
        })
    }

    /// Gives the first business day after `date`; `None` when there is none for [`SEARCH_DAYS_MAX`] days.
    pub fn next_business_day(&self, date: NaiveDate) -> Option<NaiveDate> {
        let later = std::iter::successors(date.succ_opt(), NaiveDate::succ_opt);
        later.take(SEARCH_DAYS_MAX).find(|date| self.is_business_day(*date))
    }

    /// Gives the last business day before `date`; `None` when there is none for [`SEARCH_DAYS_MAX`] days.
    pub fn previous_business_day(&self, date: NaiveDate) -> Option<NaiveDate> {
        let earlier = std::iter::successors(date.pred_opt(), NaiveDate::pred_opt);
        earlier.take(SEARCH_DAYS_MAX).find(|date| self.is_business_day(*date))
    }

    /// Gives the nth business day of a month: 1 is the first, -1 the last; `None` when the month has not so many, for 0 and for a
    /// month that does not exist.
    pub fn nth_business_day(&self, year: i32, month: u32, nth: i32) -> Option<NaiveDate> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        let last = first.with_day(u32::from(first.num_days_in_month()))?;
        let skipped = usize::try_from(nth.unsigned_abs().checked_sub(1)?).ok()?;
        if nth > 0 {
            let days = std::iter::successors(Some(first), NaiveDate::succ_opt).take_while(|date| *date <= last);
            days.filter(|date| self.is_business_day(*date)).nth(skipped)
        } else {
            let days = std::iter::successors(Some(last), NaiveDate::pred_opt).take_while(|date| *date >= first);
            days.filter(|date| self.is_business_day(*date)).nth(skipped)
        }
    }

    /// Gives the last business day of a month; `None` when it has none.
    pub fn last_business_day(&self, year: i32, month: u32) -> Option<NaiveDate> {
        self.nth_business_day(year, month, -1)
    }

    /// Moves a date that is no business day; a business day stays. `None` only when no business day is near
    /// ([`SEARCH_DAYS_MAX`]).
    pub fn roll(&self, date: NaiveDate, roll: Roll) -> Option<NaiveDate> {
        if self.is_business_day(date) {
            return Some(date);
        }
        match roll {
            Roll::Keep => Some(date),
            Roll::Next => self.next_business_day(date),
            Roll::Previous => self.previous_business_day(date),
            Roll::ModifiedNext => {
                let next = self
                    .next_business_day(date)
                    .filter(|next| (next.year(), next.month()) == (date.year(), date.month()));
                next.or_else(|| self.previous_business_day(date))
            }
        }
    }
}
