//! What a job would do, before it is enqueued: the template's texts with the arguments put in, secrets masked.

use serde_json::Value;

use crate::queue::render::{self, RenderContext};
use crate::queue::template::{CommandWork, HttpWork, TemplateSpec, param_variable};

/// One text of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is: `Command`, `Body`.
    pub label: String,
    /// The text, or why it cannot be made of these arguments.
    pub text: Result<String, String>,
}

impl Part {
    fn plain(label: &str, text: impl Into<String>) -> Self {
        Self { label: label.into(), text: Ok(text.into()) }
    }

    fn rendered(label: &str, text: &str, context: &RenderContext) -> Self {
        Self { label: label.into(), text: render::render(text, context).map_err(|error| error.to_string()) }
    }
}

/// Renders everything that `spec` says with `args`, whose secrets are masked before.
pub fn preview(spec: &TemplateSpec, args: &Value) -> Vec<Part> {
    let context = RenderContext::sample(&spec.params.masked(args));
    if let Some(command) = &spec.command {
        return of_command(command, args, &context);
    }
    if let Some(http) = &spec.http {
        return of_http(http, &context);
    }
    if let Some(sql) = &spec.sql {
        return vec![of_sql(&sql.statements, &context)];
    }
    spec.handler.iter().map(|handler| Part::plain("Handler", &handler.name)).collect()
}

fn of_command(command: &CommandWork, args: &Value, context: &RenderContext) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(shell) = &command.shell {
        parts.push(Part::plain("Shell", shell));
        let names = args.as_object().into_iter().flat_map(|args| args.keys());
        let variables: Vec<String> = names.map(|name| param_variable(name)).collect();
        parts.push(Part::plain("Variables with arguments", variables.join(" ")));
    } else {
        let words: Result<Vec<_>, _> = command.argv.iter().map(|word| render::render(word, context)).collect();
        let line = words.map(|words| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "));
        parts.push(Part { label: "Command".into(), text: line.map_err(|error| error.to_string()) });
    }
    for (name, text) in &command.env {
        parts.push(Part::rendered(&format!("Variable {name}"), text, context));
    }
    parts.extend(command.folder.iter().map(|text| Part::rendered("Folder", text, context)));
    parts.extend(command.stdin.iter().map(|text| Part::rendered("Standard input", text, context)));
    parts
}

/// Each word stays one argument whatever it holds; quotes only show where it begins and ends.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

fn of_http(http: &HttpWork, context: &RenderContext) -> Vec<Part> {
    let url = render::render(&http.url, context).map_err(|error| error.to_string());
    let line = url.map(|url| format!("{} {url}", http.method));
    let mut parts = vec![Part { label: "Request".into(), text: line }];
    for (name, text) in &http.headers {
        parts.push(Part::rendered(&format!("Header {name}"), text, context));
    }
    parts.extend(http.body.iter().map(|text| Part::rendered("Body", text, context)));
    parts
}

fn of_sql(statements: &str, context: &RenderContext) -> Part {
    let bound = render::bind(statements, context).map_err(|error| error.to_string());
    let text = bound.map(|(sql, values)| {
        let values = values.iter().enumerate();
        let lines = values.map(|(at, value)| format!("\n-- [{}] {}", at + 1, value.as_deref().unwrap_or("NULL")));
        format!("{sql}{}", lines.collect::<String>())
    });
    Part { label: "SQL, with values bound".into(), text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parts(spec: Value, args: &Value) -> Vec<(String, String)> {
        let spec: TemplateSpec = serde_json::from_value(spec).expect("a template");
        preview(&spec, args).into_iter().map(|part| (part.label, part.text.unwrap_or_else(|error| error))).collect()
    }

    #[test]
    fn a_command_shows_each_argument_apart_and_no_secret() {
        let spec = json!({ "runner": "command",
            "command": { "argv": ["/bin/tar", "-czf", "{{ params.out }}", "{{ params.key }}"], "env": { "A": "{{ params.out }}" } },
            "params": { "properties": { "out": { "type": "string" }, "key": { "type": "string", "secret": true } } } });

        let shown = parts(spec, &json!({ "out": "it's here", "key": "s3cret" }));

        assert_eq!(shown[0], ("Command".into(), "/bin/tar -czf 'it'\\''s here' '••••'".into()));
        assert_eq!(shown[1], ("Variable A".into(), "it's here".into()));
    }

    #[test]
    fn a_missing_argument_is_told_in_its_place() {
        let spec = json!({ "runner": "http", "http": { "method": "GET", "url": "https://{{ params.host }}/health" } });

        assert_eq!(parts(spec, &json!({})), [("Request".into(), "line 1: params.host has no value".into())]);
    }

    #[test]
    fn sql_shows_its_values_apart() {
        let spec = json!({ "runner": "sql", "sql": { "statements": "DELETE FROM a WHERE id = {{ params.id }}" } });

        let shown = parts(spec, &json!({ "id": 7 }));

        assert_eq!(shown[0].1, "DELETE FROM a WHERE id = (($1::text[])[1]::bigint)\n-- [1] 7");
    }
}
