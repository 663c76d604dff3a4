//! Whether this process can do its work, check by check, for load balancers and for people who ask why not.

use serde::Serialize;

use super::service;
use crate::admin::nodes::service::{self as nodes, NodeError};
use crate::base::db::{DbError, PgConnection, migrate};
use crate::base::text::NodeName;
use crate::queue::actor::Actor;

/// A heartbeat older than this is missed: the lease has ended by then.
const HEARTBEAT_AGE_MAX_MS: i64 = 10_000;

/// Which node this process serves. Boot puts it into the application.
#[derive(Debug, Clone, Default)]
pub struct Here {
    /// The node whose engine runs beside this web server; absent = no engine here.
    pub node: Option<NodeName>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// Works, but somebody should look.
    Warn,
    /// The work cannot be done.
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// Its stable name.
    pub(super) name: &'static str,
    /// How it went.
    pub(super) verdict: Verdict,
    /// What is wrong; absent when all is well. Names no hosts and no statements.
    pub(super) reason: Option<String>,
}

impl Check {
    /// Makes a check that went well.
    fn ok(name: &'static str) -> Self {
        Self { name, verdict: Verdict::Ok, reason: None }
    }

    /// Makes a check that went badly.
    pub(super) fn not(name: &'static str, verdict: Verdict, reason: impl Into<String>) -> Self {
        Self { name, verdict, reason: Some(reason.into()) }
    }
}

/// Looks at the database, its schema, its durability and the engine of this node.
pub(super) fn checks(conn: &mut PgConnection, here: &Here) -> Result<Vec<Check>, DbError> {
    let mut checks = vec![Check::ok("database"), schema(conn), durability(conn)?];
    if let Some(node) = &here.node {
        checks.push(engine(conn, node)?);
    }
    Ok(checks)
}

fn schema(conn: &mut PgConnection) -> Check {
    match migrate::missing(conn) {
        Ok(missing) if missing.is_empty() => Check::ok("migrations"),
        Ok(missing) => {
            let reason = format!("{} migrations are missing, from {} on", missing.len(), missing[0]);
            Check::not("migrations", Verdict::Fail, reason)
        }
        Err(error) => {
            tracing::warn!(%error, "the schema cannot be checked");
            Check::not("migrations", Verdict::Fail, "the list of migrations cannot be read")
        }
    }
}

fn durability(conn: &mut PgConnection) -> Result<Check, DbError> {
    let weak = service::durability(conn)?;
    let reasons: Vec<String> = weak.into_iter().map(|finding| finding.problem).collect();
    let check = || Check::not("durability", Verdict::Warn, reasons.join("; "));
    Ok(if reasons.is_empty() { Check::ok("durability") } else { check() })
}

fn engine(conn: &mut PgConnection, node: &NodeName) -> Result<Check, DbError> {
    let fail = |reason: String| Ok(Check::not("engine", Verdict::Fail, reason));
    let found = match nodes::find(conn, &Actor::system("readiness"), node.as_str()) {
        Ok(found) => found,
        Err(NodeError::Db(error)) => return Err(error),
        Err(_) => return fail("the engine of this node has not started yet".into()),
    };
    match found.state.as_str() {
        "down" => fail("the engine of this node is down".into()),
        _ if found.heartbeat_age_ms > HEARTBEAT_AGE_MAX_MS => {
            fail(format!("the engine's last heartbeat was {} s ago", found.heartbeat_age_ms / 1_000))
        }
        "draining" => Ok(Check::not("engine", Verdict::Warn, "the engine of this node drains and takes no new work")),
        _ => Ok(Check::ok("engine")),
    }
}
