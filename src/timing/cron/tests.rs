//! What cron rules promise. The submodules compare with a second implementation, with croniter, and hold the sentences.

mod brute;
mod errors;
mod recorded;
mod sentences;
mod shape;
mod special;
mod spread;

use chrono::{NaiveDate, NaiveDateTime};

use super::Cron;

fn rule(text: &str) -> Cron {
    Cron::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A local time written as `2026-11-30 06:30` or with seconds.
fn at(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S"))
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The first `count` times from `from` on.
fn times(rule: &Cron, from: NaiveDateTime, count: usize) -> Vec<NaiveDateTime> {
    let after = |time: &NaiveDateTime| rule.next(*time + chrono::TimeDelta::seconds(1));
    std::iter::successors(rule.next(from), after).take(count).collect()
}

/// The dates of the first `count` times from the beginning of a day on.
fn dates(text: &str, from: &str, count: usize) -> Vec<String> {
    times(&rule(text), at(&format!("{from} 00:00")), count).iter().map(|time| time.date().to_string()).collect()
}

#[test]
fn the_first_time_may_be_the_asked_one_itself() {
    let six = rule("30 6 * * *");
    assert_eq!(six.next(at("2026-11-30 06:30")), Some(at("2026-11-30 06:30")));
    assert_eq!(six.next(at("2026-11-30 06:30:01")), Some(at("2026-12-01 06:30")));
    assert!(six.holds(at("2026-11-30 06:30")) && !six.holds(at("2026-11-30 06:30:01")));
}

#[test]
fn a_part_of_a_second_is_past_its_second() {
    let every = rule("* * * * * *");
    let half = at("2026-11-30 06:30:59") + chrono::TimeDelta::milliseconds(500);
    assert_eq!(every.next(half), Some(at("2026-11-30 06:31:00")));
    assert!(!every.holds(half));
}

#[test]
fn impossible_rules_end_at_once() {
    for text in [
        "0 0 30 2 *",
        "0 0 31 2,4,6 *",
        "0 0 30W 2 *",
        "0 0 31W APR *",
        "0 0 L-29 2 *",
        "0 0 30,31 FEB ?",
        "0 0 L-30 4,6,9,11 *",
        "* * * 31 6 *",
    ] {
        let rule = rule(text);
        assert!(!rule.is_possible(), "{text}");
        assert!(rule.sentence().ends_with(", which never comes"), "{text}: {}", rule.sentence());
        let searches = (0..20).map(|_| {
            let start = std::time::Instant::now();
            assert_eq!(rule.next(at("2026-01-01 00:00")), None, "{text}");
            start.elapsed()
        });
        let fastest = searches.min();
        assert!(fastest < Some(std::time::Duration::from_millis(1)), "{text} took {fastest:?}");
    }
}

#[test]
fn rare_rules_are_possible() {
    for (text, from, first) in [
        ("0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00"),
        ("0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00"),
        ("0 0 * 2 MON#5", "2026-01-01 00:00", "2044-02-29 00:00"),
        ("0 0 L-28 2 *", "2026-01-01 00:00", "2028-02-01 00:00"),
        ("0 0 30 2 1#5", "2072-03-01 00:00", "2112-02-29 00:00"),
    ] {
        assert!(rule(text).is_possible(), "{text}");
        assert_eq!(rule(text).next(at(from)), Some(at(first)), "{text}");
    }
}

#[test]
fn nothing_is_found_behind_the_horizon() {
    let rule = rule("59 59 23 31 12 *");
    assert_eq!(rule.next(at("2999-12-31 23:59:59")), Some(at("2999-12-31 23:59:59")));
    assert_eq!(rule.next(at("3000-01-01 00:00")), None);
    assert!(!rule.holds(at("3000-12-31 23:59:59")));
    assert_eq!(rule.next(NaiveDateTime::MAX), None);
    assert_eq!(rule.next(NaiveDateTime::MIN).map(|time| time.date()), NaiveDate::from_ymd_opt(-262143, 12, 31));
}

#[test]
fn the_rarest_rule_is_found_from_the_oldest_time() {
    assert!(rule("0 0 * 2 MON#5").next(NaiveDateTime::MIN).is_some());
    assert_eq!(rule("0 0 * 2 MON#5").next(at("2996-03-01 00:00")), None);
}
