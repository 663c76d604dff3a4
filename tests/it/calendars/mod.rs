//! Business calendars: programs, pages, the command line.
mod commands;
mod pages;
mod programs;
mod walk;

/// A small iCalendar file: two days that are taken, one that is a public holiday of Italy, one event with a time.
pub const FILE: &str = "BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20261224\r
SUMMARY:Christmas Eve\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20200815\r
RRULE:FREQ=YEARLY\r
SUMMARY:Ferragosto\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20261225\r
SUMMARY:Christmas\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART:20261224T090000Z\r
SUMMARY:Meeting\r
END:VEVENT\r
END:VCALENDAR\r
";
