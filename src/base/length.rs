//! Lengths of time as people type them: `90 s`, `1h 30m`, `10 minutes`. A bare number is milliseconds, as in the API.

/// Units, shortest first, by the names that they may be typed with (the first is how they are written), and their milliseconds.
const UNITS: [(&[&str], u64); 5] = [
    (&["ms", "msec", "millisecond", "milliseconds"], 1),
    (&["s", "sec", "secs", "second", "seconds"], 1_000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], 86_400_000),
];

/// Gives the milliseconds of a unit by any of its names, whatever their case.
pub fn unit_ms(name: &str) -> Option<u64> {
    let known = |(names, _): &(&[&str], u64)| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    UNITS.into_iter().find(known).map(|(_, ms)| ms)
}

/// Reads a length in milliseconds.
///
/// # Errors
/// A sentence for the field.
pub fn read_ms(text: &str) -> Result<u64, String> {
    let text = text.trim().to_lowercase();
    if let Ok(ms) = text.parse() {
        return Ok(ms);
    }
    let refused = || "Write a length of time like 90 s, 10m or 1h 30m".to_owned();
    let (mut rest, mut total) = (text.as_str(), 0u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0).ok_or_else(refused)?;
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = unit_ms(unit).ok_or_else(refused)?;
        let number: u64 = number.parse().map_err(|_| refused())?;
        total = number.checked_mul(unit).and_then(|ms| total.checked_add(ms)).ok_or_else(refused)?;
        rest = after.trim_start();
    }
    if total == 0 && text.is_empty() { Err(refused()) } else { Ok(total) }
}

/// Writes a length so that it is read back the same: `1h 30m`.
pub fn write_ms(ms: u64) -> String {
    let (mut left, mut parts) = (ms, Vec::new());
    for (names, unit_ms) in UNITS.into_iter().rev() {
        if left >= unit_ms {
            parts.push(format!("{}{}", left / unit_ms, names[0]));
            left %= unit_ms;
        }
    }
    if parts.is_empty() { "0ms".into() } else { parts.join(" ") }
}

/// Writes about how long it is, for people: milliseconds below a second, seconds below an hour, else minutes.
pub fn about(length: chrono::TimeDelta) -> String {
    let ms = u64::try_from(length.num_milliseconds()).unwrap_or_default();
    let unit = match ms {
        0..1_000 => 1,
        1_000..3_600_000 => 1_000,
        _ => 60_000,
    };
    write_ms(ms / unit * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_people_write_them() {
        let cases = [
            ("90 s", 90_000),
            ("90s", 90_000),
            ("1h 30m", 5_400_000),
            ("2D", 172_800_000),
            ("1500", 1_500),
            ("10 minutes", 600_000),
            ("10 min", 600_000),
            ("2 hours", 7_200_000),
            ("1 Hour 30 mins", 5_400_000),
            ("1 day", 86_400_000),
            ("30 secs", 30_000),
        ];
        for (text, ms) in cases {
            assert_eq!(read_ms(text), Ok(ms), "{text}");
        }
        for text in ["", "soon", "1.5h", "10 fortnights", "5m later", "-3 s", "99999999999999999999d"] {
            assert!(read_ms(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(ms in 0u64..1_000_000_000_000) {
            proptest::prop_assert_eq!(read_ms(&write_ms(ms)), Ok(ms));
        }
    }
}
