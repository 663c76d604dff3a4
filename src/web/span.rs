//! Text in pieces, each with a class from a fixed list: coloured logs, JSON, differences.

/// A piece of text and the class it is shown in; an empty class is plain text. The text is escaped by the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// A class of the stylesheet, or empty.
    pub class: &'static str,
    /// The text as it is to be read.
    pub text: String,
}

impl Span {
    /// Makes a piece.
    pub fn new(class: &'static str, text: impl Into<String>) -> Self {
        Self { class, text: text.into() }
    }

    /// Makes a piece without a class.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new("", text)
    }
}
