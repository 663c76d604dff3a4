//! The editor's fields: their names (those of the JSON fields, with dots), their words, and which of them a JSON pointer
//! means.

use super::rows::ParamRow;

/// Every field with the words that stand beside it.
pub const FIELDS: &[(&str, &str)] = &[
    ("name", "Name"),
    ("description", "Description"),
    ("message", "What changed and why"),
    ("document", "Document"),
    ("sample", "Try with"),
    ("runner", "How it runs"),
    ("command.argv", "Program and arguments"),
    ("command.shell", "Shell text"),
    ("command.env", "Environment"),
    ("command.env_allow", "Passed on from the node"),
    ("command.folder", "Working folder"),
    ("command.stdin", "Standard input"),
    ("command.success_codes", "Done"),
    ("command.retry_codes", "Try again"),
    ("command.fail_codes", "Failed for good"),
    ("command.snooze_codes", "Not yet"),
    ("command.snooze_ms", "Not yet: wait"),
    ("command.limits.memory_mib", "Memory"),
    ("command.limits.cpu_s", "CPU time"),
    ("command.limits.files", "Open files"),
    ("command.limits.processes", "Processes"),
    ("command.limits.file_size_mib", "Largest file"),
    ("http.method", "Method"),
    ("http.url", "Address"),
    ("http.headers", "Headers"),
    ("http.body", "Body"),
    ("http.expect", "Done"),
    ("http.retry", "Try again"),
    ("http.timeout_ms", "Call timeout"),
    ("http.redirects", "Redirects followed"),
    ("sql.statements", "Statements"),
    ("sql.database", "Database"),
    ("handler.name", "Handler"),
    ("params", "Parameters as JSON Schema"),
    ("params.additional", "Arguments beside these"),
    ("params.more", "Further rules for all"),
    ("defaults.queue", "Queue"),
    ("defaults.priority", "Priority"),
    ("defaults.max_attempts", "Attempts"),
    ("defaults.timeout_ms", "Timeout of an attempt"),
    ("defaults.backoff.kind", "Wait before a retry"),
    ("defaults.backoff.base_ms", "First wait"),
    ("defaults.backoff.factor", "Growth"),
    ("defaults.backoff.max_ms", "Longest wait"),
    ("defaults.backoff.jitter", "Random part"),
    ("defaults.backoff.delays_ms", "Waits"),
    ("defaults.retry_if.exit_codes", "Only after exit codes"),
    ("defaults.retry_if.http_statuses", "Only after statuses"),
    ("defaults.retry_if.error_contains", "Only when the error holds"),
    ("defaults.on_interrupt", "When its node is lost"),
    ("defaults.tags", "Tags"),
    ("limits.concurrency", "Jobs of it at once"),
    ("limits.concurrency_per_node", "Jobs of it at once on a node"),
    ("limits.keyed.by", "Parameters that make the key"),
    ("limits.keyed.jobs", "Jobs of a key at once"),
    ("limits.keyed.when_full", "One more"),
    ("limits.rate.jobs", "Jobs that begin"),
    ("limits.rate.per_ms", "That time"),
    ("limits.rate.by", "Parameters that make the key"),
    ("limits.rate.burst", "At once after a quiet time"),
    ("limits.reserve", "Reserves of pools"),
    ("debounce.wait_ms", "Quiet time"),
    ("debounce.max_wait_ms", "At the latest after"),
    ("debounce.by", "Parameters that make the key"),
    ("debounce.mode", "What the newer one takes over"),
    ("debounce.field", "Its list"),
    ("unique.scope", "One of a kind"),
    ("unique.by", "Parameters that make the key"),
    ("unique.for_ms", "For how long"),
    ("requires", "Labels of its nodes"),
];

/// The parts of a parameter's row, with their words.
const ROW_PARTS: [(&str, &str); 8] = [
    ("name", "Name"),
    ("title", "Title"),
    ("description", "Description"),
    ("type", "Type"),
    ("required", "Required"),
    ("default", "Default"),
    ("options", "Choices"),
    ("more", "Further rules"),
];

/// Gives the words beside a field.
pub fn label(field: &str) -> &'static str {
    FIELDS.iter().find(|(name, _)| *name == field).map_or("", |(_, label)| label)
}

