//! What a running attempt has said so far and nobody has written down yet.

use serde_json::Value;

use crate::base::clock::Time;

/// Most log bytes kept of one attempt; what comes after is counted, not kept.
pub const LOG_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Longest log line, in bytes; longer ones are cut into several.
pub const LINE_BYTES_MAX: usize = 16 * 1024;
/// Longest progress message, in bytes.
pub const PROGRESS_BYTES_MAX: usize = 512;

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For people who debug.
    Debug,
    /// What happens.
    Info,
    /// Something to look at.
    Warn,
    /// Something went wrong.
    Error,
}

impl Level {
    /// Gives the letter that stands for the level in stored logs and in the page's markup.
    pub fn letter(self) -> char {
        match self {
            Self::Debug => 'D',
            Self::Info => 'I',
            Self::Warn => 'W',
            Self::Error => 'E',
        }
    }

    /// Gives the level's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// Reads a stored letter.
    pub fn from_letter(letter: char) -> Option<Self> {
        [Self::Debug, Self::Info, Self::Warn, Self::Error].into_iter().find(|level| level.letter() == letter)
    }
}

/// One line of an attempt's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was said.
    pub at: Time,
    /// How important it is.
    pub level: Level,
    /// The text, without newline and NUL.
    pub text: String,
}

/// How far an attempt is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all; 0 when not known.
    pub total: u64,
    /// What is being done, at most 512 bytes.
    pub message: String,
}

/// Collects what an attempt says until the engine takes it.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    lines: Vec<LogLine>,
    progress: Option<Progress>,
    checkpoint: Option<Value>,
    output: Option<Value>,
    log_bytes: usize,
    dropped_bytes: usize,
    dropped_told: usize,
}

/// What the engine took to write down.
#[derive(Debug, Default, PartialEq)]
pub struct Taken {
    /// New lines, oldest first.
    pub lines: Vec<LogLine>,
    /// The last progress, if it changed.
    pub progress: Option<Progress>,
    /// The last checkpoint, if it changed.
    pub checkpoint: Option<Value>,
    /// Bytes of log that were dropped since the last taking because the attempt's log is full.
    pub dropped_bytes: usize,
}

impl Taken {
    /// Tells whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.progress.is_none() && self.checkpoint.is_none() && self.dropped_bytes == 0
    }
}

impl Unwritten {
    pub(super) fn log(&mut self, at: Time, level: Level, text: &str) {
        for line in text.split('\n') {
            for piece in cut(line.trim_end_matches('\r'), LINE_BYTES_MAX) {
                self.line(at, level, piece);
            }
        }
    }

    fn line(&mut self, at: Time, level: Level, text: &str) {
        let size = text.len() + 1;
        if self.log_bytes + size > LOG_BYTES_MAX {
            self.dropped_bytes += size;
            return;
        }
        self.log_bytes += size;
        self.lines.push(LogLine { at, level, text: text.replace('\0', "\u{2400}") });
    }

    pub(super) fn progress(&mut self, done: u64, total: u64, message: &str) {
        let message = cut(message, PROGRESS_BYTES_MAX).next().unwrap_or_default().replace('\0', "\u{2400}");
        self.progress = Some(Progress { done, total, message });
    }

    pub(super) fn checkpoint(&mut self, value: Value) {
        self.checkpoint = Some(value);
    }

    pub(super) fn output(&mut self, value: Value) {
        self.output = Some(value);
    }

    pub(super) fn take(&mut self) -> Taken {
        let dropped_bytes = self.dropped_bytes - self.dropped_told;
        self.dropped_told = self.dropped_bytes;
        Taken {
            lines: std::mem::take(&mut self.lines),
            progress: self.progress.take(),
            checkpoint: self.checkpoint.take(),
            dropped_bytes,
        }
    }

    pub(super) fn take_output(&mut self) -> Option<Value> {
        self.output.take()
    }

    pub(super) fn log_bytes(&self) -> usize {
        self.log_bytes
    }
}

/// Cuts a text into pieces of at most `max` bytes at character boundaries; an empty text is one empty piece.
fn cut(text: &str, max: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = if text.len() <= max {
            text.len()
        } else {
            (1..=max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
        };
        rest = (end < text.len()).then(|| &text[end..]);
        Some(&text[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Time = Time::UNIX_EPOCH;

    #[test]
    fn lines_are_cut_and_cleaned() {
        let mut unwritten = Unwritten::default();

        unwritten.log(AT, Level::Info, "one\r\ntwo\0\n");

        let texts: Vec<_> = unwritten.take().lines.into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["one", "two\u{2400}", ""]);
    }

    #[test]
    fn a_full_log_counts_what_it_drops() {
        let mut unwritten = Unwritten::default();
        let line = "x".repeat(1023);

        for _ in 0..2_050 {
            unwritten.log(AT, Level::Info, &line);
        }

        let taken = unwritten.take();
        assert_eq!(taken.lines.len(), 2_048);
        assert_eq!(taken.dropped_bytes, 2 * 1_024);
        assert_eq!(unwritten.take().dropped_bytes, 0);
    }

    #[test]
    fn long_lines_become_several_and_lose_nothing() {
        let text = "ü".repeat(LINE_BYTES_MAX);

        let pieces: Vec<_> = cut(&text, LINE_BYTES_MAX).collect();

        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().all(|piece| piece.len() <= LINE_BYTES_MAX));
    }

    #[test]
    fn only_the_last_progress_is_taken() {
        let mut unwritten = Unwritten::default();
        unwritten.progress(1, 3, "a");
        unwritten.progress(2, 3, "b");

        let taken = unwritten.take();

        assert_eq!(taken.progress, Some(Progress { done: 2, total: 3, message: "b".into() }));
        assert!(unwritten.take().is_empty());
    }
}
