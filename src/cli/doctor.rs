//! `millrace doctor`: every unsafe or unhealthy thing with the act that mends it. Changes nothing.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use diesel::Connection;
use serde_json::json;

use super::{Answer, Database, Failure, Globals};
use crate::admin::health::service::{self as health, Finding};
use crate::admin::health::{database, resting};
use crate::base::clock::SystemClock;
use crate::base::db::{DbError, PgConnection};
use crate::base::key::{DataKey, KeyError};
use crate::config::Config;

/// Free space below which an embedded cluster is in danger.
const FREE_BYTES_MIN: u64 = 1 << 30;

pub(super) fn run(globals: &Globals) -> Result<Answer, Failure> {
    let config = globals.settings()?;
    let mut findings = settings(&config);
    findings.extend(files(&config));
    match Database::for_command(&config) {
        Ok(database) => findings.extend(look_at(&database)),
        Err(failure) => findings.push(unreachable(&failure)),
    }
    let text = findings.iter().map(|finding| format!("- {finding}")).collect::<Vec<_>>().join("\n");
    let answer = |text: &str| Answer::new(text, json!({ "findings": findings }));
    match findings.len() {
        0 => Ok(answer("Nothing unsafe or unhealthy was found.")),
        1 => Err(Failure::refused("millrace: one thing needs attention").saying(answer(&text))),
        many => Err(Failure::refused(format!("millrace: {many} things need attention")).saying(answer(&text))),
    }
}

fn settings(config: &Config) -> Vec<Finding> {
    let open = config.listen_problem().map(|problem| Finding::new("listen", problem, "then restart Millrace"));
    let http =
        config.public_url.as_ref().filter(|url| config.tls_terminated && url.starts_with("http://")).map(|url| {
            Finding::new(
                "public-url",
                format!("TLS is stated, but the public URL is {url}: cookies would travel in the clear"),
                "set MILLRACE_PUBLIC_URL to the https:// address that browsers use",
            )
        });
    let alone = (config.tls_terminated && config.trusted_proxies.is_empty()).then(|| {
        Finding::new(
            "proxies",
            "a proxy is in front, but none is trusted: all visitors seem to come from its address and share one throttle",
            "name its address in MILLRACE_TRUSTED_PROXIES",
        )
    });
    let diagnostics = config.allow_diagnostics.then(|| {
        Finding::new(
            "diagnostics",
            "the diag.* handlers are registered: whoever may enqueue can make this node run out of memory",
            "unset MILLRACE_ALLOW_DIAGNOSTICS and restart",
        )
    });
    let sql = (config.database_url.is_some() && config.sql_url.is_none()).then(|| {
        Finding::new(
            "sql-url",
            "no login is named for the statements of sql jobs: such jobs give up here",
            "set MILLRACE_SQL_URL to a login of the role millrace_sql, which may touch what you grant it",
        )
    });
    let slips = config.slips.iter().map(|slip| Finding::new("variable", slip.clone(), "correct or unset it"));
    [open, http, alone, diagnostics, sql].into_iter().flatten().chain(slips).collect()
}

fn files(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    match DataKey::open(&config.data_dir) {
        Ok(_) | Err(KeyError::Missing { .. }) => {} // the first start makes one
        Err(error) => findings.push(Finding::new("key-file", error.to_string(), "then run `millrace doctor` again")),
    }
    let embedded = config.database_url.is_none();
    if let Some(free) = free_bytes(&config.data_dir).filter(|free| embedded && *free < FREE_BYTES_MIN) {
        let problem = format!("only {} MiB are free for the database in {}", free >> 20, config.data_dir.display());
        findings.push(Finding::new("disk", problem, "make room, or move the data folder to a larger disk"));
    }
    findings
}

/// Tells the free space where `path` is, or will be made.
fn free_bytes(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|ancestor| ancestor.exists())?;
    let name = CString::new(existing.as_os_str().as_bytes()).ok()?;
    // SAFETY: statvfs is a plain C struct for which zeroes are a valid value; the call fills it.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the length of the call.
    let answer = unsafe { libc::statvfs(name.as_ptr(), &mut found) };
    (answer == 0).then(|| found.f_bavail * found.f_frsize)
}

/// Looks at everything, whatever fails on the way.
fn look_at(database: &Database) -> Vec<Finding> {
    match examine(database) {
        Ok(findings) => findings,
        Err(failure) => vec![unreachable(&failure)],
    }
}

fn examine(database: &Database) -> Result<Vec<Finding>, Failure> {
    let mut owner = database.owner()?;
    let away = |error: diesel::ConnectionError| DbError::Unavailable(error.to_string());
    let mut runtime = PgConnection::establish(&database.runtime_url()?).map_err(away)?;
    let mut findings = health::durability(&mut runtime)?;
    findings.extend(health::clock(&mut runtime, &SystemClock)?);
    findings.extend(health::roles(&mut runtime)?);
    let missing = health::schema(&mut owner)?;
    if missing.is_empty() {
        findings.extend(health::admin(&mut runtime)?); // needs the table
        findings.extend(watched(&mut runtime)?);
        findings.extend(resting::findings(&mut runtime)?);
    }
    findings.extend(missing);
    Ok(findings)
}

/// Looks at once instead of reading what an engine saw: there may be none. Durability has been told already.
fn watched(runtime: &mut PgConnection) -> Result<Vec<Finding>, DbError> {
    let sample = database::take(runtime)?;
    let found = database::warnings(Some(&sample), sample.at).into_iter();
    Ok(found.filter(|finding| finding.code != "durability").collect())
}

fn unreachable(failure: &Failure) -> Finding {
    Finding::new(
        "database",
        format!("the database cannot be used: {}", failure.reason()),
        "mend that and run `millrace doctor` again",
    )
}
