//! The published JSON Schema of a template's document (`millrace template schema`).

use serde_json::{Map, Value, json};

use super::check::{BACKOFF_ITEMS_MAX, BACKOFF_MS_MAX, DESCRIPTION_CHARS_MAX, FACTOR_MAX};
use super::check_command::{ARGV_MAX, ENV_MAX};
use super::check_http::{HEADERS_MAX, METHODS, REDIRECTS_MAX};
use super::joining::{UNIQUE_MS_MAX, WAIT_MS_MAX, WAIT_MS_MIN};
use super::limits::{AMOUNT_MAX, JOBS_MAX, KEY_PARAMS_MAX, RATE_MS_MAX, RESERVE_MAX};
use super::{ATTEMPTS_MAX, Defaults, TIMEOUT_MS_MAX, TIMEOUT_MS_MIN};
use crate::queue::enqueue::TAGS_MAX;
use crate::queue::fit::REQUIRES_MAX;

const NAME: &str = "^[a-z0-9][a-z0-9._-]{0,63}$";

/// Gives the JSON Schema (draft 2020-12) of a template's document. Rules that a schema cannot say are left to `check`.
pub fn template_schema() -> Value {
    let blocks = ["command", "http", "sql", "handler"].map(
        |runner| json!({ "if": { "properties": { "runner": { "const": runner } } }, "then": { "required": [runner] } }),
    );
    let mut schema = object(
        &["kind", "name", "runner"],
        json!({
            "kind": { "const": "Template" },
            "name": { "type": "string", "pattern": NAME },
            "description": { "type": "string", "maxLength": DESCRIPTION_CHARS_MAX },
            "runner": { "enum": ["command", "http", "sql", "handler"] },
            "command": command(),
            "http": http(),
            "sql": object(&["statements"], json!({
                "statements": described("string", "Statements separated by ;. {{ … }} become bound values, never text."),
                "database": { "type": "string", "pattern": NAME, "default": "default" },
            })),
            "handler": object(&["name"], json!({ "name": { "type": "string", "pattern": NAME } })),
            "params": described("object", "JSON Schema subset; the enqueue form is made from it."),
            "defaults": defaults(),
            "limits": job_limits(),
            "debounce": debounce(),
            "unique": unique(),
            "requires": requires(),
        }),
    );
    let head = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Millrace template", "allOf": blocks });
    if let (Value::Object(schema), Value::Object(head)) = (&mut schema, head) {
        schema.extend(head);
    }
    schema
}

fn by() -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "maxItems": KEY_PARAMS_MAX,
        "description": "Parameters whose values make the key." })
}

fn debounce() -> Value {
    let ms = || json!({ "type": "integer", "minimum": WAIT_MS_MIN, "maximum": WAIT_MS_MAX });
    object(
        &["wait_ms"],
        json!({ "by": by(), "wait_ms": ms(), "max_wait_ms": ms(), "mode": { "enum": ["last", "accumulate"], "default": "last" },
            "field": described("string", "The parameter, a list, to which accumulate adds.") }),
    )
}

fn unique() -> Value {
    let states = json!({ "enum": ["unfinished", "waiting"], "default": "unfinished" });
    let for_ms = json!({ "type": "integer", "minimum": 1, "maximum": UNIQUE_MS_MAX });
    object(&[], json!({ "by": by(), "for_ms": for_ms, "states": states }))
}

fn requires() -> Value {
    json!({ "type": "object", "maxProperties": REQUIRES_MAX, "additionalProperties": { "type": "string" },
        "description": "Labels that a node must have to run its jobs, such as gpu: \"1\"." })
}

fn job_limits() -> Value {
    let jobs = || json!({ "type": "integer", "minimum": 1, "maximum": JOBS_MAX });
    let keyed = json!({ "by": by(), "jobs": jobs(), "when_full": { "enum": ["wait", "skip_newest", "cancel_oldest"], "default": "wait" } });
    let rate = json!({ "by": by(), "jobs": jobs(), "per_ms": { "type": "integer", "minimum": 100, "maximum": RATE_MS_MAX }, "burst": jobs() });
    object(
        &[],
        json!({ "concurrency": jobs(), "concurrency_per_node": jobs(), "keyed": object(&["by", "jobs"], keyed),
            "rate": object(&["jobs", "per_ms"], rate),
            "reserve": { "type": "object", "maxProperties": RESERVE_MAX, "propertyNames": { "pattern": NAME },
                "additionalProperties": { "type": "integer", "minimum": 1, "maximum": AMOUNT_MAX },
                "description": "What each of its jobs reserves while it runs: amounts by the names of pools, such as memory-mb: 512." } }),
    )
}

