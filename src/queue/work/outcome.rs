//! What an attempt answers.

use std::time::Duration;

use super::Stop;

/// Longest error message kept, in bytes; the log has the rest.
pub const ERROR_BYTES_MAX: usize = 8 * 1024;

/// Longest trace kept, in bytes.
pub const TRACE_BYTES_MAX: usize = 32 * 1024;

/// What work decided about its job.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is done. Its output is what it gave to [`super::JobContext::output`], if anything.
    Done,
    /// It failed and wants to be tried again after this time, if attempts are left.
    RetryAfter(Failure, Duration),
    /// It failed and trying again would not help.
    GiveUp(Failure),
    /// It cannot run yet; try again after this time, without counting the attempt.
    Snooze(Duration),
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One or a few lines for people; the first line is shown in lists. At most 8 KiB are kept.
    pub message: String,
    /// Where it happened, for people who debug. At most 32 KiB are kept.
    pub trace: Option<String>,
    /// Set when the work stopped because it was told to.
    pub stop: Option<Stop>,
}

impl Failure {
    /// Makes a failure from a sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: kept(message.into(), ERROR_BYTES_MAX), trace: None, stop: None }
    }
}

/// Gives what is kept of a trace: at most 32 KiB.
pub fn kept_trace(trace: String) -> String {
    kept(trace, TRACE_BYTES_MAX)
}

/// Cuts a text at a character, and takes NUL out of it: Postgres text cannot hold one.
fn kept(text: String, bytes_max: usize) -> String {
    let mut text = text.replace('\0', "\u{fffd}");
    if text.len() > bytes_max {
        let cut = (0..=bytes_max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
    }
    text
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self { stop: Some(stop), ..Self::new(stop.to_string()) }
    }
}

impl<E: std::error::Error> From<E> for Failure
where
    E: NotStop,
{
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message = format!("{message}: {inner}");
            cause = inner.source();
        }
        Self::new(message)
    }
}

/// Marks errors that are not a [`Stop`], so that `?` turns each kind into the right [`Failure`].
pub trait NotStop {}
impl NotStop for std::io::Error {}
impl NotStop for serde_json::Error {}
impl NotStop for std::fmt::Error {}
impl NotStop for std::num::ParseIntError {}
impl NotStop for std::str::Utf8Error {}
impl NotStop for std::string::FromUtf8Error {}
impl NotStop for diesel::result::Error {}
impl NotStop for crate::base::db::DbError {}
impl NotStop for super::context::NotSaved {}

/// How work ends: a decision, or a failure that the template's retry policy decides about.
pub type Ended = Result<Outcome, Failure>;

/// What an attempt used and how its program ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resources {
    /// User and system time of the work, in milliseconds.
    pub cpu_ms: Option<u32>,
    /// Largest resident set, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// A command's exit code; 128 + signal when a signal ended it.
    pub exit_code: Option<i32>,
    /// An HTTP call's status.
    pub http_status: Option<u16>,
    /// Read from disks, in bytes; what was in memory already does not count.
    pub read_bytes: Option<u64>,
    /// Given to disks to be written, in bytes.
    pub written_bytes: Option<u64>,
    /// The system user it ran as; `None` = inside the engine.
    pub ran_as: Option<&'static str>,
}

/// Everything the engine needs to settle an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// How the work ended.
    pub ended: Ended,
    /// What it used.
    pub resources: Resources,
    /// The work wrote its own completion in its own transaction (an `sql` job): nothing is left to settle.
    pub settled: bool,
}

impl Report {
    /// Reports `ended` with nothing measured.
    pub fn plain(ended: Ended) -> Self {
        Self { ended, resources: Resources::default(), settled: false }
    }

    /// Reports `ended` with what was measured.
    pub fn measured(ended: Ended, resources: Resources) -> Self {
        Self { ended, resources, settled: false }
    }
}

impl Outcome {
    /// Makes a failed attempt that should not be tried again, with a sentence.
    pub fn give_up(message: impl Into<String>) -> Self {
        Self::GiveUp(Failure::new(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let failure = Failure::new("ü".repeat(ERROR_BYTES_MAX));

        assert!(failure.message.len() <= ERROR_BYTES_MAX);
        assert!(failure.message.chars().all(|c| c == 'ü'));
    }

    #[test]
    fn a_message_never_holds_nul() {
        assert_eq!(Failure::new("a\0b").message, "a\u{fffd}b");
    }

    #[test]
    fn a_stop_is_remembered() {
        assert_eq!(Failure::from(Stop::TimedOut).stop, Some(Stop::TimedOut));
    }
}
