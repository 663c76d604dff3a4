//! The settings file, `millrace.toml`: the settings' keys, flat. Lists may be arrays, pairs may be tables.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::setting::{self, Setting};

/// Largest settings file.
const BYTES_MAX: usize = 256 * 1024;

/// One setting of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which setting.
    pub setting: &'static Setting,
    /// Its value, written as an environment variable would hold it.
    pub text: String,
    /// Line, from 1.
    pub line: usize,
}

/// Reads the settings of a file.
///
/// # Errors
/// [`ConfigError`] with the line of the first problem.
pub fn parse(path: &Path, text: &str) -> Result<Vec<Entry>, ConfigError> {
    let syntax =
        |at: usize, problem: String| ConfigError::Syntax { path: path.to_owned(), line: line_of(text, at), problem };
    if text.len() > BYTES_MAX {
        return Err(syntax(0, format!("the file has {} bytes, at most {BYTES_MAX} are allowed", text.len())));
    }
    let table = DeTable::parse(text)
        .map_err(|error| syntax(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    let mut entries = Vec::new();
    for (key, value) in table.get_ref() {
        let (name, at) = (key.get_ref().as_ref(), key.span().start);
        let Some(setting) = setting::by_key(name) else { return Err(unknown(path, line_of(text, at), name)) };
        let value = written(value.get_ref()).map_err(|problem| syntax(at, format!("{name} {problem}")))?;
        entries.push(Entry { setting, text: value, line: line_of(text, at) });
    }
    Ok(entries)
}

fn unknown(path: &Path, line: usize, key: &str) -> ConfigError {
    let near = setting::nearest(key, setting::ALL.iter().map(|setting| setting.key));
    ConfigError::Unknown { path: path.to_owned(), line, key: key.to_owned(), near }
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// Writes a value as an environment variable would hold it.
fn written(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::Array(items) => joined(items.iter().map(|item| scalar(item.get_ref()))),
        DeValue::Table(fields) => {
            joined(fields.iter().map(|(key, value)| Ok(format!("{}={}", key.get_ref(), scalar(value.get_ref())?))))
        }
        one => scalar(one),
    }
}

fn joined(items: impl Iterator<Item = Result<String, String>>) -> Result<String, String> {
    Ok(items.collect::<Result<Vec<_>, _>>()?.join(","))
}

fn scalar(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Boolean(true) => Ok("on".into()),
        DeValue::Boolean(false) => Ok("off".into()),
        other => Err(format!("may not be a {}: write a text, a whole number or true or false", other.type_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<(&'static str, String, usize)>, String> {
        let entries = parse(Path::new("millrace.toml"), text).map_err(|error| error.to_string())?;
        Ok(entries.into_iter().map(|entry| (entry.setting.key, entry.text, entry.line)).collect())
    }

    #[test]
    fn values_are_written_as_variables_are() {
        let text = "# ours\nlisten = \"127.0.0.1:9000\"\nslots = 8\nallow_diagnostics = true\nroles = [\"web\", \"engine\"]\n\n\
                    [queues]\nmail = 3\ndefault = 1\n";

        let mut entries = parsed(text).expect("a good file");
        entries.sort_by_key(|entry| entry.2);

        assert_eq!(
            entries,
            [
                ("listen", "127.0.0.1:9000".into(), 2),
                ("slots", "8".into(), 3),
                ("allow_diagnostics", "on".into(), 4),
                ("roles", "web,engine".into(), 5),
                ("queues", "default=1,mail=3".into(), 7),
            ]
        );
    }

    #[test]
    fn problems_name_their_line() {
        for (text, expected) in [
            ("\nlisen = \"x\"", "millrace.toml line 2: \"lisen\" is no setting, did you mean \"listen\"?"),
            ("slots = 1.5", "millrace.toml line 1: slots may not be a float"),
            ("a = 1\nslots = ", "millrace.toml line 2: "),
            ("listen = \"a\"\nlisten = \"b\"", "millrace.toml line 2: "),
        ] {
            let problem = parsed(text).expect_err("refused");
            assert!(problem.starts_with(expected), "{problem}");
        }
    }
}
