//! Log lines of this process, on stderr.

use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

use super::Failure;
use crate::config::{LogFormat, Logging};

/// Starts logging as the settings say.
///
/// # Errors
/// The filter is not understood, or logging was started before.
pub(super) fn start(settings: &Logging) -> Result<(), Failure> {
    let filter = EnvFilter::from_str(&settings.filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Json => lines.json().try_init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
    started.map_err(|error| Failure::refused(format!("cannot log: {error}")))
}