/// Finds the field that a JSON pointer means, and the words that lead a sentence about it. `rows` are those of the table;
/// `None` = the parameters are typed as JSON Schema.
pub fn place(pointer: &str, rows: Option<&[ParamRow]>) -> (String, String) {
    if let Some(inner) = pointer.strip_prefix("/params") {
        return param_place(inner, rows);
    }
    let steps: Vec<String> =
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
    for length in (1..=steps.len()).rev() {
        let name = steps[..length].join(".");
        if let Some((field, label)) = FIELDS.iter().find(|(field, _)| *field == name) {
            return ((*field).to_owned(), lead(field, label, &steps[length..]));
        }
    }
    let field = whole(steps.first().map_or("", String::as_str));
    (field.to_owned(), label(field).to_owned())
}

/// The field that stands for a part as a whole.
fn whole(part: &str) -> &'static str {
    match part {
        "command" => "command.argv",
        "http" => "http.url",
        "sql" => "sql.statements",
        "handler" => "handler.name",
        "defaults" => "defaults.queue",
        "name" => "name",
        "debounce" => "debounce.wait_ms",
        "unique" => "unique.scope",
        _ => "runner",
    }
}

fn lead(field: &str, label: &str, rest: &[String]) -> String {
    match (field, rest.first()) {
        (_, None) => label.to_owned(),
        ("command.argv", Some(index)) if index == "0" => "Program".into(),
        ("command.argv", Some(index)) => format!("Argument {index}"),
        (_, Some(step)) => match step.parse::<usize>() {
            Ok(index) => format!("{label}, number {}", index + 1),
            Err(_) => format!("{label}, {step}"),
        },
    }
}

fn param_place(pointer: &str, rows: Option<&[ParamRow]>) -> (String, String) {
    let Some(rows) = rows else {
        let lead = if pointer.is_empty() { "Parameters".to_owned() } else { format!("Parameters, {pointer}") };
        return ("params".into(), lead);
    };
    let steps: Vec<&str> = pointer.split('/').skip(1).collect();
    let row = match steps.as_slice() {
        ["properties", name, ..] => rows.iter().position(|row| row.name == *name),
        _ => None,
    };
    let Some(row) = row else { return ("params.more".into(), format!("Parameters {pointer}").trim_end().to_owned()) };
    let part = match steps.get(2).copied() {
        None => "name",
        Some("enum") => "options",
        Some(word) => ROW_PARTS.iter().find(|(part, _)| *part == word).map_or("more", |(part, _)| part),
    };
    let words = ROW_PARTS.iter().find(|(name, _)| *name == part).map_or("", |(_, words)| words);
    (format!("params.{row}.{part}"), format!("Parameter {}, {}", rows[row].name, words.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(pointer: &str) -> String {
        let rows =
            [ParamRow { name: "a".into(), ..ParamRow::blank() }, ParamRow { name: "b".into(), ..ParamRow::blank() }];
        let (field, lead) = place(pointer, Some(&rows));
        format!("{field} | {lead}")
    }

    #[test]
    fn a_pointer_means_a_field() {
        for (pointer, expected) in [
            ("/name", "name | Name"),
            ("/command/argv", "command.argv | Program and arguments"),
            ("/command/argv/0", "command.argv | Program"),
            ("/command/argv/3", "command.argv | Argument 3"),
            ("/command/env/A~1B", "command.env | Environment, A/B"),
            ("/command/retry_codes/1", "command.retry_codes | Try again, number 2"),
            ("/http", "http.url | Address"),
            ("/defaults/backoff/base_ms", "defaults.backoff.base_ms | First wait"),
            ("/defaults/retry_if/exit_codes/0", "defaults.retry_if.exit_codes | Only after exit codes, number 1"),
            ("/params/properties/b/default", "params.1.default | Parameter b, default"),
            ("/params/properties/a/enum/1", "params.0.options | Parameter a, choices"),
            ("/params/properties/a/minLength", "params.0.more | Parameter a, further rules"),
            ("/params/properties/a", "params.0.name | Parameter a, name"),
            ("/params/order", "params.more | Parameters /order"),
            ("/nothing", "runner | How it runs"),
        ] {
            assert_eq!(placed(pointer), expected, "{pointer}");
        }
        assert_eq!(place("/params/properties/a", None), ("params".into(), "Parameters, /properties/a".into()));
    }
}
