//! What croniter and cronsim answered, kept in `tests/data/cron_cases.txt`, whose head tells how it was made.

use chrono::{NaiveDateTime, TimeDelta};

use super::{rule, times};

const CASES: &str = include_str!("../../../../tests/data/cron_cases.txt");

fn moment(text: &str) -> NaiveDateTime {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn others_find_the_same_times() {
    let mut compared = 0;
    for line in CASES.lines().filter(|line| !line.starts_with('#')) {
        let [text, from, wanted] = line.split(" | ").collect::<Vec<_>>()[..] else { panic!("{line}") };
        let found = times(&rule(text), moment(from) + TimeDelta::seconds(1), 3);
        let wanted: Vec<NaiveDateTime> = wanted.split(' ').filter(|time| *time != "never").map(moment).collect();
        assert_eq!(found, wanted, "{line}");
        compared += 1;
    }
    assert!(compared >= 500, "only {compared} cases");
}
