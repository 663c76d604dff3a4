//! Passwords that are long and still among the first to be tried.
//!
//! Attackers' tools do not only try lists: they add digits, change letters for look-alikes, double words, and walk over
//! the keyboard. So a password is undone in the same ways before it is looked up in `common_passwords.txt`.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Most listed words that a password may be put together from and still be refused.
const WORDS_MAX: usize = 2;
/// What must remain of a password besides the person's own name and ours, in characters.
const OWN_CHARS_MIN: usize = 8;
/// Shortest part of a name or address that is looked for.
const ABOUT_CHARS_MIN: usize = 3;
/// Longest piece whose repetition makes a password trivial, in characters.
const UNIT_CHARS_MAX: usize = 4;
/// Shortest walk over neighbouring keys, letters or digits.
const WALK_CHARS_MIN: usize = 3;
/// Fewest different characters.
const DIFFERENT_MIN: usize = 5;

/// In which way a password is trivial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It stands on the list, or is made of at most two listed words with digits and look-alikes.
    #[error("it is made of a common password")]
    Listed,
    /// A short piece over and over, or very few different characters.
    #[error("it repeats a few characters")]
    Repeated,
    /// Neighbouring keys, letters or digits.
    #[error("it walks over neighbouring keys or counts")]
    Walk,
    /// Mostly the person's address or name, or ours.
    #[error("it is made of your own name or address, or of this product's")]
    Personal,
}

static LISTED: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").split_whitespace().collect());

/// Ways that fingers walk, each also backwards.
const WALKS: [&str; 9] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "azertyuiop",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
];

/// Tells why `text` is trivial; `None` when it is not. `about` are words that stand for the person.
pub fn why(text: &str, about: &[&str]) -> Option<Why> {
    let lower = text.to_lowercase();
    if is_repeated(&lower) {
        Some(Why::Repeated)
    } else if is_walk(&lower) {
        Some(Why::Walk)
    } else if is_listed(&lower) {
        Some(Why::Listed)
    } else if is_personal(&lower, about) {
        Some(Why::Personal)
    } else {
        None
    }
}

fn is_repeated(lower: &str) -> bool {
    let letters: Vec<char> = lower.chars().collect();
    let different: HashSet<&char> = letters.iter().collect();
    let of_units = |unit: usize| letters.iter().zip(letters.iter().skip(unit)).all(|(one, next)| one == next);
    different.len() < DIFFERENT_MIN || (1..=UNIT_CHARS_MAX).any(of_units)
}

/// Tells whether all of it can be cut into walks.
fn is_walk(lower: &str) -> bool {
    let mut rest = lower;
    while !rest.is_empty() {
        match longest_walk(rest) {
            length if length >= WALK_CHARS_MIN => rest = rest.get(length..).unwrap_or_default(),
            _ => return false,
        }
    }
    true
}

/// Length in bytes of the longest walk that `text` begins with; walks are ASCII.
fn longest_walk(text: &str) -> usize {
    let ascii = text.bytes().take_while(u8::is_ascii).count();
    let begins = |length: &usize| {
        let piece = &text[..*length];
        let backwards: String = piece.chars().rev().collect();
        WALKS.iter().any(|walk| walk.contains(piece) || walk.contains(&backwards))
    };
    (WALK_CHARS_MIN..=ascii).take_while(begins).last().unwrap_or(0)
}

fn is_listed(lower: &str) -> bool {
    let core = lower.trim_matches(|c: char| !c.is_alphabetic());
    let plain: String = core.chars().filter(|c| c.is_alphanumeric()).collect();
    let undone: String = core.chars().filter_map(look_alike).collect();
    let letters: String = lower.chars().filter(|c| c.is_alphabetic()).collect();
    LISTED.contains(lower) || [&plain, &undone, &letters].into_iter().any(|text| is_made_of_listed(text, WORDS_MAX))
}

/// Tells whether `text` is a chain of at most `words` listed words.
fn is_made_of_listed(text: &str, words: usize) -> bool {
    if LISTED.contains(text) {
        return true;
    }
    let cuts = || text.char_indices().skip(1).map(|(at, _)| text.split_at(at));
    words > 1 && cuts().any(|(head, tail)| LISTED.contains(head) && is_made_of_listed(tail, words - 1))
}

/// Undoes the usual look-alikes; drops what is neither letter nor look-alike.
fn look_alike(c: char) -> Option<char> {
    match c {
        '0' => Some('o'),
        '1' | '!' => Some('i'),
        '3' => Some('e'),
        '4' | '@' => Some('a'),
        '5' | '$' => Some('s'),
        '7' => Some('t'),
        c => c.is_alphanumeric().then_some(c),
    }
}

fn is_personal(lower: &str, about: &[&str]) -> bool {
    let words = about.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let words = words.map(str::to_lowercase).filter(|word| word.chars().count() >= ABOUT_CHARS_MIN);
    let own = words.chain(["millrace".into()]).fold(lower.to_owned(), |left, word| left.replace(&word, ""));
    own != lower && own.chars().count() < OWN_CHARS_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_still_trivial() {
        for (text, expected) in [
            ("password1234", Why::Listed),
            ("P@ssw0rd2026!", Why::Listed),
            ("!!iloveyou!!2024", Why::Listed),
            ("dragonmonkey99", Why::Listed),
            ("summer-2026-summer", Why::Listed),
            ("correct horse battery staple", Why::Listed),
            ("aaaaaaaaaaaaaaa", Why::Repeated),
            ("abc1abc1abc1", Why::Repeated),
            ("111122223333", Why::Repeated),
            ("123456789012", Why::Walk),
            ("qwertyuiop123", Why::Walk),
            ("1qaz2wsx3edc4rfv", Why::Walk),
            ("zxcvbnmasdfghjkl", Why::Walk),
        ] {
            assert_eq!(why(text, &[]), Some(expected), "{text}");
        }
    }

    #[test]
    fn made_of_the_person() {
        let about = ["giulia.ferrando@example.org", "Giulia Ferrando"];

        assert_eq!(why("GiuliaFerrando77", &about), Some(Why::Personal));
        assert_eq!(why("millrace-millrace!", &about), Some(Why::Personal));
        assert_eq!(why("ferrando turns forty oaks", &about), None);
    }

    #[test]
    fn good_ones_pass() {
        for text in [
            "five wet otters sing",
            "kV9#tq2!Lm0z",
            "wrong pony charger bracket",
            "zwölf größte äpfel",
            "bx7-qm2-ptv-9wd",
        ] {
            assert_eq!(why(text, &[]), None, "{text}");
        }
    }

    #[test]
    fn the_list_is_as_long_as_promised_and_lower_case() {
        assert!(LISTED.len() >= 1_000, "{}", LISTED.len());
        assert!(LISTED.iter().all(|word| word.to_lowercase() == *word && word.len() > 1));
    }
}
