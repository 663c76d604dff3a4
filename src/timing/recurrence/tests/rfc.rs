//! The examples of RFC 5545 section 3.8.5.3, with the expansions that it prints, and those of RFC 7529 for SKIP.

use chrono::{Duration, NaiveDate};

use super::{at, set, times};

/// Reads days as the RFC prints them: `1997 Sep 2-4,9 Oct 1 1998 Jan 2`.
fn days(text: &str) -> Vec<NaiveDate> {
    let (mut year, mut month, mut found) = (0, 0, Vec::new());
    for word in text.split_whitespace() {
        if let Some(at) = "JanFebMarAprMayJunJulAugSepOctNovDec".find(word) {
            month = at as u32 / 3 + 1;
        } else if word.len() == 4 && !word.contains([',', '-']) {
            year = word.parse().expect("a year");
        } else {
            for span in word.split(',') {
                let (from, to) = span.split_once('-').unwrap_or((span, span));
                let span = from.parse::<u32>().expect("a day")..=to.parse().expect("a day");
                found.extend(span.map(|day| NaiveDate::from_ymd_opt(year, month, day).expect("a day that exists")));
            }
        }
    }
    found
}

/// Whether a rule gives these days at 9 in the morning, and what comes then: nothing, or something.
fn gives(start: &str, rule: &str, printed: &str, goes_on: bool) {
    let set = set(&format!("DTSTART;TZID=America/New_York:{start}T090000|RRULE:{rule}"));
    let wanted: Vec<_> = days(printed).into_iter().map(|day| day.and_hms_opt(9, 0, 0).expect("nine")).collect();

    let found: Vec<_> = times(&set, at("00010101T000000")).take(wanted.len()).collect();

    assert_eq!(found, wanted, "{rule}");
    let last = *wanted.last().expect("days");
    assert_eq!(set.next(last + Duration::seconds(1)).is_some(), goes_on, "{rule}: what comes then");
    assert_eq!(set.zone(), chrono_tz::America::New_York);
}

fn ends(start: &str, rule: &str, printed: &str) {
    gives(start, rule, printed, false);
}

fn goes_on(start: &str, rule: &str, printed: &str) {
    gives(start, rule, printed, true);
}

#[test]
fn daily_examples() {
    ends("19970902", "FREQ=DAILY;COUNT=10", "1997 Sep 2-11");
    ends("19970902", "FREQ=DAILY;UNTIL=19971224T000000Z", "1997 Sep 2-30 Oct 1-31 Nov 1-30 Dec 1-23");
    goes_on(
        "19970902",
        "FREQ=DAILY;INTERVAL=2",
        "1997 Sep 2,4,6,8,10,12,14,16,18,20,22,24,26,28,30 Oct 2,4,6,8,10,12,14,16,18,20,22,24,26,28,30 Nov 1,3,5",
    );
    ends("19970902", "FREQ=DAILY;INTERVAL=10;COUNT=5", "1997 Sep 2,12,22 Oct 2,12");
    let january = "1998 Jan 1-31 1999 Jan 1-31 2000 Jan 1-31";
    ends("19980101", "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA", january);
    ends("19980101", "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1", january);
}

#[test]
fn weekly_examples() {
    ends("19970902", "FREQ=WEEKLY;COUNT=10", "1997 Sep 2,9,16,23,30 Oct 7,14,21,28 Nov 4");
    ends(
        "19970902",
        "FREQ=WEEKLY;UNTIL=19971224T000000Z",
        "1997 Sep 2,9,16,23,30 Oct 7,14,21,28 Nov 4,11,18,25 Dec 2,9,16,23",
    );
    goes_on(
        "19970902",
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU",
        "1997 Sep 2,16,30 Oct 14,28 Nov 11,25 Dec 9,23 1998 Jan 6,20 Feb 3,17",
    );
    let five_weeks = "1997 Sep 2,4,9,11,16,18,23,25,30 Oct 2";
    ends("19970902", "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH", five_weeks);
    ends("19970902", "FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", five_weeks);
    ends(
        "19970901",
        "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
        "1997 Sep 1,3,5,15,17,19,29 Oct 1,3,13,15,17,27,29,31 Nov 10,12,14,24,26,28 Dec 8,10,12,22",
    );
    ends("19970902", "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", "1997 Sep 2,4,16,18,30 Oct 2,14,16");
}

