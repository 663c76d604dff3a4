//! What texts are read, and what they mean.

use chrono_tz::Tz;

use super::super::Recurrence;
use super::{at, first, set};

#[test]
fn lines_are_read_however_they_are_broken() {
    let wanted = set("DTSTART;TZID=Europe/Rome:20261201T090000|RRULE:FREQ=DAILY;COUNT=3|EXDATE:20261202T090000");
    for text in [
        "DTSTART;TZID=Europe/Rome:20261201T090000\r\nRRULE:FREQ=DAILY;COUNT=3\r\nEXDATE:20261202T090000\r\n",
        "DTSTART;TZID=Europe/Rome:20261201T090000\\nRRULE:FREQ=DAILY;COUNT=3\\nEXDATE:20261202T090000",
        "DTSTART;TZID=Europe/Rome:20261201T090000\n  RRULE:FREQ=DAILY;COUNT=3\n\n  EXDATE:20261202T090000\n  ",
        "EXDATE:20261202T09\r\n 0000\r\nRRULE:FREQ=DAI\r\n LY;COUNT=3\r\nDTSTART;TZID=\"Eur\r\n\tope/Rome\":20261201T090000",
        "dtstart;tzid=Europe/Rome;X-NOTE=1:20261201T090000\nrrule:freq=daily;count=3;\nexdate;value=date-time:20261202T090000",
        "DTSTART:20261201T090000\nFREQ=DAILY;COUNT=3\nEXDATE;TZID=/Europe/Rome:20261202T090000",
        "DTSTART:20261201T090000\nCOUNT=3;FREQ=DAILY\nEXDATE:20261202T080000Z",
    ] {
        assert_eq!(Recurrence::parse(text, Tz::Europe__Rome), Ok(wanted.clone()), "{text}");
    }
}

#[test]
fn the_zone_is_that_of_the_start_else_the_default() {
    let zone = |lines: &str| set(lines).zone();
    assert_eq!(zone("DTSTART:20261201T090000|RRULE:FREQ=DAILY"), Tz::Europe__Rome);
    assert_eq!(zone("FREQ=DAILY"), Tz::Europe__Rome);
    assert_eq!(zone("DTSTART;TZID=Asia/Tokyo:20261201T090000|RRULE:FREQ=DAILY"), Tz::Asia__Tokyo);
    assert_eq!(zone("DTSTART:20261201T090000Z|RRULE:FREQ=DAILY"), Tz::UTC);
    assert_eq!(zone("DTSTART;VALUE=DATE:20261201|RRULE:FREQ=DAILY"), Tz::Europe__Rome);
}

#[test]
fn without_a_start_what_is_not_named_is_zero_monday_the_first() {
    assert_eq!(set("FREQ=DAILY;BYHOUR=9").next(at("20261130T100000")), Some(at("20261201T090000")));
    assert_eq!(set("RRULE:FREQ=WEEKLY").next(at("20261201T000000")), Some(at("20261207T000000")));
    assert_eq!(set("FREQ=MONTHLY").next(at("20261130T000000")), Some(at("20261201T000000")));
    assert_eq!(set("FREQ=YEARLY;BYHOUR=6").next(at("20261130T000000")), Some(at("20270101T060000")));
    assert_eq!(set("FREQ=HOURLY").next(at("20261130T100001")), Some(at("20261130T110000")));
}

#[test]
fn a_start_that_no_rule_gives_is_no_occurrence() {
    assert_eq!(
        first(&set("DTSTART:20261201T090000|RRULE:FREQ=WEEKLY;BYDAY=FR;COUNT=2"), 2),
        "20261204T090000 20261211T090000 ."
    );
    assert_eq!(first(&set("DTSTART:20261201T090000|RDATE:20261203T100000"), 2), "20261203T100000 .");
}

