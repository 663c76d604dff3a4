//! From a template to the fields of the form.

use std::collections::BTreeMap;

use super::lines::{spell_lines, spell_pairs};
use super::table::ParamTable;
use super::units::{spell_waits, split};
use crate::queue::fit::written;
use crate::queue::template::{
    Backoff, BackoffKind, CommandWork, Debounce, DebounceMode, Defaults, HandlerWork, HttpWork, Limits, OnInterrupt,
    RetryIf, SqlWork, Statuses, TemplateSpec, Unique, WhenFull,
};
use crate::web::form::Form;

/// Spells a template as a form. The name is not part of it.
pub fn form(spec: &TemplateSpec) -> Form {
    let mut form = Form::default().with("description", spec.description.as_str()).with("runner", spec.runner.as_str());
    form = command(form, spec.command.as_ref().unwrap_or(&blank_command()));
    form = http(form, spec.http.as_ref().unwrap_or(&blank_http()));
    form = sql(form, spec.sql.as_ref().unwrap_or(&blank_sql()));
    form = handler(form, spec.handler.as_ref());
    form = params(form, &spec.params.document());
    let form = form.with("requires", written(&spec.requires).replace(',', ", "));
    let form = limits(defaults(form, &spec.defaults), &spec.limits);
    unique(debounce(form, spec.debounce.as_ref()), spec.unique.as_ref())
}

fn blank_command() -> CommandWork {
    CommandWork { success_codes: vec![0], snooze_ms: 60_000, ..CommandWork::default() }
}

fn blank_http() -> HttpWork {
    HttpWork::to("https://")
}

fn blank_sql() -> SqlWork {
    SqlWork { statements: String::new(), database: "default".into() }
}

fn command(form: Form, work: &CommandWork) -> Form {
    let limits = &work.limits;
    let numbers = [
        ("memory_mib", limits.memory_mib),
        ("cpu_s", limits.cpu_s),
        ("files", limits.files),
        ("processes", limits.processes),
        ("file_size_mib", limits.file_size_mib),
    ];
    let form = form
        .with("command.argv", spell_lines(&work.argv))
        .with("command.shell", work.shell.clone().unwrap_or_default())
        .with("command.env", spell_pairs(&work.env, "="))
        .with("command.env_allow", work.env_allow.join(", "))
        .with("command.folder", work.folder.clone().unwrap_or_default())
        .with("command.stdin", work.stdin.clone().unwrap_or_default())
        .with("command.success_codes", numbers_text(&work.success_codes))
        .with("command.retry_codes", numbers_text(&work.retry_codes))
        .with("command.fail_codes", numbers_text(&work.fail_codes))
        .with("command.snooze_codes", numbers_text(&work.snooze_codes));
    let form = span(form, "command.snooze_ms", work.snooze_ms);
    let text = |limit: Option<u64>| limit.map(|limit| limit.to_string()).unwrap_or_default();
    numbers.into_iter().fold(form, |form, (name, limit)| form.with(&format!("command.limits.{name}"), text(limit)))
}

fn http(form: Form, work: &HttpWork) -> Form {
    let form = form
        .with("http.method", work.method.as_str())
        .with("http.url", work.url.as_str())
        .with("http.headers", spell_pairs(&work.headers, ": "))
        .with("http.body", work.body.clone().unwrap_or_default())
        .with("http.expect", statuses_text(&work.expect))
        .with("http.retry", statuses_text(&work.retry))
        .with("http.redirects", work.redirects.to_string());
    span(form, "http.timeout_ms", work.timeout_ms)
}

fn sql(form: Form, work: &SqlWork) -> Form {
    form.with("sql.statements", work.statements.as_str()).with("sql.database", work.database.as_str())
}

fn handler(form: Form, work: Option<&HandlerWork>) -> Form {
    form.with("handler.name", work.map(|work| work.name.clone()).unwrap_or_default())
}

fn params(form: Form, document: &serde_json::Value) -> Form {
    match ParamTable::of(document) {
        Some(table) => table_form(form, table),
        None => {
            let text = serde_json::to_string_pretty(document).unwrap_or_else(|_| document.to_string());
            form.with("params_view", "schema").with("params", text)
        }
    }
}

/// Adds a table of parameters to a form.
pub fn table_form(form: Form, table: ParamTable) -> Form {
    let form =
        form.with("params_view", "table").with("params.additional", table.additional).with("params.more", table.more);
    table.rows.into_iter().enumerate().fold(form, |form, (index, row)| row.into_form(form, index))
}