#[test]
fn the_day_on_which_weeks_begin_makes_a_difference() {
    ends("19970805", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997 Aug 5,10,19,24");
    ends("19970805", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997 Aug 5,17,19,31");
}

#[test]
fn monthly_examples_by_weekday() {
    ends(
        "19970905",
        "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        "1997 Sep 5 Oct 3 Nov 7 Dec 5 1998 Jan 2 Feb 6 Mar 6 Apr 3 May 1 Jun 5",
    );
    ends("19970905", "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR", "1997 Sep 5 Oct 3 Nov 7 Dec 5");
    ends(
        "19970907",
        "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        "1997 Sep 7,28 Nov 2,30 1998 Jan 4,25 Mar 1,29 May 3,31",
    );
    ends("19970922", "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", "1997 Sep 22 Oct 20 Nov 17 Dec 22 1998 Jan 19 Feb 16");
    goes_on(
        "19970902",
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
        "1997 Sep 2,9,16,23,30 Nov 4,11,18,25 1998 Jan 6,13,20,27 Mar 3,10,17,24,31",
    );
    goes_on(
        "19970913",
        "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
        "1997 Sep 13 Oct 11 Nov 8 Dec 13 1998 Jan 10 Feb 7 Mar 7 Apr 11 May 9 Jun 13",
    );
    ends("19970904", "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997 Sep 4 Oct 7 Nov 6");
    goes_on(
        "19970929",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "1997 Sep 29 Oct 30 Nov 27 Dec 30 1998 Jan 29 Feb 26 Mar 30",
    );
}

#[test]
fn monthly_examples_by_day_of_the_month() {
    goes_on("19970928", "FREQ=MONTHLY;BYMONTHDAY=-3", "1997 Sep 28 Oct 29 Nov 28 Dec 29 1998 Jan 29 Feb 26");
    ends("19970902", "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15", "1997 Sep 2,15 Oct 2,15 Nov 2,15 Dec 2,15 1998 Jan 2,15");
    ends(
        "19970930",
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        "1997 Sep 30 Oct 1,31 Nov 1,30 Dec 1,31 1998 Jan 1,31 Feb 1",
    );
    ends("19970910", "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15", "1997 Sep 10-15 1999 Mar 10-13");
    ends("20070115", "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "2007 Jan 15,30 Feb 15 Mar 15,30");
}

#[test]
fn friday_the_thirteenth_without_its_start() {
    goes_on(
        "19970902",
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13|EXDATE;TZID=America/New_York:19970902T090000",
        "1998 Feb 13 Mar 13 Nov 13 1999 Aug 13 2000 Oct 13",
    );
}

#[test]
fn yearly_examples() {
    ends(
        "19970610",
        "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        "1997 Jun 10 Jul 10 1998 Jun 10 Jul 10 1999 Jun 10 Jul 10 2000 Jun 10 Jul 10 2001 Jun 10 Jul 10",
    );
    ends(
        "19970310",
        "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
        "1997 Mar 10 1999 Jan 10 Feb 10 Mar 10 2001 Jan 10 Feb 10 Mar 10 2003 Jan 10 Feb 10 Mar 10",
    );
    ends(
        "19970101",
        "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
        "1997 Jan 1 Apr 10 Jul 19 2000 Jan 1 Apr 9 Jul 18 2003 Jan 1 Apr 10 Jul 19 2006 Jan 1",
    );
    goes_on("19970519", "FREQ=YEARLY;BYDAY=20MO", "1997 May 19 1998 May 18 1999 May 17");
    goes_on("19970512", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "1997 May 12 1998 May 11 1999 May 17");
    goes_on("19970313", "FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "1997 Mar 13,20,27 1998 Mar 5,12,19,26 1999 Mar 4,11,18,25");
    goes_on(
        "19970605",
        "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
        "1997 Jun 5,12,19,26 Jul 3,10,17,24,31 Aug 7,14,21,28 1998 Jun 4,11,18,25 Jul 2,9,16,23,30 Aug 6,13,20,27 \
         1999 Jun 3,10,17,24 Jul 1,8,15,22,29 Aug 5,12,19,26",
    );
    goes_on(
        "19961105",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "1996 Nov 5 2000 Nov 7 2004 Nov 2",
    );
}

/// The times of 2 September 1997 that a rule gives.
fn on_the_second(rule: &str) -> Vec<String> {
    let set = set(&format!("DTSTART;TZID=America/New_York:19970902T090000|RRULE:{rule}"));
    let day = times(&set, at("19970902T000000")).take_while(|time| *time < at("19970903T000000"));
    day.map(|time| time.format("%H:%M").to_string()).collect()
}

#[test]
fn examples_within_a_day() {
    // The RFC writes UNTIL=19970902T170000Z, which is 13:00 in New York, and prints what 17:00 there gives: a slip of its own.
    assert_eq!(on_the_second("FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z"), ["09:00", "12:00", "15:00"]);
    assert_eq!(on_the_second("FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T170000Z"), ["09:00", "12:00"]);
    assert_eq!(
        on_the_second("FREQ=MINUTELY;INTERVAL=15;COUNT=6"),
        ["09:00", "09:15", "09:30", "09:45", "10:00", "10:15"]
    );
    assert_eq!(on_the_second("FREQ=MINUTELY;INTERVAL=90;COUNT=4"), ["09:00", "10:30", "12:00", "13:30"]);
}

#[test]
fn every_twenty_minutes_of_working_hours_written_in_two_ways() {
    let hours = "BYHOUR=9,10,11,12,13,14,15,16";
    let wanted: Vec<String> =
        (9..17).flat_map(|hour| [0, 20, 40].map(|minute| format!("{hour:02}:{minute:02}"))).collect();

    assert_eq!(on_the_second(&format!("FREQ=DAILY;{hours};BYMINUTE=0,20,40")), wanted);
    assert_eq!(on_the_second(&format!("FREQ=MINUTELY;INTERVAL=20;{hours}")), wanted);
    let next_day = |rule: &str| {
        let set = set(&format!("DTSTART;TZID=America/New_York:19970902T090000|RRULE:{rule}"));
        set.next(at("19970902T164001"))
    };
    assert_eq!(next_day(&format!("FREQ=MINUTELY;INTERVAL=20;{hours}")), Some(at("19970903T090000")));
}

#[test]
fn the_example_of_section_3_3_10() {
    let set = set("DTSTART:19970105T083000|RRULE:FREQ=YEARLY;INTERVAL=2;BYMONTH=1;BYDAY=SU;BYHOUR=8,9;BYMINUTE=30");

    let found: Vec<_> = times(&set, at("19970101T000000")).take(10).collect();

    let sundays = ["19970105", "19970112", "19970119", "19970126", "19990103"];
    let wanted: Vec<_> =
        sundays.iter().flat_map(|day| ["083000", "093000"].map(|time| at(&format!("{day}T{time}")))).collect();
    assert_eq!(found, wanted);
}

#[test]
fn days_that_do_not_exist_are_skipped_as_rfc_7529_says() {
    let first = |lines: &str, count| super::first(&set(lines), count).replace("T000000", "");
    let monthly = "DTSTART;VALUE=DATE:20140131|RRULE:RSCALE=GREGORIAN;FREQ=MONTHLY;COUNT=4;SKIP=";
    assert_eq!(first(&format!("{monthly}BACKWARD"), 4), "20140131 20140228 20140331 20140430 .");
    assert_eq!(first(&format!("{monthly}FORWARD"), 4), "20140131 20140301 20140331 20140501 .");
    assert_eq!(first(&format!("{monthly}OMIT"), 4), "20140131 20140331 20140531 20140731 .");
    let yearly = "DTSTART;VALUE=DATE:20160229|RRULE:RSCALE=GREGORIAN;FREQ=YEARLY;SKIP=";
    assert_eq!(first(&format!("{yearly}FORWARD"), 5), "20160229 20170301 20180301 20190301 20200229");
    assert_eq!(first(&format!("{yearly}BACKWARD"), 5), "20160229 20170228 20180228 20190228 20200229");
}

#[test]
fn a_day_moved_onto_another_one_comes_once() {
    let rule = "DTSTART:20260101T060000|RRULE:RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=1,31;SKIP=FORWARD";
    assert_eq!(
        super::first(&set(rule), 6).replace("T060000", ""),
        "20260101 20260131 20260201 20260301 20260331 20260401"
    );
    assert_eq!(super::first(&set(&format!("{rule};COUNT=4")), 4).split(' ').count(), 5);
    // A month of 28 days has no 30th day before its end; the one before it is in the month before.
    let back = "DTSTART:20260201T060000|RRULE:RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=-30;SKIP=BACKWARD";
    assert_eq!(super::first(&set(back), 3).replace("T060000", ""), "20260302 20260401 20260502");
    assert!(set(back).holds(at("20270131T060000")), "for February 2027");
}

#[test]
fn a_period_that_reaches_into_the_next_one_does_not_hide_what_is_earlier_there() {
    let rule = "RSCALE=GREGORIAN;SKIP=FORWARD;FREQ=MONTHLY;BYMONTHDAY=1,31;BYHOUR=9,17;BYSETPOS=1,-1";
    let set = set(&format!("DTSTART:20260401T090000|RRULE:{rule}"));

    let found: Vec<_> = times(&set, at("20260402T000000")).take(3).collect();

    // April gives 1 May at 17:00, its 31st moved; May gives 1 May at 09:00.
    assert_eq!(found, ["20260501T090000", "20260501T170000", "20260531T170000"].map(at));
}
