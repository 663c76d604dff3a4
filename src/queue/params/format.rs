//! Formats of texts.

use std::sync::OnceLock;

use chrono::{DateTime, NaiveDate};
use regex::Regex;

/// Longest mail address, in bytes (RFC 5321, section 4.5.3.1.3, without the brackets).
const EMAIL_BYTES_MAX: usize = 254;

/// How a text is written or edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Date,
    DateTime,
    Email,
    Uri,
    Duration,
    File,
    TextArea,
}

impl Format {
    pub(super) const ALL: [Self; 7] =
        [Self::Date, Self::DateTime, Self::Email, Self::Uri, Self::Duration, Self::File, Self::TextArea];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::DateTime => "date-time",
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Duration => "duration",
            Self::File => "file",
            Self::TextArea => "textarea",
        }
    }

    /// Says what `text` would have to be, if it is not.
    pub(super) fn refusal(self, text: &str) -> Option<&'static str> {
        let (fits, sentence) = match self {
            Self::Date => (is_date(text), "must be a date such as 2026-12-24"),
            Self::DateTime => (
                DateTime::parse_from_rfc3339(text).is_ok(),
                "must be a date and time with offset such as 2026-12-24T10:00:00Z",
            ),
            Self::Email => (is_email(text), "must be a mail address such as ada@example.org"),
            Self::Uri => (url::Url::parse(text).is_ok(), "must be an absolute address such as https://example.org/a"),
            Self::Duration => (is_duration(text), "must be an ISO 8601 duration such as PT90S or P1DT12H"),
            Self::File => (!text.is_empty(), "must name a file"),
            Self::TextArea => return None,
        };
        (!fits).then_some(sentence)
    }
}

fn is_date(text: &str) -> bool {
    // chrono alone would take signs and spaces
    let dashed = text
        .bytes()
        .enumerate()
        .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    text.len() == 10 && dashed && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

fn is_email(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"');
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let domain_fits = domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-'));
    text.len() <= EMAIL_BYTES_MAX && !local.is_empty() && !local.contains('@') && domain_fits && !text.contains(bad)
}

fn is_duration(text: &str) -> bool {
    static RULE: OnceLock<Option<Regex>> = OnceLock::new();
    let rule = RULE.get_or_init(|| {
        Regex::new(r"^P(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)$").ok() // a constant: tested below
    });
    rule.as_ref().is_some_and(|rule| rule.is_match(text))
        && text.ends_with(|c: char| c.is_ascii_alphabetic() && c != 'T' && c != 'P')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_knows_good_from_bad() {
        let cases: [(Format, &[&str], &[&str]); 6] = [
            (Format::Date, &["2026-12-24", "2024-02-29"], &["2026-2-24", "2026-02-30", "24.12.2026", "", "+026-01-01"]),
            (
                Format::DateTime,
                &["2026-12-24T10:00:00Z", "2026-12-24T10:00:00.5+01:00"],
                &["2026-12-24T10:00:00", "2026-12-24", "now"],
            ),
            (
                Format::Email,
                &["a@b", "ada.l@example.org", "ü@bücher.de"],
                &["a", "@b", "a@", "a@b@c", "a@b..c", "a b@c", "a@b\r\nBcc: x"],
            ),
            (Format::Uri, &["https://example.org/a?b", "mailto:a@b"], &["/a", "example", "http://"]),
            (Format::Duration, &["PT90S", "P1DT12H", "P2W", "PT0.5S"], &["P", "PT", "90s", "P1DT", "PT1H30"]),
            (Format::File, &["a.csv"], &[""]),
        ];

        for (format, good, bad) in cases {
            for text in good {
                assert_eq!(format.refusal(text), None, "{} {text:?}", format.name());
            }
            for text in bad {
                assert!(format.refusal(text).is_some(), "{} {text:?}", format.name());
            }
        }
    }
}
