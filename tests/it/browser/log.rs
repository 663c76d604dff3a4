//! What the browser says about the pages: broken policy, script errors, what could not be loaded.

use serde_json::{Value, json};

use super::browser::Browser;

/// Answers that a page gives on purpose: signed out, forbidden, conflict, refused input, too many.
const REFUSALS: [u16; 5] = [401, 403, 409, 422, 429];

/// One line of the browser's log.
#[derive(Debug)]
pub struct LogEntry {
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub level: String,
    /// `security` (broken policy), `javascript`, `console-api`, `network` and others.
    pub source: String,
    pub message: String,
}

impl LogEntry {
    fn of(entry: &Value) -> LogEntry {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        LogEntry { level: text("level"), source: text("source"), message: text("message") }
    }

    /// Whether a page must be mended for it. A page that itself is an error, at `url`, is none, and the browser's own pages
    /// (the one that it starts with) are not ours.
    fn is_problem(&self, url: &str) -> bool {
        let refused = |status: &u16| self.message.contains(&format!("status of {status} "));
        let expected = self.source == "network"
            && (REFUSALS.iter().any(refused) || self.message.starts_with(&format!("{url} - ")));
        self.level == "SEVERE" && !expected && !self.message.starts_with("chrome://")
    }
}

impl Browser {
    /// What the browser has written since this was last asked.
    #[track_caller]
    pub fn log(&self) -> Vec<LogEntry> {
        let entries = self.session().post("/se/log", &json!({"type": "browser"}));
        let entries = entries.unwrap_or_else(|e| panic!("the browser's log cannot be read: {e}"));
        entries.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(LogEntry::of).collect()
    }

    /// What is wrong by the browser's log since this or [`Browser::log`] was last asked, one sentence each.
    #[track_caller]
    pub fn log_problems(&self) -> Vec<String> {
        let url = self.url();
        let problems = self.log().into_iter().filter(|entry| entry.is_problem(&url));
        problems.map(|entry| format!("browser log, {}: {}", entry.source, entry.message)).collect()
    }
}
