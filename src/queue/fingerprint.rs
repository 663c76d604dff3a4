//! The normalised identity of a failure: numbers, ids, quoted values and paths are taken out of its first line, so that
//! the same trouble with another customer is the same failure group.

use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest, Sha256};

use super::job::TemplateId;

/// Longest part of a message that is looked at, in bytes.
const MESSAGE_BYTES_MAX: usize = 1_000;

static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    let parts = [
        r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", // uuid
        r"[^\s@]+@[^\s@]+\.[a-z]{2,}",                                                  // mail address
        r"\b0x[0-9a-fA-F]+\b",
        r"\b[0-9a-f]{12,}\b", // hashes
        r"\d+",
    ];
    #[allow(clippy::unwrap_used)] // a fixed pattern; a unit test runs it
    Regex::new(&parts.join("|")).unwrap()
});

/// Gives the part of a message that stays the same from one failure to the next.
pub fn normalise(message: &str) -> String {
    let line = message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let cut = (0..=line.len().min(MESSAGE_BYTES_MAX)).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    VARIABLE.replace_all(&line[..cut], "#").into_owned()
}

/// Gives the fingerprint of a failure of one template: 16 hexadecimal digits.
pub fn fingerprint(template: TemplateId, message: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(template.0.to_be_bytes());
    hash.update(normalise(message).as_bytes());
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_taken_out() {
        assert_eq!(normalise("HTTP 503 from shop 17 after 2.4 s"), "HTTP # from shop # after #.# s");
        assert_eq!(normalise("\nno row 3fa85f64-5717-4562-b3fc-2c963f66afa6\nat x"), "no row #");
        assert_eq!(normalise("mail to a.b@c.example bounced"), "mail to # bounced");
    }

    #[test]
    fn the_same_trouble_has_the_same_fingerprint() {
        let print = |text| fingerprint(TemplateId(1), text);

        assert_eq!(print("order 12 not found"), print("order 99 not found"));
        assert_ne!(print("order 12 not found"), print("invoice 12 not found"));
        assert_ne!(print("x"), fingerprint(TemplateId(2), "x"));
    }
}
