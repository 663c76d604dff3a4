//! Spans of time as people type them: a number and its unit.

use crate::base::length;
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

/// Reads a span typed beside the unit `unit`; a unit that was typed with the number holds instead: `10 minutes`.
///
/// # Errors
/// A sentence.
pub fn read_span(text: &str, unit: &str) -> Result<u64, String> {
    if text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(|c: char| c.is_ascii_alphabetic()) {
        return if text.contains('.') { joined(text) } else { length::read_ms(text) };
    }
    join(text, unit)
}

/// Reads a number and its unit in one: `1.5h`.
fn joined(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let unit = UNITS.iter().find(|(_, _, ms)| length::unit_ms(unit) == Some(*ms)).map_or(unit, |(name, _, _)| name);
    join(number.trim(), unit)
}

/// Reads waits such as `10s, 1m` or `10 seconds, 1 min`, each a number with its unit.
///
/// # Errors
/// A sentence naming the first one that is none.
pub fn read_waits(text: &str) -> Result<Vec<u64>, String> {
    let (mut waits, mut number) = (Vec::new(), String::new());
    for word in super::lines::read_words(text) {
        let is_unit = word.starts_with(|c: char| c.is_ascii_alphabetic());
        if !number.is_empty() && !is_unit {
            break; // told below
        }
        number.push_str(&word);
        if word.ends_with(|c: char| c.is_ascii_alphabetic()) {
            waits.push(joined(&std::mem::take(&mut number))?);
        }
    }
    if number.is_empty() { Ok(waits) } else { Err(format!("{number:?} has no unit: write 10s, 5m or 1h")) }
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
        assert_eq!(read_waits("10 seconds, 1 min 2 hours"), Ok(vec![10_000, 60_000, 7_200_000]));
        for bad in ["10s, 30", "30, 10s", "10s 30 40s"] {
            assert_eq!(read_waits(bad), Err("\"30\" has no unit: write 10s, 5m or 1h".into()), "{bad}");
        }
        assert!(read_waits("s").is_err() && read_waits("10 fortnights").is_err());
    }

    #[test]
    fn a_unit_that_was_typed_holds() {
        for (text, ms) in [("10 minutes", 600_000), ("10min", 600_000), ("1h 30m", 5_400_000), ("1.5 h", 5_400_000)] {
            assert_eq!(read_span(text, "s"), Ok(ms), "{text}");
        }
        assert_eq!(read_span("90", "s"), Ok(90_000));
        assert!(read_span("10 fortnights", "s").is_err() && read_span("x", "s").is_err());
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
