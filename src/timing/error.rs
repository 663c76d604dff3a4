//! Why a rule of a schedule cannot be read.

/// A rule's text that was refused: what is wrong, where, and what to do about it, in words for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    /// What is wrong and what to do.
    pub message: String,
    /// Byte offset in the text at which the mistake begins, where one place is to blame.
    pub at: Option<usize>,
}

impl RuleError {
    /// Makes an error of a message and the place of the mistake.
    pub fn new(message: impl Into<String>, at: impl Into<Option<usize>>) -> Self {
        Self { message: message.into(), at: at.into() }
    }
}
