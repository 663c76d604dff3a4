//! What was typed, taken apart.

use super::entry::Kind;
use crate::queue::job::JobId;

/// Longest text that is looked at, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// Most words that are looked at.
const WORDS_MAX: usize = 8;
/// Fewest letters by which a verb alone is known: "pau", "dra".
const VERB_CHARS_MIN: usize = 3;

/// A question to the palette.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// As it was typed, without space around it.
    pub text: String,
    words: Vec<String>,
}

/// Words that something's name must hold in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needle {
    /// The only kind that is looked for; `None` = each.
    pub kind: Option<Kind>,
    /// In lower case.
    pub words: Vec<String>,
}

impl Asked {
    /// Takes a text apart.
    pub fn parse(text: &str) -> Self {
        let text: String = text.trim().chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect();
        let words = text.split_whitespace().take(WORDS_MAX).map(str::to_lowercase).collect();
        Self { text, words }
    }

    /// Tells whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Gives all words, for those whose labels hold each of them.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Gives what the whole text may name.
    pub fn needle(&self) -> Needle {
        Needle::of(&self.words)
    }

    /// Gives the first word when it may begin the name of an act.
    pub fn verb(&self) -> Option<&str> {
        let first = self.words.first()?;
        (first.chars().count() >= VERB_CHARS_MIN || self.words.len() > 1).then_some(first.as_str())
    }

    /// Gives what the act may be done to: the words after the verb.
    pub fn object(&self) -> Needle {
        Needle::of(self.words.get(1..).unwrap_or_default())
    }
}

impl Needle {
    fn of(words: &[String]) -> Self {
        let kind = words.first().and_then(|word| Kind::parse(word));
        let words = if kind.is_some() { &words[1..] } else { words };
        Self { kind, words: words.to_vec() }
    }

    /// Tells whether any name will do.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Gives the job that is named by its number (`42`, `#42`).
    pub fn job(&self) -> Option<JobId> {
        let [word] = self.words.as_slice() else { return None };
        let other = self.kind.is_some_and(|kind| kind != Kind::Job);
        let id = word.trim_start_matches('#').parse().ok().filter(|id| *id > 0)?;
        (!other).then_some(JobId(id))
    }

    /// Writes the words as they stand, for names that are exactly that.
    pub fn exact(&self) -> String {
        self.words.join(" ")
    }

    /// Writes a pattern of `LIKE` for names that begin with the first word and hold the others behind it.
    pub fn beginning(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|word| escaped(word)).collect();
        format!("{}%", words.join("%"))
    }

    /// Writes a pattern of `LIKE` for names that hold the words in this order.
    pub fn holding(&self) -> String {
        format!("%{}", self.beginning())
    }
}

fn escaped(word: &str) -> String {
    word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_name_or_a_verb_and_a_name() {
        let asked = Asked::parse("  Pause queue MAIL ");

        assert_eq!((asked.verb(), asked.text.as_str()), (Some("pause"), "Pause queue MAIL"));
        assert_eq!(asked.object(), Needle { kind: Some(Kind::Queue), words: vec!["mail".into()] });
        assert_eq!(asked.needle().words, ["pause", "queue", "mail"]);
        assert_eq!(Asked::parse("pa").verb(), None);
        assert!(Asked::parse(" \u{0} ").is_empty());
    }

    #[test]
    fn a_number_is_a_job_unless_another_kind_is_named() {
        let job = |text: &str| Asked::parse(text).needle().job();

        assert_eq!((job("42"), job("#42"), job("job 42")), (Some(JobId(42)), Some(JobId(42)), Some(JobId(42))));
        assert_eq!((job("queue 42"), job("4 2"), job("0"), job("99999999999999999999")), (None, None, None, None));
        assert_eq!(Asked::parse("retry 42").object().job(), Some(JobId(42)));
    }

    #[test]
    fn signs_of_patterns_are_taken_as_letters() {
        let needle = Asked::parse("50%_ \\x").needle();

        assert_eq!(needle.holding(), "%50\\%\\_%\\\\x%");
    }
}
