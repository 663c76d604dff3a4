//! One spelling for each query, which is read back as the same query.

use std::fmt::{self, Display, Formatter, Write};

use super::field::Field;
use super::value::{Bound, Kind, Moment, Range, Test};
use super::{Part, Query, Term, parse};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (nth, part) in self.parts().iter().enumerate() {
            if nth > 0 {
                f.write_char(' ')?;
            }
            write!(f, "{part}")?;
        }
        Ok(())
    }
}

impl Display for Part {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term(term) => write!(f, "{term}"),
            Self::Any(choices) => {
                for (nth, choice) in choices.iter().enumerate() {
                    if nth > 0 {
                        f.write_str(" OR ")?;
                    }
                    match choice.parts() {
                        [Self::Term(term)] => write!(f, "{term}")?,
                        _ => write!(f, "({choice})")?,
                    }
                }
                Ok(())
            }
            Self::Not(query) => write!(f, "-({query})"),
        }
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_excluded {
            f.write_char('-')?;
        }
        if let ([Test::Has(text)], Field::Text) = (self.tests.as_slice(), &self.field) {
            return f.write_str(&bare(text));
        }
        write!(f, "{}:{}", self.field.name(), values(self, Style::Typed))
    }
}

/// Where values stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// In a typed query: `>2`.
    Typed,
    /// In an address, where `>` would be `%3E`: `gt:2`.
    Address,
}

/// Writes the values of a term.
pub fn values(term: &Term, style: Style) -> String {
    let kind = term.field.about().kind;
    term.tests.iter().map(|test| value(kind, test, style)).collect::<Vec<_>>().join(",")
}

fn value(kind: Kind, test: &Test, style: Style) -> String {
    match test {
        Test::State(state) => state.as_str().to_owned(),
        Test::Is(text) | Test::Has(text) => quoted(kind, text),
        Test::Like(pieces) => pieces
            .iter()
            .map(|piece| if piece.is_empty() { String::new() } else { quoted(kind, piece) })
            .collect::<Vec<_>>()
            .join("*"),
        Test::Number(range) => ranged(range, style, ToString::to_string),
        Test::Decimal(range) => match range.single() {
            Some(only) => format!("={only}"), // without the sign it would be compared as text
            None => ranged(range, style, ToString::to_string),
        },
        Test::Length(range) => ranged(range, style, |ms| length(*ms)),
        Test::Moment(range) => since(range).unwrap_or_else(|| ranged(range, style, moment)),
    }
}

/// `-24h` means since then.
fn since(range: &Range<Moment>) -> Option<String> {
    match range {
        Range { from: Some(Bound { value: value @ Moment::Ago(_), is_within: true }), to: None } => Some(moment(value)),
        _ => None,
    }
}

fn ranged<T: Copy + PartialEq>(range: &Range<T>, style: Style, write: impl Fn(&T) -> String) -> String {
    let sign = |typed: &'static str, address: &'static str| if style == Style::Typed { typed } else { address };
    match (&range.from, &range.to) {
        (Some(from), Some(to)) if from == to => write(&from.value),
        (Some(from), Some(to)) => format!("{}..{}", write(&from.value), write(&to.value)),
        (Some(from), None) if from.is_within => sign(">=", "gte:").to_owned() + &write(&from.value),
        (Some(from), None) => sign(">", "gt:").to_owned() + &write(&from.value),
        (None, Some(to)) if to.is_within => sign("<=", "lte:").to_owned() + &write(&to.value),
        (None, Some(to)) => sign("<", "lt:").to_owned() + &write(&to.value),
        (None, None) => "..".to_owned(), // never read
    }
}

fn moment(moment: &Moment) -> String {
    match moment {
        Moment::Ago(ms) => format!("-{}", length(*ms)),
        Moment::Ahead(ms) => format!("+{}", length(*ms)),
        Moment::Day(day) => day.to_string(),
        Moment::Local(local) => local
            .format(if local.and_utc().timestamp_subsec_nanos() > 0 {
                "%Y-%m-%dT%H:%M:%S%.f"
            } else {
                "%Y-%m-%dT%H:%M:%S"
            })
            .to_string(),
        Moment::Instant(instant) => instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
    }
}

/// Writes a length in the largest unit that divides it.
fn length(ms: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match UNITS.iter().find(|(unit, _)| ms > 0 && ms.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", ms / unit),
        None => format!("{ms}ms"),
    }
}

/// Writes a word without a field so that it is read as one again.
fn bare(text: &str) -> String {
    let again = parse(text);
    let is_same = again.problems.is_empty()
        && matches!(again.query.parts(), [Part::Term(term)] if *term == Term::of(Field::Text, vec![Test::Has(text.to_owned())]));
    if is_same && !text.contains(['"', '(', ')']) { text.to_owned() } else { in_quotes(text) }
}

/// Writes a value so that nothing in it is read as a sign.
fn quoted(kind: Kind, text: &str) -> String {
    let is_plain =
        text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/' | '@' | '+' | '%' | '#'))
            && !text.starts_with('-')
            && !(kind == Kind::Argument && (text.starts_with("gt") || text.starts_with("lt") || text.contains("..")));
    if is_plain && !text.is_empty() { text.to_owned() } else { in_quotes(text) }
}

fn in_quotes(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