fn defaults(form: Form, defaults: &Defaults) -> Form {
    let form = form
        .with("defaults.queue", defaults.queue.as_str())
        .with("defaults.priority", defaults.priority.to_string())
        .with("defaults.max_attempts", defaults.max_attempts.to_string())
        .with("defaults.on_interrupt", on_interrupt(defaults.on_interrupt))
        .with("defaults.tags", defaults.tags.join(", "));
    let form = span(form, "defaults.timeout_ms", defaults.timeout_ms);
    retry_if(backoff(form, &defaults.backoff), defaults.retry_if.as_ref())
}

fn limits(form: Form, limits: &Limits) -> Form {
    let text = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let (keyed, rate) = (limits.keyed.as_ref(), limits.rate.as_ref());
    let by = |names: Option<&Vec<String>>| names.map(|names| names.join(", ")).unwrap_or_default();
    let form = form
        .with("limits.concurrency", text(limits.concurrency))
        .with("limits.concurrency_per_node", text(limits.concurrency_per_node))
        .with("limits.keyed.by", by(keyed.map(|keyed| &keyed.by)))
        .with("limits.keyed.jobs", text(keyed.map(|keyed| keyed.jobs)))
        .with("limits.keyed.when_full", keyed.map_or(WhenFull::Wait, |keyed| keyed.when_full).as_str())
        .with("limits.rate.by", by(rate.map(|rate| &rate.by)))
        .with("limits.rate.jobs", text(rate.map(|rate| rate.jobs)))
        .with("limits.rate.burst", text(rate.and_then(|rate| rate.burst)))
        .with("limits.reserve", spell_amounts(&limits.reserve));
    span(form, "limits.rate.per_ms", rate.map_or(1_000, |rate| rate.per_ms))
}

fn spell_amounts(reserve: &BTreeMap<String, u32>) -> String {
    reserve.iter().map(|(pool, amount)| format!("{pool}={amount}")).collect::<Vec<_>>().join(", ")
}

fn debounce(form: Form, debounce: Option<&Debounce>) -> Form {
    let Some(debounce) = debounce else { return form.with("debounce.mode", DebounceMode::Last.as_str()) };
    let form = form
        .with("debounce.by", debounce.by.join(", "))
        .with("debounce.mode", debounce.mode.as_str())
        .with("debounce.field", debounce.field.clone().unwrap_or_default());
    let form = span(form, "debounce.wait_ms", debounce.wait_ms);
    debounce.max_wait_ms.map_or_else(|| form.clone(), |ms| span(form.clone(), "debounce.max_wait_ms", ms))
}

fn unique(form: Form, unique: Option<&Unique>) -> Form {
    let Some(unique) = unique else { return form };
    let form = form.with("unique.by", unique.by.join(", "));
    match unique.for_ms {
        Some(ms) => span(form.with("unique.scope", "period"), "unique.for_ms", ms),
        None => form.with("unique.scope", unique.states.as_str()),
    }
}

fn on_interrupt(choice: OnInterrupt) -> &'static str {
    match choice {
        OnInterrupt::Retry => "retry",
        OnInterrupt::Fail => "fail",
        OnInterrupt::Hold => "hold",
    }
}

fn backoff(form: Form, backoff: &Backoff) -> Form {
    let kind = match backoff.kind {
        BackoffKind::Constant => "constant",
        BackoffKind::Linear => "linear",
        BackoffKind::Exponential => "exponential",
        BackoffKind::List => "list",
    };
    let form = form
        .with("defaults.backoff.kind", kind)
        .with("defaults.backoff.factor", backoff.factor.to_string())
        .with("defaults.backoff.jitter", backoff.jitter.to_string())
        .with("defaults.backoff.delays_ms", spell_waits(&backoff.delays_ms));
    span(span(form, "defaults.backoff.base_ms", backoff.base_ms), "defaults.backoff.max_ms", backoff.max_ms)
}

fn retry_if(form: Form, condition: Option<&RetryIf>) -> Form {
    let nothing = RetryIf::default();
    let condition = condition.unwrap_or(&nothing);
    let statuses: Vec<String> = condition.http_statuses.clone().into();
    form.with("defaults.retry_if.exit_codes", numbers_text(&condition.exit_codes))
        .with("defaults.retry_if.http_statuses", statuses.join(", "))
        .with("defaults.retry_if.error_contains", spell_lines(&condition.error_contains))
}

fn span(form: Form, field: &str, ms: u64) -> Form {
    let (number, unit) = split(ms);
    form.with(field, number.to_string()).with(&format!("{field}.unit"), unit)
}

fn numbers_text(numbers: &[i32]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn statuses_text(statuses: &Statuses) -> String {
    let texts: Vec<String> = statuses.clone().into();
    if texts.is_empty() { "none".into() } else { texts.join(", ") }
}
