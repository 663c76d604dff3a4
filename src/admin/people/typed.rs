//! What is typed about people, checked: names, limits, zones.

use chrono_tz::Tz;

use crate::base::text::{QueueName, TextError, turns_direction};
use crate::queue::actor::Scope;

/// Longest shown name, in characters.
pub const NAME_CHARS_MAX: usize = 100;
/// Most queues and most tags that a person can be limited to.
pub const SCOPE_ITEMS_MAX: usize = 64;
/// Longest tag, in characters.
const TAG_CHARS_MAX: usize = 64;

/// Checks a shown name: trimmed, 1 to 100 characters, no control characters.
///
/// # Errors
/// A sentence naming the rule that `text` breaks.
pub fn name(text: &str) -> Result<String, TextError> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 {
        return Err(TextError("a name is missing".into()));
    }
    if length > NAME_CHARS_MAX {
        return Err(TextError(format!("a name has at most {NAME_CHARS_MAX} characters, this one has {length}")));
    }
    if text.chars().any(char::is_control) {
        return Err(TextError("a name may not hold control characters".into()));
    }
    if text.chars().any(turns_direction) {
        return Err(TextError("a name may not hold characters that turn the direction of text".into()));
    }
    Ok(text.to_owned())
}

/// Checks limits: `queue=mail`, `tag=vip`, one each. Nothing means no limit.
///
/// # Errors
/// A sentence quoting the first text that is no limit.
pub fn scope<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Scope, TextError> {
    let mut scope = Scope::default();
    for text in texts.into_iter().map(str::trim).filter(|text| !text.is_empty()) {
        match text.split_once('=') {
            Some(("queue", queue)) => scope.queues.push(QueueName::parse(queue.trim())?.to_string()),
            Some(("tag", tag)) => scope.tags.push(self::tag(tag.trim())?),
            _ => return Err(TextError(format!("{text:?} is no limit: write queue=NAME or tag=NAME"))),
        }
    }
    if scope.queues.len().max(scope.tags.len()) > SCOPE_ITEMS_MAX {
        return Err(TextError(format!("a person can be limited to at most {SCOPE_ITEMS_MAX} queues and tags")));
    }
    Ok(scope)
}

fn tag(text: &str) -> Result<String, TextError> {
    let fits = (1..=TAG_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(TextError(format!("a tag has 1 to {TAG_CHARS_MAX} characters"))) }
}

/// Checks the name of a time zone.
///
/// # Errors
/// A sentence quoting `text`.
pub fn zone(text: &str) -> Result<Tz, TextError> {
    text.trim().parse().map_err(|_| TextError(format!("{text:?} is no time zone: write one such as Europe/Rome")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_queues_and_tags() {
        let limits = scope(["queue=mail", " tag=vip ", ""]).expect("limits");
        assert_eq!(limits, Scope { queues: vec!["mail".into()], tags: vec!["vip".into()] });

        for bad in ["mail", "queue=", "queue=Mail Out", "tag=", "node=a"] {
            assert!(scope([bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_bounded() {
        assert_eq!(name(" Giulia Ferrando "), Ok("Giulia Ferrando".into()));
        assert!(name("  ").is_err() && name(&"x".repeat(101)).is_err() && name("a\u{7}b").is_err());
        assert!(name("a\u{202e}b").is_err(), "it would turn what stands beside it");
    }
}
