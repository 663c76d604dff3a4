//! The sentences, one by one, and that no two different rules are told alike.

use std::collections::HashMap;

use super::rule;

const SENTENCES: [(&str, &str); 112] = [
    ("30 6 * * 1-5", "At 06:30, Monday to Friday"),
    ("*/5 9-17 * * MON-FRI", "Every 5 minutes, from 09:00 to 17:59, on weekdays"),
    ("0 0 LW * *", "At 00:00 on the last weekday (Mon–Fri) of the month"),
    ("30 6,18 1,15 1 *", "At 06:30 and 18:30, on days 1 and 15 of January"),
    ("*/30 * * * * *", "Every 30 seconds"),
    ("30 6 * * *", "At 06:30 every day"),
    ("* * * * *", "Every minute"),
    ("* * * * * *", "Every second"),
    ("*/5 * * * *", "Every 5 minutes"),
    ("0-59/5 * * * *", "Every 5 minutes"),
    ("0 * * * *", "Every hour"),
    ("30 * * * *", "At minute 30 of every hour"),
    ("15 30 * * * *", "At minute 30 and second 15 of every hour"),
    ("0 */2 * * *", "Every 2 hours"),
    ("15 */2 * * *", "Every 2 hours, starting at 00:15"),
    ("0 */6 * * *", "Every 6 hours"),
    ("0 */12 * * *", "At 00:00 and 12:00, every day"),
    ("15 2-23/6 * * *", "Every 6 hours, starting at 02:15"),
    ("0 9-17 * * 1-5", "Every hour from 09:00 to 17:00, on weekdays"),
    ("30 9-17 * * *", "Every hour from 09:30 to 17:30"),
    ("0 22-2 * * *", "Every hour from 22:00 to 02:00"),
    ("0 8-18/2 * * *", "Every 2 hours from 08:00 to 18:00"),
    ("0 8-10 * * *", "At 08:00, 09:00 and 10:00, every day"),
    ("0 0,1,5,9,10,20,23 * * *", "At 00:00, 01:00, 05:00, 09:00, 10:00, 20:00 and 23:00, every day"),
    ("*/7 * * * *", "Every 7 minutes from minute 0 to 56 of every hour"),
    ("2/5 * * * *", "Every 5 minutes, starting at minute 2 of every hour"),
    ("5/15 * * * *", "Every 15 minutes, starting at minute 5 of every hour"),
    ("5/15 9-17 * * *", "Every 15 minutes, starting at minute 5 of the hour, from 09:00 to 17:59"),
    ("0,30 9-17 * * *", "Every 30 minutes, from 09:00 to 17:59"),
    ("3,7,21 * * * *", "At minutes 3, 7 and 21 of every hour"),
    ("3,7,21 9-17 * * 6,0", "At minutes 3, 7 and 21 of the hour, from 09:00 to 17:59, on Saturdays and Sundays"),
    ("3-7,21,40-45 8-18 * * *", "At minutes 3 to 7, 21 and 40 to 45 of the hour, from 08:00 to 18:59"),
    ("0-29 * * * *", "Every minute from minute 0 to 29 of every hour"),
    ("0-29 9 * * *", "Every minute from 09:00 to 09:29"),
    ("10-40/10 9 * * *", "At 09:10, 09:20, 09:30 and 09:40, every day"),
    ("10-40/2 9 * * *", "Every 2 minutes from 09:10 to 09:40"),
    ("* 9 * * *", "Every minute from 09:00 to 09:59"),
    ("* 9-11,14-15 * * *", "Every minute, from 09:00 to 11:59 and from 14:00 to 15:59"),
    ("* 22-5 * * *", "Every minute, from 22:00 to 05:59"),
    ("* */2 * * *", "Every minute, in every 2nd hour from 00:00 to 22:59"),
    ("*/10 1,3,7,9,14 * * *", "Every 10 minutes, in hours 1, 3, 7, 9 and 14 of the day"),
    ("*/10 0,12 * * *", "Every 10 minutes, from 00:00 to 00:59 and from 12:00 to 12:59"),
    ("*/10 8-12/2 * * *", "Every 10 minutes, from 08:00 to 08:59, from 10:00 to 10:59 and from 12:00 to 12:59"),
    ("*/15 6,7,8,9,22,23,0 * * *", "Every 15 minutes, from 22:00 to 00:59 and from 06:00 to 09:59"),
    ("30 */5 * * * *", "Every 5 minutes, at second 30"),
    ("15 30 6 * * *", "At 06:30:15 every day"),
    ("15,45 30 6 * * *", "At 06:30:15 and 06:30:45, every day"),
    ("*/10 */5 * * * *", "Every 10 seconds, in every 5th minute from 0 to 55 of every hour"),
    ("*/10 0 9 * * *", "At 09:00:00, 09:00:10, 09:00:20, 09:00:30, 09:00:40 and 09:00:50, every day"),
    ("* 0-29 9 * * *", "Every second, from 09:00:00 to 09:29:59"),
    ("* 0-29 * * * *", "Every second, from minute 0 to 29 of every hour"),
    ("* 5,10 9-17 * * *", "Every second, in minutes 5 and 10 of the hour, from 09:00:00 to 17:59:59"),
    ("5/10 * * * * *", "Every 10 seconds, starting at second 5 of every minute"),
    ("1,2,5 * * * * *", "At seconds 1, 2 and 5 of every minute"),
    ("10-40/2 * 9-17 * * *", "Every 2 seconds from second 10 to 40 of the minute, from 09:00:00 to 17:59:59"),
    ("*/10 5 * * * *", "Every 10 seconds, in minute 5 of every hour"),
    ("0 0 1 * *", "At 00:00 on day 1 of the month"),
    ("0 0 1-7 * *", "At 00:00 on days 1 to 7 of the month"),
    ("0 0 */2 * *", "At 00:00 on every 2nd day from day 1 to 31 of the month"),
    ("0 0 1,2,10-15 * *", "At 00:00 on days 1, 2 and 10 to 15 of the month"),
    ("0 0 L * *", "At 00:00 on the last day of the month"),
    ("0 0 L-1 * *", "At 00:00 on the day before the last day of the month"),
    ("0 0 L-3 * *", "At 00:00 on the 3rd day before the last day of the month"),
    ("0 0 L-3W * *", "At 00:00 on the working day nearest to the 3rd day before the last day of the month"),
    ("0 0 15W * *", "At 00:00 on the working day nearest to day 15 of the month"),
    ("0 0 15,L,1W 1,7 *", "At 00:00 on day 15, the last day and the working day nearest to day 1 of January and July"),
    ("0 0 * * MON#2", "At 00:00 on the second Monday of the month"),
    ("0 0 * 1-3 MON#1,MON#3", "At 00:00 on the first Monday and the third Monday of every month from January to March"),
    ("0 0 * * 5L", "At 00:00 on the last Friday of the month"),
    ("0 0 * * MON,5L", "At 00:00 on Mondays and on the last Friday of the month"),
    ("0 0 * * 1", "At 00:00 on Mondays"),
    ("0 0 * * 1,3,5", "At 00:00 on Mondays, Wednesdays and Fridays"),
    ("0 0 * * 0,6", "At 00:00 on Saturdays and Sundays"),
    ("*/20 * * * 0,6", "Every 20 minutes, on Saturdays and Sundays"),
    ("*/20 * * * 2-4", "Every 20 minutes, from Tuesday to Thursday"),
    ("0 0 * * 2-4", "At 00:00, Tuesday to Thursday"),
    ("0 0 * * FRI-MON", "At 00:00, Friday to Monday"),
    ("0 0 * * 0,6,1", "At 00:00, Saturday to Monday"),
    ("0 0 * * 0-6", "At 00:00 every day"),
    ("0 0 13 * 5", "At 00:00 on day 13 of the month, and also on Fridays"),
    ("0 0 13 10 5", "At 00:00 on day 13 of October, and also on Fridays in October"),
    ("0 0 1-7 * 1-5", "At 00:00 on days 1 to 7 of the month, and also on weekdays"),
    ("0 0 15 * MON#1", "At 00:00 on day 15 of the month, and also on the first Monday of the month"),
    ("*/5 * 1 * 1-5", "Every 5 minutes, on day 1 of the month, and also on weekdays"),
    ("0 0 * 6-8 *", "At 00:00 every day from June to August"),
    ("*/5 * * 8 *", "Every 5 minutes, in August"),
    ("0 0 * 1,3,5 *", "At 00:00 every day in January, March and May"),
    ("0 0 * */3 *", "At 00:00 every day in January, April, July and October"),
    ("0 0 * NOV-FEB *", "At 00:00 every day from November to February"),
    ("0 0 * * 0-7", "At 00:00 every day"),
    ("0 0 1 * 0-6", "At 00:00 every day"),
    ("0 0 1-31 * 1", "At 00:00 every day"),
    ("0 0 30 2 *", "At 00:00 on day 30 of February, which never comes"),
    ("0 0 29 2 *", "At 00:00 on day 29 of February"),
    ("@yearly", "At 00:00 on day 1 of January"),
    ("@hourly", "Every hour"),
    ("@weekly", "At 00:00 on Sundays"),
    ("H H * * *", "At 21:16 every day"),
    ("H/15 * * * *", "Every 15 minutes, starting at minute 12 of every hour"),
    ("0 0 1 1 1", "At 00:00 on day 1 of January, and also on Mondays in January"),
    ("0 0,12 1 */2 *", "At 00:00 and 12:00, on day 1 of January, March, May, July, September and November"),
    ("0 0 31 * *", "At 00:00 on day 31 of the month"),
    ("0 0 * 6-8 2-4", "At 00:00, Tuesday to Thursday, from June to August"),
    ("*/5 * * 6-8 2-4", "Every 5 minutes, from Tuesday to Thursday, from June to August"),
    ("0 0 * 6-8 1", "At 00:00 on Mondays from June to August"),
    (
        "0 0 * 6-8 MON,5L",
        "At 00:00 on Mondays from June to August and on the last Friday of every month from June to August",
    ),
    ("0 0 1 6-8 MON", "At 00:00 on day 1 of every month from June to August, and also on Mondays from June to August"),
    ("0 9 ? * MON-FRI", "At 09:00, Monday to Friday"),
    ("0 9,17 * * 1-5", "At 09:00 and 17:00, Monday to Friday"),
    ("0 0 1 5-7,9 *", "At 00:00 on day 1 of May, June, July and September"),
    ("* * * * 1-5", "Every minute, on weekdays"),
    ("1-58/3 9-17 * * *", "Every 3 minutes, starting at minute 1 of the hour, from 09:00 to 17:59"),
];

