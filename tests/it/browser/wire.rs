//! WebDriver's JSON over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::{Agent, Body};

/// Longest time one command may take: above what the session lets a page or a script take.
const COMMAND_MAX: Duration = Duration::from_secs(90);
/// Largest answer: a picture of a long page.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// A command that was not carried out. `kind` is WebDriver's error code, or `no answer`.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Refused {
    pub kind: String,
    pub message: String,
}

impl Refused {
    pub fn new(kind: &str, message: impl Into<String>) -> Refused {
        Refused { kind: kind.to_owned(), message: message.into() }
    }

    /// Whether the same command may succeed a moment later, because pages change while they are looked at.
    pub fn may_pass(&self) -> bool {
        !matches!(
            self.kind.as_str(),
            "no answer" | "invalid session id" | "invalid selector" | "invalid argument" | "unknown command"
        )
    }
}

impl From<ureq::Error> for Refused {
    fn from(problem: ureq::Error) -> Refused {
        Refused::new("no answer", problem.to_string())
    }
}

/// The way to one WebDriver server.
pub struct Wire {
    agent: Agent,
    base: String,
}

impl Wire {
    /// Speaks to the server at `base`, such as `http://127.0.0.1:4444`.
    pub fn new(base: &str) -> Wire {
        let config = Agent::config_builder()
            .proxy(None) // whatever the environment says: the server is on this machine
            .max_idle_connections(0) // a kept connection may be closed under the next command
            .http_status_as_error(false)
            .timeout_global(Some(COMMAND_MAX));
        Wire { agent: config.build().into(), base: base.to_owned() }
    }

    pub fn get(&self, path: &str) -> Result<Value, Refused> {
        value_of(self.agent.get(self.url(path)).call()?)
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Refused> {
        value_of(self.agent.post(self.url(path)).send_json(body)?)
    }

    pub fn delete(&self, path: &str) -> Result<Value, Refused> {
        value_of(self.agent.delete(self.url(path)).call()?)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

fn value_of(mut answer: ureq::http::Response<Body>) -> Result<Value, Refused> {
    let mut body: Value = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_json()?;
    let value = body["value"].take();
    match value["error"].as_str() {
        Some(kind) if !answer.status().is_success() => Err(Refused::new(kind, first_lines(&value["message"]))),
        _ => Ok(value),
    }
}

/// A message without the driver's own stack, which follows it.
fn first_lines(message: &Value) -> String {
    let text = message.as_str().unwrap_or_default();
    text.lines()
        .take_while(|line| !line.starts_with("Stacktrace") && !line.starts_with('#'))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The body of a command without arguments.
pub fn nothing() -> Value {
    json!({})
}
