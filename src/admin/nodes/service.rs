//! What people and programs do with nodes.

use diesel::sql_types::Text;
use serde_json::json;

use super::{NodeRow, read};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::{NAME_BYTES_MAX, NodeName, TextError, note};
use crate::queue::actor::{Actor, Forbidden};
use crate::queue::audit::{self, Change};
use crate::queue::permission::Permission;

/// Why an act on a node was refused.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// There is no such node; or the actor's scope does not cover all queues, and a node is everybody's.
    #[error("there is no node {0:?}")]
    NotFound(String),
    /// Only a node that is up can be drained.
    #[error("the node {node} is {state}, so it cannot be drained")]
    NotUp {
        /// Which.
        node: String,
        /// Its state.
        state: String,
    },
    /// The actor lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The reason is too long or holds control characters.
    #[error(transparent)]
    BadNote(#[from] TextError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Lists nodes, those that are down last; at most 1,000.
///
/// # Errors
/// [`NodeError::Forbidden`], database failures.
pub fn list(conn: &mut PgConnection, actor: &Actor) -> Result<Vec<NodeRow>, NodeError> {
    actor.require(Permission::ReadNodes)?;
    Ok(read::list(conn)?)
}

/// Reads one node.
///
/// # Errors
/// [`NodeError::NotFound`], [`NodeError::Forbidden`].
pub fn find(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<NodeRow, NodeError> {
    actor.require(Permission::ReadNodes)?;
    found(conn, name)
}

fn found(conn: &mut PgConnection, name: &str) -> Result<NodeRow, NodeError> {
    let missing = || NodeError::NotFound(name.chars().take(NAME_BYTES_MAX).collect());
    let name = NodeName::parse(name).map_err(|_| missing())?;
    read::show(conn, name.as_str())?.ok_or_else(missing)
}

/// Tells a node to take no new work: it obeys with its next heartbeat. What runs there goes on; its next start ends it.
///
/// # Errors
/// [`NodeError`]; nothing is changed then.
pub fn drain(conn: &mut PgConnection, actor: &Actor, name: &str, reason: &str) -> Result<NodeRow, NodeError> {
    transaction(conn, "nodes::drain", |tx| drain_in(tx, actor, name, reason))
}

/// Drains within the caller's transaction.
///
/// # Errors
/// [`NodeError`]; the transaction must not be committed then.
pub fn drain_in(tx: &mut Tx<'_>, actor: &Actor, name: &str, reason: &str) -> Result<NodeRow, NodeError> {
    actor.require(Permission::RunNodes)?;
    let reason = note(reason)?;
    let before = found(tx, name)?;
    if !actor.scope.is_everything() {
        return Err(NodeError::NotFound(before.name));
    }
    if !set_draining(tx, &before.name)? {
        return Err(NodeError::NotUp { node: before.name, state: before.state });
    }
    let change = Change::new("node.drain", "node", &before.name).because(reason);
    audit::record(tx, actor, change.from_to(Some(json!({ "state": "up" })), Some(json!({ "state": "draining" }))))?;
    found(tx, name)
}

/// Tells whether the node was up.
fn set_draining(tx: &mut Tx<'_>, name: &str) -> Result<bool, DbError> {
    const SQL: &str = "-- admin::nodes::drain
UPDATE millrace.nodes SET state = 'draining' WHERE name = $1 AND state = 'up'";
    Ok(statement(SQL).bind::<Text, _>(name).run(tx)? == 1)
}
