//! What varies in a line: numbers, times, ids, addresses, paths, values in quotes. What names a cause is left alone: HTTP
//! statuses, exit codes, SQLSTATEs, numbers of errors of the system, names in quotes.

use std::sync::LazyLock;

use regex::{Captures, Match, Regex};

use super::pattern;

/// Most of a value in quotes, in bytes; a longer one is left to the rules for what stands in it.
const QUOTED_BYTES_MAX: usize = 300;

/// A number that names the cause, with the word that says so.
const KEPT: &str = concat!(
    r"(?i:\b(?:http(?:/\d(?:\.\d)?)?|http error|status(?:[ _-]?code)?|(?:exit|return|error|response)[ _-]?(?:code|status)|exited with(?: code| status)?|",
    r"answered(?: with)?|smtp|ftp|os error|errno|signal)\b[\s:=#(\[]{0,3}\d{1,10}\b|\bsqlstate\b[\s:=#(\[]{0,3}[0-9a-z]{5}\b|\bcode\b[\s:=]{0,3}\d{1,3}\b)",
    r"|\b(?:ORA|TNS|PLS|SQL|ERR|CS|TS)-?\d{3,6}\b|\bERROR \d{4} \([0-9A-Z]{5}\)",
    r"|\b[1-5]\d\d (?:Continue|OK|Created|Accepted|No Content|Moved|Found|See Other|Not Modified|Temporary|Permanent|Bad|Unauthori[sz]ed|Payment|Forbidden|",
    r"Not Found|Method|Not Acceptable|Proxy|Request|Conflict|Gone|Length|Precondition|Payload|Content Too|URI|Unsupported|Range|Expectation|Misdirected|",
    r"Unprocessable|Locked|Failed|Too|Upgrade|Unavailable|Internal|Not Implemented|Service|Gateway|HTTP|Variant|Insufficient|Loop|Network)\b",
    r"|\b(?i:utf-?(?:8|16|32)|sha-?(?:1|256|384|512)|md5|base(?:32|58|64)|[iuf](?:8|16|32|64|128)|int[248]|float[48]|ipv[46]|x509|http2|oauth2)\b",
);
const DATE: &str = concat!(
    r"(?:\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},?\s+)?(?:\b\d{1,2}(?:st|nd|rd|th)?[\s-])?\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|",
    r"June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?(?:[\s,/:-]+\d[\d:.]*)*(?:\s?(?i:am|pm)\b)?",
    r"(?:\s(?:UTC|GMT|CES?T|[ECMP][SD]T)\b)?",
);

/// The pieces; the first that fits wins.
static PIECES: LazyLock<Regex> = LazyLock::new(|| {
    let parts = [
        ("keep", KEPT),
        ("uuid", r"\b[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}\b"),
        ("url", r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,15}://[^\s\x22'<>`|()\[\]{},]+"),
        ("mail", r"[^\s@<>\x22'(\[,;:=]+@[^\s@<>\x22')\],;:]+\.[A-Za-z]{2,}"),
        ("date", DATE),
        ("ip6", r"\b[0-9a-fA-F]{1,4}(?:::?[0-9a-fA-F]{1,4}){2,7}\b|::[0-9a-fA-F]{1,4}\b"),
        ("double", r"\x22[^\x22\n]*\x22|«[^»\n]*»|“[^”\n]*”|`[^`\n]*`"),
        ("single", r"'[^'\n]*'"),
        ("group", r"=\([^()\n]*\)"),
        ("windows", r"\b[A-Za-z]:\\[^\s\x22'<>|:*?,;]+"),
        ("path", r"(?:~|\.{1,2})?/[^\s\x22'`<>|:,;()\[\]{}=]+|\b[\p{L}\p{N}_.-]+(?:/[\p{L}\p{N}_.#-]+)+"),
        ("word", r"[\p{L}\p{N}]+"),
    ];
    pattern(&parts.map(|(name, part)| format!("(?P<{name}>{part})")).join("|"))
});

/// What may follow a number and only says how it is meant.
static UNIT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"#\s?(?:(?:ns|nsecs?|µs|μs|us|usecs?|ms|msecs?|millis|milliseconds?|microseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|weeks?|months?|years?|B|bytes?|[kKMGTP]i?B|[kKMG]i?b|bits?|AM|PM|am|pm|UTC|GMT|CES?T|[ECMP][SD]T|Z)\b|%)",
    )
});
/// Several of what varies in a row: how many there are varies too.
static ROW: LazyLock<Regex> = LazyLock::new(|| pattern(r"#(?:(?:\s*[,;]\s*|[\s:./+_-]+|,?\s(?:and|or)\s)?#)+"));
static SIGN: LazyLock<Regex> = LazyLock::new(|| pattern(r"(^|[\s(=:,\[<>])[-+]#"));
static SPACE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\s+"));
/// What looks like a name of something: it is the cause rather than the case.
static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[\p{L}_$<>-][\p{L}_$.:<>-]*$"));
static CODE_FILE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"([\p{L}\p{N}_.-]+\.(?:rs|py|rb|js|mjs|cjs|ts|tsx|jsx|java|kt|go|php|pl|ex|exs|cs|cc|cpp|c|h|sh|sql|lua|scala))$",
    )
});
static PLAIN_SEGMENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:\.?\p{Lu}?\p{Ll}+|\p{Lu}+)(?:[._-](?:\p{Lu}?\p{Ll}+|\p{Lu}+))*$|^\.{1,2}$|^~$|^v\d{1,2}$")
});

