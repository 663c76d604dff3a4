//! What is refused, with which words and where.

use crate::timing::cron::Cron;

/// Text, offset of the mistake, message.
const REFUSED: [(&str, usize, &str); 59] = [
    ("", 0, "the cron rule is empty: it has 5 fields (minute hour day month weekday) or 6 (second first)"),
    ("  \t", 0, "the cron rule is empty: it has 5 fields (minute hour day month weekday) or 6 (second first)"),
    ("* * *", 5, "a cron rule has 5 fields (minute hour day month weekday) or 6 (second first), this has 3"),
    (
        "0 0 12 * * ? 2026",
        13,
        "a cron rule has 5 fields (minute hour day month weekday) or 6 (second first), this has 7: for a year set the \
         schedule's start and end",
    ),
    ("61 * * * *", 0, "minute 61 is out of 0 to 59"),
    ("60 0 0 * * *", 0, "second 60 is out of 0 to 59"),
    ("0  24 * * *", 3, "hour 24 is out of 0 to 23"),
    ("0 0 0 * *", 4, "day 0 is out of 1 to 31"),
    ("0 0 32 * *", 4, "day 32 is out of 1 to 31"),
    ("0 0 * 13 *", 6, "month 13 is out of 1 to 12 or JAN to DEC"),
    ("0 0 * * 8", 8, "weekday 8 is out of 0 to 7 or SUN to SAT"),
    ("0 0 * * MON,99999999999999999999", 12, "weekday 99999999999999999999 is out of 0 to 7 or SUN to SAT"),
    ("0 0 * * MON-FRY", 12, "weekday \"FRY\" is not understood: it takes 0 to 7 or SUN to SAT"),
    ("0 0 * MONDAY *", 6, "month \"MONDAY\" is not understood: it takes 1 to 12 or JAN to DEC"),
    ("0 MON * * *", 2, "hour \"MON\" is not understood: it takes 0 to 23"),
    ("-5 * * * *", 0, "minute \"\" is not understood: it takes 0 to 59"),
    ("+5 * * * *", 0, "minute \"+5\" is not understood: it takes 0 to 59"),
    ("5- * * * *", 2, "minute \"\" is not understood: it takes 0 to 59"),
    ("1-2-3 * * * *", 2, "minute \"2-3\" is not understood: it takes 0 to 59"),
    ("1,,2 * * * *", 2, "the minute list has an empty place"),
    ("1, * * * *", 2, "the minute list has an empty place"),
    ("** * * * *", 0, "minute \"**\" is not understood: it takes 0 to 59"),
    ("*5 * * * *", 0, "minute \"*5\" is not understood: it takes 0 to 59"),
    ("*/0 * * * *", 2, "minute step 0 is out of 1 to 60"),
    ("*/90 * * * *", 2, "minute step 90 is out of 1 to 60; for a longer interval write `every`"),
    ("0 1-5/25 * * *", 6, "hour step 25 is out of 1 to 24; for a longer interval write `every`"),
    ("0 0 */32 * *", 6, "day step 32 is out of 1 to 31"),
    ("*/ * * * *", 2, "minute step \"\" is no number from 1 to 60"),
    ("*/x * * * *", 2, "minute step \"x\" is no number from 1 to 60"),
    ("*/5/5 * * * *", 2, "minute step \"5/5\" is no number from 1 to 60"),
    ("? * * * *", 0, "minute ? means nothing: ? is for day and weekday, write *"),
    ("0 0 ?,1 * *", 4, "day ?: ? stands alone in its field"),
    ("0 0 * * ?/2", 8, "weekday ?/2: ? stands alone in its field"),
    ("L * * * *", 0, "minute L: L and W are for days of the month, L also for weekdays"),
    ("0 0 * LW *", 6, "month LW: L and W are for days of the month, L also for weekdays"),
    ("0 0 L3 * *", 4, "day \"L3\" is not understood: L is written as L, L-3, LW or L-3W"),
    ("0 0 L- * *", 4, "day \"L-\" is not understood: L is written as L, L-3, LW or L-3W"),
    ("0 0 1,L-31 * *", 8, "day L-31: 31 is out of 0 to 30 days before the last"),
    ("0 0 W * *", 4, "day \"W\" is not understood: W is written as 15W or LW"),
    ("0 0 1-5W * *", 4, "day \"1-5W\" is not understood: W is written as 15W or LW"),
    ("0 0 32W * *", 4, "day 32 is out of 1 to 31"),
    ("0 0 * * L", 8, "weekday L needs a day: write 5L for the last Friday of the month"),
    ("0 0 * * L5", 8, "weekday \"L5\" is not understood: the last of a weekday is written 5L"),
    ("0 0 * * 8L", 8, "weekday 8 is out of 0 to 7 or SUN to SAT"),
    ("0 0 * * MON#6", 12, "weekday MON#6: \"6\" is out of 1 to 5; write MON#2 for the second Monday, 1L for the last"),
    ("0 0 * * MON#", 12, "weekday MON#: \"\" is out of 1 to 5; write MON#2 for the second Monday, 1L for the last"),
    ("0 0 * * #2", 8, "weekday \"\" is not understood: it takes 0 to 7 or SUN to SAT"),
    ("H(5 * * * *", 0, "minute \"H(5\" is not understood: H is written as H, H/2, H(0-59) and H(0-59)/2"),
    ("H5 * * * *", 0, "minute \"H5\" is not understood: H is written as H, H/2, H(0-59) and H(0-59)/2"),
    ("H(0-29)x * * * *", 0, "minute \"H(0-29)x\" is not understood: H is written as H, H/2, H(0-59) and H(0-59)/2"),
    ("H(0-60) * * * *", 4, "minute 60 is out of 0 to 59"),
    ("H(9-5) * * * *", 2, "minute H(9-5): the range of H may not go round the end"),
    ("H(0-9)/11 * * * *", 7, "minute step 11 is out of 1 to 10; for a longer interval write `every`"),
    ("0 0 H/29 * *", 6, "day step 29 is out of 1 to 28"),
    ("0 0 é * *", 4, "day \"\\u{e9}\" is not understood: it takes 1 to 31"),
    (" @every  90s", 1, "@every is no cron rule: write `every 90s` instead"),
    ("@REBOOT", 0, "@reboot names no time: nodes start and stop while schedules go on; write a rule that says when"),
    ("@daily 5", 7, "@daily stands alone: nothing may follow it"),
    ("CRON_TZ=Europe/Rome 0 6 * * *", 0, "a cron rule names no time zone: set the schedule's own time zone"),
];

