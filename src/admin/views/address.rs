//! What a view keeps of an address, and the word under which it is found again.

use crate::admin::jobs::query::{Field, parse};
use crate::admin::jobs::{asks_payload, is_of_payload};
use crate::base::random;
use crate::web::form::Form;
use crate::web::paths;

/// Longest address of a view, in bytes.
pub const ADDRESS_BYTES_MAX: usize = 4_000;
/// Longest slug, in bytes.
const SLUG_BYTES_MAX: usize = 64;
/// Longest beginning of a slug that is made from a name, in characters.
const SLUG_CHARS_MAX: usize = 48;
/// Parameters that say where somebody is in a page, not what the page shows.
const OF_PLACE: [&str; 6] = ["after", "before", "place", "view", "refresh", "sel"];

/// Keeps of the parameters behind a question mark what belongs to a view; `None` when they are none or too long.
pub fn clean(query: &str) -> Option<String> {
    let is_plain = query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let of_view = |pair: &&str| !pair.is_empty() && !OF_PLACE.contains(&pair.split('=').next().unwrap_or_default());
    let kept = query.trim_start_matches('?').split('&').filter(of_view).collect::<Vec<_>>().join("&");
    (is_plain && kept.len() <= ADDRESS_BYTES_MAX).then_some(kept)
}

/// Stands for a value that whoever looks may not see.
const HIDDEN: &str = "•••";

/// Gives an address with nothing in the place of what it asks about what jobs work on, for those who may not see that: an opened view
/// then finds what they could find themselves. `None` when there is nothing to hide.
pub fn masked(address: &str) -> Option<String> {
    let fields = Form::parse(address.as_bytes()).map(Form::into_fields).unwrap_or_default();
    let pairs = address.split('&').filter(|pair| !pair.is_empty());
    let hidden = |name: &str| format!("{}={}", paths::encode(name), paths::encode(HIDDEN));
    let mut hides = false;
    let shown = pairs.zip(&fields).map(|(pair, (name, value))| {
        let is_hidden = tells_payload(name, value);
        hides |= is_hidden;
        if is_hidden { hidden(name) } else { pair.to_owned() }
    });
    let shown = shown.collect::<Vec<_>>().join("&");
    hides.then_some(shown)
}

/// Tells whether a parameter of the list of jobs asks about what they work on. What cannot be read may.
fn tells_payload(name: &str, value: &str) -> bool {
    match name {
        "q" if value.trim().parse::<i64>().is_ok() => false, // a job's number
        "q" => {
            let parsed = parse(value);
            !parsed.problems.is_empty() || asks_payload(&parsed.query)
        }
        name => Field::parse(name).map_or(name.to_ascii_lowercase().starts_with("arg"), |field| is_of_payload(&field)),
    }
}

/// Makes the word of a view's address from its name: letters and digits, apart by dashes.
pub fn matching(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase).take(SLUG_CHARS_MAX) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "view".into() } else { slug.to_owned() }
}

/// Tells whether a text is a slug: what is none names no view, and the database would not even take some of them.
pub fn is_slug(text: &str) -> bool {
    let of_slug = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=SLUG_BYTES_MAX).contains(&text.len()) && text.bytes().all(of_slug) && !text.starts_with('-')
}

/// Adds four letters to a slug that is taken.
pub(super) fn another(slug: &str) -> String {
    let letters: String = random::secret_bytes::<4>().iter().map(|byte| char::from(b'a' + byte % 26)).collect();
    format!("{slug}-{letters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_keeps_what_is_asked_and_not_where_somebody_was() {
        assert_eq!(clean("?state=failed&after=9&view=x&n=100").as_deref(), Some("state=failed&n=100"));
        assert_eq!(
            clean("quue=mail").as_deref(),
            Some("quue=mail"),
            "what means nothing today may mean something again"
        );
        assert_eq!(clean("").as_deref(), Some(""));
        for bad in ["q=two words", "q=a\r\nLocation:x", "q=a#b", &"x".repeat(ADDRESS_BYTES_MAX + 1)] {
            assert_eq!(clean(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_asked_of_payloads_is_hidden_and_the_rest_stays() {
        let hidden = "%E2%80%A2%E2%80%A2%E2%80%A2";
        for (address, shown) in [
            ("state=failed&arg.to=farid%40example.org&n=100", format!("state=failed&arg.to={hidden}&n=100")),
            ("args.to=x&ERROR=refused", format!("args.to={hidden}&ERROR={hidden}")),
            ("q=queue%3Amail%20(arg.n:4%20OR%20tag:x)&sort=-run", format!("q={hidden}&sort=-run")),
            ("q=farid", format!("q={hidden}")),
            ("text=farid", format!("text={hidden}")),
            ("arg.=farid", format!("arg.={hidden}")),
        ] {
            assert_eq!(masked(address), Some(shown.clone()), "{address}");
            assert_eq!(masked(&shown), Some(shown), "what is hidden stays so");
        }
        for open in ["", "state=failed,held&queue=mail", "q=wait%3A%3E5m&cols=id,arg", "q=4711"] {
            assert_eq!(masked(open), None, "{open}");
        }
    }

    #[test]
    fn only_slugs_are_slugs() {
        assert!(is_slug("late-mail") && is_slug("7") && is_slug(&"a".repeat(64)));
        for bad in ["", "\0", "late\0", "Late", "-late", "a b", "é", "../x", &"a".repeat(65)] {
            assert!(!is_slug(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_slug_is_read_in_its_name() {
        for (name, slug) in [
            ("Mail, last hour", "mail-last-hour"),
            ("  Slower than 1 min ", "slower-than-1-min"),
            ("Größe", "gr-e"),
            ("失敗", "view"),
            ("--", "view"),
        ] {
            assert_eq!(matching(name), slug, "{name}");
        }
        assert_eq!(matching(&"a".repeat(200)).len(), SLUG_CHARS_MAX);
        assert!(is_slug(&another(&matching(&"a".repeat(200)))));
        assert!(another("x").len() == 6 && another("x").starts_with("x-"));
    }
}
