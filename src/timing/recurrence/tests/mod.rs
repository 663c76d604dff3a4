//! Promises of recurrence sets.

mod days;
mod hostile;
mod laws;
mod oracle;
mod reading;
mod refusals;
mod rfc;
mod slow;
mod words;

use chrono::{Duration, NaiveDateTime};
use chrono_tz::Tz;

use super::Recurrence;

/// The lines of a recurrence, `|` between them, in Rome where they name no zone.
fn set(lines: &str) -> Recurrence {
    match Recurrence::parse(&lines.replace('|', "\n"), Tz::Europe__Rome) {
        Ok(set) => set,
        Err(refused) => panic!("{lines}: {refused}"),
    }
}

fn at(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").expect("a time such as 20261201T090000")
}

/// All times from one on.
fn times(set: &Recurrence, from: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
    std::iter::successors(set.next(from), |last| set.next(*last + Duration::seconds(1)))
}

/// The first times of a set, as calendars write them; one more than asked for is looked at, and "." stands when there is none.
fn first(set: &Recurrence, count: usize) -> String {
    let mut found: Vec<String> =
        times(set, NaiveDateTime::MIN).take(count + 1).map(|time| time.format("%Y%m%dT%H%M%S").to_string()).collect();
    if found.len() <= count {
        found.push(".".to_owned());
    } else {
        found.pop();
    }
    found.join(" ")
}
