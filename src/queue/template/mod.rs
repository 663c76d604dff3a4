//! What a template says: the work, its parameters and its defaults. The stored form of a version and the file form are
//! the same document (INTERFACES.md, section 8), without `kind` and `name`.
mod check;
mod check_command;
mod check_http;
mod document;
mod joining;
mod limits;
mod schema;
mod shape;
mod statuses;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::params::Params;
pub use crate::queue::fit::Labels;
pub use check::SpecError;
pub use check_command::param_variable;
pub use check_http::is_header_value;
pub use document::{TemplateDocument, template_document, template_yaml};
pub use joining::{Debounce, DebounceMode, Unique, UniqueStates};
pub use limits::{AMOUNT_MAX, JOBS_MAX as LIMIT_JOBS_MAX, Keyed, Limits, RESERVE_MAX, Rate, WhenFull};
pub use schema::template_schema;
pub use shape::{ReadTemplate, read_template};
pub use statuses::Statuses;

/// Shortest timeout an attempt may have, in milliseconds.
pub const TIMEOUT_MS_MIN: u64 = 100;
/// Longest timeout an attempt may have: 7 days, in milliseconds.
pub const TIMEOUT_MS_MAX: u64 = 7 * 24 * 3_600_000;
/// Most attempts a job may have.
pub const ATTEMPTS_MAX: u16 = 100;

/// How a template's work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunnerKind {
    /// A program with arguments.
    Command,
    /// An HTTP call.
    Http,
    /// SQL statements in one transaction.
    Sql,
    /// A registered Rust handler.
    Handler,
}

impl RunnerKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Command, Self::Http, Self::Sql, Self::Handler];

    /// Gives the kind's name in files, rows and forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Http => "http",
            Self::Sql => "sql",
            Self::Handler => "handler",
        }
    }
}

/// Everything one version of a template says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateSpec {
    /// One sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Which of the four blocks below counts.
    pub runner: RunnerKind,
    /// Set when `runner` is `command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandWork>,
    /// Set when `runner` is `http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpWork>,
    /// Set when `runner` is `sql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<SqlWork>,
    /// Set when `runner` is `handler`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<HandlerWork>,
    /// The typed parameters (JSON Schema subset) from which the enqueue form is made.
    #[serde(default, skip_serializing_if = "Params::is_any")]
    pub params: Params,
    /// What a job gets when the enqueuer says nothing.
    #[serde(default)]
    pub defaults: Defaults,
    /// How many run at once and begin within a time.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// Whether a newer job takes the place of one that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debounce: Option<Debounce>,
    /// Whether only one of jobs with the same values is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<Unique>,
    /// Labels that a node must have to run its jobs.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub requires: Labels,
}

/// A program with arguments. Text fields are rendered with `{{ params.… }}`; each argument stays one argument.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandWork {
    /// Program and arguments. Empty only when `shell` is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// Text for `/bin/sh -c`, never rendered: parameters reach it as environment variables only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// Environment variables, rendered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Names of the node's own environment variables that are passed on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_allow: Vec<String>,
    /// Working directory, rendered; the attempt's own temporary directory when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Standard input, rendered; empty when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// Exit codes that mean done.
    #[serde(default = "exit_zero")]
    pub success_codes: Vec<i32>,
    /// Exit codes that mean "try again". When given, codes that stand nowhere mean "failed for good"; else they are retried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retry_codes: Vec<i32>,
    /// Exit codes that mean "failed for good".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fail_codes: Vec<i32>,
    /// Exit codes that mean "not yet": tried again after `snooze_ms` without counting the attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snooze_codes: Vec<i32>,
    /// How long a snooze lasts, in milliseconds.
    #[serde(default = "one_minute_ms")]
    pub snooze_ms: u64,
    /// What the program and its children may use.
    #[serde(default, skip_serializing_if = "ResourceLimits::is_none")]
    pub limits: ResourceLimits,
}

/// What a command may use; absent = the node's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceLimits {
    /// Address space, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// CPU time, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_s: Option<u64>,
    /// Open files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Processes of the user that the command runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u64>,
    /// Largest file it may write, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_size_mib: Option<u64>,
}

