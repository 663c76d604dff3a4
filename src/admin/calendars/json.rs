//! Calendars as programs read them.

use chrono::{Datelike, NaiveDate};
use serde_json::{Map, Value, json};

use super::facts::{self, HolidayOf};
use super::{CalendarRow, words};
use crate::base::clock::Time;
use crate::timing::calendar::WindowRule;

/// Gives the day that it is in a calendar's zone; UTC for one without.
pub fn today(row: &CalendarRow, now: Time) -> NaiveDate {
    let zone = row.calendar().and_then(|calendar| calendar.timezone).unwrap_or(chrono_tz::UTC);
    now.with_timezone(&zone).date_naive()
}

/// Writes a calendar without what it says.
pub fn calendar(row: &CalendarRow, now: Time) -> Value {
    let said = row.calendar();
    let next: Option<HolidayOf> = row.days().and_then(|days| facts::next_holiday(&days, today(row, now)));
    let places = said.as_ref().map(|said| said.holidays.iter().map(words::place).collect::<Vec<_>>());
    let windows = said.as_ref().map(|said| {
        let window = |rule: &WindowRule| json!({ "name": rule.name, "when": words::window(rule) });
        said.windows.iter().map(window).collect::<Vec<_>>()
    });
    json!({
        "name": row.name,
        "title": said.as_ref().map(|said| said.title.as_str()).unwrap_or_default(),
        "timezone": said.as_ref().and_then(|said| said.timezone),
        "version": row.version,
        "holidays_of": places.unwrap_or_default(),
        "next_holiday": next,
        "windows": windows.unwrap_or_default(),
        "schedules": row.schedules,
        "updated_at": row.updated_at,
        "updated_by": row.updated_by,
    })
}

/// Writes a calendar with what it says, who minds it, and its holidays of this year and the next.
pub fn whole(row: &CalendarRow, users: &[String], now: Time) -> Value {
    let mut shown = calendar(row, now);
    let this_year = today(row, now).year();
    let mut holidays = Map::new();
    if let Some(days) = row.days() {
        for year in [this_year, this_year + 1] {
            holidays.insert(year.to_string(), json!(facts::holidays(&days, year)));
        }
    }
    shown["spec"] = row.spec.clone();
    shown["users"] = json!(users);
    shown["holidays"] = Value::Object(holidays);
    shown
}

/// Gives the entity tag of a version.
pub fn tag(version: i32) -> String {
    format!("\"{version}\"")
}
