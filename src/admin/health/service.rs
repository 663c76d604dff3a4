//! Findings about the database: durability, schema, roles, clock, first admin.

use chrono::TimeDelta;

use super::{database, queries};
use crate::base::clock::Clock;
use crate::base::db::migrate::{self, MigrateError};
use crate::base::db::{DbError, PgConnection};
use crate::queue::access::setup;

/// The role that the running program acts as.
pub const RUNTIME_ROLE: &str = "millrace_app";
/// Roles that must exist.
const ROLES: [&str; 3] = [RUNTIME_ROLE, "millrace_client", "millrace_sql"];
/// Largest difference between this machine's clock and the database's.
const SKEW_SECONDS_MAX: i64 = 2;

/// Something unsafe or unhealthy.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Stable name, for programs.
    pub code: &'static str,
    /// What is wrong and what may come of it.
    pub problem: String,
    /// The act that mends it.
    pub act: String,
}

impl Finding {
    /// Makes a finding.
    pub fn new(code: &'static str, problem: impl Into<String>, act: impl Into<String>) -> Self {
        Self { code, problem: problem.into(), act: act.into() }
    }

    /// Gives the problem as a sentence.
    pub fn sentence(&self) -> String {
        format!("{}.", capital(&self.problem))
    }

    /// Gives the act as a sentence, commands in quotation marks.
    pub fn remedy(&self) -> String {
        let quoted = |(is_code, text)| if is_code { format!("“{text}”") } else { text };
        self.remedy_parts().into_iter().map(quoted).collect()
    }

    /// Gives the act as a sentence in pieces, each with whether it is a command.
    pub fn remedy_parts(&self) -> Vec<(bool, String)> {
        let sentence = format!("{}.", capital(&self.act));
        let parts = sentence.split('`').enumerate().map(|(place, text)| (place % 2 == 1, text.to_owned()));
        parts.filter(|(_, text)| !text.is_empty()).collect()
    }
}

/// Names of settings stay as they are written.
fn capital(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    match text.chars().next() {
        Some(letter) if !first.contains(['_', '.', '(']) => letter.to_uppercase().chain(text.chars().skip(1)).collect(),
        _ => text.to_owned(),
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} — {}", self.problem, self.act)
    }
}

/// Why the health cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The list of migrations cannot be read.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

/// Names what can lose acknowledged work in a crash. Cheap; pages show it as a red banner.
///
/// # Errors
/// Database failures.
pub fn durability(conn: &mut PgConnection) -> Result<Vec<Finding>, DbError> {
    database::durability_findings(conn)
}

/// Names migrations that are not applied yet.
///
/// # Errors
/// Database failures.
pub fn schema(owner: &mut PgConnection) -> Result<Vec<Finding>, HealthError> {
    let pending = migrate::pending(owner)?;
    let finding = |names: Vec<String>| {
        let problem = format!("the schema lacks {} migrations, from {} on", names.len(), names[0]);
        Finding::new("migrations", problem, "run `millrace migrate`")
    };
    Ok(Some(pending).filter(|names| !names.is_empty()).map(finding).into_iter().collect())
}

/// Names roles that are missing, and rights that the running program has and should not have.
///
/// # Errors
/// Database failures.
pub fn roles(runtime: &mut PgConnection) -> Result<Vec<Finding>, DbError> {
    let missing = queries::missing_roles(runtime, &ROLES)?;
    let mut findings: Vec<Finding> = missing
        .into_iter()
        .map(|role| {
            let act =
                format!("run `CREATE ROLE {role} LOGIN` as an administrator of the database, then `millrace migrate`");
            Finding::new("role-missing", format!("the role {role} does not exist"), act)
        })
        .collect();
    let found = queries::strength(runtime)?;
    let rights: Vec<&str> = [
        (found.superuser, "is a superuser"),
        (found.changes_audit, "may change and delete audit records"),
        (found.changes_schema, "may change the schema"),
    ]
    .into_iter()
    .filter_map(|(has, words)| has.then_some(words))
    .collect();
    if !rights.is_empty() {
        let problem = format!("the running program acts as {}, which {}", found.role, rights.join(" and "));
        let act = format!("let its login be a member of {RUNTIME_ROLE} and no more: `GRANT {RUNTIME_ROLE} TO …`");
        findings.push(Finding::new("role-too-strong", problem, act));
    }
    Ok(findings)
}

/// Names a clock that goes wrong.
///
/// # Errors
/// Database failures.
pub fn clock(conn: &mut PgConnection, clock: &dyn Clock) -> Result<Vec<Finding>, DbError> {
    let before = clock.now();
    let database = queries::database_time(conn)?;
    let after = clock.now();
    // the database looked at its clock somewhere between our two looks
    let skew = if database < before { before - database } else { (database - after).max(TimeDelta::zero()) };
    let large = skew > TimeDelta::seconds(SKEW_SECONDS_MAX);
    let problem =
        format!("this machine's clock and the database's differ by {:.1} s", skew.num_milliseconds() as f64 / 1e3);
    let act = "let both follow a time server (systemd-timesyncd, chrony)";
    Ok(large.then(|| Finding::new("clock-skew", problem, act)).into_iter().collect())
}

/// Names that nobody can administer.
///
/// # Errors
/// Database failures.
pub fn admin(conn: &mut PgConnection) -> Result<Vec<Finding>, DbError> {
    let none = !setup::admin_exists(conn)?;
    let act = "run `millrace user setup-link` and open the link it prints";
    Ok(none.then(|| Finding::new("no-admin", "there is no admin yet", act)).into_iter().collect())
}

/// Tells which role the running program should act as on this login: the runtime role, if the login is a member.
///
/// # Errors
/// Database failures.
pub fn runtime_role(login: &mut PgConnection) -> Result<Option<&'static str>, DbError> {
    Ok(queries::may_act_as(login, RUNTIME_ROLE)?.then_some(RUNTIME_ROLE))
}
