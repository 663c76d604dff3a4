//! What can be wrong with settings, in words that name the place, the text and what is allowed.

use std::path::PathBuf;

/// Why the settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        problem: String,
    },
    /// The file is no TOML.
    #[error("{} line {line}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the parser found.
        problem: String,
    },
    /// The file holds a key that is no setting.
    #[error("{} line {line}: {key:?} is no setting{}", path.display(), meant(near))]
    Unknown {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The setting that was probably meant.
        near: Option<&'static str>,
    },
    /// A value is not allowed.
    #[error("{origin} is {text:?}: {allowed}")]
    Value {
        /// Which setting, and where its value comes from.
        origin: String,
        /// The value; masked when it is a secret.
        text: String,
        /// What is allowed.
        allowed: String,
    },
    /// Two values do not go together.
    #[error("{0}")]
    Contradiction(String),
}

fn meant(near: &Option<&'static str>) -> String {
    near.map_or_else(|| ": `millrace config` lists them".into(), |near| format!(", did you mean {near:?}?"))
}

impl ConfigError {
    /// Tells whether a flag of the command line is to blame.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Value { origin, .. } if origin.starts_with("--"))
    }
}
