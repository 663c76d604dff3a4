//! What a template would do with some arguments, without doing it.

use serde_json::Value;

use super::sample::sample;
use crate::queue::params::Params;
use crate::queue::render::{NamedAttempt, RenderContext, RenderError, bind, render};
use crate::queue::template::{CommandWork, HttpWork, RunnerKind, SqlWork, TemplateSpec, param_variable};

/// Longest text that a preview shows, in characters.
pub const TEXT_CHARS_MAX: usize = 20_000;

/// What would run.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The arguments, secrets masked.
    pub args: Value,
    /// Why the template would not take them.
    pub refused: Vec<String>,
    /// The work, part by part.
    pub parts: Vec<Part>,
}

/// One part of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is: `Program`, `Standard input`.
    pub label: String,
    /// Its texts; of a program, one for each argument.
    pub texts: Vec<Rendered>,
}

/// A text as the work would get it, or why it would not.
pub type Rendered = Result<String, String>;

/// Shows what `spec` would do with `args`; with a sample when there are none.
pub fn preview(spec: &TemplateSpec, args: Option<Value>) -> Preview {
    let args = spec.params.with_defaults(&args.unwrap_or_else(|| sample(&spec.params)));
    let refused = spec.params.validate(&args).iter().map(ToString::to_string).collect();
    let masked = spec.params.masked(&args);
    Preview { parts: parts(spec, &masked, &RenderContext::sample(&masked)), args: masked, refused }
}

/// Shows what `spec` did with `args` in an attempt, secrets masked. Nothing is known any more of its checkpoint.
pub fn what_ran(spec: &TemplateSpec, args: &Value, attempt: &NamedAttempt<'_>) -> Vec<Part> {
    let masked = spec.params.masked(args);
    parts(spec, &masked, &RenderContext::past(&masked, attempt))
}

fn parts(spec: &TemplateSpec, masked: &Value, context: &RenderContext) -> Vec<Part> {
    let parts = match spec.runner {
        RunnerKind::Command => spec.command.as_ref().map(|work| command(work, &spec.params, masked, context)),
        RunnerKind::Http => spec.http.as_ref().map(|work| http(work, context)),
        RunnerKind::Sql => spec.sql.as_ref().map(|work| sql(work, context)),
        RunnerKind::Handler => {
            spec.handler.as_ref().map(|work| vec![Part::of("Calls the handler", work.name.as_str())])
        }
    };
    parts.unwrap_or_default()
}

impl Part {
    fn of(label: &str, text: impl Into<String>) -> Self {
        Self { label: label.into(), texts: vec![Ok(text.into())] }
    }

    fn rendered(label: &str, text: &str, context: &RenderContext) -> Self {
        Self { label: label.into(), texts: vec![rendered(text, context)] }
    }
}

fn rendered(text: &str, context: &RenderContext) -> Rendered {
    render(text, context).map(shortened).map_err(|error| sentence(&error, text))
}

/// The line is named only where there are several.
fn sentence(error: &RenderError, text: &str) -> String {
    if text.contains('\n') { error.to_string() } else { error.message.clone() }
}

fn shortened(text: String) -> String {
    if text.chars().count() <= TEXT_CHARS_MAX {
        return text;
    }
    text.chars().take(TEXT_CHARS_MAX).chain(['…']).collect()
}

fn command(work: &CommandWork, params: &Params, args: &Value, context: &RenderContext) -> Vec<Part> {
    let mut parts = Vec::new();
    match &work.shell {
        Some(text) => parts.extend(shell(text, params, args)),
        None => parts.extend(program(&work.argv, context)),
    }
    for (name, text) in &work.env {
        parts.push(Part::rendered(name, text, context));
    }
    parts.extend(work.folder.as_ref().map(|text| Part::rendered("Working folder", text, context)));
    parts.extend(work.stdin.as_ref().map(|text| Part::rendered("Standard input", text, context)));
    parts
}

/// The program itself is never rendered.
fn program(argv: &[String], context: &RenderContext) -> Option<Part> {
    let (program, rest) = argv.split_first()?;
    let argument = |(index, text): (usize, &String)| {
        rendered(text, context).map_err(|fault| format!("argument {}: {fault}", index + 1))
    };
    let texts = std::iter::once(Ok(program.clone())).chain(rest.iter().enumerate().map(argument));
    Some(Part { label: "Program and arguments".into(), texts: texts.collect() })
}

/// A shell text is never rendered either; its parameters are variables.
fn shell(text: &str, params: &Params, args: &Value) -> Vec<Part> {
    let mut parts = vec![Part::of("Text for /bin/sh -c", text)];
    for name in params.names() {
        let Some(value) = args.get(name) else { continue };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        parts.push(Part::of(&param_variable(name), text));
    }
    parts
}

fn http(work: &HttpWork, context: &RenderContext) -> Vec<Part> {
    let url = rendered(&work.url, context).map(|url| format!("{} {url}", work.method));
    let mut parts = vec![Part { label: "Request".into(), texts: vec![url] }];
    for (name, value) in &work.headers {
        parts.push(Part::rendered(name, value, context));
    }
    parts.extend(work.body.as_ref().map(|body| Part::rendered("Body", body, context)));
    parts
}