impl ResourceLimits {
    /// Takes `node`'s where there is none.
    #[must_use]
    pub fn or(self, node: Self) -> Self {
        Self {
            memory_mib: self.memory_mib.or(node.memory_mib),
            cpu_s: self.cpu_s.or(node.cpu_s),
            files: self.files.or(node.files),
            processes: self.processes.or(node.processes),
            file_size_mib: self.file_size_mib.or(node.file_size_mib),
        }
    }

    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// An HTTP call. URL, header values and body are rendered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpWork {
    /// GET, POST, PUT, PATCH, DELETE or HEAD.
    #[serde(default = "get")]
    pub method: String,
    /// Where to; http or https.
    pub url: String,
    /// Request headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Request body as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Statuses that mean done.
    #[serde(default = "Statuses::success")]
    pub expect: Statuses,
    /// Statuses that mean "try again"; all others mean "failed for good".
    #[serde(default = "Statuses::passing")]
    pub retry: Statuses,
    /// How long the whole call may take, in milliseconds.
    #[serde(default = "thirty_seconds_ms")]
    pub timeout_ms: u64,
    /// How many redirects are followed, each checked like the first address.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redirects: u8,
}

impl HttpWork {
    /// Makes a GET of `url` with the usual statuses and timeout.
    pub fn to(url: &str) -> Self {
        Self {
            method: get(),
            url: url.to_owned(),
            headers: BTreeMap::new(),
            body: None,
            expect: Statuses::success(),
            retry: Statuses::passing(),
            timeout_ms: thirty_seconds_ms(),
            redirects: 0,
        }
    }
}

/// SQL statements run in one transaction with the completion record. `{{ … }}` become bound values, never text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlWork {
    /// The statements, separated by `;`.
    pub statements: String,
    /// Which configured database; `default` is the one that Millrace lives in.
    #[serde(default = "default_name")]
    pub database: String,
}

/// A registered Rust handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandlerWork {
    /// The name it is registered under.
    pub name: String,
}

/// What a job gets when the enqueuer says nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// Queue name.
    pub queue: String,
    /// 1 (highest) to 5.
    pub priority: i16,
    /// Counted attempts, 1 to 100.
    pub max_attempts: u16,
    /// Longest time of one attempt, in milliseconds.
    pub timeout_ms: u64,
    /// When to try again.
    pub backoff: Backoff,
    /// Try again only when this holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_if: Option<RetryIf>,
    /// What a lost node does to the attempt.
    pub on_interrupt: OnInterrupt,
    /// Labels that every job gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            queue: default_name(),
            priority: 3,
            max_attempts: 3,
            timeout_ms: 3_600_000,
            backoff: Backoff::default(),
            retry_if: None,
            on_interrupt: OnInterrupt::Retry,
            tags: Vec::new(),
        }
    }
}

/// How the wait grows from attempt to attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackoffKind {
    /// Always `base_ms`.
    Constant,
    /// `base_ms` × number of the failed attempt.
    Linear,
    /// `base_ms` × `factor` ^ (number of the failed attempt − 1).
    Exponential,
    /// The n-th of `delays_ms`; the last one repeats.
    List,
}

/// When to try again after a failed attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Backoff {
    /// How the wait grows.
    pub kind: BackoffKind,
    /// First wait, in milliseconds.
    pub base_ms: u64,
    /// Growth of `exponential`.
    pub factor: f64,
    /// Longest wait, in milliseconds.
    pub max_ms: u64,
    /// Random part: the wait is multiplied by 1 ± `jitter`, 0 to 1.
    pub jitter: f64,
    /// Waits of `list`, in milliseconds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delays_ms: Vec<u64>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            kind: BackoffKind::Exponential,
            base_ms: 1_000,
            factor: 2.0,
            max_ms: 600_000,
            jitter: 0.2,
            delays_ms: Vec::new(),
        }
    }
}

/// Conditions for a retry; any one that holds is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryIf {
    /// Exit codes of a command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exit_codes: Vec<i32>,
    /// Statuses of an HTTP call.
    #[serde(skip_serializing_if = "Statuses::is_empty")]
    pub http_statuses: Statuses,
    /// Texts of which the error holds one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub error_contains: Vec<String>,
}

/// What happens to an attempt whose node was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnInterrupt {
    /// It is tried again, if attempts are left.
    #[default]
    Retry,
    /// The job fails.
    Fail,
    /// The job is held until somebody releases it.
    Hold,
}

fn exit_zero() -> Vec<i32> {
    vec![0]
}
fn one_minute_ms() -> u64 {
    60_000
}
fn thirty_seconds_ms() -> u64 {
    30_000
}
fn get() -> String {
    "GET".into()
}
fn default_name() -> String {
    "default".into()
}
fn is_zero(number: &u8) -> bool {
    *number == 0
}
