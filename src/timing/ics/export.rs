//! A calendar's holidays as an iCalendar file.

use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};

use super::lines::{escaped, write};
use crate::timing::calendar::{BusinessDays, Meaning, RANGE_DAYS_MAX};
use crate::timing::holidays::{YEAR_MAX, YEAR_MIN};

/// Writes the holidays of some years as all-day events (RFC 5545: lines end with CRLF and are folded at 75 octets). Neighbouring
/// days of one name are one event. An event's UID is made of its first day and the calendar's name, so that whoever reads the
/// file again replaces what was read before. Years outside 1990 to 2100 give nothing; workdays and windows are not written.
///
/// `title` is what programs show for the calendar (its name when empty), `stamp` the moment of writing, which the standard asks for.
pub fn export(days: &BusinessDays, title: &str, years: RangeInclusive<i32>, stamp: DateTime<Utc>) -> String {
    let title = if title.is_empty() { days.name().as_str() } else { title };
    let mut out = String::new();
    for line in ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Millrace//Calendars//EN", "CALSCALE:GREGORIAN"] {
        write(&mut out, line);
    }
    write(&mut out, &format!("NAME:{}", escaped(title)));
    write(&mut out, &format!("X-WR-CALNAME:{}", escaped(title)));
    let stamp = stamp.format("%Y%m%dT%H%M%SZ").to_string();
    for event in events(days, years) {
        event.write(&mut out, days.name().as_str(), &stamp);
    }
    write(&mut out, "END:VCALENDAR");
    out
}

/// Neighbouring holidays of one name.
struct Event {
    first: NaiveDate,
    last: NaiveDate,
    name: String,
}

fn events(days: &BusinessDays, years: RangeInclusive<i32>) -> Vec<Event> {
    let known = YEAR_MIN.max(*years.start())..=YEAR_MAX.min(*years.end());
    let mut events: Vec<Event> = Vec::new();
    for day in known.flat_map(|year| days.year(year)) {
        let Meaning::Holiday(name) = day.meaning else { continue };
        let name = name.to_string();
        match events.last_mut() {
            Some(event) if event.name == name && event.goes_on_at(day.date) => event.last = day.date,
            _ => events.push(Event { first: day.date, last: day.date, name }),
        }
    }
    events
}

impl Event {
    /// Whether `date` follows and the event stays short enough to be read again.
    fn goes_on_at(&self, date: NaiveDate) -> bool {
        self.last.succ_opt() == Some(date) && (date - self.first).num_days() < RANGE_DAYS_MAX
    }

    fn write(&self, out: &mut String, calendar: &str, stamp: &str) {
        let day = |date: NaiveDate| date.format("%Y%m%d").to_string();
        let after = self.last.succ_opt().unwrap_or(self.last);
        let first = day(self.first);
        for line in [
            "BEGIN:VEVENT".to_owned(),
            format!("UID:{first}-{calendar}@millrace.invalid"),
            format!("DTSTAMP:{stamp}"),
            format!("DTSTART;VALUE=DATE:{first}"),
            format!("DTEND;VALUE=DATE:{}", day(after)),
            format!("SUMMARY:{}", escaped(&self.name)),
            "TRANSP:TRANSPARENT".to_owned(),
            "END:VEVENT".to_owned(),
        ] {
            write(out, &line);
        }
    }
}