/// Takes out what varies.
pub(super) fn replaced(line: &str) -> String {
    let pieces = words(line);
    let unsigned = SIGN.replace_all(&pieces, "$1#");
    let mut text = SPACE.replace_all(unsigned.trim(), " ").into_owned();
    for _ in 0..3 {
        let bare = UNIT.replace_all(&text, "#").into_owned();
        text = ROW.replace_all(&bare, "#").into_owned();
    }
    text
}

fn words(line: &str) -> String {
    PIECES.replace_all(line, |found: &Captures<'_>| piece(line, found)).into_owned()
}

fn piece(line: &str, found: &Captures<'_>) -> String {
    let named = |name: &str| found.name(name);
    let all = found.get(0).map_or("", |all| all.as_str());
    if named("keep").is_some() {
        return SPACE.replace_all(all, " ").into_owned();
    }
    if named("uuid").or(named("mail")).is_some() {
        return "#".into();
    }
    if named("ip6").or(named("date")).is_some() {
        // "May fail" and "std::fmt" hold no digit
        return if all.contains(|c: char| c.is_ascii_digit()) { "#".into() } else { all.to_owned() };
    }
    if named("url").is_some() {
        return url(all);
    }
    if named("double").is_some() {
        return quoted(all);
    }
    if let Some(quote) = named("single") {
        return if stands_alone(line, &quote) { quoted(all) } else { format!("'{}", words(&all[1..])) };
    }
    if named("group").is_some() {
        return "=(#)".into();
    }
    if named("windows").is_some() {
        return path(&all.replace('\\', "/"));
    }
    if named("path").is_some() {
        return path(all);
    }
    word(all)
}

/// An apostrophe within a word opens and closes nothing.
fn stands_alone(line: &str, quote: &Match<'_>) -> bool {
    let before = line[..quote.start()].chars().next_back();
    let after = line[quote.end()..].chars().next();
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

fn quoted(text: &str) -> String {
    let open = text.chars().next().map_or(1, char::len_utf8);
    let close = text.chars().next_back().map_or(1, char::len_utf8);
    let inside = &text[open..text.len() - close];
    if inside.is_empty() || NAME.is_match(inside) {
        return text.to_owned();
    }
    if inside.len() > QUOTED_BYTES_MAX {
        return format!("{}{}{}", &text[..open], words(inside), &text[text.len() - close..]);
    }
    format!("{}#{}", &text[..open], &text[text.len() - close..])
}

/// The shape of an address: scheme and path, without host, query and what varies in the path.
fn url(text: &str) -> String {
    let bare = text.trim_end_matches(['.', ':', '!']);
    let Some((scheme, rest)) = bare.split_once("://") else { return "#".into() };
    let tail = rest.split('?').next().and_then(|rest| rest.split_once('/')).map_or("", |(_, tail)| tail);
    let shape = if tail.is_empty() { String::new() } else { path(&format!("/{tail}")) };
    format!("{scheme}://host{shape}{}", &text[bare.len()..])
}

/// The shape of a path; of a file of code only its name, which is where it happened.
fn path(text: &str) -> String {
    if let Some(file) = CODE_FILE.captures(text).and_then(|found| found.get(1)) {
        return file.as_str().split(['.']).map(word).collect::<Vec<_>>().join(".");
    }
    let end = text.trim_end_matches(['.', '!', '?']);
    let mut shape: Vec<String> = Vec::new();
    let mut below_own = false; // of a folder in which everybody's things stand
    for segment in end.split('/') {
        let varies = below_own || !(segment.is_empty() || PLAIN_SEGMENT.is_match(segment) && segment.len() <= 32);
        if varies && shape.last().is_none_or(|last| last != "#") {
            shape.push("#".into());
        } else if !varies {
            shape.push(segment.to_owned());
        }
        below_own =
            matches!(segment, "tmp" | "home" | "Users" | "users") || below_own && shape.iter().any(|s| s == "tmp");
    }
    shape.join("/")
}

/// A word: as it is without digits; its letters when digits stand only at its end; else nothing of it.
fn word(text: &str) -> String {
    let Some(first) = text.find(|c: char| c.is_numeric()) else { return text.to_owned() };
    let (letters, rest) = text.split_at(first);
    let is_name = !letters.is_empty() && rest.chars().all(char::is_numeric) && !is_random(text, letters);
    if is_name { format!("{letters}#") } else { "#".into() }
}

/// A hash that happens to begin with letters, or an id in mixed case.
fn is_random(text: &str, letters: &str) -> bool {
    let is_hex = text.len() >= 6 && text.chars().all(|c| c.is_ascii_hexdigit());
    let is_mixed = text.len() >= 8
        && letters.chars().any(char::is_lowercase)
        && letters.chars().skip(1).filter(|c| c.is_uppercase()).count() >= 2;
    is_hex || is_mixed
}