#[test]
fn mistakes_are_told_with_field_value_and_place() {
    for (text, place, message) in REFUSED {
        let error = Cron::parse(text).expect_err(text);
        assert_eq!((error.message.as_str(), error.at), (message, Some(place)), "{text}");
    }
}

#[test]
fn unknown_macros_are_told_the_known_ones() {
    let error = Cron::parse("@fortnightly").expect_err("unknown");
    assert!(error.message.starts_with("@fortnightly is unknown: there are @yearly, @annually, @monthly"), "{error}");
}

#[test]
fn limits_are_said() {
    let long = format!("{} * * * *", "0,".repeat(126) + "00");
    assert!(long.len() > 256);
    let error = Cron::parse(&long).expect_err("too long");
    assert_eq!((error.message, error.at), ("the cron rule has 262 bytes, 256 are the most".to_owned(), Some(256)));

    let many = format!("{}0 * * * *", "0,".repeat(64));
    let error = Cron::parse(&many).expect_err("65 items");
    assert_eq!((error.message.as_str(), error.at), ("the minute list has more than 64 items", Some(128)));
    assert!(Cron::parse(&many[2..]).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "[-*/,0-9HLW#?()@ a-zA-Zé]{0,60}") {
        if let Err(error) = Cron::parse(&text) {
            proptest::prop_assert!(error.at.is_some_and(|at| at <= text.len() && text.is_char_boundary(at)), "{error:?}");
        }
    }

    #[test]
    fn what_reads_is_searched_and_said(fields in proptest::collection::vec("[-*/,0-9HLW#?()]{1,6}|SUN-SAT|\\*", 5..=6)) {
        let text = fields.join(" ");
        if let Ok(rule) = Cron::parse(&text) {
            let next = rule.next(super::at("2026-01-01 00:00"));
            proptest::prop_assert_eq!(next.is_some(), rule.is_possible());
            proptest::prop_assert!(next.is_none_or(|time| rule.holds(time)));
            proptest::prop_assert!(!rule.sentence().is_empty());
            proptest::prop_assert_eq!(Cron::parse(&rule.to_string()), Ok(rule));
        }
    }
}
