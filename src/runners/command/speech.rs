//! What a command says to us on standard output (INTERFACES.md, section 6).

use serde_json::Value;

use super::lines::Piece;
use crate::queue::args::check_json;
use crate::queue::work::{JobContext, Level};

/// Longest part of a line that is repeated in a message, in bytes.
const REPEATED_BYTES_MAX: usize = 500;

/// What programs say, in the system's words, when they may not open something.
const DENIED: &str = "Permission denied";

/// Puts before the lines of standard error, which is where many programs write what is no error.
const STDERR_MARK: &str = "[stderr] ";

/// Passes on what a command says.
pub(super) struct Speech<'a> {
    job: &'a JobContext,
    last_out: String,
    last_err: String,
    denied: bool,
}

impl<'a> Speech<'a> {
    pub(super) fn new(job: &'a JobContext) -> Self {
        Self { job, last_out: String::new(), last_err: String::new(), denied: false }
    }

    /// Tells whether the system refused the command something, as far as one can tell from what it says.
    pub(super) fn was_denied(&self) -> bool {
        self.denied
    }

    /// Gives the last line that says something, of standard error if there was one: the likely reason of a failure.
    pub(super) fn last_line(self) -> String {
        if self.last_err.is_empty() { self.last_out } else { self.last_err }
    }

    pub(super) fn stderr(&mut self, piece: &Piece<'_>) {
        let (Piece::Text(text) | Piece::Spoken(text) | Piece::TooLong(text)) = piece;
        self.job.log(Level::Info, &format!("{STDERR_MARK}{text}"));
        self.denied |= text.contains(DENIED);
        remember(&mut self.last_err, text);
    }

    pub(super) fn stdout(&mut self, piece: &Piece<'_>) {
        match piece {
            Piece::Text(text) => self.text(text),
            Piece::Spoken(line) => self.spoken(line.trim_end_matches('\r')),
            Piece::TooLong(start) => {
                let word = start.split_whitespace().next().unwrap_or_default();
                let word: String = word.chars().take(20).collect();
                self.job.log(
                    Level::Warn,
                    &format!("a line that begins with {word} is too long and was not understood; it follows:"),
                );
                self.text(start);
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.job.log(Level::Info, text);
        remember(&mut self.last_out, text);
    }

    fn spoken(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "::warn" => self.job.log(Level::Warn, rest),
            "::error" => {
                self.job.log(Level::Error, rest);
                remember(&mut self.last_err, rest);
            }
            "::progress" => match progress(rest) {
                Some((done, total, message)) => self.job.progress(done, total, message),
                None => self.misunderstood(word, "wants \"3/10 message\", \"3 message\" or \"30% message\"", rest),
            },
            "::checkpoint" => self.checkpoint(rest),
            "::output" => {
                if let Some(value) = self.json(word, rest) {
                    self.job.output(value);
                }
            }
            _ => self.text(line),
        }
    }

    fn checkpoint(&mut self, text: &str) {
        let saved = self.json("::checkpoint", text).map(|value| self.job.checkpoint(value));
        if let Some(Err(error)) = saved {
            self.job.log(Level::Warn, &error.to_string());
        }
    }

    fn json(&mut self, word: &str, text: &str) -> Option<Value> {
        match check_json(text.as_bytes()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.misunderstood(word, &format!("wants a JSON value: its contents {}", error.message), text);
                None
            }
        }
    }

    fn misunderstood(&mut self, word: &str, why: &str, rest: &str) {
        let mut shown = String::new();
        remember(&mut shown, rest);
        self.job.log(Level::Warn, &format!("{word} {why}, but it was given: {shown}"));
    }
}

/// Keeps the beginning of a line that says something.
fn remember(last: &mut String, text: &str) {
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    let end = (0..=text.len().min(REPEATED_BYTES_MAX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    last.clear();
    last.push_str(&text[..end]);
}

/// Reads `3/10 message`, `3 message` or `30% message`.
fn progress(text: &str) -> Option<(u64, u64, &str)> {
    let (amount, message) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    let (done, total) = match (amount.split_once('/'), amount.strip_suffix('%')) {
        (Some((done, total)), _) => (done.parse().ok()?, total.parse().ok()?),
        (None, Some(percent)) => (percent.parse().ok().filter(|percent| *percent <= 100)?, 100),
        (None, None) => (amount.parse().ok()?, 0),
    };
    Some((done, total, message.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::work::Progress;
    use crate::runners::testing::{job, lines};
    use serde_json::json;
    use std::borrow::Cow;

    fn say(job: &JobContext, spoken: &[&str]) -> String {
        let mut speech = Speech::new(job);
        for line in spoken {
            let text = Cow::Borrowed(*line);
            speech.stdout(&if line.starts_with("::") { Piece::Spoken(text) } else { Piece::Text(text) });
        }
        speech.last_line()
    }

    #[test]
    fn what_is_said_arrives() {
        let job = job(json!({}));

        let last = say(
            &job,
            &[
                "hello",
                "::progress 3/10 copying\r",
                "::checkpoint {\"page\":2}",
                "::output [1]",
                "::output {\"n\":2}",
                "::warn low",
                "::group::x",
            ],
        );

        let said = job.take_said();
        assert_eq!(lines(&said), ["I hello", "W low", "I ::group::x"]);
        assert_eq!(said.progress, Some(Progress { done: 3, total: 10, message: "copying".into() }));
        assert_eq!(said.checkpoint, Some(json!({ "page": 2 })));
        assert_eq!(job.take_output(), Some(json!({ "n": 2 })));
        assert_eq!(last, "::group::x");
    }

    #[test]
    fn what_is_not_understood_is_said_so() {
        let job = job(json!({}));

        say(&job, &["::progress soon", "::output {", "::checkpoint", "::output 1e400"]);

        assert_eq!(
            lines(&job.take_said()),
            [
                "W ::progress wants \"3/10 message\", \"3 message\" or \"30% message\", but it was given: soon",
                "W ::output wants a JSON value: its contents are not JSON: EOF while parsing an object, but it was given: {",
                "W ::checkpoint wants a JSON value: its contents are not JSON: EOF while parsing a value, but it was given: ",
                "W ::output wants a JSON value: its contents hold 1e400, beyond what a number can be: send it as text, but it was given: 1e400",
            ]
        );
        assert_eq!(job.take_output(), None);
    }

    #[test]
    fn progress_is_read_in_three_ways() {
        let cases = [
            ("3/10 a  b", Some((3, 10, "a  b"))),
            ("3", Some((3, 0, ""))),
            ("30% half", Some((30, 100, "half"))),
            ("101%", None),
            ("3/", None),
            ("-1/2", None),
            ("", None),
        ];

        for (text, expected) in cases {
            assert_eq!(progress(text), expected, "{text}");
        }
    }

    #[test]
    fn an_error_is_the_likely_reason() {
        let job = job(json!({}));
        let mut speech = Speech::new(&job);

        speech.stderr(&Piece::Text("disk full".into()));
        speech.stderr(&Piece::Text("  ".into()));
        speech.stdout(&Piece::Text("cleaning up".into()));

        assert_eq!(speech.last_line(), "disk full");
        assert_eq!(lines(&job.take_said()), ["I [stderr] disk full", "I [stderr]   ", "I cleaning up"]);
    }
}
