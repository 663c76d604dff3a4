//! From the text of one item to what it says. Nothing here cuts a text but between whole characters.

use super::field::Field;
use super::item::{DayOf, Hashed, Item, Span, WeekdayOf};
use crate::timing::error::RuleError;

/// A part of the rule's text and where it begins, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

impl<'t> Piece<'t> {
    /// The words of a text, which blanks part.
    pub(super) fn words(text: &'t str) -> Vec<Piece<'t>> {
        Piece { text, at: 0 }.parted(|c| c.is_ascii_whitespace()).filter(|piece| !piece.text.is_empty()).collect()
    }

    /// The items of a list.
    pub(super) fn items(self) -> impl Iterator<Item = Piece<'t>> {
        self.parted(|c| c == ',')
    }

    fn parted(self, is_border: impl FnMut(char) -> bool) -> impl Iterator<Item = Piece<'t>> {
        let mut at = self.at;
        self.text.split(is_border).map(move |text| {
            let piece = Piece { text, at };
            at += text.len() + 1;
            piece
        })
    }

    /// What stands before and behind the first `border`.
    fn cut(self, border: char) -> Option<(Piece<'t>, Piece<'t>)> {
        let (before, behind) = self.text.split_once(border)?;
        Some((Piece { text: before, ..self }, Piece { text: behind, at: self.at + before.len() + border.len_utf8() }))
    }

    /// What stands behind `start`, a capital, written in any case.
    fn behind(self, start: char) -> Option<Piece<'t>> {
        let text = self.text.strip_prefix([start, start.to_ascii_lowercase()])?;
        Some(Piece { text, at: self.at + start.len_utf8() })
    }

    /// What stands before `end`, a capital, written in any case.
    fn before(self, end: char) -> Option<Piece<'t>> {
        self.text.strip_suffix([end, end.to_ascii_lowercase()]).map(|text| Piece { text, ..self })
    }

    fn is(self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    fn error(self, message: String) -> RuleError {
        RuleError::new(message, self.at)
    }
}

/// Reads `?`, the whole of a field.
pub(super) fn any_day(field: Field, piece: Piece<'_>) -> Result<Item, RuleError> {
    match field {
        Field::Day | Field::Weekday => Ok(Item::Any),
        Field::Second | Field::Minute | Field::Hour | Field::Month => {
            Err(piece.error(format!("{} ? means nothing: ? is for day and weekday, write *", field.name())))
        }
    }
}

/// Reads one item of a field's list.
pub(super) fn item(field: Field, piece: Piece<'_>) -> Result<Item, RuleError> {
    if piece.text.is_empty() {
        return Err(piece.error(format!("the {} list has an empty place", field.name())));
    }
    if piece.text == "*" {
        return Ok(Item::Any);
    }
    if piece.text.contains('?') {
        return Err(piece.error(format!("{} {}: ? stands alone in its field", field.name(), piece.text)));
    }
    if let Some(rest) = piece.behind('H') {
        return hashed(field, piece, rest).map(Item::Hashed);
    }
    let special = match field {
        Field::Day => day(piece)?,
        Field::Weekday => weekday(piece)?,
        Field::Second | Field::Minute | Field::Hour | Field::Month => None,
    };
    special.map_or_else(|| span(field, piece).map(Item::Span), Ok)
}

fn span(field: Field, piece: Piece<'_>) -> Result<Span, RuleError> {
    let (values, step) = stepped(field, piece, field.size())?;
    if values.text == "*" {
        return Ok(Span { from: field.first(), to: field.last(), step: step.unwrap_or(1) });
    }
    if let Some((from, to)) = values.cut('-') {
        return Ok(Span { from: value(field, from)?, to: value(field, to)?, step: step.unwrap_or(1) });
    }
    let from = value(field, values)?;
    Ok(match step {
        Some(step) => Span { from, to: field.last(), step },
        None => Span { from, to: from, step: 1 },
    })
}

/// Parts a step from what it steps over.
fn stepped(field: Field, piece: Piece<'_>, greatest: u8) -> Result<(Piece<'_>, Option<u8>), RuleError> {
    match piece.cut('/') {
        Some((values, step)) => Ok((values, Some(step_of(field, step, greatest)?))),
        None => Ok((piece, None)),
    }
}

fn step_of(field: Field, piece: Piece<'_>, greatest: u8) -> Result<u8, RuleError> {
    let name = field.name();
    match number(piece.text) {
        Number::Of(step) if (1..=greatest).contains(&step) => Ok(step),
        Number::None => {
            Err(piece.error(format!("{name} step {} is no number from 1 to {greatest}", quoted(piece.text))))
        }
        Number::Of(_) | Number::TooLarge => {
            let is_long = piece.text != "0" && matches!(field, Field::Second | Field::Minute | Field::Hour);
            let hint = if is_long { "; for a longer interval write `every`" } else { "" };
            Err(piece.error(format!("{name} step {} is out of 1 to {greatest}{hint}", piece.text)))
        }
    }
}

fn hashed(field: Field, whole: Piece<'_>, rest: Piece<'_>) -> Result<Hashed, RuleError> {
    let greatest = if field == Field::Day { 28 } else { field.last() };
    let free = (field.first(), greatest);
    let ((from, to), rest) = match rest.text.strip_prefix('(') {
        Some(_) => hashed_range(field, whole, rest)?,
        None => (free, rest),
    };
    match rest.text.strip_prefix('/') {
        Some(step) => {
            let step = step_of(field, Piece { text: step, at: rest.at + 1 }, to - from + 1)?;
            Ok(Hashed { from, to, step: Some(step) })
        }
        None if rest.text.is_empty() => Ok(Hashed { from, to, step: None }),
        None => Err(bad_hash(field, whole)),
    }
}

