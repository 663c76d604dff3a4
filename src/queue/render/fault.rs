//! Why a text could not be rendered, in a sentence.

use std::fmt;
use std::ops::Range;

use minijinja::{Error, ErrorKind};

/// Longest piece of the text that a sentence repeats, in bytes.
const SHOWN_BYTES_MAX: usize = 60;

/// Why a text could not be rendered. Never repeats the text of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    /// What is wrong, for a person.
    pub message: String,
    /// The line, from 1; absent when it is the text as a whole.
    pub line: Option<usize>,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for RenderError {}

impl RenderError {
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self { message: message.into(), line: None }
    }

    pub(super) fn at(line: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), line: Some(line) }
    }

    /// Puts what minijinja found wrong in `text` into a sentence.
    pub(super) fn of(error: &Error, text: &str) -> Self {
        let place =
            error.range().and_then(|range| whole_name(text, range)).filter(|place| place.len() <= SHOWN_BYTES_MAX);
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        let message = match (error.kind(), place) {
            (ErrorKind::OutOfFuel, _) => "the text does too much work".into(),
            (ErrorKind::UndefinedError, Some(place)) => format!("{place} has no value"),
            (
                ErrorKind::SyntaxError | ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction,
                _,
            ) => detail,
            (_, Some(place)) => format!("{place}: {detail}"),
            (_, None) => detail,
        };
        Self { message, line: error.line() }
    }

    /// Moves the fault of a piece that begins at `line` to its place in the whole text.
    pub(super) fn in_piece(self, line: usize) -> Self {
        Self { line: Some(self.line.map_or(line, |inner| line + inner - 1)), ..self }
    }
}

/// Gives the piece of `text` at `range`, with the name before it when the piece begins with a dot.
fn whole_name(text: &str, range: Range<usize>) -> Option<&str> {
    let piece = text.get(range.clone())?;
    if !piece.starts_with('.') {
        return Some(piece);
    }
    let before = text.get(..range.start)?;
    let start = before.rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).map_or(0, |at| at + 1);
    text.get(start..range.end)
}

/// Finds the line on which a dotted name first stands.
pub(super) fn line_of_name(text: &str, name: &str) -> Option<usize> {
    text.find(name).map(|at| line_at(text, at))
}

/// Gives the line, from 1, of the byte `at`.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}
