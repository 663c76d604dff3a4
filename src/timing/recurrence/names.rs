//! English words for numbers, days and lists.

use super::civil::moment;
use crate::timing::words::{self, MONTHS, WEEKDAYS, joined};

/// Names a weekday, 0 for Monday.
pub(super) fn weekday(number: i16) -> String {
    usize::try_from(number).ok().and_then(|at| WEEKDAYS.get((at + 1) % 7)).copied().unwrap_or_default().to_owned()
}

/// Names a month, 1 to 12.
pub(super) fn month(number: i16) -> String {
    usize::try_from(number - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or_default().to_owned()
}

/// "1st", "2nd", "last", "2nd to last".
pub(super) fn ordinal(number: i16) -> String {
    let counted = words::ordinal(number.unsigned_abs());
    match number {
        -1 => "last".to_owned(),
        ..0 => format!("{counted} to last"),
        0.. => counted,
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
    joined(&run_words(numbers, name))
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