#[test]
fn rules_read_as_the_table_says() {
    for (text, sentence) in SENTENCES {
        assert_eq!(rule(text).sentence(), sentence, "{text}");
    }
}

#[test]
fn h_is_said_as_it_was_spread() {
    let seeded = rule("H H * * *").seeded("nightly-settlement");
    assert_eq!(seeded.sentence(), "At 23:02 every day");
    assert_eq!(rule("H H H * *").seeded("nightly-settlement").sentence(), "At 23:02 on day 3 of the month");
}

/// Fails when two rules that mean different things have one sentence.
fn tell_apart(texts: impl Iterator<Item = String>) {
    let mut told = HashMap::new();
    for text in texts {
        let rule = rule(&text);
        let sentence = rule.sentence();
        let (other, plan) = told.entry(sentence.clone()).or_insert_with(|| (text.clone(), rule.plan.clone()));
        assert_eq!(*plan, rule.plan, "{text} and {other} both read: {sentence}");
    }
}

fn combined<const N: usize>(fields: [&[&str]; N]) -> impl Iterator<Item = String> {
    fields
        .into_iter()
        .fold(vec![String::new()], |texts, field| {
            texts.iter().flat_map(|text| field.iter().map(move |item| format!("{text} {item}"))).collect()
        })
        .into_iter()
}

