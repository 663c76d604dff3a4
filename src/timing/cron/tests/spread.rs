//! `H`: where the seed sends a schedule.

use chrono::{Datelike, Timelike};

use super::{at, rule, times};

#[test]
fn the_hash_is_the_published_one() {
    // FNV-1a's own test values: the empty text and "a"; SplitMix64 from seed 0 gives this first number.
    assert_eq!(super::super::spread::fnv(super::super::spread::FNV_START, b""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(super::super::spread::fnv(super::super::spread::FNV_START, b"a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(super::super::spread::mixed(0x9e37_79b9_7f4a_7c15), 0xe220_a839_7b1d_cdaf);
}

#[test]
fn a_name_gives_the_same_times_for_ever() {
    for (name, first) in [
        ("courier-manifest-morning", "2026-03-02 12:15:19"),
        ("nightly-settlement", "2026-10-03 23:02:32"),
        ("", "2026-02-11 10:46:59"),
        ("tägliche Übersicht", "2026-04-15 23:34:20"),
    ] {
        let rule = rule("H H H H H ?").seeded(name);
        let found = rule.next(at("2026-01-01 00:00")).unwrap();
        assert_eq!(found.format("%Y-%m-%d %H:%M:%S").to_string(), first, "{name}");
        assert_eq!(rule.next(at("2026-01-01 00:00")), rule.seeded(name).next(at("2026-01-01 00:00")));
    }
}

#[test]
fn without_a_name_the_text_is_the_seed() {
    assert_eq!(rule("h  h * * *"), rule("H H * * *").seeded("H H * * *"));
    assert_ne!(rule("H H * * *"), rule("H H * * *").seeded("other"));
    assert_eq!(rule("H H * * *").seeded("a").seeded("b"), rule("H H * * *").seeded("b"));
}

#[test]
fn names_spread_evenly_and_fields_apart() {
    let mut minutes = [0_u32; 60];
    let mut days = [0_u32; 32];
    let mut same = 0;
    for number in 0..6000 {
        let found = rule("H H H H * *").seeded(&format!("schedule-{number}")).next(at("2026-01-01 00:00")).unwrap();
        minutes[found.minute() as usize] += 1;
        days[found.day() as usize] += 1;
        same += u32::from(found.minute() == found.second());
    }

    assert!(minutes.iter().all(|count| (60..=145).contains(count)), "{minutes:?}");
    assert!(days[1..=28].iter().all(|count| (150..=280).contains(count)) && days[29..] == [0; 3], "{days:?}");
    assert!((60..=145).contains(&same), "minute and second agree {same} times of 6000");
}

#[test]
fn a_range_holds_the_choice() {
    for number in 0..300 {
        let name = format!("n{number}");
        let found =
            times(&rule("H(10-12) H(22-23) H(29-31) H(JUN-JUL) H(1-7)").seeded(&name), at("2026-01-01 00:00"), 9);
        for time in found {
            assert!((10..=12).contains(&time.minute()) && (22..=23).contains(&time.hour()), "{time}");
            assert!((6..=7).contains(&time.month()), "{time}");
        }
        let one = times(&rule("H * * * *").seeded(&name), at("2026-01-01 00:00"), 24);
        assert!(one.iter().all(|time| time.minute() == one[0].minute()) && one[23].hour() == 23);
    }
}

#[test]
fn a_step_begins_within_its_first_round() {
    let mut begins = std::collections::BTreeSet::new();
    for number in 0..300 {
        let rule = rule("H/15 * * * *").seeded(&format!("n{number}"));
        let minutes: Vec<u32> = times(&rule, at("2026-01-01 00:00"), 5).iter().map(|time| time.minute()).collect();
        let begin = minutes[0];
        assert_eq!(minutes, [begin, begin + 15, begin + 30, begin + 45, begin]);
        begins.insert(begin);
    }
    assert_eq!(begins.into_iter().collect::<Vec<_>>(), (0..15).collect::<Vec<_>>());

    for number in 0..100 {
        let found = times(&rule("H(0-29)/10 3 * * *").seeded(&format!("n{number}")), at("2026-01-01 00:00"), 3);
        let minutes: Vec<u32> = found.iter().map(|time| time.minute()).collect();
        assert!(minutes[0] < 10 && minutes[1] == minutes[0] + 10 && minutes[2] == minutes[0] + 20, "{minutes:?}");
    }
    assert_eq!(rule("H/1 * * * *").plan, rule("* * * * *").plan);
}

#[test]
fn a_day_spread_over_the_month_comes_every_month() {
    for number in 0..200 {
        let found = times(&rule("0 0 H * *").seeded(&format!("n{number}")), at("2026-01-01 00:00"), 12);
        assert_eq!(found.last().map(|time| (time.year(), time.month())), Some((2026, 12)));
        assert!(found.iter().all(|time| (1..=28).contains(&time.day())));
    }
}
