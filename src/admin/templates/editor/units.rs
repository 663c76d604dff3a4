//! Spans of time as people type them: a number and its unit.

use crate::web::parts::Choice;

/// Units, shortest first: what forms send, what people read, and milliseconds.
const UNITS: [(&str, &str, u64); 5] = [
    ("ms", "milliseconds", 1),
    ("s", "seconds", 1_000),
    ("m", "minutes", 60_000),
    ("h", "hours", 3_600_000),
    ("d", "days", 86_400_000),
];

/// Lists the units of a select.
pub fn units() -> Vec<Choice> {
    UNITS.iter().map(|(value, label, _)| Choice::new(*value, *label)).collect()
}

/// Splits milliseconds into a number and the longest unit that holds them without fraction.
pub fn split(ms: u64) -> (u64, &'static str) {
    let whole = UNITS.iter().rev().find(|(_, _, unit)| ms > 0 && ms.is_multiple_of(*unit));
    let (name, _, unit) = whole.unwrap_or(&UNITS[1]);
    (ms / unit, name)
}

/// Reads a number typed beside the unit `unit`; none means milliseconds, as in JSON.
///
/// # Errors
/// A sentence.
pub fn join(number: &str, unit: &str) -> Result<u64, String> {
    let unit = if unit.is_empty() { "ms" } else { unit };
    let known = UNITS.iter().find(|(name, _, _)| *name == unit);
    let (_, label, length) = known.ok_or_else(|| format!("{unit:?} is no unit of time"))?;
    let refused = || format!("{number:?} is no number of {label}");
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let typed: f64 = number.parse().ok().filter(|_| plain).ok_or_else(refused)?;
    let ms = typed * *length as f64;
    if ms.fract() != 0.0 {
        return Err(format!("{number} {label} is no whole number of milliseconds"));
    }
    if ms < 9e15 { Ok(ms as u64) } else { Err(refused()) }
}

/// Spells waits such as `10s, 1m`.
pub fn spell_waits(waits: &[u64]) -> String {
    let spelled = waits.iter().map(|wait| {
        let (number, unit) = split(*wait);
        format!("{number}{unit}")
    });
    spelled.collect::<Vec<_>>().join(", ")
}

/// Reads waits such as `10s, 1m 30s`, each a number with its unit.
///
/// # Errors
/// A sentence naming the first one that is none.
pub fn read_waits(text: &str) -> Result<Vec<u64>, String> {
    let wait = |word: String| {
        let end = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
        match word.split_at(end) {
            (number, "") => Err(format!("{number:?} has no unit: write 10s, 5m or 1h")),
            (number, unit) => join(number, unit),
        }
    };
    super::lines::read_words(text).into_iter().map(wait).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_longest_unit_without_fraction_is_taken() {
        assert_eq!(
            [1, 1_000, 90_000, 3_600_000, 604_800_000, 0].map(split),
            [(1, "ms"), (1, "s"), (90, "s"), (1, "h"), (7, "d"), (0, "s")]
        );
    }

    #[test]
    fn numbers_may_have_a_fraction_that_is_a_whole_millisecond() {
        assert_eq!(join("1.5", "s"), Ok(1_500));
        assert_eq!(join("60000", ""), Ok(60_000));
        assert_eq!(join("0.0001", "s"), Err("0.0001 seconds is no whole number of milliseconds".into()));
        for bad in ["", "x", "-1", "1e9", "inf", "99999999999999999999"] {
            assert!(join(bad, "d").is_err(), "{bad}");
        }
        assert!(join("1", "fortnight").is_err());
    }

    #[test]
    fn waits_need_their_unit() {
        assert_eq!(read_waits("10s, 1m\n1.5h"), Ok(vec![10_000, 60_000, 5_400_000]));
        assert_eq!(read_waits("10s, 30"), Err("\"30\" has no unit: write 10s, 5m or 1h".into()));
    }

    proptest! {
        #[test]
        fn what_was_spelled_reads_back(waits in proptest::collection::vec(0u64..3_000_000_000, 0..5)) {
            prop_assert_eq!(read_waits(&spell_waits(&waits)), Ok(waits.clone()));
            for wait in waits {
                let (number, unit) = split(wait);
                prop_assert_eq!(join(&number.to_string(), unit), Ok(wait));
            }
        }
    }
}
