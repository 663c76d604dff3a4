//! What a template must be before it is saved, beyond what its types say.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::{ATTEMPTS_MAX, Backoff, BackoffKind, Defaults, RunnerKind, TIMEOUT_MS_MAX, TIMEOUT_MS_MIN, TemplateSpec};
use crate::base::pointer::Place;
use crate::base::text::{QueueName, TemplateName, turns_direction};
use crate::queue::enqueue::{TAGS_MAX, is_tag};
use crate::queue::render::{self, RenderError};

/// Longest description of a template, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 2_000;
/// Longest wait before a retry, in milliseconds: 30 days.
pub const BACKOFF_MS_MAX: u64 = 30 * 24 * 3_600_000;
/// Most waits of a `list` backoff, and most texts of `error_contains`.
pub const BACKOFF_ITEMS_MAX: usize = 100;
/// Largest growth of an exponential backoff.
pub const FACTOR_MAX: f64 = 100.0;

/// One thing that is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct SpecError {
    /// The place in the document, as a JSON pointer.
    pub pointer: String,
    /// What is wrong there, for a person.
    pub message: String,
}

impl TemplateSpec {
    /// Lists everything that is wrong; a template with a fault is not saved.
    pub fn check(&self) -> Vec<SpecError> {
        let mut check = Check { spec: self, faults: Vec::new() };
        check.characters(&serde_json::to_value(self).unwrap_or_default(), &Place::ROOT);
        check.description();
        check.blocks();
        check.defaults(&self.defaults);
        check.job_limits(&self.limits);
        check.joining(self.debounce.as_ref(), self.unique.as_ref());
        check.requires(&self.requires);
        check.faults
    }
}

pub(super) struct Check<'a> {
    pub spec: &'a TemplateSpec,
    faults: Vec<SpecError>,
}

