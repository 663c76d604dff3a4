//! Why a text is no rule: what is wrong, where, and what to write instead.

/// A text that is no rule, told to the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    /// A sentence without its full stop: what is wrong and, where there is one, what to write instead.
    pub message: String,
    /// Byte offset in the text at which the mistake begins; none when it is of the whole.
    pub at: Option<usize>,
}

impl RuleError {
    /// Makes an error of its sentence and the byte offset at which the mistake begins.
    pub fn new(message: impl Into<String>, at: impl Into<Option<usize>>) -> Self {
        RuleError { message: message.into(), at: at.into() }
    }
}
