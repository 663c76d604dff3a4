//! From a text to the fields of a rule.

use super::field::Field;
use super::item::{Item, Span};
use super::read::{self, Piece};
use crate::timing::error::RuleError;

/// Greatest length of a rule's text.
const TEXT_BYTES_MAX: usize = 256;
/// Greatest length of a field's list.
const LIST_ITEMS_MAX: usize = 64;

/// The macros and the fields that they stand for.
const MACROS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// A text taken apart.
pub(super) struct Parsed {
    /// The rule's one spelling: single spaces, names in capitals, a macro as a macro.
    pub(super) text: String,
    /// The five or six fields as written.
    pub(super) written: Vec<String>,
    /// The lists of all six.
    pub(super) lists: Lists,
    /// See [`super::Cron::is_interval_like`].
    pub(super) is_interval_like: bool,
}

/// What the six fields say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lists {
    pub(super) seconds: Vec<Item>,
    pub(super) minutes: Vec<Item>,
    pub(super) hours: Vec<Item>,
    pub(super) days: Vec<Item>,
    pub(super) months: Vec<Item>,
    pub(super) weekdays: Vec<Item>,
}

/// Reads a rule.
pub(super) fn parse(text: &str) -> Result<Parsed, RuleError> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the cron rule has {} bytes, {TEXT_BYTES_MAX} are the most", text.len());
        return Err(RuleError::new(message, TEXT_BYTES_MAX));
    }
    let pieces = Piece::words(text);
    match pieces.first() {
        Some(first) if first.text.starts_with('@') => parse_macro(*first, text, pieces.get(1).copied()),
        Some(first) if is_zone(first.text) => {
            Err(RuleError::new("a cron rule names no time zone: set the schedule's own time zone", first.at))
        }
        _ => parse_fields(&pieces, text.len()),
    }
}

fn is_zone(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    word.starts_with("TZ=") || word.starts_with("CRON_TZ=")
}

fn parse_macro(word: Piece<'_>, text: &str, further: Option<Piece<'_>>) -> Result<Parsed, RuleError> {
    let name = word.text.to_ascii_lowercase();
    match name.as_str() {
        "@every" => {
            let length = text.get(word.at + word.text.len()..).map_or("", str::trim);
            let length = if length.is_empty() { "90s" } else { length };
            return Err(RuleError::new(format!("@every is no cron rule: write `every {length}` instead"), word.at));
        }
        "@reboot" => {
            let message =
                "@reboot names no time: nodes start and stop while schedules go on; write a rule that says when";
            return Err(RuleError::new(message, word.at));
        }
        _ => {}
    }
    let Some((_, fields)) = MACROS.iter().find(|(known, _)| *known == name) else {
        let known = MACROS.map(|(known, _)| known).join(", ");
        return Err(RuleError::new(format!("{} is unknown: there are {known}", word.text), word.at));
    };
    if let Some(further) = further {
        return Err(RuleError::new(format!("{name} stands alone: nothing may follow it"), further.at));
    }
    Ok(Parsed { text: name, ..parse_fields(&Piece::words(fields), fields.len())? })
}

fn parse_fields(pieces: &[Piece<'_>], end: usize) -> Result<Parsed, RuleError> {
    let (second, rest) = match pieces {
        [_, _, _, _, _] => (None, pieces),
        [second, rest @ ..] if pieces.len() == 6 => (Some(*second), rest),
        _ => return Err(wrong_number(pieces, end)),
    };
    let [minute, hour, day, month, weekday] = rest else {
        return Err(wrong_number(pieces, end));
    };
    let lists = Lists {
        seconds: second.map_or(Ok(vec![Item::Span(Span { from: 0, to: 0, step: 1 })]), |it| list(Field::Second, it))?,
        minutes: list(Field::Minute, *minute)?,
        hours: list(Field::Hour, *hour)?,
        days: list(Field::Day, *day)?,
        months: list(Field::Month, *month)?,
        weekdays: list(Field::Weekday, *weekday)?,
    };
    let written: Vec<String> = pieces.iter().map(|piece| piece.text.to_owned()).collect();
    Ok(Parsed {
        text: written.join(" ").to_ascii_uppercase(),
        lists,
        is_interval_like: second.iter().chain([minute, hour]).any(is_repeated),
        written,
    })
}

fn wrong_number(pieces: &[Piece<'_>], end: usize) -> RuleError {
    let layout = "5 fields (minute hour day month weekday) or 6 (second first)";
    match pieces.get(6) {
        Some(seventh) => {
            let message = format!(
                "a cron rule has {layout}, this has {}: for a year set the schedule's start and end",
                pieces.len()
            );
            RuleError::new(message, seventh.at)
        }
        None if pieces.is_empty() => RuleError::new(format!("the cron rule is empty: it has {layout}"), 0),
        None => RuleError::new(format!("a cron rule has {layout}, this has {}", pieces.len()), end),
    }
}

/// Whether a field of the time holds `*`, `/` or `-`; the range of `H(0-29)` only says where its one value lies.
fn is_repeated(field: &Piece<'_>) -> bool {
    field.items().any(|item| {
        let is_hashed = item.text.starts_with(['H', 'h']);
        item.text.contains('/') || !is_hashed && item.text.contains(['*', '-'])
    })
}

fn list(field: Field, piece: Piece<'_>) -> Result<Vec<Item>, RuleError> {
    if let Some(over) = piece.items().nth(LIST_ITEMS_MAX) {
        let message = format!("the {} list has more than {LIST_ITEMS_MAX} items", field.name());
        return Err(RuleError::new(message, over.at));
    }
    if piece.text == "?" {
        return read::any_day(field, piece).map(|item| vec![item]);
    }
    piece.items().map(|item| read::item(field, item)).collect()
}