#[test]
fn times_of_other_zones_are_compared_as_local_times() {
    let rule = "DTSTART;TZID=Europe/Rome:20261201T090000|RRULE:FREQ=DAILY";
    let two = |more: &str| first(&set(&format!("{rule}{more}")), 3);
    assert_eq!(two(";UNTIL=20261202T080000Z"), "20261201T090000 20261202T090000 .");
    assert_eq!(two(";UNTIL=20261202T075959Z"), "20261201T090000 .");
    assert_eq!(two(";UNTIL=20261202T090000"), "20261201T090000 20261202T090000 .");
    assert_eq!(two(";UNTIL=20261202"), "20261201T090000 20261202T090000 .");
    assert_eq!(two(";COUNT=2|EXDATE;TZID=America/New_York:20261201T030000"), "20261202T090000 .");
    assert_eq!(two(";COUNT=1|RDATE:20261201T093000Z"), "20261201T090000 20261201T103000 .");
    assert_eq!(
        two(";COUNT=1|RDATE;TZID=Asia/Tokyo;VALUE=PERIOD:20261201T193000/PT1H,20261202T000000/20261202T010000"),
        "20261201T090000 20261201T113000 20261201T160000 ."
    );
}

#[test]
fn a_time_that_clocks_skip_keeps_its_offset_and_its_name_at_home() {
    let rule = "DTSTART;TZID=Europe/Rome:20260101T000000|RRULE:FREQ=YEARLY;COUNT=1|RDATE";
    // New York skips 02:30 on 8 March 2026: with the offset before, −5 hours, it is 07:30 UTC.
    assert_eq!(
        first(&set(&format!("{rule};TZID=America/New_York:20260308T023000")), 2),
        "20260101T000000 20260308T083000 ."
    );
    // Rome skips 02:30 on 29 March 2026: a local time stays one, whoever makes instants decides.
    assert_eq!(first(&set(&format!("{rule}:20260329T023000")), 2), "20260101T000000 20260329T023000 .");
    // New York has 01:30 twice on 1 November 2026: the first is meant, at −4 hours.
    assert_eq!(
        first(&set(&format!("{rule};TZID=America/New_York:20261101T013000")), 2),
        "20260101T000000 20261101T063000 ."
    );
    // Apia had no 30 December 2011; the offset before was −10 hours.
    assert_eq!(
        first(&set(&format!("{rule};TZID=Pacific/Apia:20111230T120000")), 2),
        "20111230T230000 20260101T000000 ."
    );
}

#[test]
fn an_excluded_date_takes_the_whole_day() {
    let lines = "DTSTART:20261201T090000|RRULE:FREQ=DAILY;BYHOUR=9,17;COUNT=4|EXDATE;VALUE=DATE:20261201";
    assert_eq!(first(&set(lines), 4), "20261202T090000 20261202T170000 .");
    let days =
        "DTSTART;VALUE=DATE:20261201|RRULE:FREQ=DAILY;COUNT=3|EXDATE;VALUE=DATE:20261202|RDATE;VALUE=DATE:20261224";
    assert_eq!(first(&set(days), 4), "20261201T000000 20261203T000000 20261224T000000 .");
}

#[test]
fn the_sixtieth_second_is_the_one_before() {
    let lines = "DTSTART:20261201T090060|RRULE:FREQ=DAILY;BYSECOND=30,59,60;COUNT=3";
    assert_eq!(first(&set(lines), 3), "20261201T090059 20261202T090030 20261202T090059 .");
}

#[test]
fn plain_and_numbered_weekdays_count_side_by_side() {
    let lines = "DTSTART:20261201T090000|RRULE:FREQ=MONTHLY;BYDAY=1MO,TU;COUNT=7";
    assert_eq!(
        first(&set(lines), 7).replace("T090000", ""),
        "20261201 20261207 20261208 20261215 20261222 20261229 20270104 ."
    );
}

#[test]
fn a_week_of_the_year_alone_gives_the_weekday_of_the_start() {
    let lines = "DTSTART:20260101T090000|RRULE:FREQ=YEARLY;BYWEEKNO=20;COUNT=2";
    assert_eq!(first(&set(lines), 2), "20260514T090000 20270520T090000 .");
}

#[test]
fn a_week_goes_on_across_the_end_of_a_year() {
    let days = |rule: &str| {
        let lines = format!("DTSTART:20200601T090000|RRULE:FREQ=YEARLY;COUNT=4;{rule}");
        first(&set(&lines), 4).replace("T090000", "")
    };
    assert_eq!(days("BYWEEKNO=53;BYDAY=TH,FR"), "20201231 20210101 20261231 20270101 .");
    assert_eq!(days("BYWEEKNO=-1;BYDAY=SU"), "20210103 20220102 20230101 20231231 .");
    assert_eq!(days("BYWEEKNO=1;BYDAY=MO"), "20210104 20220103 20230102 20240101 .");
    assert_eq!(days("BYWEEKNO=1;BYDAY=TU;BYMONTH=12"), "20241231 20251230 20301231 20311230 .");
}

