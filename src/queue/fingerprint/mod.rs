//! The normalised identity of a failure: what varies from one failure to the next is taken out of its message, and what names
//! the cause stays, so that the same trouble with another customer is the same failure group.
//!
//! ```text
//! message ─▶ line (the one that says what happened) ─▶ pieces ─▶ normalised ─┐
//! trace   ─▶ frames (own ones, without line numbers) ────────────────────────┴▶ hash with the template
//! ```
mod frames;
mod pieces;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest, Sha256};

use super::job::TemplateId;

pub use frames::{Frame, frames};

/// Longest part of a message that is looked at, in bytes.
const MESSAGE_BYTES_MAX: usize = 1_000;
/// Most frames that count.
const FRAMES_MAX: usize = 3;
/// Longest part of a text in which the line and the frames are looked for, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;

static COLOURS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\x1b\[[0-9;]*[A-Za-z]"));

/// Compiles a fixed pattern; the unit tests run each of them.
#[allow(clippy::unwrap_used)]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

/// Gives the part of a message that stays the same from one failure to the next; `#` stands for what varies.
///
/// Doing it twice changes nothing more: what a pass leaves over is given to the next one until nothing changes.
pub fn normalise(message: &str) -> String {
    let plain = COLOURS.replace_all(cut(message, TEXT_BYTES_MAX), "");
    let mut text = pieces::replaced(cut(line(&plain), MESSAGE_BYTES_MAX));
    for _ in 0..4 {
        let again = pieces::replaced(&text);
        if again == text {
            break;
        }
        text = again;
    }
    text
}

/// What a failure is recognised by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Print {
    /// The fingerprint: 16 hexadecimal digits.
    pub fingerprint: String,
    /// The normalised message.
    pub message: String,
}

/// Gives the print of a failure of one template. Two failures have the same one when their messages say the same apart from what
/// varies, and when they come from the same place of the code, if that is known.
pub fn print(template: TemplateId, message: &str, trace: Option<&str>) -> Print {
    let normalised = normalise(message);
    let mut hash = Sha256::new();
    hash.update(template.0.to_be_bytes());
    hash.update(normalised.as_bytes());
    for place in places(message, trace) {
        hash.update(b"\n");
        hash.update(place.as_bytes());
    }
    let fingerprint = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Print { fingerprint, message: normalised }
}

/// The places of the code that count: the innermost own frames, of the trace if there is one, else of the message's further lines.
fn places(message: &str, trace: Option<&str>) -> Vec<String> {
    let found = frames(cut(trace.unwrap_or(message), TEXT_BYTES_MAX));
    let own: Vec<&Frame> = found.iter().filter(|frame| frame.is_own).collect();
    let counting = if own.is_empty() { found.iter().collect() } else { own };
    let mut places: Vec<String> = counting.into_iter().map(|frame| frame.place.clone()).collect();
    places.dedup(); // how deep something called itself says nothing
    places.truncate(FRAMES_MAX);
    places
}

/// The line that says what happened: the first one, but behind the header of a trace that says nothing by itself.
fn line(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default().trim();
    if first.contains("Traceback (most recent call last)") {
        // the last line that is not indented: those before it belong to the causes
        return lines.rfind(|line| !line.starts_with([' ', '\t'])).unwrap_or(first).trim();
    }
    if first.ends_with(':') && first.contains("panicked at ") {
        return lines.next().unwrap_or(first).trim();
    }
    first
}

fn cut(text: &str, bytes_max: usize) -> &str {
    let end = (0..=text.len().min(bytes_max)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}
