//! From bytes to lines, in bounded memory.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use crate::queue::args::ARGS_BYTES_MAX;

/// Longest piece of a line that is passed on; longer lines come in several.
const PIECE_BYTES_MAX: usize = 16 * 1024;
/// Longest line that speaks to us (`::output {…}`).
const SPOKEN_BYTES_MAX: usize = ARGS_BYTES_MAX + 1024;
/// How long a line without end is waited for: a program may write it in parts, and whoever watches its progress waits for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// What comes out.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'a> {
    /// A line, or a piece of one that is long or that nobody ends.
    Text(Cow<'a, str>),
    /// A whole line that begins with `::`.
    Spoken(Cow<'a, str>),
    /// The beginning of a line that begins with `::` and is too long; the rest follows as text.
    TooLong(Cow<'a, str>),
}

/// The bytes of one stream that have not become lines yet.
#[derive(Debug)]
pub(super) struct Lines {
    waiting: Vec<u8>,
    /// Since when a line without end is waiting.
    since: Option<Instant>,
    /// A piece of the present line was passed on already.
    continued: bool,
    /// Lines that begin with `::` speak to us.
    speaks: bool,
}

impl Lines {
    /// Makes the lines of standard output, where `::` speaks to us.
    pub(super) fn speaking() -> Self {
        Self { waiting: Vec::new(), since: None, continued: false, speaks: true }
    }

    /// Makes the lines of a stream that only talks.
    pub(super) fn talking() -> Self {
        Self { speaks: false, ..Self::speaking() }
    }

    /// Takes bytes that were read at `now`.
    pub(super) fn take(&mut self, mut bytes: &[u8], now: Instant, pass: &mut impl FnMut(Piece<'_>)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.waiting.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.cut_long(pass);
            self.end_line(pass);
        }
        self.waiting.extend_from_slice(bytes);
        self.cut_long(pass);
        self.since = if self.waiting.is_empty() { None } else { self.since.or(Some(now)) };
    }

    /// Tells when [`Self::lose_patience`] should be called.
    pub(super) fn due(&self) -> Option<Instant> {
        self.since.filter(|_| !self.may_speak() && whole_chars(&self.waiting) > 0).map(|since| since + PATIENCE)
    }

    /// Passes a line without end on that has waited long enough: a prompt, a progress bar.
    pub(super) fn lose_patience(&mut self, now: Instant, pass: &mut impl FnMut(Piece<'_>)) {
        if self.due().is_some_and(|due| now >= due) {
            let end = whole_chars(&self.waiting);
            self.pass_on(end, pass);
            self.since = (!self.waiting.is_empty()).then_some(now);
        }
    }

    /// Passes on what is left when the stream has ended.
    pub(super) fn finish(mut self, pass: &mut impl FnMut(Piece<'_>)) {
        if !self.waiting.is_empty() {
            self.end_line(pass);
        }
    }

    /// Tells whether the line that waits speaks to us, or could once more of it is there.
    fn may_speak(&self) -> bool {
        self.speaks && !self.continued && (self.waiting.starts_with(b"::") || self.waiting == b":")
    }

    fn cut_long(&mut self, pass: &mut impl FnMut(Piece<'_>)) {
        if self.may_speak() && self.waiting.len() > SPOKEN_BYTES_MAX {
            let end = whole_chars(&self.waiting[..PIECE_BYTES_MAX]);
            pass(Piece::TooLong(String::from_utf8_lossy(&self.waiting[..end])));
            self.waiting.drain(..end);
            self.continued = true;
        }
        while !self.may_speak() && self.waiting.len() > PIECE_BYTES_MAX {
            let end = whole_chars(&self.waiting[..PIECE_BYTES_MAX]);
            self.pass_on(if end == 0 { PIECE_BYTES_MAX } else { end }, pass);
        }
    }

    fn pass_on(&mut self, end: usize, pass: &mut impl FnMut(Piece<'_>)) {
        pass(Piece::Text(String::from_utf8_lossy(&self.waiting[..end])));
        self.waiting.drain(..end);
        self.continued = true;
    }

    fn end_line(&mut self, pass: &mut impl FnMut(Piece<'_>)) {
        let text = String::from_utf8_lossy(&self.waiting);
        if self.may_speak() && self.waiting.starts_with(b"::") {
            pass(Piece::Spoken(text));
        } else if !self.waiting.is_empty() || !self.continued {
            pass(Piece::Text(text));
        }
        self.waiting.clear();
        self.since = None;
        self.continued = false;
    }
}

/// Counts the bytes up to a character at the end whose last bytes are not there yet.
fn whole_chars(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    for at in (tail..bytes.len()).rev() {
        let length = match bytes[at] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => 1,
        };
        return if at + length > bytes.len() { at } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spelled(piece: &Piece<'_>) -> String {
        match piece {
            Piece::Text(text) => format!("t {text}"),
            Piece::Spoken(text) => format!("s {text}"),
            Piece::TooLong(text) => format!("l {}", &text[..8]),
        }
    }

    fn pieces(mut lines: Lines, chunks: &[&[u8]]) -> Vec<String> {
        let mut pieces = Vec::new();
        for chunk in chunks {
            lines.take(chunk, Instant::now(), &mut |piece| pieces.push(spelled(&piece)));
        }
        lines.finish(&mut |piece| pieces.push(spelled(&piece)));
        pieces
    }

    #[test]
    fn lines_are_put_together_from_chunks() {
        assert_eq!(
            pieces(Lines::speaking(), &[b"a\nb", b"c\n\n::out", b"put 1\nend"]),
            ["t a", "t bc", "t ", "s ::output 1", "t end"]
        );
        assert_eq!(pieces(Lines::talking(), &[b"::output 1\n"]), ["t ::output 1"]);
        assert_eq!(pieces(Lines::speaking(), &[b"::output 1"]), ["s ::output 1"]);
        assert_eq!(pieces(Lines::speaking(), &[b":", b"x\n"]), ["t :x"]);
        assert_eq!(pieces(Lines::speaking(), &[]), [""; 0]);
    }

    #[test]
    fn a_line_without_end_is_passed_on_after_a_while() {
        let (mut lines, start, mut pieces) = (Lines::speaking(), Instant::now(), Vec::new());
        let mut pass = |piece: Piece<'_>| pieces.push(spelled(&piece));

        lines.take("Password: \u{fc}".as_bytes(), start, &mut pass);
        lines.take(&[0xc3], start, &mut pass);
        assert_eq!(lines.due(), Some(start + PATIENCE));
        lines.lose_patience(start + PATIENCE / 2, &mut pass);
        lines.lose_patience(start + PATIENCE, &mut pass);
        assert_eq!(lines.due(), None, "half a character is no piece");
        lines.take(&[0xbc, b'\n', b'\n'], start, &mut pass);
        lines.take(b"::progress 1", start, &mut pass);
        assert_eq!(lines.due(), None, "what speaks is waited for");

        assert_eq!(pieces, ["t Password: ü", "t ü", "t "]);
    }

    #[test]
    fn a_line_that_is_written_in_parts_is_one() {
        let (mut lines, start, mut pieces) = (Lines::speaking(), Instant::now(), Vec::new());
        let mut pass = |piece: Piece<'_>| pieces.push(spelled(&piece));

        lines.take(b"copying ... ", start, &mut pass);
        lines.lose_patience(start + PATIENCE / 2, &mut pass);
        lines.take(b"half ... ", start + PATIENCE / 2, &mut pass);
        assert_eq!(lines.due(), Some(start + PATIENCE), "what dribbles in is shown, too");
        lines.take(b"done\n", start + PATIENCE / 2, &mut pass);

        assert_eq!((pieces, lines.due()), (vec!["t copying ... half ... done".to_owned()], None));
    }

    #[test]
    fn the_end_of_a_line_that_was_passed_on_is_no_empty_line() {
        let (mut lines, start, mut pieces) = (Lines::speaking(), Instant::now(), Vec::new());
        let mut pass = |piece: Piece<'_>| pieces.push(spelled(&piece));

        lines.take(b"a", start, &mut pass);
        lines.lose_patience(start + PATIENCE, &mut pass);
        lines.take(b"\n::x\n", start, &mut pass);

        assert_eq!(pieces, ["t a", "s ::x"]);
    }

    #[test]
    fn long_lines_cost_bounded_memory() {
        let (mut lines, mut bytes, mut largest) = (Lines::speaking(), 0, 0);
        let chunk = vec![b'x'; 64 * 1024];

        for _ in 0..1_000 {
            lines.take(&chunk, Instant::now(), &mut |piece| {
                if let Piece::Text(text) = piece {
                    bytes += text.len();
                }
            });
            largest = largest.max(lines.waiting.capacity());
        }

        lines.finish(&mut |_| {});
        assert!(bytes > 999 * chunk.len() && largest < 256 * 1024, "{bytes} {largest}");
    }

    #[test]
    fn a_spoken_line_that_is_too_long_becomes_text() {
        let long = [b"::output ".as_slice(), &vec![b'x'; SPOKEN_BYTES_MAX]].concat();

        let pieces = pieces(Lines::speaking(), &[&long, b"\n::x\n"]);

        assert_eq!(pieces[0], "l ::output");
        assert!(pieces[1].starts_with("t xxx"));
        assert_eq!(pieces.last().unwrap(), "s ::x");
    }

    proptest! {
        #[test]
        fn no_character_is_lost_or_cut(text in "[aü€\u{1f600}]{0,60}", size in 1_usize..7) {
            let mut out = String::new();
            let mut lines = Lines::talking();
            let (start, mut now) = (Instant::now(), Instant::now());

            for chunk in text.as_bytes().chunks(size) {
                let mut pass = |piece: Piece<'_>| if let Piece::Text(text) = piece { out.push_str(&text) };
                lines.take(chunk, now, &mut pass);
                now += PATIENCE;
                lines.lose_patience(now, &mut pass);
            }
            lines.finish(&mut |piece| if let Piece::Text(text) = piece { out.push_str(&text) });

            prop_assert_eq!(out, text);
            prop_assert!(now >= start);
        }

        #[test]
        fn no_bytes_panic(chunks in proptest::collection::vec(any::<Vec<u8>>(), 0..6)) {
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            pieces(Lines::talking(), &chunks);
        }
    }
}