impl Check<'_> {
    pub(super) fn fault(&mut self, at: &Place<'_>, message: impl Into<String>) {
        self.faults.push(SpecError { pointer: at.to_string(), message: message.into() });
    }

    pub(super) fn require(&mut self, holds: bool, at: &Place<'_>, message: &str) {
        if !holds {
            self.fault(at, message);
        }
    }

    /// A database keeps no text with NUL in it.
    fn characters(&mut self, value: &Value, at: &Place<'_>) {
        match value {
            Value::String(text) => self.require(!text.contains('\0'), at, "holds the character \\u0000"),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| self.characters(item, &at.index(index)));
            }
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                self.require(!name.contains('\0'), at, "has a name with the character \\u0000");
                self.characters(member, &at.key(name));
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Checks a text that is rendered.
    pub(super) fn text(&mut self, text: &str, at: &Place<'_>) {
        self.names(render::names(text), at);
    }

    fn names(&mut self, names: Result<BTreeSet<String>, RenderError>, at: &Place<'_>) {
        let names = match names {
            Ok(names) => names,
            Err(error) => return self.fault(at, error.to_string()),
        };
        for param in names.iter().filter_map(|name| name.strip_prefix("params.")) {
            let param = param.split('.').next().unwrap_or(param);
            if !self.spec.params.knows(param) {
                self.fault(at, format!("params.{param} is none of the parameters"));
            }
        }
    }

    fn description(&mut self) {
        let fits = self.spec.description.chars().count() <= DESCRIPTION_CHARS_MAX;
        self.require(fits, &Place::ROOT.key("description"), "has more than 2000 characters");
        let turned = self.spec.description.chars().any(turns_direction);
        self.require(!turned, &Place::ROOT.key("description"), "holds a character that turns the direction of text");
    }

    fn blocks(&mut self) {
        let spec = self.spec;
        let present = [spec.command.is_some(), spec.http.is_some(), spec.sql.is_some(), spec.handler.is_some()];
        for (kind, present) in RunnerKind::ALL.into_iter().zip(present) {
            let name = kind.as_str();
            match (kind == spec.runner, present) {
                (true, false) => self.fault(&Place::ROOT.key(name), format!("is missing: the runner is {name}")),
                (false, true) => {
                    let runner = spec.runner.as_str();
                    self.fault(&Place::ROOT.key(name), format!("does not belong here: the runner is {runner}"));
                }
                (true, true) | (false, false) => {}
            }
        }
        match spec.runner {
            RunnerKind::Command => spec.command.iter().for_each(|work| self.command(work)),
            RunnerKind::Http => spec.http.iter().for_each(|work| self.http(work)),
            RunnerKind::Sql => spec.sql.iter().for_each(|work| self.sql(&work.statements, &work.database)),
            RunnerKind::Handler => spec.handler.iter().for_each(|work| self.handler(&work.name)),
        }
    }

    fn sql(&mut self, statements: &str, database: &str) {
        let block = Place::ROOT.key("sql");
        let at = block.key("statements");
        self.require(!statements.trim().is_empty(), &at, "is empty");
        self.names(render::sql_names(statements), &at);
        self.name(database, "database", &block.key("database"));
    }

    fn handler(&mut self, name: &str) {
        self.name(name, "handler", &Place::ROOT.key("handler").key("name"));
    }

    /// Databases and handlers are named like templates.
    fn name(&mut self, text: &str, what: &str, at: &Place<'_>) {
        if let Err(error) = TemplateName::parse(text) {
            self.fault(at, error.0.replace("a template's", &format!("a {what}'s")));
        }
    }

    fn defaults(&mut self, defaults: &Defaults) {
        let at = Place::ROOT.key("defaults");
        if let Err(error) = QueueName::parse(&defaults.queue) {
            self.fault(&at.key("queue"), error.0);
        }
        self.require((1..=5).contains(&defaults.priority), &at.key("priority"), "goes from 1 (highest) to 5");
        let attempts = (1..=ATTEMPTS_MAX).contains(&defaults.max_attempts);
        self.require(attempts, &at.key("max_attempts"), "goes from 1 to 100");
        let timeout = (TIMEOUT_MS_MIN..=TIMEOUT_MS_MAX).contains(&defaults.timeout_ms);
        self.require(timeout, &at.key("timeout_ms"), "goes from 100 ms to 7 days (604800000)");
        self.backoff(&defaults.backoff, &at.key("backoff"));
        self.tags(&defaults.tags, &at.key("tags"));
        if let Some(condition) = &defaults.retry_if {
            let at = at.key("retry_if");
            let texts = &condition.error_contains;
            let fits = texts.len() <= BACKOFF_ITEMS_MAX && texts.iter().all(|text| !text.is_empty());
            self.require(fits, &at.key("error_contains"), "has at most 100 texts, none of them empty");
            self.exit_codes(&condition.exit_codes, &at.key("exit_codes"));
        }
    }

    fn backoff(&mut self, backoff: &Backoff, at: &Place<'_>) {
        let waits = [("base_ms", backoff.base_ms), ("max_ms", backoff.max_ms)];
        for (name, wait) in waits {
            self.require(wait <= BACKOFF_MS_MAX, &at.key(name), "is longer than 30 days (2592000000)");
        }
        let rises = backoff.kind == BackoffKind::List || backoff.base_ms <= backoff.max_ms;
        self.require(rises, &at.key("base_ms"), "is longer than max_ms");
        self.require((1.0..=FACTOR_MAX).contains(&backoff.factor), &at.key("factor"), "goes from 1 to 100");
        self.require((0.0..=1.0).contains(&backoff.jitter), &at.key("jitter"), "goes from 0 to 1");
        let delays = at.key("delays_ms");
        match backoff.kind {
            BackoffKind::List => {
                let some = (1..=BACKOFF_ITEMS_MAX).contains(&backoff.delays_ms.len());
                self.require(some, &delays, "needs 1 to 100 waits for kind: list");
                let short = backoff.delays_ms.iter().all(|wait| *wait <= BACKOFF_MS_MAX);
                self.require(short, &delays, "has a wait longer than 30 days");
            }
            BackoffKind::Constant | BackoffKind::Linear | BackoffKind::Exponential => {
                self.require(backoff.delays_ms.is_empty(), &delays, "belongs to kind: list");
            }
        }
    }

    fn tags(&mut self, tags: &[String], at: &Place<'_>) {
        self.require(tags.len() <= TAGS_MAX, at, "has more than 20 tags");
        for (index, tag) in tags.iter().enumerate().filter(|(_, tag)| !is_tag(tag)) {
            self.fault(&at.index(index), format!("{tag:?} is no tag: 1 to 64 of letters, digits, . _ : / @ -"));
        }
    }

    pub(super) fn exit_codes(&mut self, codes: &[i32], at: &Place<'_>) {
        if let Some(index) = codes.iter().position(|code| !(0..=255).contains(code)) {
            self.fault(&at.index(index), "is no exit code: they go from 0 to 255");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn faults(spec: Value) -> Vec<String> {
        let spec: TemplateSpec = serde_json::from_value(spec).unwrap();
        spec.check().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn exactly_the_block_that_the_runner_names_is_there() {
        assert_eq!(faults(json!({ "runner": "handler", "handler": { "name": "diag.noop" } })), [""; 0]);
        assert_eq!(faults(json!({ "runner": "sql" })), ["/sql: is missing: the runner is sql"]);
        assert_eq!(
            faults(json!({ "runner": "handler", "handler": { "name": "a" }, "sql": { "statements": "SELECT 1" } })),
            ["/sql: does not belong here: the runner is handler"]
        );
    }

    #[test]
    fn no_text_holds_what_a_database_cannot_keep() {
        let spec = json!({ "runner": "command", "description": "a\0b", "command": { "argv": ["a", "b\0"], "env": { "X": "\0" } } });

        assert_eq!(
            faults(spec),
            [
                "/description: holds the character \\u0000",
                "/command/argv/1: holds the character \\u0000",
                "/command/env/X: holds the character \\u0000",
            ]
        );
    }

    #[test]
    fn defaults_are_within_their_bounds() {
        let spec = json!({ "runner": "handler", "handler": { "name": "A" }, "defaults": {
            "queue": "", "priority": 6, "max_attempts": 101, "timeout_ms": 99, "tags": ["ok", "a b"],
            "backoff": { "kind": "list", "base_ms": 9_999_999_999_u64, "factor": 0.5, "jitter": 2.0 },
            "retry_if": { "error_contains": [""], "exit_codes": [300] },
        } });

        assert_eq!(
            faults(spec),
            [
                "/handler/name: a handler's name may hold only a-z, 0-9, '.', '_' and '-', but \"A\" holds 'A'",
                "/defaults/queue: a queue's name is missing",
                "/defaults/priority: goes from 1 (highest) to 5",
                "/defaults/max_attempts: goes from 1 to 100",
                "/defaults/timeout_ms: goes from 100 ms to 7 days (604800000)",
                "/defaults/backoff/base_ms: is longer than 30 days (2592000000)",
                "/defaults/backoff/factor: goes from 1 to 100",
                "/defaults/backoff/jitter: goes from 0 to 1",
                "/defaults/backoff/delays_ms: needs 1 to 100 waits for kind: list",
                "/defaults/tags/1: \"a b\" is no tag: 1 to 64 of letters, digits, . _ : / @ -",
                "/defaults/retry_if/error_contains: has at most 100 texts, none of them empty",
                "/defaults/retry_if/exit_codes/0: is no exit code: they go from 0 to 255",
            ]
        );
    }

    #[test]
    fn sql_may_name_only_known_parameters_and_only_as_values() {
        let sql = |statements: &str| {
            faults(json!({ "runner": "sql", "sql": { "statements": statements },
                "params": { "properties": { "day": { "type": "string" } } } }))
        };

        assert_eq!(sql("DELETE FROM t WHERE d = {{ params.day }}::date"), [""; 0]);
        assert_eq!(sql("SELECT {{ params.dya }}"), ["/sql/statements: params.dya is none of the parameters"]);
        assert_eq!(sql(" "), ["/sql/statements: is empty"]);
        assert!(sql("SELECT '{{ params.day }}'")[0].contains("cannot stand in quoted text"));
    }
}