/// Values are shown beside the statements, because that is how they reach the database.
fn sql(work: &SqlWork, context: &RenderContext) -> Vec<Part> {
    let (statements, values) = match bind(&work.statements, context) {
        Ok((sql, values)) => (Ok(numbered(&sql)), values),
        Err(error) => (Err(sentence(&error, &work.statements)), Vec::new()),
    };
    let mut parts = vec![Part { label: format!("Statements, in database {}", work.database), texts: vec![statements] }];
    for (index, value) in values.into_iter().enumerate() {
        parts.extend(value.map(|value| Part::of(&format!("${}", index + 1), value)));
    }
    parts
}

/// Spells `(($1::text[])[2]::bigint)` as `$2::bigint`.
fn numbered(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once("(($1::text[])[") {
        out.push_str(before);
        let (number, tail) = after.split_once("]::").unwrap_or((after, ""));
        let (cast, tail) = tail.split_once(')').unwrap_or((tail, ""));
        out.push_str(&format!("${number}::{cast}"));
        rest = tail;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(spec: Value, args: Option<Value>) -> Vec<String> {
        let spec: TemplateSpec = serde_json::from_value(spec).unwrap();
        let part = |part: Part| {
            let texts = part.texts.into_iter().map(|text| text.unwrap_or_else(|fault| format!("!{fault}")));
            format!("{}: {}", part.label, texts.collect::<Vec<_>>().join(" | "))
        };
        preview(&spec, args).parts.into_iter().map(part).collect()
    }

    fn params() -> Value {
        json!({ "required": ["out"], "properties": {
            "out": { "type": "string" }, "n": { "type": "integer", "default": 7 }, "key": { "type": "string", "secret": true } } })
    }

    #[test]
    fn a_command_is_shown_argument_by_argument() {
        let spec = json!({ "runner": "command", "params": params(), "command": {
            "argv": ["/bin/tar", "-czf", "{{ params.out }} x", "{{ params.folder }}"],
            "env": { "KEY": "{{ params.key }}" }, "stdin": "{{ job.id }}" } });

        assert_eq!(
            shown(spec, Some(json!({ "out": "a b", "key": "hunter2" }))),
            [
                "Program and arguments: /bin/tar | -czf | a b x | !argument 3: params.folder has no value",
                "KEY: ••••",
                "Standard input: 1",
            ]
        );
    }

    #[test]
    fn a_fault_names_its_line_only_among_several() {
        let spec = json!({ "runner": "command", "params": params(), "command": {
            "argv": ["/bin/cat"], "env": { "A": "{{ params.folder }}" }, "stdin": "one\n{{ params.folder }}" } });

        assert_eq!(
            shown(spec, Some(json!({ "out": "a" })))[1..],
            ["A: !params.folder has no value", "Standard input: !line 2: params.folder has no value"]
        );
    }

    #[test]
    fn a_shell_text_is_shown_with_its_variables() {
        let spec =
            json!({ "runner": "command", "params": params(), "command": { "shell": "echo \"$PARAM_OUT\" {{.ID}}" } });

        assert_eq!(
            shown(spec, Some(json!({ "out": "a" }))),
            ["Text for /bin/sh -c: echo \"$PARAM_OUT\" {{.ID}}", "PARAM_OUT: a", "PARAM_N: 7"]
        );
    }

    #[test]
    fn sql_is_shown_with_its_values_beside_it() {
        let spec = json!({ "runner": "sql", "params": params(), "sql": {
            "statements": "INSERT INTO t VALUES ({{ params.out }}, {{ params.n }}, {{ params.n }}::text)" } });

        assert_eq!(
            shown(spec, Some(json!({ "out": "'); DROP TABLE t" }))),
            [
                "Statements, in database default: INSERT INTO t VALUES ($1::text, $2::bigint, $3::bigint::text)",
                "$1: '); DROP TABLE t",
                "$2: 7",
                "$3: 7",
            ]
        );
    }

    #[test]
    fn a_call_is_shown_with_a_sample() {
        let spec = json!({ "runner": "http", "params": params(), "http": { "method": "POST",
            "url": "https://example.org/{{ params.out | urlencode }}", "headers": { "X-Key": "{{ params.key }}" }, "body": "{{ params.n }}" } });

        assert_eq!(shown(spec, None), ["Request: POST https://example.org/out", "X-Key: ••••", "Body: 7"]);
    }

    #[test]
    fn arguments_that_do_not_fit_are_told() {
        let spec: TemplateSpec =
            serde_json::from_value(json!({ "runner": "handler", "handler": { "name": "a" }, "params": params() }))
                .unwrap();

        let shown = preview(&spec, Some(json!({ "n": "x" })));

        assert_eq!(shown.refused, ["/out: is missing", "/n: must be a whole number, not text"]);
        assert_eq!(shown.parts, [Part::of("Calls the handler", "a")]);
    }
}