fn command() -> Value {
    let codes = || json!({ "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 255 } });
    object(
        &[],
        json!({
            "argv": { "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": ARGV_MAX,
                "description": "Program and arguments; each stays one argument. The program is fixed." },
            "shell": described("string", "Text for /bin/sh -c, never rendered; parameters are $PARAM_NAME."),
            "env": { "type": "object", "additionalProperties": { "type": "string" }, "maxProperties": ENV_MAX },
            "env_allow": { "type": "array", "items": { "type": "string" }, "maxItems": ENV_MAX,
                "description": "Names of the node's own variables that are passed on." },
            "folder": described("string", "Working directory; the attempt's own temporary directory when absent."),
            "stdin": described("string", "Standard input; empty when absent."),
            "success_codes": codes(),
            "retry_codes": codes(),
            "fail_codes": codes(),
            "snooze_codes": codes(),
            "snooze_ms": { "type": "integer", "minimum": 1_000, "maximum": TIMEOUT_MS_MAX },
            "limits": limits(),
        }),
    )
}

fn limits() -> Value {
    let names = ["memory_mib", "cpu_s", "files", "processes", "file_size_mib"];
    let limits: Map<_, _> =
        names.into_iter().map(|name| (name.into(), json!({ "type": "integer", "minimum": 1 }))).collect();
    object(&[], Value::Object(limits))
}

fn http() -> Value {
    let status = json!({ "type": "integer", "minimum": 100, "maximum": 599 });
    let statuses = json!({ "type": "array",
        "items": { "anyOf": [status, { "type": "string", "pattern": "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$" }] } });
    object(
        &["url"],
        json!({
            "method": { "enum": METHODS, "default": "GET" },
            "url": { "type": "string" },
            "headers": { "type": "object", "additionalProperties": { "type": "string" }, "maxProperties": HEADERS_MAX },
            "body": { "type": "string" },
            "expect": statuses,
            "retry": statuses,
            "timeout_ms": milliseconds(TIMEOUT_MS_MIN, TIMEOUT_MS_MAX),
            "redirects": { "type": "integer", "minimum": 0, "maximum": REDIRECTS_MAX },
        }),
    )
}

fn defaults() -> Value {
    let standard = Defaults::default();
    let backoff = json!({
        "kind": { "enum": ["constant", "linear", "exponential", "list"] },
        "base_ms": milliseconds(0, BACKOFF_MS_MAX),
        "factor": { "type": "number", "minimum": 1, "maximum": FACTOR_MAX },
        "max_ms": milliseconds(0, BACKOFF_MS_MAX),
        "jitter": { "type": "number", "minimum": 0, "maximum": 1 },
        "delays_ms": { "type": "array", "items": milliseconds(0, BACKOFF_MS_MAX), "maxItems": BACKOFF_ITEMS_MAX },
    });
    let retry_if = json!({
        "exit_codes": { "type": "array", "items": { "type": "integer" } },
        "http_statuses": { "type": "array", "items": { "type": ["integer", "string"] } },
        "error_contains": { "type": "array", "items": { "type": "string" }, "maxItems": BACKOFF_ITEMS_MAX },
    });
    object(
        &[],
        json!({
            "queue": { "type": "string", "pattern": NAME, "default": standard.queue },
            "priority": { "type": "integer", "minimum": 1, "maximum": 5, "default": standard.priority },
            "max_attempts": { "type": "integer", "minimum": 1, "maximum": ATTEMPTS_MAX, "default": standard.max_attempts },
            "timeout_ms": milliseconds(TIMEOUT_MS_MIN, TIMEOUT_MS_MAX),
            "backoff": object(&[], backoff),
            "retry_if": object(&[], retry_if),
            "on_interrupt": { "enum": ["retry", "fail", "hold"] },
            "tags": { "type": "array", "items": { "type": "string" }, "maxItems": TAGS_MAX },
        }),
    )
}

fn milliseconds(minimum: u64, maximum: u64) -> Value {
    json!({ "type": "integer", "minimum": minimum, "maximum": maximum })
}

fn described(kind: &str, description: &str) -> Value {
    json!({ "type": kind, "description": description })
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
}

#[cfg(test)]
mod tests {
    use super::super::TemplateSpec;
    use super::*;

    fn names(value: &Value) -> Vec<&str> {
        let mut names: Vec<_> = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// A spec in which every field is written.
    fn full() -> Value {
        let spec = json!({
            "description": "d", "runner": "command", "params": { "properties": { "a": { "type": "string" } } },
            "command": { "argv": ["a"], "shell": "s", "env": { "A": "b" }, "env_allow": ["C"], "folder": "f", "stdin": "i",
                "retry_codes": [1], "fail_codes": [2], "snooze_codes": [3],
                "limits": { "memory_mib": 1, "cpu_s": 1, "files": 1, "processes": 1, "file_size_mib": 1 } },
            "http": { "url": "u", "headers": { "a": "b" }, "body": "b", "redirects": 1 },
            "sql": { "statements": "s" }, "handler": { "name": "h" },
            "defaults": { "tags": ["t"], "backoff": { "delays_ms": [1] },
                "retry_if": { "exit_codes": [1], "http_statuses": [500], "error_contains": ["e"] } },
            "limits": { "concurrency": 1, "concurrency_per_node": 1, "keyed": { "by": ["a"], "jobs": 1 },
                "rate": { "by": ["a"], "jobs": 1, "per_ms": 100, "burst": 1 }, "reserve": { "a": 1 } },
            "debounce": { "by": ["a"], "wait_ms": 100, "max_wait_ms": 100, "field": "a" },
            "unique": { "by": ["a"], "for_ms": 1 },
            "requires": { "gpu": "1" },
        });
        let spec: TemplateSpec = serde_json::from_value(spec).unwrap();
        serde_json::to_value(spec).unwrap()
    }

    #[test]
    fn the_schema_names_exactly_the_fields_that_are_read() {
        let (schema, full) = (template_schema(), full());
        let properties = |path: &str| names(schema.pointer(&format!("{path}/properties")).unwrap()).join(" ");

        let mut top = names(&full);
        top.extend(["kind", "name"]);
        top.sort_unstable();
        assert_eq!(properties(""), top.join(" "));
        for block in [
            "command",
            "command/limits",
            "http",
            "sql",
            "handler",
            "defaults",
            "defaults/backoff",
            "defaults/retry_if",
            "limits",
            "limits/keyed",
            "limits/rate",
            "debounce",
            "unique",
        ] {
            let at = format!("/properties/{}", block.replace('/', "/properties/"));
            assert_eq!(properties(&at), names(full.pointer(&format!("/{block}")).unwrap()).join(" "), "{block}");
        }
    }
}
