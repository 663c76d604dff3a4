//! Checked text: names that were parsed once and can be trusted afterwards.

use std::fmt;

/// Longest name of a queue, template, schedule, node or pool, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Longest free note (reason, message), in characters.
pub const NOTE_CHARS_MAX: usize = 500;

/// Why a text was refused; the sentence is fit for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TextError(pub String);

/// Declares a checked name: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit.
macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and keeps it.
            ///
            /// # Errors
            /// A sentence naming the first rule that `text` breaks.
            pub fn parse(text: &str) -> Result<Self, TextError> {
                check_name($what, text)?;
                Ok(Self(text.to_owned()))
            }

            /// Gives the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

checked_name!(
    /// A queue's name. Holding one proves it was checked.
    QueueName, "a queue's name"
);
checked_name!(
    /// A template's name. Holding one proves it was checked.
    TemplateName, "a template's name"
);
checked_name!(
    /// A node's name. Holding one proves it was checked.
    NodeName, "a node's name"
);
checked_name!(
    /// A calendar's name. Holding one proves it was checked.
    CalendarName, "a calendar's name"
);
checked_name!(
    /// A schedule's name. Holding one proves it was checked.
    ScheduleName, "a schedule's name"
);
checked_name!(
    /// A pool's name. Holding one proves it was checked.
    PoolName, "a pool's name"
);

fn check_name(what: &str, text: &str) -> Result<(), TextError> {
    let refuse = |why: String| Err(TextError(format!("{what} {why}")));
    if text.is_empty() {
        return refuse("is missing".into());
    }
    if text.len() > NAME_BYTES_MAX {
        return refuse(format!("has {} characters, at most {NAME_BYTES_MAX} are allowed", text.len()));
    }
    if let Some(odd) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-')) {
        return refuse(format!("may hold only a-z, 0-9, '.', '_' and '-', but {text:?} holds {odd:?}"));
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return refuse(format!("must begin with a letter or a digit, but {text:?} does not"));
    }
    Ok(())
}

/// Tells whether `c` turns the direction of the text around it (Unicode's embeddings, overrides and isolates). A name or
/// a reason that holds one would reorder the words of the console and the audit trail beside it.
pub fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Checks a free note: trimmed, at most 500 characters, no control characters but newline and tab, none that turns the
/// direction of text. Empty becomes `None`.
///
/// # Errors
/// A sentence naming the rule that `text` breaks.
pub fn note(text: &str) -> Result<Option<String>, TextError> {
    let text = text.trim();
    let length = text.chars().count();
    if length > NOTE_CHARS_MAX {
        return Err(TextError(format!("a note has at most {NOTE_CHARS_MAX} characters, this one has {length}")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
        return Err(TextError("a note may not hold control characters".into()));
    }
    if text.chars().any(turns_direction) {
        return Err(TextError("a note may not hold characters that turn the direction of text".into()));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_and_bounded() {
        for good in ["mail", "mail.send", "a", "0-x_y.z", &"a".repeat(64)] {
            assert!(QueueName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "Mail", "a b", ".a", "-a", "ü", "a\0", "a/b", &"a".repeat(65)] {
            assert!(QueueName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_character() {
        let refusal = TemplateName::parse("mail send").unwrap_err();

        assert!(refusal.0.contains("' '"), "{refusal}");
    }

    #[test]
    fn an_empty_note_is_no_note() {
        assert_eq!(note("  \n"), Ok(None));
        assert_eq!(note(" because "), Ok(Some("because".into())));
        assert!(note("a\0b").is_err());
        assert!(
            note("a\u{202e}b").is_err() && note("\u{5e9}\u{5dc}\u{5d5}\u{5dd}").is_ok(),
            "what turns text, not text of that direction"
        );
        assert!(note(&"x".repeat(501)).is_err());
    }
}
