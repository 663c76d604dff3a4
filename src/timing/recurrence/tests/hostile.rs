//! Hostile rules cost little: bounds are counted in steps of the search.

use super::super::steps::counted;
use super::super::{DATES_MAX, Recurrence, TEXT_BYTES_MAX};
use super::{at, first, set};

/// More steps than days to the horizon, spans and days each counted, no search takes.
const STEPS_MAX: u64 = 400_000;

#[test]
fn rules_that_never_hold_end_soon_and_cost_nothing_afterwards() {
    let never = [
        ("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", 30_000),
        ("FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30;BYDAY=MO", 30_000),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", 30_000),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", 15_000),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", 1_200),
        ("FREQ=YEARLY;BYWEEKNO=20;BYMONTH=11", 1_200),
        ("FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2", 60_000),
        ("FREQ=HOURLY;BYMINUTE=1;BYSETPOS=2", 1),
        ("DTSTART:20260101T000000|RRULE:FREQ=SECONDLY;INTERVAL=2;BYSECOND=1", 1),
        ("DTSTART:20260101T000000|RRULE:FREQ=HOURLY;INTERVAL=24;BYHOUR=1", 1),
        ("DTSTART:20260101T000000|RRULE:FREQ=SECONDLY;INTERVAL=100000;BYMINUTE=1;BYSECOND=1", 1),
        ("DTSTART:20260101T000000|RRULE:FREQ=SECONDLY;INTERVAL=7;BYHOUR=3;BYMINUTE=1;BYSECOND=7;BYDAY=MO", 30_000),
    ];
    for (rule, steps_max) in never {
        let (set, steps) = counted(|| set(rule));
        assert!(steps <= steps_max, "{rule}: {steps} steps to read");

        let (found, steps) = counted(|| set.next(at("20261130T000000")));
        assert_eq!((found, steps), (None, 1), "{rule}");
    }
}

#[test]
fn rare_rules_are_found_within_the_bound_of_steps() {
    let start = "DTSTART:20260101T000000|RRULE:";
    for rule in [
        "FREQ=SECONDLY;INTERVAL=86401;BYHOUR=23;BYMINUTE=59;BYSECOND=59",
        "FREQ=SECONDLY;INTERVAL=86399;BYHOUR=0;BYMINUTE=0;BYSECOND=1;BYDAY=MO",
        "FREQ=SECONDLY;INTERVAL=99991;BYHOUR=3;BYMINUTE=1;BYSECOND=7;BYDAY=MO,TU,WE",
        "FREQ=MINUTELY;INTERVAL=1439;BYHOUR=3;BYMINUTE=1;BYMONTHDAY=29;BYMONTH=2",
        "FREQ=SECONDLY;INTERVAL=3599;BYHOUR=3;BYMINUTE=1;BYSECOND=7;BYYEARDAY=366",
        "FREQ=SECONDLY;INTERVAL=59;BYSECOND=1;BYHOUR=7;BYYEARDAY=366;BYDAY=SU",
    ] {
        let set = set(&format!("{start}{rule}"));
        let mut from = at("20260101T000000");
        for _ in 0..5 {
            let (found, steps) = counted(|| set.next(from));
            assert!(steps <= STEPS_MAX, "{rule}: {steps}");
            let Some(found) = found else { break };
            assert!(set.holds(found), "{rule}");
            from = found + chrono::Duration::seconds(1);
        }
    }
}

#[test]
fn usual_rules_take_a_few_steps_even_far_from_their_start() {
    for rule in [
        "FREQ=DAILY;BYHOUR=9",
        "FREQ=MINUTELY;INTERVAL=7;BYHOUR=3;BYMINUTE=1",
        "FREQ=SECONDLY;INTERVAL=90",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR",
        "FREQ=MONTHLY;INTERVAL=5;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
    ] {
        let set = set(&format!("DTSTART:19700101T000000|RRULE:{rule}"));

        let (found, steps) = counted(|| set.next(at("29500101T000001")));

        assert!(found.is_some() && steps <= 30, "{rule}: {steps} steps");
    }
}