#[test]
fn positions_count_in_the_whole_first_week() {
    // 2 December 2026 is a Wednesday: the first of Monday, Wednesday and Friday of that week was before it.
    let lines = "DTSTART:20261202T090000|RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1;COUNT=1";
    assert_eq!(first(&set(lines), 1), "20261207T090000 .");
}

#[test]
fn rules_within_a_day_are_interval_like() {
    for (lines, wanted) in [
        ("FREQ=HOURLY", true),
        ("FREQ=SECONDLY;BYHOUR=3", true),
        ("FREQ=DAILY|RRULE:FREQ=MINUTELY;BYMINUTE=7", true),
        ("FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=0,30", false),
        ("FREQ=DAILY|EXRULE:FREQ=HOURLY", false),
        ("RDATE:20261201T090000", false),
    ] {
        assert_eq!(set(lines).is_interval_like(), wanted, "{lines}");
    }
}

#[test]
fn fractions_of_a_second_wait_for_the_next_one() {
    let set = set("FREQ=SECONDLY");
    let half = at("20261201T090000") + chrono::Duration::milliseconds(500);
    assert_eq!(set.next(half), Some(at("20261201T090001")));
    assert!(!set.holds(half) && set.holds(at("20261201T090000")));
}

#[test]
fn nothing_comes_after_the_year_2999() {
    let set = set("FREQ=YEARLY|RDATE:30000101T000000");
    assert_eq!(set.next(at("29990101T000001")), None);
    assert_eq!(set.next(chrono::NaiveDateTime::MAX), None);
    assert!(!set.holds(at("30000101T000000")));
}

#[test]
fn the_canonical_text_names_the_zone_and_orders_lists() {
    for (lines, wanted) in [
        ("FREQ=DAILY;BYHOUR=17,9,9", "DTSTART;TZID=Europe/Rome:19000101T000000|RRULE:FREQ=DAILY;BYHOUR=9,17"),
        (
            "DTSTART:20261201T090000Z|RRULE:WKST=SU;BYDAY=FR,-1MO,+2TU;UNTIL=20271231;INTERVAL=2;FREQ=MONTHLY",
            "DTSTART:20261201T090000Z|RRULE:FREQ=MONTHLY;INTERVAL=2;UNTIL=20271231T235959Z;BYDAY=-1MO,FR,2TU;WKST=SU",
        ),
        (
            "DTSTART;VALUE=DATE:20261201|RRULE:FREQ=YEARLY;UNTIL=20301201T120000Z;RSCALE=gregorian;SKIP=forward|EXDATE:20291201",
            "DTSTART;VALUE=DATE;TZID=Europe/Rome:20261201|RRULE:RSCALE=GREGORIAN;FREQ=YEARLY;UNTIL=20301201;SKIP=FORWARD|EXDATE;VALUE=DATE:20291201",
        ),
        (
            "DTSTART:20261201T090000|RRULE:FREQ=DAILY;UNTIL=20261231T170000|RDATE:20270102T100000,20270101T090000Z|EXRULE:FREQ=DAILY;BYDAY=SU",
            "DTSTART;TZID=Europe/Rome:20261201T090000|RRULE:FREQ=DAILY;UNTIL=20261231T160000Z|EXRULE:FREQ=DAILY;BYDAY=SU|RDATE;TZID=Europe/Rome:20270101T100000,20270102T100000",
        ),
    ] {
        assert_eq!(set(lines).to_string().replace('\n', "|"), wanted);
    }
}

#[test]
fn serde_writes_the_canonical_text_and_reads_it() {
    let set = set("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=17;BYMINUTE=30");

    let json = serde_json::to_string(&set).expect("text");

    assert_eq!(json, format!("{:?}", set.to_string()));
    assert_eq!(serde_json::from_str::<Recurrence>(&json).expect("a set"), set);
    assert!(serde_json::from_str::<Recurrence>("\"FREQ=NEVER\"").is_err());
}