/// Reads the range in brackets behind `H`, and what is left behind it.
fn hashed_range<'t>(field: Field, whole: Piece<'t>, rest: Piece<'t>) -> Result<((u8, u8), Piece<'t>), RuleError> {
    let parts = rest.cut('(').and_then(|(_, inside)| inside.cut(')'));
    let (range, rest) = parts.ok_or_else(|| bad_hash(field, whole))?;
    let (from, to) = range.cut('-').ok_or_else(|| bad_hash(field, whole))?;
    let range = (value(field, from)?, value(field, to)?);
    if range.0 > range.1 {
        let message = format!("{} {}: the range of H may not go round the end", field.name(), whole.text);
        return Err(from.error(message));
    }
    Ok((range, rest))
}

fn bad_hash(field: Field, whole: Piece<'_>) -> RuleError {
    let (from, to) = (field.first(), field.last());
    let choice = format!("H, H/2, H({from}-{to}) and H({from}-{to})/2");
    whole.error(format!("{} {} is not understood: H is written as {choice}", field.name(), quoted(whole.text)))
}

/// Reads what only a day of the month may be; none when it is a plain number, range or step.
fn day(piece: Piece<'_>) -> Result<Option<Item>, RuleError> {
    let (inner, is_working) = match piece.before('W') {
        Some(inner) => (inner, true),
        None => (piece, false),
    };
    let Some(rest) = inner.behind('L') else {
        return if is_working { working(piece, inner).map(Some) } else { Ok(None) };
    };
    let before = match rest.text.strip_prefix('-').map(number) {
        None if rest.text.is_empty() => 0,
        Some(Number::Of(before)) if before <= 30 => before,
        Some(Number::Of(_) | Number::TooLarge) => {
            let offset = rest.text.trim_start_matches('-');
            let place = Piece { text: offset, at: rest.at + 1 };
            return Err(place.error(format!("day {}: {offset} is out of 0 to 30 days before the last", piece.text)));
        }
        Some(Number::None) | None => {
            let message = format!("day {} is not understood: L is written as L, L-3, LW or L-3W", quoted(piece.text));
            return Err(piece.error(message));
        }
    };
    Ok(Some(Item::Day(if is_working { DayOf::NearWorkingBeforeLast(before) } else { DayOf::BeforeLast(before) })))
}

fn working(whole: Piece<'_>, day: Piece<'_>) -> Result<Item, RuleError> {
    match number(day.text) {
        Number::None => {
            let message = format!("day {} is not understood: W is written as 15W or LW", quoted(whole.text));
            Err(whole.error(message))
        }
        Number::Of(_) | Number::TooLarge => Ok(Item::Day(DayOf::NearWorking(value(Field::Day, day)?))),
    }
}

/// Reads what only a weekday may be; none when it is a plain number, name, range or step.
fn weekday(piece: Piece<'_>) -> Result<Option<Item>, RuleError> {
    if let Some((day, nth)) = piece.cut('#') {
        let day = Field::Weekday.fold(value(Field::Weekday, day)?);
        return match number(nth.text) {
            Number::Of(nth @ 1..=5) => Ok(Some(Item::Weekday(WeekdayOf::Nth(day, nth)))),
            Number::Of(_) | Number::TooLarge | Number::None => {
                let hint = "write MON#2 for the second Monday, 1L for the last";
                Err(nth.error(format!("weekday {}: {} is out of 1 to 5; {hint}", piece.text, quoted(nth.text))))
            }
        };
    }
    if let Some(day) = piece.behind('L').filter(|day| !day.text.is_empty()) {
        let hint = format!("the last of a weekday is written {}L", day.text.escape_default());
        return Err(piece.error(format!("weekday {} is not understood: {hint}", quoted(piece.text))));
    }
    let Some(day) = piece.before('L') else {
        return Ok(None);
    };
    if day.text.is_empty() {
        return Err(piece.error("weekday L needs a day: write 5L for the last Friday of the month".to_owned()));
    }
    let day = Field::Weekday.fold(value(Field::Weekday, day)?);
    Ok(Some(Item::Weekday(WeekdayOf::Last(day))))
}

/// Reads a number or a name.
fn value(field: Field, piece: Piece<'_>) -> Result<u8, RuleError> {
    if let Some(value) = field.named(piece.text) {
        return Ok(value);
    }
    let (first, last) = field.bounds();
    let (name, choice) = (field.name(), field.choice());
    match number(piece.text) {
        Number::Of(value) if (first..=last).contains(&value) => Ok(value),
        Number::Of(_) | Number::TooLarge => Err(piece.error(format!("{name} {} is out of {choice}", piece.text))),
        Number::None if piece.is("L") || piece.is("W") || piece.is("LW") => {
            Err(piece.error(format!("{name} {}: L and W are for days of the month, L also for weekdays", piece.text)))
        }
        Number::None => Err(piece.error(format!("{name} {} is not understood: it takes {choice}", quoted(piece.text)))),
    }
}

enum Number {
    Of(u8),
    /// Digits that no field has.
    TooLarge,
    /// No digits.
    None,
}

fn number(text: &str) -> Number {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Number::None;
    }
    text.parse().map_or(Number::TooLarge, Number::Of)
}

/// A text in quotation marks, as messages show what they do not understand.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_default())
}
