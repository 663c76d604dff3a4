//! English words for numbers, days and lists.

use super::civil::moment;

/// Weekdays from Monday.
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Months, the first at 1.
const MONTHS: [&str; 13] = [
    "",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Names a weekday, 0 for Monday.
pub(super) fn weekday(number: i16) -> String {
    usize::try_from(number).ok().and_then(|at| WEEKDAYS.get(at)).copied().unwrap_or_default().to_owned()
}

/// Names a month, 1 to 12.
pub(super) fn month(number: i16) -> String {
    usize::try_from(number).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or_default().to_owned()
}

/// "1st", "2nd", "last", "2nd to last".
pub(super) fn ordinal(number: i16) -> String {
    let count = number.unsigned_abs();
    let ending = match (count % 10, count % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    match number {
        -1 => "last".to_owned(),
        ..0 => format!("{count}{ending} to last"),
        0.. => format!("{count}{ending}"),
    }
}

/// "a", "a and b", "a, b and c".
pub(super) fn join(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Names numbers in order; three or more in a row are one "a to c".
pub(super) fn run_words(numbers: &[i16], name: impl Fn(i16) -> String) -> Vec<String> {
    let chunks = numbers.chunk_by(|before, after| before + 1 == *after);
    let words = chunks.flat_map(|chunk| match chunk {
        [first, _, .., last] => vec![format!("{} to {}", name(*first), name(*last))],
        chunk => chunk.iter().map(|number| name(*number)).collect(),
    });
    words.collect()
}

/// The same, joined.
pub(super) fn runs(numbers: &[i16], name: impl Fn(i16) -> String) -> String {
    join(&run_words(numbers, name))
}

/// "hour 9", "hours 9 to 16".
pub(super) fn numbered(what: &str, numbers: &[i16]) -> String {
    let plural = if numbers.len() > 1 { "s" } else { "" };
    format!("{what}{plural} {}", runs(numbers, |number| number.to_string()))
}

/// "31 December 2027" of a local second.
pub(super) fn date(at: i64) -> String {
    moment(at).unwrap_or_default().format("%-d %B %Y").to_string()
}

/// "17:30" of a second of the day; seconds are named unless they are 0.
pub(super) fn clock(time: i64) -> String {
    let shown = moment(time).unwrap_or_default();
    shown.format(if time % 60 == 0 { "%H:%M" } else { "%H:%M:%S" }).to_string()
}