#[test]
fn different_times_read_differently() {
    let sixty: &[&str] = &[
        "0",
        "1",
        "30",
        "59",
        "*",
        "0-29",
        "30-59",
        "59-1",
        "1-2",
        "1-3",
        "*/2",
        "1/2",
        "*/5",
        "2/5",
        "*/7",
        "*/15",
        "5/15",
        "*/20",
        "*/30",
        "15/30",
        "0,1",
        "0,5",
        "0,5,10",
        "0,5,10,15",
        "1,2,5",
        "10-40/2",
        "0-58",
        "1-59",
        "0,2-59",
        "0,59",
    ];
    let hours: &[&str] = &[
        "0",
        "1",
        "23",
        "*",
        "0-11",
        "12-23",
        "22-2",
        "9-17",
        "9-11",
        "0-22",
        "1-23",
        "*/2",
        "1/2",
        "*/3",
        "*/4",
        "*/6",
        "2/6",
        "*/8",
        "1/8",
        "*/12",
        "6/12",
        "8-18/2",
        "22-2/2",
        "8-10,14-15",
        "0,1,5,9,10,20,23",
        "6-9,22-0",
        "1,2,4",
        "1,3,7,9,14",
        "23,0",
        "0,8",
        "*/5",
    ];
    tell_apart(combined([&["0", "15", "*", "0-29", "*/30", "*/7", "5/10", "1,2,5"], sixty, hours, &["* * *"]]));
    tell_apart(combined([sixty, &["0", "30", "*", "0-29", "*/5", "5,10"], &["0", "*", "9-17", "*/2"], &["* * *"]]));
}

#[test]
fn different_dates_read_differently() {
    let days: &[&str] = &[
        "*", "1", "31", "1-7", "28-3", "*/2", "2/2", "1-29/2", "1,2", "1,15", "1-31", "2-31", "*/10", "L", "L-1",
        "L-3", "LW", "L-3W", "1W", "15W", "1,L", "1,LW", "15,L,1W", "L,L-1",
    ];
    let months: &[&str] = &["*", "1", "2", "12", "6-8", "11-2", "*/3", "1-2", "1-11", "1,3,5"];
    let weekdays: &[&str] = &[
        "*",
        "0",
        "1",
        "6",
        "1-5",
        "0,6",
        "0-6",
        "2-4",
        "5-1",
        "1,3,5",
        "MON#1",
        "MON#2",
        "TUE#1",
        "MON#5",
        "MONL",
        "1,FRIL",
        "1-5,SAT#1",
        "MON#1,MON#3",
        "0-5",
        "1-6",
        "6-1",
    ];
    tell_apart(combined([&["0 0", "0 0,1", "* *"], days, months, weekdays]));
}
