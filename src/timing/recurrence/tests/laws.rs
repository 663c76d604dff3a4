//! Laws that hold of every set.

use chrono::{Duration, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::super::Recurrence;
use super::times;

const ZONES: [Tz; 4] = [Tz::UTC, Tz::Europe__Rome, Tz::Australia__Lord_Howe, Tz::America__Sao_Paulo];
const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

fn time() -> impl Strategy<Value = NaiveDateTime> {
    let first = NaiveDate::from_ymd_opt(2024, 1, 1).expect("a day").and_time(chrono::NaiveTime::MIN);
    (0i64..86_400 * 1_200).prop_map(move |seconds| first + Duration::seconds(seconds))
}

fn written(time: NaiveDateTime) -> String {
    time.format("%Y%m%dT%H%M%S").to_string()
}

/// Perhaps a part with a few numbers of a range.
fn part(name: &'static str, numbers: std::ops::RangeInclusive<i16>) -> impl Strategy<Value = String> {
    let list =
        proptest::collection::vec(numbers.prop_filter("zero", move |number| *number != 0 || name == "BYHOUR"), 1..5);
    proptest::option::weighted(0.3, list).prop_map(move |list| match list {
        Some(list) => format!(";{name}={}", list.iter().map(i16::to_string).collect::<Vec<_>>().join(",")),
        None => String::new(),
    })
}

/// One rule; parts that do not stand beside its frequency are left out.
fn rule() -> impl Strategy<Value = String> {
    let freqs = ["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"];
    let days = proptest::option::weighted(0.4, proptest::sample::subsequence(WEEKDAYS.to_vec(), 1..5));
    let time = (part("BYHOUR", 0..=23), part("BYMINUTE", 1..=59), part("BYSECOND", 1..=60));
    let dates = (part("BYMONTH", 1..=12), part("BYMONTHDAY", -31..=31), part("BYYEARDAY", -366..=366));
    let ends = proptest::option::weighted(
        0.3,
        prop_oneof![
            (1u32..40).prop_map(|count| format!(";COUNT={count}")),
            super::laws::time().prop_map(|time| format!(";UNTIL={}Z", written(time))),
        ],
    );
    let other = (part("BYWEEKNO", -53..=53), part("BYSETPOS", -3..=3), 0usize..7, proptest::bool::weighted(0.2));
    (0usize..7, 1u32..60, days, time, dates, ends, other).prop_map(
        move |(freq, interval, days, time, dates, end, other)| {
            let freq = freqs[freq];
            let is_yearly = freq == "YEARLY";
            let months = if freq == "WEEKLY" { "" } else { &dates.1 };
            let year_days = if ["DAILY", "WEEKLY", "MONTHLY"].contains(&freq) { "" } else { &dates.2 };
            let weeks = if is_yearly { &other.0 } else { "" };
            let days = days.map_or(String::new(), |days| format!(";BYDAY={}", days.join(",")));
            let by = format!("{}{months}{year_days}{weeks}{days}{}{}{}", dates.0, time.0, time.1, time.2);
            let positions = if by.is_empty() { "" } else { &other.1 };
            let skip = if other.3 { ";RSCALE=GREGORIAN;SKIP=FORWARD" } else { "" };
            format!(
                "FREQ={freq};INTERVAL={interval}{by}{positions}{};WKST={}{skip}",
                end.unwrap_or_default(),
                WEEKDAYS[other.2]
            )
        },
    )
}

/// A text of a set with rules, dates and exclusions.
fn text() -> impl Strategy<Value = String> {
    let rules = proptest::collection::vec(rule(), 1..3);
    let dates = proptest::collection::vec(time(), 0..4);
    let but = (proptest::option::weighted(0.2, rule()), proptest::collection::vec(time(), 0..4));
    (time(), 0usize..4, rules, dates, but).prop_map(|(start, zone, rules, dates, (but_rule, but_dates))| {
        let list = |dates: Vec<NaiveDateTime>| dates.into_iter().map(written).collect::<Vec<_>>().join(",");
        let mut lines = vec![format!("DTSTART;TZID={}:{}", ZONES[zone], written(start))];
        lines.extend(rules.iter().map(|rule| format!("RRULE:{rule}")));
        lines.extend(but_rule.map(|rule| format!("EXRULE:{rule}")));
        lines.extend((!dates.is_empty()).then(|| format!("RDATE:{}", list(dates))));
        lines.extend(but_dates.first().map(|day| format!("EXDATE;VALUE=DATE:{}", day.format("%Y%m%d"))));
        lines.extend((!but_dates.is_empty()).then(|| format!("EXDATE:{}", list(but_dates))));
        lines.join("\r\n")
    })
}

fn set() -> impl Strategy<Value = Recurrence> {
    text().prop_map(|text| match Recurrence::parse(&text, Tz::UTC) {
        Ok(set) => set,
        Err(refused) => panic!("{text}: {refused:?}"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn times_increase_and_are_held(set in set(), from in time()) {
        let mut last = from;
        for found in times(&set, from).take(40) {
            prop_assert!(found >= last, "{}", set);
            prop_assert!(set.holds(found), "{}: {}", set, found);
            last = found + Duration::seconds(1);
        }
    }

    #[test]
    fn the_next_time_is_the_first_of_all_that_is_late_enough(set in set(), from in time()) {
        let slow = times(&set, NaiveDateTime::MIN).take(3_000).find(|found| *found >= from);

        if let Some(slow) = slow {
            prop_assert_eq!(set.next(from), Some(slow), "{}", set);
        }
    }

    #[test]
    fn what_is_not_held_is_not_found(set in set(), at in time()) {
        prop_assert_eq!(set.next(at) == Some(at), set.holds(at), "{}", set);
    }

    #[test]
    fn exclusion_wins(text in text(), from in time()) {
        let Some(taken) = Recurrence::parse(&text, Tz::UTC).ok().and_then(|set| set.next(from)) else { return Ok(()) };

        let less = Recurrence::parse(&format!("{text}\nEXDATE:{0}\nRDATE:{0}", written(taken)), Tz::UTC);

        let less = less.expect("a set with one exclusion more");
        prop_assert!(!less.holds(taken));
        prop_assert!(less.next(from).is_none_or(|found| found > taken));
    }

    #[test]
    fn what_an_exrule_gives_is_never_given(set in set(), but in rule(), from in time()) {
        let start = set.to_string().lines().next().unwrap_or_default().to_owned();
        let but_set = Recurrence::parse(&format!("{start}\nRRULE:{but}"), Tz::UTC).expect("a rule");
        let less = Recurrence::parse(&format!("{set}\nEXRULE:{but}"), Tz::UTC).expect("a set with one rule more");

        let wanted: Vec<_> = times(&set, from).take(100).filter(|found| !but_set.holds(*found)).take(5).collect();

        let found: Vec<_> = times(&less, from).take(wanted.len()).collect();
        prop_assert_eq!(found, wanted, "{}", less);
    }

    #[test]
    fn the_canonical_text_means_the_same_anywhere(set in set()) {
        let text = set.to_string();

        let again = Recurrence::parse(&text, Tz::Asia__Tokyo).expect("canonical text");

        prop_assert_eq!(again.to_string(), text);
        prop_assert_eq!(again, set);
    }

    #[test]
    fn every_set_has_a_sentence(set in set()) {
        let sentence = set.sentence();
        prop_assert!(sentence.starts_with(char::is_uppercase) && !sentence.contains("  "), "{}", sentence);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        let _ = Recurrence::parse(&text, Tz::UTC);
    }

    #[test]
    fn texts_like_rules_are_read_or_refused_at_a_place(
        text in "(DTSTART|RRULE|RDATE|EXDATE|EXRULE|X)?[:;](TZID=Europe/Rome:|VALUE=DATE:)?\
            (FREQ=(DAILY|YEARLY)|[0-9TZ]{0,16}|BYDAY=-?[0-9]{0,3}(MO|TU|é))(;|,|\n|\r\n |\\\\n)\
            (INTERVAL|COUNT|UNTIL|BYSETPOS|RDATE)[:=]-?[0-9TZ,/P]{0,17}"
    ) {
        if let Err(refused) = Recurrence::parse(&text, Tz::UTC) {
            prop_assert!(refused.at.is_none_or(|at| at <= text.len() && text.is_char_boundary(at)), "{:?}", refused);
        }
    }
}
