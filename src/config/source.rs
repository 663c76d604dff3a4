//! Where values come from: default < file < environment < flag. Each value remembers its source.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::file;
use super::setting::{self, Secrecy, Setting};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Built in, or found out at start.
    Default,
    /// A line of the settings file.
    File {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// The environment variable.
    Environment,
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
            Self::Environment => f.write_str("environment"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// What settings are read from.
pub struct Inputs {
    /// The folder in which `millrace.toml` is looked for.
    pub folder: PathBuf,
    /// The settings file, if one was named (`--config`); else `MILLRACE_CONFIG`, else `millrace.toml` if there is one.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, OsString>,
    /// Values given by flags.
    pub flags: Vec<(&'static Setting, String)>,
    /// Defaults that depend on the machine.
    pub defaults: Vec<(&'static Setting, String)>,
}

/// The text of each setting that has one, with its source.
#[derive(Debug, Clone, Default)]
pub struct Values(BTreeMap<&'static str, (String, Source)>);

impl Values {
    /// Gathers the texts; a later source replaces an earlier one.
    ///
    /// # Errors
    /// The settings file's problems, and variables that are not UTF-8.
    pub fn gather(inputs: &Inputs) -> Result<Self, ConfigError> {
        let mut values = Self::default();
        for setting in setting::ALL.into_iter().filter(|setting| !setting.default.is_empty()) {
            values.put(setting, setting.default.to_owned(), Source::Default);
        }
        for (setting, text) in &inputs.defaults {
            values.put(setting, text.clone(), Source::Default);
        }
        values.read_file(inputs)?;
        values.read_environment(&inputs.environment)?;
        for (setting, text) in &inputs.flags {
            values.put(setting, text.clone(), Source::Flag);
        }
        Ok(values)
    }

    fn put(&mut self, setting: &Setting, text: String, source: Source) {
        self.0.insert(setting.key, (text, source));
    }

    fn read_file(&mut self, inputs: &Inputs) -> Result<(), ConfigError> {
        let Some(path) = settings_file(inputs) else { return Ok(()) };
        let text = std::fs::read_to_string(&path)
            .map_err(|error| ConfigError::File { path: path.clone(), problem: error.to_string() })?;
        for entry in file::parse(&path, &text)? {
            self.put(entry.setting, entry.text, Source::File { path: path.clone(), line: entry.line });
        }
        Ok(())
    }

    /// An empty variable counts as unset: that is how composed files switch one off.
    fn read_environment(&mut self, environment: &BTreeMap<String, OsString>) -> Result<(), ConfigError> {
        for setting in setting::ALL {
            let Some(value) = environment.get(setting.variable).filter(|value| !value.is_empty()) else { continue };
            let text = value.to_str().ok_or_else(|| ConfigError::Value {
                origin: format!("{} (environment)", setting.variable),
                text: value.to_string_lossy().into_owned(),
                allowed: "it must be UTF-8".into(),
            })?;
            self.put(setting, text.to_owned(), Source::Environment);
        }
        Ok(())
    }

    /// Gives a setting's text and source.
    pub fn get(&self, setting: &Setting) -> Option<(&str, &Source)> {
        self.0.get(setting.key).map(|(text, source)| (text.as_str(), source))
    }

    /// Reads a setting through `parse`; `None` when it is unset.
    ///
    /// # Errors
    /// [`ConfigError::Value`] with what `parse` says is allowed.
    pub fn read<T>(
        &self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((text, source)) = self.get(setting) else { return Ok(None) };
        parse(text.trim()).map(Some).map_err(|allowed| ConfigError::Value {
            origin: origin(setting, source),
            text: shown(setting, text),
            allowed,
        })
    }
}

fn origin(setting: &Setting, source: &Source) -> String {
    match source {
        Source::File { .. } => format!("{} ({source})", setting.key),
        Source::Flag => format!("--{} (flag)", setting.key.replace('_', "-")),
        _ => format!("{} ({source})", setting.variable),
    }
}

/// A named file must be there; `millrace.toml` may be absent.
fn settings_file(inputs: &Inputs) -> Option<PathBuf> {
    let named = inputs.environment.get("MILLRACE_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual = || Some(inputs.folder.join("millrace.toml")).filter(|path| path.exists());
    inputs.file.clone().or(named).map(|path| inputs.folder.join(path)).or_else(usual)
}

/// Gives a value as it may be shown.
pub fn shown(setting: &Setting, text: &str) -> String {
    match setting.secrecy {
        Secrecy::Open => text.to_owned(),
        Secrecy::Secret => "••••••".to_owned(),
        Secrecy::Url => crate::base::db::url::masked(text),
    }
}

/// Reads the process's own folder and environment.
pub fn of_this_process() -> (PathBuf, BTreeMap<String, OsString>) {
    let folder = std::env::current_dir().unwrap_or_else(|_| Path::new(".").to_owned());
    let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
    (folder, environment)
}
