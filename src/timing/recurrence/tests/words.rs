//! Sentences.

use super::set;

/// Whether rules that start on Tuesday, 1 December 2026 at 09:30 are said so.
fn said(rules: &[(&str, &str)]) {
    let say = |rule: &str| set(&format!("DTSTART:20261201T093000|RRULE:{rule}")).sentence();
    let wrong =
        rules.iter().map(|(rule, wanted)| (rule, say(rule), wanted)).filter(|(_, said, wanted)| said != *wanted);
    let wrong: Vec<_> =
        wrong.map(|(rule, said, wanted)| format!("{rule}\n  is said {said}\n  wanted  {wanted}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rules_are_said_in_plain_english() {
    said(&[
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=17;BYMINUTE=30",
            "On the last weekday of each month at 17:30",
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;BYHOUR=9;BYMINUTE=0;UNTIL=20271231",
            "Every 2 weeks on Monday and Friday at 09:00, until 31 December 2027",
        ),
        ("FREQ=MINUTELY;INTERVAL=90", "Every 90 minutes"),
        ("FREQ=DAILY", "Every day at 09:30"),
        ("FREQ=DAILY;COUNT=10", "Every day at 09:30, 10 times in all"),
        ("FREQ=DAILY;COUNT=1", "Every day at 09:30, once"),
        ("FREQ=DAILY;BYHOUR=9,17", "Every day at 09:30 and 17:30"),
        (
            "FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40",
            "Every day at minutes 0, 20 and 40 of hours 9 to 16",
        ),
        (
            "FREQ=DAILY;INTERVAL=3;BYDAY=MO,TU,WE;BYMONTH=1",
            "Every 3 days at 09:30, only on Monday to Wednesday, only in January",
        ),
        ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "Every weekday at 09:30"),
        ("FREQ=DAILY;UNTIL=20261224T080000Z", "Every day at 09:30, until 24 December 2026 at 09:00"),
        ("FREQ=WEEKLY", "Every Tuesday at 09:30"),
        ("FREQ=WEEKLY;BYDAY=SA,SU;BYMONTH=6,7,8", "Every Saturday and Sunday at 09:30, only in June to August"),
        ("FREQ=MONTHLY", "On the 1st of each month at 09:30"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15,-1", "On the 1st, 15th and last day of each month at 09:30"),
        ("FREQ=MONTHLY;BYMONTHDAY=-3;BYMONTH=2", "On the 3rd to last day of February at 09:30"),
        ("FREQ=MONTHLY;BYDAY=1FR", "On the 1st Friday of each month at 09:30"),
        ("FREQ=MONTHLY;BYDAY=-2MO", "On the 2nd to last Monday of each month at 09:30"),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "Every Friday that falls on the 13th of each month at 09:30"),
        ("FREQ=MONTHLY;INTERVAL=2;BYDAY=TU", "Every 2 months on every Tuesday at 09:30"),
        ("FREQ=MONTHLY;BYDAY=TU,WE,TH;BYSETPOS=3", "On the 3rd day among Tuesday to Thursday of each month at 09:30"),
        (
            "FREQ=MONTHLY;BYHOUR=9,10;BYSETPOS=1",
            "On the 1st of each month at 09:30 and 10:30, of these only the 1st of each month",
        ),
        (
            "RSCALE=GREGORIAN;FREQ=MONTHLY;BYMONTHDAY=31;SKIP=BACKWARD",
            "On the 31st of each month at 09:30, or the day before where there is no such day",
        ),
    ]);
}

#[test]
fn years_and_what_is_quicker_than_days_are_said_in_plain_english() {
    said(&[
        ("FREQ=YEARLY", "Every year on 1 December at 09:30"),
        ("FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29", "Every 4 years on 29 February at 09:30"),
        ("FREQ=YEARLY;BYMONTH=1,7;BYMONTHDAY=1", "Every year on the 1st of January and July at 09:30"),
        ("FREQ=YEARLY;BYDAY=20MO", "Every year on the 20th Monday of the year at 09:30"),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "Every year on the 4th Thursday of November at 09:30"),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "Every year on every Thursday of March at 09:30"),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "Every year on Monday of week 20 at 09:30"),
        ("FREQ=YEARLY;BYWEEKNO=1,-1;BYDAY=MO", "Every year on Monday of week 1 and the last week at 09:30"),
        ("FREQ=YEARLY;BYYEARDAY=100,-1", "Every year on the 100th and last day of the year at 09:30"),
        ("FREQ=YEARLY;BYDAY=MO;BYSETPOS=-1", "Every year on the last Monday of the year at 09:30"),
        (
            "FREQ=YEARLY;BYMONTH=1,2;BYDAY=MO;BYSETPOS=-1",
            "Every year on the last Monday of January and February taken together at 09:30",
        ),
        ("FREQ=HOURLY;BYMINUTE=0", "Every hour"),
        ("FREQ=HOURLY;INTERVAL=3", "Every 3 hours at minute 30"),
        ("FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11", "Every 20 minutes, only in hours 9 to 11"),
        ("FREQ=MINUTELY;BYSECOND=30", "Every minute at second 30"),
        ("FREQ=SECONDLY;INTERVAL=90;BYDAY=MO", "Every 90 seconds, only on Monday"),
        ("FREQ=SECONDLY;BYSECOND=0,10;BYMINUTE=5", "Every second, only in minute 5, only at seconds 0 and 10"),
    ]);
}

#[test]
fn dates_and_exclusions_are_said_or_counted() {
    let rule = "DTSTART:20261201T093000|RRULE:FREQ=DAILY";
    for (lines, wanted) in [
        (
            "|RDATE:20261224T100000|EXDATE;VALUE=DATE:20261225,20270101",
            "Every day at 09:30, and also on 24 December 2026 at 10:00; except on 25 December 2026 and 1 January 2027",
        ),
        ("|EXDATE:20261225T093000", "Every day at 09:30; except on 25 December 2026 at 09:30"),
        (
            "|RRULE:FREQ=HOURLY|EXRULE:FREQ=DAILY;BYMONTH=8",
            "Every day at 09:30; also every hour at minute 30; except every day at 09:30, only in August",
        ),
        (
            "|EXDATE;VALUE=DATE:20261202,20261203,20261204,20261205,20261206,20261207,20261208",
            "Every day at 09:30; except on 7 dates from 2 December 2026 to 8 December 2026",
        ),
    ] {
        assert_eq!(set(&format!("{rule}{lines}")).sentence(), wanted);
    }
    assert_eq!(set("RDATE:20261224T100000").sentence(), "On 24 December 2026 at 10:00");
}
