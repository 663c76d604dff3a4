//! What a version says, in words, for reading. What cannot be seen is made visible: whoever publishes must not be shown
//! another text than the one that runs.

use serde_json::Value;

use super::editor::rows::types;
use super::waits;
use crate::queue::params::{Field, FieldKind, Params};
use crate::queue::template::{
    CommandWork, Defaults, HttpWork, OnInterrupt, ResourceLimits, RetryIf, RunnerKind, SqlWork, Statuses, TemplateSpec,
};
use crate::web::ansi::visible;
use crate::web::format::duration_ms;

/// One thing that a version says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub label: &'static str,
    /// What is said; several lines for lists.
    pub lines: Vec<String>,
    /// Whether a machine reads it: shown monospaced, as it stands.
    pub code: bool,
}

impl Fact {
    pub(super) fn words(label: &'static str, text: impl Into<String>) -> Self {
        Self { label, lines: vec![text.into()], code: false }
    }

    fn code(label: &'static str, text: &str) -> Self {
        Self { label, lines: vec![visible(text)], code: true }
    }

    fn list(label: &'static str, lines: Vec<String>) -> Option<Self> {
        let lines: Vec<_> = lines.iter().map(|line| visible(line)).collect();
        (!lines.is_empty()).then_some(Self { label, lines, code: true })
    }
}

/// Says how the work is done.
pub fn work(spec: &TemplateSpec) -> Vec<Fact> {
    match spec.runner {
        RunnerKind::Command => spec.command.as_ref().map(command),
        RunnerKind::Http => spec.http.as_ref().map(http),
        RunnerKind::Sql => spec.sql.as_ref().map(sql),
        RunnerKind::Handler => spec.handler.as_ref().map(|work| vec![Fact::code("Handler", &work.name)]),
    }
    .unwrap_or_default()
}

fn command(work: &CommandWork) -> Vec<Fact> {
    let env = work.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut facts: Vec<Fact> = Fact::list("Program and arguments", work.argv.clone()).into_iter().collect();
    facts.extend(work.shell.as_deref().map(|text| Fact::code("Shell text", text)));
    facts.extend(Fact::list("Environment", env));
    facts.extend(Fact::list("Passed on from the node", work.env_allow.clone()));
    facts.extend(work.folder.as_deref().map(|text| Fact::code("Working folder", text)));
    facts.extend(work.stdin.as_deref().map(|text| Fact::code("Standard input", text)));
    facts.push(Fact::words("Exit codes", exit_codes(work)));
    facts.extend(resource_words(&work.limits).map(|text| Fact::words("Limits", text)));
    facts
}

fn exit_codes(work: &CommandWork) -> String {
    let codes = |codes: &[i32]| codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let snooze = format!("not yet, again in {}", span(work.snooze_ms));
    let lists = [
        (&work.success_codes, "done"),
        (&work.retry_codes, "try again"),
        (&work.fail_codes, "failed for good"),
        (&work.snooze_codes, snooze.as_str()),
    ];
    let told = lists.into_iter().filter(|(list, _)| !list.is_empty());
    let mut parts: Vec<String> = told.map(|(list, words)| format!("{}: {words}", codes(list))).collect();
    parts
        .push(if work.retry_codes.is_empty() { "all others: try again" } else { "all others: failed for good" }.into());
    parts.join(" · ")
}

