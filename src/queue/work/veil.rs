//! Covers the secrets of a job in what it says.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::queue::params::MASK;

/// Shortest secret that is covered, in characters: a shorter one would shred every text that it stands in by chance.
pub const SECRET_CHARS_MIN: usize = 4;

/// The secrets of one job, in the spellings in which they may turn up: plain, escaped as JSON, percent-encoded, base64.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Veil(Option<Arc<[String]>>);

impl Veil {
    /// Covers `secrets`; those of less than [`SECRET_CHARS_MIN`] characters are left alone.
    pub fn over<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let long = secrets.into_iter().filter(|secret| secret.chars().count() >= SECRET_CHARS_MIN);
        let mut spellings: Vec<String> = long.flat_map(spellings).collect();
        // the longest first, so that one within another does not leave the rest of it in the open
        spellings.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        spellings.dedup();
        Self((!spellings.is_empty()).then(|| spellings.into()))
    }

    /// Gives `text` with every secret covered.
    pub fn cover<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut covered = Cow::Borrowed(text);
        for secret in self.0.iter().flat_map(|secrets| secrets.iter()) {
            if covered.contains(secret.as_str()) {
                covered = Cow::Owned(covered.replace(secret.as_str(), MASK));
            }
        }
        covered
    }

    /// Covers the secrets in every text of `value`.
    pub fn cover_value(&self, value: Value) -> Value {
        if self.0.is_none() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.cover(&text).into_owned()),
            Value::Array(list) => list.into_iter().map(|item| self.cover_value(item)).collect(),
            Value::Object(map) => map.into_iter().map(|(key, item)| (key, self.cover_value(item))).collect(),
            plain => plain,
        }
    }
}

fn spellings(secret: &str) -> Vec<String> {
    let quoted = Value::from(secret).to_string();
    let (encoded, form): (String, String) = (
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
    );
    let bytes = secret.as_bytes();
    let mut all = vec![secret.to_owned(), quoted.trim_matches('"').to_owned(), encoded, form];
    all.extend([STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].map(|engine| engine.encode(bytes)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};
    use serde_json::json;

    #[test]
    fn a_secret_is_covered_in_every_spelling() {
        let veil = Veil::over(["p@ss \"word", "abc"]);

        for text in ["p@ss \"word", "p@ss \\\"word", "p%40ss%20%22word", "p%40ss+%22word", "cEBzcyAid29yZA=="] {
            assert_eq!(veil.cover(&format!("login {text}!")), format!("login {MASK}!"), "{text}");
        }
        assert_eq!(veil.cover("abc stays: it is too short"), "abc stays: it is too short");
        assert_eq!(veil.cover_value(json!({ "a": ["x p@ss \"word", 1] })), json!({ "a": [format!("x {MASK}"), 1] }));
    }

    #[test]
    fn a_secret_within_another_leaves_nothing_in_the_open() {
        let veil = Veil::over(["inner", "outer-inner-outer"]);

        assert_eq!(veil.cover("outer-inner-outer inner"), format!("{MASK} {MASK}"));
    }

    proptest! {
        #[test]
        fn no_text_shows_a_secret(secret in "[a-z]{4,9}", before in "[a-z ]{0,9}", after in "[a-z ]{0,9}") {
            let shown = Veil::over([secret.as_str()]).cover(&format!("{before}{secret}{after}")).into_owned();
            prop_assert!(!shown.contains(&secret), "{shown}");
        }
    }
}