#[test]
fn a_count_is_walked_when_the_rule_is_read_and_never_again() {
    for (rule, steps_max) in [
        ("FREQ=SECONDLY;INTERVAL=59;BYSECOND=1;COUNT=100000", 20_000),
        ("FREQ=SECONDLY;COUNT=100000", 500_000),
        ("FREQ=DAILY;INTERVAL=100;COUNT=100000", 60_000),
        ("FREQ=YEARLY;BYDAY=MO,TU,WE;BYHOUR=0,1,2,3,4;BYMINUTE=0,1,2;BYSETPOS=1,2,3,4,-1,-5;COUNT=100000", 2_000),
        ("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=100000", 15_000),
    ] {
        let (set, steps) = counted(|| set(&format!("DTSTART:20260101T000000|RRULE:{rule}")));
        assert!(steps <= steps_max, "{rule}: {steps} steps to read");

        let (_, steps) = counted(|| set.next(at("20270101T000000")));
        assert!(steps <= 100, "{rule}: {steps} steps");
    }
}

#[test]
fn exclusions_that_take_everything_end_the_search() {
    for lines in [
        "FREQ=DAILY|EXRULE:FREQ=DAILY",
        "FREQ=SECONDLY|EXRULE:FREQ=SECONDLY",
        "FREQ=DAILY|EXRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH|EXRULE:FREQ=DAILY;BYDAY=FR,SA,SU",
        "FREQ=SECONDLY|EXRULE:FREQ=SECONDLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSECOND=0,1|EXRULE:FREQ=SECONDLY;BYHOUR=0;BYSETPOS=1|\
         EXRULE:FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=MO|EXRULE:FREQ=SECONDLY;BYSETPOS=-1;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12",
    ] {
        let (found, steps) = counted(|| set(lines).next(at("20261130T000000")));

        assert_eq!(found, None, "{lines}");
        assert!(steps <= 200_000, "{lines}: {steps} steps");
    }
}

#[test]
fn exclusions_are_jumped_over_by_hours_days_and_ends() {
    let steps_of = |lines: &str, from: &str, wanted: &str| {
        let (found, steps) = counted(|| set(lines).next(at(from)));
        assert_eq!(found, Some(at(wanted)), "{lines}");
        assert!(steps <= 400, "{lines}: {steps} steps");
    };
    let august = "20260801T000000";
    steps_of("FREQ=SECONDLY|EXRULE:FREQ=SECONDLY;BYMONTH=8", august, "20260901T000000");
    steps_of("FREQ=SECONDLY|EXRULE:FREQ=SECONDLY;BYHOUR=0,1,2,3", august, "20260801T040000");
    steps_of("FREQ=SECONDLY|EXRULE:FREQ=SECONDLY;UNTIL=20280301T115959", august, "20280301T120000");
    steps_of(
        "DTSTART:20260101T000000|RRULE:FREQ=SECONDLY;INTERVAL=10|EXRULE:FREQ=SECONDLY;INTERVAL=10;BYMONTH=8",
        august,
        "20260901T000000",
    );
}

#[test]
fn an_hour_that_ends_a_day_is_not_the_whole_day() {
    let set = set("FREQ=HOURLY|EXRULE:FREQ=DAILY;BYHOUR=23");

    assert_eq!(set.next(at("20261130T230000")), Some(at("20261201T000000")));
    assert_eq!(set.next(at("20261201T220001")), Some(at("20261202T000000")));
}

#[test]
fn an_excluded_tick_is_not_the_tick_beside_it() {
    let every_other = set("DTSTART:20261201T000000|RRULE:FREQ=MINUTELY|EXRULE:FREQ=MINUTELY;INTERVAL=2");

    assert_eq!(first(&every_other, 3), "20261201T000100 20261201T000300 20261201T000500");
}

#[test]
fn texts_rules_and_dates_are_bounded() {
    let refused = |text: &str| Recurrence::parse(text, chrono_tz::UTC).expect_err("too much").message;
    assert!(refused(&"x".repeat(TEXT_BYTES_MAX + 1)).contains("8192 bytes"));
    assert!(refused(&"RRULE:FREQ=DAILY\n".repeat(17)).contains("16 rules"));
    assert!(refused(&format!("RRULE:FREQ=DAILY\nRDATE:{}", ",".repeat(DATES_MAX))).contains("1000 dates"));
    let dates = vec!["20260101"; 800].join(",");
    assert_eq!(first(&set(&format!("RDATE;VALUE=DATE:{dates}")), 2), "20260101T000000 .");
}
