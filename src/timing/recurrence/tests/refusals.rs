//! What is refused, where, and why.

use super::super::Recurrence;

/// Whether a text is refused at the place of a caret below it, with these words.
fn refused(text: &str, place: &str, words: &str) {
    let text = text.replace('|', "\n");
    let error = Recurrence::parse(&text, chrono_tz::Europe::Rome).expect_err(&text);
    assert!(error.message.contains(words), "{text}: {error}");
    assert!(!error.message.ends_with('.'), "{error}");
    let at = error.at.expect("a place");
    assert!(text[at..].starts_with(place), "{text}: {error}, at {at}: {:?}", &text[at..]);
}

#[test]
fn parts_that_do_not_go_together() {
    refused("FREQ=MONTHLY;BYWEEKNO=20", "BYWEEKNO", "only beside FREQ=YEARLY");
    refused("FREQ=DAILY;BYYEARDAY=1", "BYYEARDAY", "not stand beside FREQ=DAILY");
    refused("FREQ=WEEKLY;BYYEARDAY=1", "BYYEARDAY", "not stand beside FREQ=WEEKLY");
    refused("FREQ=MONTHLY;BYYEARDAY=1", "BYYEARDAY", "not stand beside FREQ=MONTHLY");
    refused("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY", "FREQ=WEEKLY");
    refused("FREQ=WEEKLY;BYDAY=1MO", "BYDAY", "within a month or a year");
    refused("FREQ=HOURLY;BYDAY=-1MO", "BYDAY", "not FREQ=HOURLY");
    refused("FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO", "BYDAY", "leave out the numbers");
    refused("DTSTART:20261201T090000|RRULE:FREQ=DAILY;COUNT=3;UNTIL=20270101", "UNTIL", "two ends");
    refused("FREQ=DAILY;BYSETPOS=1", "BYSETPOS", "there is none");
    refused("FREQ=MONTHLY;BYMONTHDAY=31;SKIP=FORWARD", "SKIP", "RSCALE=GREGORIAN");
}

#[test]
fn calendars_other_than_ours() {
    refused("RSCALE=HEBREW;FREQ=YEARLY", "HEBREW", "Gregorian calendar");
    refused("FREQ=YEARLY;BYMONTH=5L", "5L", "not a month");
    refused("RSCALE=GREGORIAN;FREQ=YEARLY;SKIP=YES", "YES", "OMIT, BACKWARD or FORWARD");
}

#[test]
fn rules_that_count_from_a_start_that_is_not_there() {
    refused("FREQ=DAILY;INTERVAL=2", "INTERVAL", "no DTSTART");
    refused("RRULE:FREQ=DAILY;COUNT=5", "COUNT", "no DTSTART");
    refused("FREQ=DAILY|EXRULE:FREQ=DAILY;INTERVAL=2", "INTERVAL", "no DTSTART");
}

#[test]
fn times_of_the_day_beside_a_start_that_is_a_date() {
    refused("DTSTART;VALUE=DATE:20261201|RRULE:FREQ=DAILY;BYHOUR=9", "BYHOUR", "only a date");
    refused("DTSTART:20261201|RRULE:FREQ=HOURLY", "FREQ", "needs a time");
}

#[test]
fn names_and_values_that_are_none() {
    refused("FREQ=DAILY;BYEASTER=1", "BYEASTER", "not the name of a part");
    refused("FREQ=FORTNIGHTLY", "FORTNIGHTLY", "no frequency");
    refused("RRULE:BYHOUR=9", "BYHOUR", "how often");
    refused("FREQ=DAILY;;BYHOUR=9", ";BYHOUR", "no part of a rule");
    refused("FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY", "twice");
    refused("FREQ=DAILY;BYHOUR=", "", "no value");
    refused("FREQ=DAILY;BYHOUR=9,24", "24", "write 0 to 23");
    refused("FREQ=DAILY;BYHOUR=-1", "-1", "write 0 to 23");
    refused("FREQ=MONTHLY;BYMONTHDAY=0", "0", "or -1 to -31");
    refused("FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=367", "367", "write 1 to 366");
    refused("FREQ=MONTHLY;BYDAY=MO,XX", "XX", "no weekday");
    refused("FREQ=MONTHLY;BYDAY=54MO", "54MO", "from 1 to 53");
    refused("FREQ=MONTHLY;BYDAY=++1MO", "++1MO", "from 1 to 53");
    refused("FREQ=DAILY;INTERVAL=0", "0", "1 at least");
    refused("FREQ=DAILY;INTERVAL=1000001", "1000001", "1000000 at most");
    refused("DTSTART:20261201T090000|RRULE:FREQ=DAILY;COUNT=100001", "100001", "UNTIL instead");
    refused("FREQ=DAILY;INTERVAL=two", "two", "whole number");
    refused("FREQ=DAILY;WKST=1", "1", "no weekday");
    refused("FREQ=DAILY;UNTIL=tomorrow", "tomorrow", "20261201T163000Z");
    refused("DTSTART:20260230|RRULE:FREQ=DAILY", "20260230", "no such day");
    refused("DTSTART:20261201T250000|RRULE:FREQ=DAILY", "20261201T25", "no such day or time");
    refused("DTSTART:00000101|RRULE:FREQ=DAILY", "0000", "no such day");
    refused("DTSTART:30000101|RRULE:FREQ=DAILY", "3000", "after the year 2999");
}

#[test]
fn lines_that_are_none() {
    refused("DTSTART:20261201T090000", "", "nothing recurs");
    refused("EXDATE:20261201T090000", "", "nothing recurs");
    refused("every day", "every day", "a name, a colon and a value");
    refused("FREQ=DAILY|SUMMARY:x", "SUMMARY", "not known here");
    refused("DTSTART:20261201|DTSTART:20261202|RRULE:FREQ=DAILY", "DTSTART:20261202", "twice");
    refused("DTSTART;TZID=Rome:20261201T090000|RRULE:FREQ=DAILY", "Rome", "Europe/Rome");
    refused("DTSTART;TZID=Europe/Rome:20261201T090000Z|RRULE:FREQ=DAILY", "20261201T", "leave out the Z");
    refused("DTSTART;VALUE=PERIOD:20261201T090000|RRULE:FREQ=DAILY", "PERIOD", "DATE or DATE-TIME");
    refused("DTSTART;VALUE=DATE:20261201T090000|RRULE:FREQ=DAILY", "20261201T", "says it is a date");
    refused("RDATE;VALUE=DATE-TIME:20261201", "20261201", "has no time");
    refused("RDATE;VALUE=PERIOD:20261201T090000/x", "x", "no date or time");
    refused("RDATE;LANGUAGE=en:20261201T090000", "LANGUAGE", "TZID or VALUE");
    refused("RRULE;TZID=Europe/Rome:FREQ=DAILY", "TZID", "the zone is DTSTART's");
    refused("DTSTART;TZID:20261201", "TZID", "NAME=VALUE");
}

#[test]
fn the_place_is_that_of_the_text_as_written_also_behind_a_fold() {
    refused("RRULE:FREQ=DA| ILY;BYHOUR=99", "99", "write 0 to 23");
    refused("FREQ=DAILY\\nRDATE:never", "never", "no date or time");
}

#[test]
fn counts_are_bounded_together() {
    let start = "DTSTART:20261201T090000|";
    refused(&format!("{start}RRULE:FREQ=DAILY;COUNT=60000|RRULE:FREQ=HOURLY;COUNT=60000"), "COUNT=60000", "together");
}
