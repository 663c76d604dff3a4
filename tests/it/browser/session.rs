//! One WebDriver session: one Chromium with a profile of its own.

use std::path::Path;

use serde_json::{Value, json};

use super::wire::{Refused, Wire};
use super::{driver, program};

/// Longest time a script of ours may take.
const SCRIPT_MS_MAX: u32 = 30_000;
/// Longest time a page may take to load.
const PAGE_MS_MAX: u32 = 30_000;

const ARGUMENTS: [&str; 12] = [
    "--headless",
    "--no-sandbox", // root may not use it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage", // a container's may be too small
    "--hide-scrollbars",       // the width of a look is the width of the page
    "--remote-debugging-pipe", // the browser ends when chromedriver does, in whatever way
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost", // nothing leaves the machine
];

/// A running Chromium, ended with this value.
pub struct Session {
    wire: Wire,
    path: String,
}

impl Session {
    /// Starts Chromium with what it keeps under `profile`.
    ///
    /// Panics with the sentence that says what to do when no browser is installed.
    pub fn start(profile: &Path) -> Result<Session, Refused> {
        let wire = Wire::new(driver::url());
        let browser = program::find("chromium").unwrap_or_else(|sentence| panic!("{sentence}"));
        let answer = wire.post("/session", &capabilities(&browser, profile))?;
        let id = answer["sessionId"].as_str().ok_or_else(|| Refused::new("no answer", "the session has no id"))?;
        Ok(Session { path: format!("/session/{id}"), wire })
    }

    pub fn get(&self, path: &str) -> Result<Value, Refused> {
        self.wire.get(&format!("{}{path}", self.path))
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Refused> {
        self.wire.post(&format!("{}{path}", self.path), body)
    }

    pub fn delete(&self, path: &str) -> Result<Value, Refused> {
        self.wire.delete(&format!("{}{path}", self.path))
    }

    /// Runs the body of a function in the page and gives what it returns, or what its promise becomes.
    ///
    /// The page's policy does not bind it, and it runs also where the page's own script is switched off; then
    /// timers never fire.
    pub fn script(&self, body: &str, arguments: &[Value]) -> Result<Value, Refused> {
        self.post("/execute/sync", &json!({"script": body, "args": arguments}))
    }

    /// Sends a command of the Chrome DevTools Protocol.
    pub fn devtools(&self, command: &str, arguments: Value) -> Result<Value, Refused> {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": arguments}))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Err(problem) = self.wire.delete(&self.path) {
            eprintln!("cannot end a browser: {problem}");
        }
    }
}

fn capabilities(browser: &Path, profile: &Path) -> Value {
    let profile = format!("--user-data-dir={}", profile.display());
    let arguments: Vec<_> = ARGUMENTS.into_iter().chain([profile.as_str()]).collect();
    json!({"capabilities": {"alwaysMatch": {
        "browserName": "chrome",
        "timeouts": {"script": SCRIPT_MS_MAX, "pageLoad": PAGE_MS_MAX, "implicit": 0},
        "goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {"binary": browser, "args": arguments},
    }}})
}
