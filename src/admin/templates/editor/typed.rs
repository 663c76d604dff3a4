//! From what was typed to a document. A field that did not come, or is empty, is left out: its default holds.

use serde_json::{Map, Value};

use super::fields::label;
use super::rows::typed_rows;
use super::table::ParamTable;
use super::{lines, units};
use crate::queue::template::RunnerKind;
use crate::web::form::Form;

/// Reads the form as a document; notes at its field what could not be read.
pub fn document(form: &mut Form) -> Value {
    let mut typing = Typing { form, problems: Vec::new() };
    let document = typing.document();
    let problems = typing.problems;
    for (field, message) in problems {
        form.refuse(&field, message);
    }
    document
}

struct Typing<'f> {
    form: &'f Form,
    problems: Vec<(String, String)>,
}

type Members = Map<String, Value>;

impl Typing<'_> {
    fn document(&mut self) -> Value {
        let mut document = Members::new();
        document.insert("kind".into(), "Template".into());
        put(&mut document, "name", self.word("name"));
        put(&mut document, "description", self.word("description"));
        let runner = RunnerKind::ALL.into_iter().find(|kind| kind.as_str() == self.form.text("runner"));
        let Some(runner) = runner else {
            self.problem("runner", "choose one of the four");
            return Value::Object(document);
        };
        document.insert("runner".into(), runner.as_str().into());
        let block = match runner {
            RunnerKind::Command => self.command(),
            RunnerKind::Http => self.http(),
            RunnerKind::Sql => self.sql(),
            RunnerKind::Handler => self.handler(),
        };
        document.insert(runner.as_str().into(), Value::Object(block));
        put(&mut document, "params", self.params());
        let defaults = self.defaults();
        put(&mut document, "defaults", (!defaults.is_empty()).then_some(Value::Object(defaults)));
        let limits = self.limits();
        put(&mut document, "limits", (!limits.is_empty()).then_some(Value::Object(limits)));
        put(&mut document, "debounce", self.debounce());
        put(&mut document, "unique", self.unique());
        put(&mut document, "requires", self.labels("requires"));
        Value::Object(document)
    }

    /// Labels such as `gpu=1, zone=a`.
    fn labels(&self, field: &str) -> Option<Value> {
        let words = lines::read_words(self.form.text(field));
        let label = |word: String| match word.split_once('=') {
            Some((name, value)) => (name.trim().to_owned(), value.trim().into()),
            None => (word, "".into()),
        };
        (!words.is_empty()).then(|| Value::Object(words.into_iter().map(label).collect()))
    }

    fn problem(&mut self, field: &str, sentence: impl AsRef<str>) {
        let lead = label(field);
        let message = if lead.is_empty() { sentence.as_ref().into() } else { format!("{lead}: {}", sentence.as_ref()) };
        self.problems.push((field.to_owned(), message));
    }

    /// A text of one line; `None` when nothing was typed.
    fn word(&self, field: &str) -> Option<Value> {
        let text = self.form.text(field).trim();
        (!text.is_empty()).then(|| text.into())
    }

    /// A text as it was typed, with the line ends of Unix; browsers send those of the network.
    fn text(&self, field: &str) -> Option<Value> {
        let text = self.form.text(field).replace("\r\n", "\n");
        (!text.is_empty()).then(|| text.into())
    }

    fn number(&mut self, field: &str) -> Option<Value> {
        let text = self.form.text(field).trim();
        let number = (!text.is_empty()).then(|| serde_json::from_str::<serde_json::Number>(text))?;
        match number {
            Ok(number) => Some(number.into()),
            Err(_) => {
                self.problem(field, format!("{text:?} is no number"));
                None
            }
        }
    }

    /// A number beside the unit in the field of the same name and `.unit`, or with a unit of its own.
    fn span(&mut self, field: &str) -> Option<Value> {
        let number = self.form.text(field).trim();
        if number.is_empty() {
            return None;
        }
        let read = units::read_span(number, self.form.text(&format!("{field}.unit")));
        self.taken(field, read)
    }

    fn taken<T: Into<Value>>(&mut self, field: &str, read: Result<T, String>) -> Option<Value> {
        match read {
            Ok(value) => Some(value.into()),
            Err(sentence) => {
                self.problem(field, sentence);
                None
            }
        }
    }

    fn lines(&mut self, field: &str) -> Option<Value> {
        let read = lines::read_lines(self.form.text(field));
        self.taken(field, read).filter(|list| !is_empty(list))
    }

    fn words(&self, field: &str) -> Option<Value> {
        let words = lines::read_words(self.form.text(field));
        (!words.is_empty()).then(|| words.into())
    }

    fn numbers(&mut self, field: &str) -> Option<Value> {
        let read = lines::read_numbers(self.form.text(field));
        self.taken(field, read).filter(|list| !is_empty(list))
    }

    /// Statuses such as `200-299, 404`; `none` is the empty list.
    fn statuses(&self, field: &str) -> Option<Value> {
        match self.form.text(field).trim() {
            "none" => Some(Value::Array(Vec::new())),
            _ => self.words(field),
        }
    }

    fn pairs(&mut self, field: &str, between: &str) -> Option<Value> {
        let read = lines::read_pairs(self.form.text(field), between)
            .map(|pairs| pairs.into_iter().map(|(name, value)| (name, Value::from(value))).collect::<Members>());
        self.taken(field, read.map(Value::Object)).filter(|pairs| !is_empty(pairs))
    }

    fn command(&mut self) -> Members {
        let mut block = Members::new();
        put(&mut block, "argv", self.lines("command.argv"));
        put(&mut block, "shell", self.text("command.shell"));
        put(&mut block, "env", self.pairs("command.env", "="));
        put(&mut block, "env_allow", self.words("command.env_allow"));
        put(&mut block, "folder", self.word("command.folder"));
        put(&mut block, "stdin", self.text("command.stdin"));
        for codes in ["success_codes", "retry_codes", "fail_codes", "snooze_codes"] {
            put(&mut block, codes, self.numbers(&format!("command.{codes}")));
        }
        put(&mut block, "snooze_ms", self.span("command.snooze_ms"));
        let mut limits = Members::new();
        for limit in ["memory_mib", "cpu_s", "files", "processes", "file_size_mib"] {
            put(&mut limits, limit, self.number(&format!("command.limits.{limit}")));
        }
        put(&mut block, "limits", (!limits.is_empty()).then_some(Value::Object(limits)));
        block
    }

    fn http(&mut self) -> Members {
        let mut block = Members::new();
        put(&mut block, "method", self.word("http.method"));
        put(&mut block, "url", Some(self.word("http.url").unwrap_or_else(|| "".into())));
        put(&mut block, "headers", self.pairs("http.headers", ": "));
        put(&mut block, "body", self.text("http.body"));
        put(&mut block, "expect", self.statuses("http.expect"));
        put(&mut block, "retry", self.statuses("http.retry"));
        put(&mut block, "timeout_ms", self.span("http.timeout_ms"));
        put(&mut block, "redirects", self.number("http.redirects"));
        block
    }

    fn sql(&mut self) -> Members {
        let mut block = Members::new();
        put(&mut block, "statements", Some(self.text("sql.statements").unwrap_or_else(|| "".into())));
        put(&mut block, "database", self.word("sql.database"));
        block
    }

    fn handler(&mut self) -> Members {
        let mut block = Members::new();
        put(&mut block, "name", Some(self.word("handler.name").unwrap_or_else(|| "".into())));
        block
    }

    /// The table, or the JSON Schema where that is what was typed.
    fn params(&mut self) -> Option<Value> {
        if is_schema(self.form) {
            let text = self.form.text("params").trim();
            let read = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(text) };
            let read = read.map_err(|error: serde_json::Error| format!("is no JSON: {error}"));
            return self.taken("params", read).filter(|document| !document.is_null());
        }
        match table(self.form).document() {
            Ok(document) => Some(document).filter(|document| !document.is_null()),
            Err(faults) => {
                for (field, sentence) in faults {
                    self.problem(&field, sentence);
                }
                None
            }
        }
    }

    fn defaults(&mut self) -> Members {
        let mut block = Members::new();
        put(&mut block, "queue", self.word("defaults.queue"));
        put(&mut block, "priority", self.number("defaults.priority"));
        put(&mut block, "max_attempts", self.number("defaults.max_attempts"));
        put(&mut block, "timeout_ms", self.span("defaults.timeout_ms"));
        let backoff = self.backoff();
        put(&mut block, "backoff", (!backoff.is_empty()).then_some(Value::Object(backoff)));
        let retry_if = self.retry_if();
        put(&mut block, "retry_if", (!retry_if.is_empty()).then_some(Value::Object(retry_if)));
        put(&mut block, "on_interrupt", self.word("defaults.on_interrupt"));
        put(&mut block, "tags", self.words("defaults.tags"));
        block
    }

    /// A limit is there when one of its fields was filled in; what is chosen beside it counts only then.
    fn limits(&mut self) -> Members {
        let mut block = Members::new();
        put(&mut block, "concurrency", self.number("limits.concurrency"));
        put(&mut block, "concurrency_per_node", self.number("limits.concurrency_per_node"));
        let mut keyed = Members::new();
        put(&mut keyed, "by", self.words("limits.keyed.by"));
        put(&mut keyed, "jobs", self.number("limits.keyed.jobs"));
        if !keyed.is_empty() {
            put(&mut keyed, "when_full", self.word("limits.keyed.when_full"));
            block.insert("keyed".into(), Value::Object(keyed));
        }
        let mut rate = Members::new();
        put(&mut rate, "by", self.words("limits.rate.by"));
        put(&mut rate, "jobs", self.number("limits.rate.jobs"));
        put(&mut rate, "burst", self.number("limits.rate.burst"));
        if !rate.is_empty() {
            put(&mut rate, "per_ms", self.span("limits.rate.per_ms"));
            block.insert("rate".into(), Value::Object(rate));
        }
        put(&mut block, "reserve", self.amounts("limits.reserve"));
        block
    }

    /// Amounts such as `db-connections=2, memory-mb=512`.
    fn amounts(&mut self, field: &str) -> Option<Value> {
        let words = lines::read_words(&self.form.text(field).replace(" = ", "="));
        let mut amounts = Members::new();
        for word in words {
            let Some((pool, amount)) = word.split_once('=') else {
                self.problem(field, format!("{word} needs an amount, such as {word}=2"));
                continue;
            };
            match amount.parse::<u64>() {
                Ok(number) if amounts.insert(pool.to_owned(), number.into()).is_none() => {}
                Ok(_) => self.problem(field, format!("{pool} stands twice")),
                Err(_) => self.problem(field, format!("{pool}: {amount:?} is no whole number")),
            }
        }
        (!amounts.is_empty()).then_some(Value::Object(amounts))
    }

    /// There is a debounce when one of its fields was filled in; what is chosen beside it counts only then.
    fn debounce(&mut self) -> Option<Value> {
        let mut block = Members::new();
        put(&mut block, "by", self.words("debounce.by"));
        put(&mut block, "wait_ms", self.span("debounce.wait_ms"));
        put(&mut block, "max_wait_ms", self.span("debounce.max_wait_ms"));
        if self.form.text("debounce.mode") == "accumulate" {
            put(&mut block, "field", self.word("debounce.field"));
            put(&mut block, "mode", self.word("debounce.mode"));
        }
        (!block.is_empty()).then_some(Value::Object(block))
    }

    /// What was typed for another scope stays in the form, unseen.
    fn unique(&mut self) -> Option<Value> {
        let mut block = Members::new();
        match self.form.text("unique.scope") {
            "" => return None,
            "period" => put(&mut block, "for_ms", Some(self.span("unique.for_ms").unwrap_or(0.into()))),
            _ => put(&mut block, "states", self.word("unique.scope")),
        }
        put(&mut block, "by", self.words("unique.by"));
        Some(Value::Object(block))
    }

    fn backoff(&mut self) -> Members {
        let mut block = Members::new();
        let kind = self.word("defaults.backoff.kind");
        let is_list = kind.as_ref().is_some_and(|kind| kind == "list");
        put(&mut block, "kind", kind);
        put(&mut block, "base_ms", self.span("defaults.backoff.base_ms"));
        put(&mut block, "factor", self.number("defaults.backoff.factor"));
        put(&mut block, "max_ms", self.span("defaults.backoff.max_ms"));
        put(&mut block, "jitter", self.number("defaults.backoff.jitter"));
        if is_list {
            // what was typed for another kind stays in the form, unseen
            let read = units::read_waits(self.form.text("defaults.backoff.delays_ms"));
            put(&mut block, "delays_ms", self.taken("defaults.backoff.delays_ms", read));
        }
        block
    }

    fn retry_if(&mut self) -> Members {
        let mut block = Members::new();
        put(&mut block, "exit_codes", self.numbers("defaults.retry_if.exit_codes"));
        put(&mut block, "http_statuses", self.words("defaults.retry_if.http_statuses"));
        put(&mut block, "error_contains", self.lines("defaults.retry_if.error_contains"));
        block
    }
}

fn put(members: &mut Members, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), value);
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// Tells whether the parameters were typed as JSON Schema.
pub fn is_schema(form: &Form) -> bool {
    match form.text("params_view") {
        "schema" => true,
        "table" => false,
        _ => !form.text("params").trim().is_empty(),
    }
}

/// Gives the table of parameters as it was typed.
pub fn table(form: &Form) -> ParamTable {
    ParamTable {
        rows: typed_rows(form),
        additional: form.text("params.additional").to_owned(),
        more: form.text("params.more").to_owned(),
    }
}
