//! Who does which kind of template on this node.

use super::BootError;
use crate::config::Config;
use crate::engine::Runners;
use crate::queue::sql_jobs::SqlConnections;
use crate::queue::template::RunnerKind;
use crate::queue::work::Registry;
use crate::runners::command::{CommandRunner, CommandSettings};
use crate::runners::diag;
use crate::runners::http::{HttpRules, HttpRunner};
use crate::runners::sql::SqlRunner;

/// Tells an engine the mark that its commands carry, so that its supervisor finds what it left when it dies. The engine itself
/// does not carry the mark.
pub const MARK_VARIABLE: &str = "MILLRACE_ENGINE_MARK";

/// Puts the runners together. `registry` holds the organisation's own handlers.
///
/// # Errors
/// [`BootError`] when a setting cannot be met: an unknown command user.
pub fn all(config: &Config, registry: &Registry, sql_url: &str) -> Result<Runners, BootError> {
    let handlers = if config.allow_diagnostics { registry.clone().and(diag::registry()) } else { registry.clone() };
    let command = CommandRunner::new(command_settings(config)).map_err(BootError)?;
    Ok(Runners::default()
        .with(RunnerKind::Handler, handlers)
        .with(RunnerKind::Command, command)
        .with(RunnerKind::Http, HttpRunner::new(http_rules(config)?))
        .with(RunnerKind::Sql, SqlRunner::default().with("default", SqlConnections::new(sql_url))))
}

/// Names the handlers that templates can use on this node.
pub fn handler_names(config: &Config, registry: &Registry) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = registry.names().collect();
    if config.allow_diagnostics {
        names.extend(diag::registry().names());
    }
    names.sort_unstable();
    names
}

fn command_settings(config: &Config) -> CommandSettings {
    let usual = CommandSettings::default();
    CommandSettings {
        user: config.command_user.clone().unwrap_or(usual.user.clone()),
        engine: std::env::var(MARK_VARIABLE).unwrap_or_else(|_| usual.engine.clone()),
        ..usual
    }
}

fn http_rules(config: &Config) -> Result<HttpRules, BootError> {
    let allowed = config
        .http_allow
        .iter()
        .map(|network| network.to_string().parse().map_err(|error| BootError::when("MILLRACE_HTTP_ALLOW", error)));
    Ok(HttpRules { allow: allowed.collect::<Result<_, _>>()? })
}
