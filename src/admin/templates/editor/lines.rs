//! Lists as people type them: one per line, or separated by commas.
//!
//! A line that begins with a quote is read as one JSON text, so that line ends, an empty text and a leading quote can be
//! typed as well.

use std::collections::BTreeMap;

/// Spells texts, one per line.
pub fn spell_lines(texts: &[String]) -> String {
    texts.iter().map(|text| spell_line(text)).collect::<Vec<_>>().join("\n")
}

fn spell_line(text: &str) -> String {
    let plain = !text.trim().is_empty() && !text.starts_with('"') && !text.contains(['\n', '\r']);
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// Reads texts, one per line; empty lines are passed over.
///
/// # Errors
/// A sentence with the line.
pub fn read_lines(text: &str) -> Result<Vec<String>, String> {
    filled_lines(text).map(|(number, line)| read_line(number, line)).collect()
}

fn filled_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    lines.enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim().is_empty())
}

fn read_line(number: usize, line: &str) -> Result<String, String> {
    if !line.starts_with('"') {
        return Ok(line.to_owned());
    }
    serde_json::from_str(line.trim_end())
        .map_err(|_| format!("line {number} begins with a quote, so it must be one JSON text, such as \"two\\nlines\""))
}

/// Spells names with values, one per line, `between` them.
pub fn spell_pairs(pairs: &BTreeMap<String, String>, between: &str) -> String {
    let line = |(name, value): (&String, &String)| {
        let plain = !value.starts_with('"') && !value.contains(['\n', '\r']);
        let value = if plain { value.clone() } else { serde_json::Value::from(value.as_str()).to_string() };
        format!("{name}{between}{value}")
    };
    pairs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Reads names with values, one per line, separated by the first `separator`; one space after it is not part of the value
/// when `between` has it.
///
/// # Errors
/// A sentence with the line: no separator, or a name that stands twice.
pub fn read_pairs(text: &str, between: &str) -> Result<Vec<(String, String)>, String> {
    let separator = between.trim_end();
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (number, line) in filled_lines(text) {
        let (name, value) = line.split_once(separator).ok_or_else(|| format!("line {number} has no {separator:?}"))?;
        let name = name.trim().to_owned();
        let value = if between.ends_with(' ') { value.strip_prefix(' ').unwrap_or(value) } else { value };
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(format!("line {number}: {name} stands twice"));
        }
        pairs.push((name, read_line(number, value)?));
    }
    Ok(pairs)
}

/// Reads words separated by commas or white space.
pub fn read_words(text: &str) -> Vec<String> {
    text.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Reads whole numbers separated by commas or white space.
///
/// # Errors
/// A sentence naming the first word that is none.
pub fn read_numbers(text: &str) -> Result<Vec<i64>, String> {
    let number = |word: String| word.parse().map_err(|_| format!("{word:?} is no whole number"));
    read_words(text).into_iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_kept_as_it_is() {
        assert_eq!(
            read_lines("-czf\r\n\n  {{ params.out }} \n\"two\\nlines\"\n\"\"").unwrap(),
            ["-czf", "  {{ params.out }} ", "two\nlines", ""]
        );
        assert!(read_lines("a\n\"b").unwrap_err().starts_with("line 2 begins with a quote"));
    }

    #[test]
    fn pairs_have_a_name_and_a_value() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());

        assert_eq!(read_pairs("A=b=c\nB=\n C = d", "=").unwrap(), [pair("A", "b=c"), pair("B", ""), pair("C", " d")]);
        assert_eq!(read_pairs("X-Key:  a\nB:b", ": ").unwrap(), [pair("X-Key", " a"), pair("B", "b")]);
        assert_eq!(read_pairs("\nA", "="), Err("line 2 has no \"=\"".into()));
        assert_eq!(read_pairs("A=1\nA=2", "="), Err("line 2: A stands twice".into()));
    }

    #[test]
    fn words_and_numbers_are_separated_by_anything_usual() {
        assert_eq!(read_words(" a, b\nc,,"), ["a", "b", "c"]);
        assert_eq!(read_numbers("0, 75"), Ok(vec![0, 75]));
        assert_eq!(read_numbers("0 x"), Err("\"x\" is no whole number".into()));
    }

    proptest! {
        #[test]
        fn what_was_spelled_reads_back(texts in proptest::collection::vec("[\"a\\\\ \n\r=:{}ü]{0,6}", 0..5)) {
            prop_assert_eq!(read_lines(&spell_lines(&texts)), Ok(texts.clone()));

            let pairs: BTreeMap<String, String> = texts.into_iter().enumerate().map(|(n, text)| (format!("N{n}"), text)).collect();
            for between in ["=", ": "] {
                let read = read_pairs(&spell_pairs(&pairs, between), between).map(|read| read.into_iter().collect());
                prop_assert_eq!(read, Ok(pairs.clone()));
            }
        }
    }
}
