//! The text of a recurrence as lines and pieces that know where they stood, so that every error can point at its place.

use crate::timing::error::RuleError;

/// Names of properties; a line that begins with blanks and one of these is no folded line.
const NAMES: [&str; 5] = ["DTSTART", "RRULE", "EXRULE", "RDATE", "EXDATE"];

/// One line, unfolded.
#[derive(Debug, Default)]
pub(super) struct Line {
    text: String,
    /// Where each byte stood in the whole text, and where the line ended.
    places: Vec<usize>,
}

impl Line {
    /// Gives the whole line as a piece.
    pub(super) fn piece(&self) -> Piece<'_> {
        Piece { text: &self.text, places: &self.places }
    }

    fn push(&mut self, letter: char, at: usize) {
        self.text.push(letter);
        self.places.resize(self.text.len(), at);
    }
}

/// Splits a text into its lines and joins what was folded (RFC 5545 section 3.1). A backslash and `n`, as people paste it into YAML,
/// ends a line too. Empty lines are left out.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = Line::default();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let at = text.len() - rest.len();
        let Some(after) = after_break(rest) else {
            line.push(letter, at);
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            continue;
        };
        rest = after;
        match after.strip_prefix([' ', '\t']) {
            Some(more) if !is_property(more.trim_start()) => rest = more,
            Some(_) | None => end(&mut lines, &mut line, at),
        }
    }
    end(&mut lines, &mut line, text.len());
    lines
}

fn end(lines: &mut Vec<Line>, line: &mut Line, at: usize) {
    let mut done = std::mem::take(line);
    done.places.push(at);
    if !done.text.trim().is_empty() {
        lines.push(done);
    }
}

/// What follows when a text begins with the end of a line.
fn after_break(text: &str) -> Option<&str> {
    ["\r\n", "\n", "\r", "\\r\\n", "\\n"].iter().find_map(|ending| text.strip_prefix(ending))
}

fn is_property(text: &str) -> bool {
    NAMES.iter().any(|name| {
        text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && text.get(name.len()..).is_some_and(|rest| rest.starts_with([':', ';']))
    })
}

/// A part of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'t> {
    /// What it says.
    pub(super) text: &'t str,
    places: &'t [usize],
}

impl<'t> Piece<'t> {
    /// Gives the byte offset in the whole text at which the piece begins.
    pub(super) fn at(&self) -> usize {
        self.places.first().copied().unwrap_or_default()
    }

    /// Makes an error that points at this piece.
    pub(super) fn refuse(&self, message: impl Into<String>) -> RuleError {
        RuleError::new(message, self.at())
    }

    /// Leaves out the blanks around a piece.
    pub(super) fn trim(self) -> Self {
        let blanks = self.text.len() - self.text.trim_start().len();
        Self { text: self.text.trim(), places: self.places.get(blanks..).unwrap_or_default() }
    }

    /// Cuts a piece at a byte, which is left out.
    fn cut(self, at: usize) -> Option<(Self, Self)> {
        let before = Self { text: self.text.get(..at)?, places: self.places };
        Some((before, Self { text: self.text.get(at + 1..)?, places: self.places.get(at + 1..)? }))
    }

    /// Cuts a piece in two at the first `mark`.
    pub(super) fn split_once(self, mark: char) -> Option<(Self, Self)> {
        self.cut(self.text.find(mark)?)
    }

    /// Cuts a piece in two at the first `mark` that stands outside quotes.
    pub(super) fn split_unquoted(self, mark: char) -> Option<(Self, Self)> {
        let mut is_quoted = false;
        let at = self.text.char_indices().find(|(_, letter)| {
            is_quoted ^= *letter == '"';
            !is_quoted && *letter == mark
        });
        self.cut(at?.0)
    }

    /// Cuts a piece at every `mark` and leaves out blanks.
    pub(super) fn split(self, mark: char) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut rest = self;
        while let Some((piece, more)) = rest.split_once(mark) {
            pieces.push(piece.trim());
            rest = more;
        }
        pieces.push(rest.trim());
        pieces
    }

    /// Leaves out quotes around a piece.
    pub(super) fn unquoted(self) -> Self {
        match self.text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(text) => Self { text, places: self.places.get(1..).unwrap_or_default() },
            None => self,
        }
    }
}
