//! Random texts that open doors: tokens and one-time links.

use sha2::{Digest, Sha256};

use crate::base::random;

/// Crockford's base 32 (no i, l, o, u) in lower case: survives being read out, and has no characters that URLs quote.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Letters of a secret: 160 bits of 5.
pub const SECRET_CHARS: usize = 32;
/// Letters of a checksum: 30 bits.
pub const CHECK_CHARS: usize = 6;

/// Makes a secret of 160 random bits in 32 letters.
pub fn random_text() -> String {
    encode(&random::secret_bytes::<20>())
}

/// Gives the checksum of a secret: it tells a mistyped token from a revoked one without asking the database.
pub fn checksum(secret: &str) -> String {
    let mut text = encode(&Sha256::digest(secret.as_bytes())[..5]);
    text.truncate(CHECK_CHARS);
    text
}

/// Tells whether every character is one of ours.
pub fn is_well_formed(text: &str) -> bool {
    text.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// Writes groups of 5 bytes as groups of 8 letters.
fn encode(bytes: &[u8]) -> String {
    debug_assert_eq!(bytes.len() % 5, 0);
    let mut out = String::with_capacity(bytes.len() / 5 * 8);
    for group in bytes.chunks(5) {
        let bits = group.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            out.push(char::from(ALPHABET[(bits >> (place * 5)) as usize & 31]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_crockford_says() {
        assert_eq!(encode(&[0; 5]), "00000000");
        assert_eq!(encode(&[0xff; 5]), "zzzzzzzz");
        assert_eq!(encode(b"hello"), "d1jprv3f");
    }

    #[test]
    fn secrets_are_long_and_differ() {
        let (one, other) = (random_text(), random_text());

        assert_eq!(one.len(), SECRET_CHARS);
        assert!(is_well_formed(&one));
        assert_ne!(one, other);
    }

    #[test]
    fn one_changed_letter_changes_the_checksum() {
        assert_ne!(checksum("d1jprv3f"), checksum("d1jprv3g"));
        assert_eq!(checksum("d1jprv3f").len(), CHECK_CHARS);
    }
}