/// Says what bounds a program; `None` = its template bounds nothing.
pub fn resource_words(limits: &ResourceLimits) -> Option<String> {
    let told = [
        (limits.memory_mib, "MiB memory"),
        (limits.cpu_s, "s CPU time"),
        (limits.files, "open files"),
        (limits.processes, "processes"),
        (limits.file_size_mib, "MiB in one file"),
    ];
    let parts: Vec<String> =
        told.into_iter().filter_map(|(limit, words)| Some(format!("{} {words}", limit?))).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn http(work: &HttpWork) -> Vec<Fact> {
    let headers = work.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let mut facts = vec![Fact::code("Request", &format!("{} {}", work.method, work.url))];
    facts.extend(Fact::list("Headers", headers));
    facts.extend(work.body.as_deref().map(|body| Fact::code("Body", body)));
    let retry = statuses(&work.retry);
    let retry = if retry.is_empty() { String::new() } else { format!(" · {retry}: try again") };
    let words = format!("{}: done{retry} · all others: failed for good", statuses(&work.expect));
    facts.push(Fact::words("Statuses", words));
    facts.push(Fact::words("Call timeout", span(work.timeout_ms)));
    let redirects = if work.redirects == 0 { "not followed".into() } else { format!("at most {}", work.redirects) };
    facts.push(Fact::words("Redirects", redirects));
    facts
}

fn statuses(statuses: &Statuses) -> String {
    Vec::<String>::from(statuses.clone()).join(", ")
}

fn sql(work: &SqlWork) -> Vec<Fact> {
    vec![
        Fact::code("Statements", &work.statements),
        Fact::words("Database", work.database.as_str()),
        Fact::words(
            "Transaction",
            "One, together with the record that the job succeeded: the effect happens exactly once",
        ),
    ]
}

/// Says what a job gets when the enqueuer says nothing; the queue is shown by the page as a link.
pub fn defaults(defaults: &Defaults) -> Vec<Fact> {
    let interrupt = match defaults.on_interrupt {
        OnInterrupt::Retry => "The attempt is repeated",
        OnInterrupt::Fail => "The job fails",
        OnInterrupt::Hold => "The job is held until somebody releases it",
    };
    let mut facts = vec![
        Fact::words("Priority", priority(defaults.priority)),
        Fact::words("Timeout of an attempt", span(defaults.timeout_ms)),
        Fact::words("Retries", waits::sentence(defaults)),
    ];
    facts.extend(defaults.retry_if.as_ref().and_then(retry_if).map(|text| Fact::words("Retried only", text)));
    facts.push(Fact::words("When its node is lost", interrupt));
    if !defaults.tags.is_empty() {
        facts.push(Fact::words("Tags", defaults.tags.join(", ")));
    }
    facts
}

fn priority(priority: i16) -> String {
    match priority {
        1 => "1, highest".into(),
        5 => "5, lowest".into(),
        other => other.to_string(),
    }
}

fn retry_if(condition: &RetryIf) -> Option<String> {
    let codes: Vec<String> = condition.exit_codes.iter().map(ToString::to_string).collect();
    let texts: Vec<String> = condition.error_contains.iter().map(|text| format!("“{text}”")).collect();
    let all = [
        ("after exit code", codes.join(", ")),
        ("after status", statuses(&condition.http_statuses)),
        ("when the error holds", texts.join(" or ")),
    ];
    let told: Vec<String> =
        all.into_iter().filter(|(_, what)| !what.is_empty()).map(|(when, what)| format!("{when} {what}")).collect();
    (!told.is_empty()).then(|| told.join(", or "))
}

pub(super) fn span(ms: u64) -> String {
    duration_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// One parameter, as a row for reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamFact {
    /// Its name; nested ones as `outer.inner`.
    pub name: String,
    /// What people see beside it.
    pub title: String,
    /// A sentence about it; empty for none.
    pub description: String,
    /// Its type in words, with its bounds.
    pub kind: String,
    /// Must be given.
    pub required: bool,
    /// What it is when it is not given; empty for nothing.
    pub default: String,
}

/// Lists the parameters in the order of the form.
pub fn params(params: &Params) -> Vec<ParamFact> {
    if params.is_any() {
        return Vec::new();
    }
    params.fields().into_iter().map(param).collect()
}

fn param(field: Field) -> ParamFact {
    ParamFact {
        kind: visible(&kind_words(&field)),
        default: field.default.as_ref().map(spelled).unwrap_or_default(),
        name: field.name,
        title: visible(&field.title),
        description: field.description.as_deref().map(visible).unwrap_or_default(),
        required: field.required,
    }
}

fn spelled(value: &Value) -> String {
    visible(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn kind_words(field: &Field) -> String {
    let bounds = |low: Option<String>, high: Option<String>, unit: &str| match (low, high) {
        (Some(low), Some(high)) => format!(", {low} to {high}{unit}"),
        (Some(low), None) => format!(", at least {low}{unit}"),
        (None, Some(high)) => format!(", at most {high}{unit}"),
        (None, None) => String::new(),
    };
    let text = |number: Option<u64>| number.map(|number| number.to_string());
    let number = |number: Option<&serde_json::Number>| number.map(ToString::to_string);
    let unit = if matches!(field.kind, FieldKind::List(_)) { "" } else { " characters" };
    let range = bounds(number(field.range.0.as_ref()), number(field.range.1.as_ref()), "");
    let length = bounds(text(field.length.0), text(field.length.1), unit);
    let pattern = field.pattern.as_ref().map(|pattern| format!(", matching {pattern}")).unwrap_or_default();
    format!("{}{range}{length}{pattern}", plain_kind(&field.kind))
}

fn plain_kind(kind: &FieldKind) -> String {
    let word = |value: &str| types().into_iter().find(|choice| choice.value == value).map(|choice| choice.label);
    match kind {
        FieldKind::Text => word("string"),
        FieldKind::TextArea => word("textarea"),
        FieldKind::Number { integer: true } => word("integer"),
        FieldKind::Number { integer: false } => word("number"),
        FieldKind::Choice(choices) => Some(format!("One of {}", choices.join(", "))),
        FieldKind::CascadingChoice { by, .. } => Some(format!("Choice that depends on {by}")),
        FieldKind::Date => word("date"),
        FieldKind::DateTime => word("date-time"),
        FieldKind::Flag => word("boolean"),
        FieldKind::Secret => word("secret"),
        FieldKind::File => word("file"),
        FieldKind::List(inner) => Some(format!("List of: {}", plain_kind(inner).to_lowercase())),
        FieldKind::Json => Some("JSON value".into()),
    }
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(facts: Vec<Fact>) -> Vec<String> {
        facts.into_iter().map(|fact| format!("{}: {}", fact.label, fact.lines.join(" | "))).collect()
    }

    fn spec(document: Value) -> TemplateSpec {
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn a_command_is_told_in_words() {
        let spec = spec(json!({ "runner": "command", "command": { "argv": ["/bin/tar", "-c"], "env": { "A": "b" },
            "retry_codes": [75], "snooze_codes": [9], "limits": { "memory_mib": 64, "cpu_s": 5 } } }));

        assert_eq!(
            told(work(&spec)),
            [
                "Program and arguments: /bin/tar | -c",
                "Environment: A=b",
                "Exit codes: 0: done · 75: try again · 9: not yet, again in 1m · all others: failed for good",
                "Limits: 64 MiB memory · 5 s CPU time",
            ]
        );
    }

    #[test]
    fn a_call_and_the_defaults_are_told_in_words() {
        let spec = spec(json!({ "runner": "http", "http": { "url": "http://a/", "retry": [] }, "defaults": {
            "priority": 1, "retry_if": { "http_statuses": [503], "error_contains": ["reset"] }, "tags": ["x"] } }));

        assert_eq!(
            told(work(&spec)),
            [
                "Request: GET http://a/",
                "Statuses: 200-299: done · all others: failed for good",
                "Call timeout: 30 s",
                "Redirects: not followed",
            ]
        );
        assert_eq!(
            told(defaults(&spec.defaults)),
            [
                "Priority: 1, highest",
                "Timeout of an attempt: 1h",
                "Retries: Tried up to 3 times. After a failed attempt it waits 1.0 s, then 2 times longer each time, at most 10m, each wait ±20 %.",
                "Retried only: after status 503, or when the error holds “reset”",
                "When its node is lost: The attempt is repeated",
                "Tags: x",
            ]
        );
    }

    #[test]
    fn parameters_are_told_with_their_bounds() {
        let params = Params::parse(&json!({ "required": ["out"], "properties": {
            "out": { "type": "string", "maxLength": 80, "pattern": "^/" }, "n": { "type": "integer", "minimum": 1, "maximum": 9, "default": 3 },
            "size": { "type": "string", "enum": ["s", "m"] }, "tags": { "type": "array", "items": { "type": "string" }, "minItems": 1 } } }))
        .unwrap();

        let told: Vec<_> = super::params(&params)
            .into_iter()
            .map(|param| format!("{} {} {} {}", param.name, param.kind, param.required, param.default))
            .collect();
        assert_eq!(
            told,
            [
                "out Text, at most 80 characters, matching ^/ true ",
                "n Whole number, 1 to 9 false 3",
                "size One of s, m false ",
                "tags List of: text, at least 1 false ",
            ]
        );
        assert_eq!(super::params(&Params::default()), []);
    }
}
