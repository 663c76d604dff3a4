//! The environment of a command: nothing of ours, then what it needs, what is allowed and what the template says.

use std::collections::BTreeMap;
use std::io;

use chrono::{SecondsFormat, TimeDelta};
use serde_json::Value;

use super::ENGINE_VARIABLE;
use super::plan::Source;
use crate::queue::render::spell;
use crate::queue::template::param_variable;
use crate::queue::work::JobContext;

/// Longest value of a variable, in bytes; Linux takes 128 KiB with the name (`MAX_ARG_STRLEN`).
const VALUE_BYTES_MAX: usize = 120 * 1024;

/// Variables by name.
pub(super) type Variables = BTreeMap<String, String>;

/// Gives what marks every process of an attempt: entries of its environment.
pub(super) fn marks(job: &JobContext, engine: &str) -> Vec<String> {
    vec![
        format!("{ENGINE_VARIABLE}={engine}"),
        format!("MILLRACE_JOB_ID={}", job.job()),
        format!("MILLRACE_ATTEMPT={}", job.attempt()),
        format!("MILLRACE_FENCE={}", job.fence()),
    ]
}

/// Gives the variables that do not depend on rendered texts.
///
/// Arguments, a checkpoint or a parameter of a shell text that are too long for a variable are written to a file of the
/// workplace instead, named by `MILLRACE_ARGS_FILE`, `MILLRACE_CHECKPOINT_FILE` or `PARAM_…_FILE`.
///
/// # Errors
/// The file could not be written.
pub(super) fn given(source: &Source<'_>) -> io::Result<Variables> {
    let Source { job, work, settings, .. } = *source;
    let home = source.place.path().to_string_lossy();
    let mut variables = Variables::new();
    let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
    set("PATH", &settings.path);
    set("HOME", &home);
    set("TMPDIR", &home);
    set("LANG", "C.UTF-8");
    for name in &work.env_allow {
        if let Ok(value) = std::env::var(name) {
            set(name, &value);
        }
    }
    for mark in marks(job, &settings.engine) {
        if let Some((name, value)) = mark.split_once('=') {
            set(name, value);
        }
    }
    if let Some(deadline) = deadline(job) {
        set("MILLRACE_DEADLINE", &deadline);
    }
    if let Some(one) = job.occurrence() {
        set("MILLRACE_SCHEDULE", &one.schedule);
        set("MILLRACE_OCCURRENCE", &spell(one.at));
    }
    put(&mut variables, "MILLRACE_ARGS", job.args().to_string(), source)?;
    if let Some(checkpoint) = job.last_checkpoint() {
        put(&mut variables, "MILLRACE_CHECKPOINT", checkpoint.to_string(), source)?;
    }
    for (name, text) in work.shell.iter().flat_map(|_| params(job.args())) {
        put(&mut variables, &name, text, source)?;
    }
    Ok(variables)
}

/// Spells the moment at which the attempt is stopped.
fn deadline(job: &JobContext) -> Option<String> {
    let left = TimeDelta::from_std(job.time_left()?).ok()?;
    let deadline = job.clock().now().checked_add_signed(left)?;
    Some(deadline.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn put(variables: &mut Variables, name: &str, text: String, source: &Source<'_>) -> io::Result<()> {
    if text.len() <= VALUE_BYTES_MAX {
        variables.insert(name.to_owned(), text);
        return Ok(());
    }
    let path = source.place.write(&name.to_lowercase(), &text, source.run_as)?;
    variables.insert(format!("{name}_FILE"), path.to_string_lossy().into_owned());
    Ok(())
}

/// Gives the arguments as variables of a shell text: texts as they are, all else as JSON; `null` is left out.
fn params(args: &Value) -> Variables {
    let spelled = |(name, value): (&String, &Value)| match value {
        Value::Null => None,
        Value::String(text) => Some((param_variable(name), text.clone())),
        other => Some((param_variable(name), other.to_string())),
    };
    args.as_object().into_iter().flatten().filter_map(spelled).filter(|(name, _)| is_variable(name)).collect()
}

/// Arguments beside the declared parameters may have any name.
fn is_variable(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_become_variables() {
        let args = json!({ "out-dir": "a b", "n": 3, "list": [1], "none": null, "x=y": 1 });

        let variables: Vec<_> = params(&args).into_iter().collect();

        let expected = [("PARAM_LIST", "[1]"), ("PARAM_N", "3"), ("PARAM_OUT_DIR", "a b")];
        assert_eq!(variables, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
