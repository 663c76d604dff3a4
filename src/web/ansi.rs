//! Log text made safe to look at: ANSI colours become fixed classes, everything invisible becomes visible.
//!
//! Colour and weight (`ESC [ … m`) are kept; other escape sequences (cursor moves, titles, links) are dropped; control,
//! bidirectional and zero-width characters are shown as symbols, so that a log line cannot hide or reorder what it says.

use super::span::Span;

/// Longest escape sequence that is understood, in bytes; what is longer is shown as text.
const SEQUENCE_BYTES_MAX: usize = 64;

const FOREGROUND: [&str; 8] = ["x-black", "x-red", "x-green", "x-yellow", "x-blue", "x-magenta", "x-cyan", "x-white"];
const BOLD: [&str; 8] = [
    "x-black x-bold",
    "x-red x-bold",
    "x-green x-bold",
    "x-yellow x-bold",
    "x-blue x-bold",
    "x-magenta x-bold",
    "x-cyan x-bold",
    "x-white x-bold",
];

/// What the escape sequences have switched on so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Style {
    colour: Option<u8>,
    bold: bool,
    dim: bool,
}

impl Style {
    fn class(self) -> &'static str {
        match (self.colour, self.bold, self.dim) {
            (Some(colour), true, _) => BOLD[usize::from(colour)],
            (Some(colour), false, _) => FOREGROUND[usize::from(colour)],
            (None, true, _) => "x-bold",
            (None, false, true) => "x-dim",
            (None, false, false) => "",
        }
    }

    /// Applies the numbers of one `ESC [ … m`.
    fn apply(&mut self, numbers: &str) {
        let mut codes = numbers.split([';', ':']).map(|code| code.parse::<u8>().unwrap_or(0));
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                22 => (self.bold, self.dim) = (false, false),
                30..=37 => self.colour = Some(code - 30),
                90..=97 => self.colour = Some(code - 90),
                39 => self.colour = None,
                38 => self.colour = indexed(&mut codes).or(self.colour),
                48 => {
                    indexed(&mut codes);
                }
                _ => {}
            }
        }
    }
}

/// Reads what follows 38 or 48: `5;N` (the first 16 are known colours) or `2;R;G;B` (not in our palette).
fn indexed(codes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    match codes.next()? {
        5 => codes.next().filter(|index| *index < 16).map(|index| index % 8),
        2 => codes.nth(2).and(None),
        _ => None,
    }
}

/// Cuts one log line into pieces with classes. No text is lost; nothing in the result is invisible.
pub fn spans(line: &str) -> Vec<Span> {
    let mut out = Pieces::default();
    let mut style = Style::default();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some((sequence, left)) = escape(rest) {
            if let Sequence::Style(numbers) = sequence {
                style.apply(numbers);
            }
            rest = left;
            continue;
        }
        match symbol(c) {
            Some(shown) => out.push("x-ctl", &shown),
            None => out.push(style.class(), c.encode_utf8(&mut [0; 4])),
        }
        rest = &rest[c.len_utf8()..];
    }
    out.0
}

/// Makes everything invisible in `text` visible, without looking for colours: names, arguments, error messages.
pub fn visible(text: &str) -> String {
    text.chars().map(|c| symbol(c).unwrap_or_else(|| c.to_string())).collect()
}

#[derive(Default)]
struct Pieces(Vec<Span>);

impl Pieces {
    fn push(&mut self, class: &'static str, text: &str) {
        match self.0.last_mut() {
            Some(last) if last.class == class => last.text.push_str(text),
            _ => self.0.push(Span::new(class, text)),
        }
    }
}

enum Sequence<'t> {
    Style(&'t str),
    Other,
}

/// Takes an escape sequence off the front of `text`, if one stands there.
fn escape(text: &str) -> Option<(Sequence<'_>, &str)> {
    let body = text.strip_prefix('\u{1b}')?;
    match body.as_bytes().first()? {
        b'[' => control_sequence(&body[1..]),
        b']' | b'P' | b'_' | b'^' => string_sequence(&body[1..]),
        b'(' | b')' => body.get(2..).map(|left| (Sequence::Other, left)),
        0x30..=0x7e => Some((Sequence::Other, &body[1..])),
        _ => None,
    }
}

/// `ESC [` parameters, then one final byte `@` to `~`.
fn control_sequence(body: &str) -> Option<(Sequence<'_>, &str)> {
    let end = body.bytes().take(SEQUENCE_BYTES_MAX).position(|byte| matches!(byte, 0x40..=0x7e))?;
    let (numbers, left) = (&body[..end], &body[end + 1..]);
    match body.as_bytes()[end] {
        b'm' => Some((Sequence::Style(numbers), left)),
        _ => Some((Sequence::Other, left)),
    }
}

/// `ESC ]` or a like start, ended by BEL or `ESC \`.
fn string_sequence(body: &str) -> Option<(Sequence<'_>, &str)> {
    let bell = body.find('\u{7}').map(|at| (at, 1));
    let terminator = body.find("\u{1b}\\").map(|at| (at, 2));
    let (at, length) = bell.into_iter().chain(terminator).min()?;
    Some((Sequence::Other, &body[at + length..]))
}

/// Gives a visible stand-in for a character that would not be seen or would reorder the line.
fn symbol(c: char) -> Option<String> {
    match c {
        '\t' | '\n' => None,
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).map(String::from),
        '\u{7f}' => Some('\u{2421}'.to_string()),
        _ if is_invisible(c) => Some(format!("\u{2039}U+{:04X}\u{203a}", u32::from(c))),
        _ => None,
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Vec<(&'static str, String)> {
        spans(line).into_iter().map(|span| (span.class, span.text)).collect()
    }

    #[test]
    fn colours_become_fixed_classes() {
        assert_eq!(
            shown("\u{1b}[31merror\u{1b}[0m: \u{1b}[1;32mok\u{1b}[22m fine"),
            [
                ("x-red", "error".into()),
                ("", ": ".into()),
                ("x-green x-bold", "ok".into()),
                ("x-green", " fine".into())
            ]
        );
    }

    #[test]
    fn extended_colours_do_not_leak_their_numbers_into_the_style() {
        assert_eq!(shown("\u{1b}[38;5;9mred\u{1b}[38;2;1;2;3mkept"), [("x-red", "redkept".into())]);
        assert_eq!(shown("\u{1b}[48;5;1mplain"), [("", "plain".into())]);
    }

    #[test]
    fn other_sequences_are_dropped_and_broken_ones_shown() {
        assert_eq!(shown("a\u{1b}[2Kb\u{1b}]0;title\u{7}c\u{1b}]8;;http://x\u{1b}\\d"), [("", "abcd".into())]);
        assert_eq!(shown("\u{1b}[31"), [("x-ctl", "\u{241b}".into()), ("", "[31".into())]);
    }

    #[test]
    fn nothing_invisible_stays() {
        assert_eq!(visible("a\0b\u{202e}c\u{200b}d\te"), "a\u{2400}b\u{2039}U+202E\u{203a}c\u{2039}U+200B\u{203a}d\te");
        assert_eq!(visible("\u{85}\u{feff}"), "\u{2039}U+0085\u{203a}\u{2039}U+FEFF\u{203a}");
    }

    #[test]
    fn plain_text_is_one_piece() {
        let line = "upsert: batch 8/25 written, 1,600 rows: prezzo €1.249 <b>";

        assert_eq!(shown(line), [("", line.into())]);
        assert!(spans("").is_empty());
    }
}
