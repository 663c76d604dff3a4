//! A calendar as a document of a file (`kind: Calendar`), a form or the API. What it says is checked by `validate`; what it may be
//! asked is in [`BusinessDays`](super::BusinessDays).

use chrono::{NaiveDate, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::values::{Length, Moment, MonthDay, TimeOfDay};
use crate::base::text::CalendarName;

/// A business calendar.
///
/// ```yaml
/// kind: Calendar
/// name: it-holidays
/// title: Holidays of the Milan office
/// timezone: Europe/Rome
/// holidays: [ { country: IT }, { country: DE, region: BY } ]
/// dates:
///   - { date: 2026-12-24, name: Christmas Eve }
///   - { month_day: "12-07", name: Sant'Ambrogio }
///   - { from: 2027-08-09, to: 2027-08-20, name: Summer closing }
/// removed: [ { holiday: Epiphany }, { date: 2027-06-02 } ]
/// workdays: [ { date: 2026-12-05, name: Stocktaking } ]
/// workweek: [Mon, Tue, Wed, Thu, Fri]
/// windows:
///   - { name: Patching, weekdays: [Sun], start: "02:00", duration: 4h }
///   - { name: Move, from: "2027-03-05T22:00", to: "2027-03-07T06:00" }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// `Calendar`.
    pub kind: CalendarKind,
    /// The name by which schedules know it.
    pub name: CalendarName,
    /// A few words for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The zone of its days and windows; that of the schedule which asks when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Tz>,
    /// Whose public holidays it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holidays: Vec<HolidaysOf>,
    /// Holidays of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dates: Vec<OwnDate>,
    /// Public holidays on which we work all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Removed>,
    /// Days that are business days whatever else is said about them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workdays: Vec<Workday>,
    /// The weekdays that are business days; Monday to Friday when absent.
    #[serde(default = "monday_to_friday")]
    pub workweek: Vec<Weekday>,
    /// Maintenance windows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowRule>,
}

fn monday_to_friday() -> Vec<Weekday> {
    vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri]
}

impl Calendar {
    /// Makes an empty calendar: no holidays, Monday to Friday, no windows.
    pub fn empty(name: CalendarName) -> Self {
        Self {
            kind: CalendarKind::Calendar,
            name,
            title: String::new(),
            timezone: None,
            holidays: Vec::new(),
            dates: Vec::new(),
            removed: Vec::new(),
            workdays: Vec::new(),
            workweek: monday_to_friday(),
            windows: Vec::new(),
        }
    }
}

/// The kind of a document that is a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CalendarKind {
    /// The only one.
    Calendar,
}

/// The public holidays of a country, or of one of its regions with the country's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolidaysOf {
    /// ISO 3166-1 code in capitals.
    pub country: String,
    /// The last part of the region's ISO 3166-2 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// A holiday of the calendar's own: exactly one of `date`, `month_day`, and `from` with `to`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnDate {
    /// One day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<NaiveDate>,
    /// A day of every year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month_day: Option<MonthDay>,
    /// The first day of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    /// The last day of a range; it belongs to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<NaiveDate>,
    /// What the day is called.
    pub name: String,
}

/// A public holiday on which we work: exactly one of `date`, `month_day` and `holiday`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// On this day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<NaiveDate>,
    /// On this day of every year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month_day: Option<MonthDay>,
    /// Every year, by its English or local name, whatever the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holiday: Option<String>,
}

/// A day on which we work though it is a holiday or outside the workweek.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workday {
    /// The day.
    pub date: NaiveDate,
    /// Why.
    pub name: String,
}

/// A maintenance window: a recurring one has `start` and `duration` and the days on which it begins (every day when none of
/// `weekdays`, `week`, `month_days` and `months` is given; all given ones must hold); a single one has `from` and `to`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowRule {
    /// What it is called.
    pub name: String,
    /// Weekdays on which it begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<Weekday>,
    /// Which of the month's weekdays: 1 to 5, or -1 for the last. Asks for `weekdays`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub week: Option<i8>,
    /// Days of the month: 1 to 31, or -1 (the last) to -31.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub month_days: Vec<i8>,
    /// Months, 1 to 12.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub months: Vec<u8>,
    /// When it begins on such a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<TimeOfDay>,
    /// How long it lasts, over midnight where it does: 1 minute to 31 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Length>,
    /// When a single window begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// When a single window ends; it is over at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Moment>,
}
