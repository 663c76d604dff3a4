//! Who does which kind of template on this node.

use super::BootError;
use crate::config::Config;
use crate::demo;
use crate::engine::Runners;
use crate::queue::sql_jobs::SqlConnections;
use crate::queue::template::RunnerKind;
use crate::queue::work::Registry;
use crate::runners::command::{CommandRunner, CommandSettings, user};
use crate::runners::diag;
use crate::runners::http::{HttpRules, HttpRunner};
use crate::runners::sql::SqlRunner;

/// As whom commands run where the server already has the usual user.
const OTHER_USER: &str = "daemon";

/// Tells an engine the mark that its commands carry, so that its supervisor finds what it left when it dies. The engine itself
/// does not carry the mark.
pub const MARK_VARIABLE: &str = "MILLRACE_ENGINE_MARK";

/// Tells an engine that its database is a demo's: it then knows the demo's handlers, and HTTP jobs may reach this port of
/// 127.0.0.1.
pub const DEMO_VARIABLE: &str = "MILLRACE_DEMO_PARTNER";

/// Puts the runners together. `registry` holds the organisation's own handlers. Without `MILLRACE_SQL_URL` no statements are run:
/// no other login has the rights of `sql` jobs.
///
/// # Errors
/// [`BootError`] when a setting cannot be met: an unknown command user.
pub fn all(config: &Config, registry: &Registry) -> Result<Runners, BootError> {
    let mut handlers = registry.clone();
    if config.allow_diagnostics {
        handlers = handlers.and(diag::registry(config.sql_url.as_deref().map(SqlConnections::new)));
    }
    let mut allow = config.http_allow.clone();
    if let Ok(port) = std::env::var(DEMO_VARIABLE) {
        handlers = handlers.and(demo::registry());
        allow.push(format!("127.0.0.1:{port}").parse().map_err(|error| BootError::when(DEMO_VARIABLE, error))?);
    }
    let sql = config
        .sql_url
        .as_deref()
        .map_or_else(SqlRunner::default, |url| SqlRunner::default().with(SqlRunner::DEFAULT, SqlConnections::new(url)));
    let command = CommandRunner::new(command_settings(config)).map_err(BootError)?;
    Ok(Runners::default()
        .with(RunnerKind::Handler, handlers)
        .with(RunnerKind::Command, command)
        .with(RunnerKind::Http, HttpRunner::new(HttpRules { allow }))
        .with(RunnerKind::Sql, sql))
}

/// Chooses the user that commands run as beside an embedded server that runs as number `server`: its socket trusts whoever
/// has its number. `None` leaves it to the settings.
///
/// # Errors
/// [`BootError`] when the settings name the server's own user.
pub fn command_user(named: Option<&str>, server: u32) -> Result<Option<&'static str>, BootError> {
    let is_server = |name: &str| user::uid_of(name).is_ok_and(|uid| uid == server);
    match named {
        _ if !user::are_root() => Ok(None), // commands run as we do
        Some(name) if is_server(name) => Err(BootError(format!(
            "MILLRACE_COMMAND_USER names {name}, as whom the database's server runs: commands could read the database; \
             name another unprivileged user"
        ))),
        Some(_) => Ok(None),
        None => Ok(is_server(&CommandSettings::default().user).then_some(OTHER_USER)),
    }
}

fn command_settings(config: &Config) -> CommandSettings {
    let usual = CommandSettings::default();
    CommandSettings {
        user: config.command_user.clone().unwrap_or(usual.user.clone()),
        engine: std::env::var(MARK_VARIABLE).unwrap_or_else(|_| usual.engine.clone()),
        ..usual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_never_run_as_the_databases_server() {
        if !user::are_root() {
            return;
        }
        let nobody = user::uid_of("nobody").expect("a user");

        assert!(command_user(Some("nobody"), nobody).expect_err("refused").0.contains("names nobody"));
        assert_eq!(command_user(None, nobody).expect("chosen"), Some("daemon"));
        assert_eq!(command_user(None, nobody + 1).expect("chosen"), None);
        assert_eq!(command_user(Some("games"), nobody).expect("chosen"), None);
    }
}
