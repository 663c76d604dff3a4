//! What people and programs do with nodes.

use diesel::sql_types::Text;
use serde_json::json;

use super::{NodeRow, read};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::{NAME_BYTES_MAX, NodeName, TextError, note};
use crate::queue::actor::{Actor, Forbidden};
use crate::queue::audit::{self, Change};
use crate::queue::permission::Permission;
use crate::queue::pool_sizes::{self, PoolSize};

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
    /// Only a node that drains can be resumed.
    #[error("the node {node} is {state}, so it cannot be resumed")]
    NotDraining {
        /// Which.
        node: String,
        /// Its state.
        state: String,
    },
    /// The bounds of its slots are beyond what its engine has room for.
    #[error("the node {node} has room for at most {ceiling} slots: start it with a higher MILLRACE_SLOTS for more")]
    BeyondCeiling {
        /// Which.
        node: String,
        /// For how many it has room.
        ceiling: i32,
    },
    /// The bounds of its slots are no bounds.
    #[error("the fewest slots are 1 or more, and not more than the most")]
    BadBounds,
    /// Its engine is of a version that does not obey such bounds.
    #[error("the node {0} has not told for how many slots it has room: start it with this version of Millrace first")]
    NoCeiling(String),
    /// Its own setting is in force already.
    #[error("the slots of the node {0} are as its own setting says")]
    NotBounded(String),
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

/// Reads what a node decided about the number of its worker threads, newest first; at most `rows_max`.
///
/// # Errors
/// As [`find`].
pub fn sizes(conn: &mut PgConnection, actor: &Actor, name: &str, rows_max: i32) -> Result<Vec<PoolSize>, NodeError> {
    let node = find(conn, actor, name)?;
    Ok(pool_sizes::of_node(conn, &node.name, rows_max)?)
}

pub(super) fn found(conn: &mut PgConnection, name: &str) -> Result<NodeRow, NodeError> {
    let missing = || NodeError::NotFound(name.chars().take(NAME_BYTES_MAX).collect());
    let name = NodeName::parse(name).map_err(|_| missing())?;
    read::show(conn, name.as_str())?.ok_or_else(missing)
}

/// What somebody wants of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It takes no new work from its next heartbeat on. What runs there goes on; its next start ends it too.
    Drain,
    /// It takes new work again from its next heartbeat on.
    Resume,
}

impl Act {
    /// Gives the act's name in the audit trail, the state it needs and the state it leads to.
    fn change(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Drain => ("node.drain", "up", "draining"),
            Self::Resume => ("node.resume", "draining", "up"),
        }
    }
}

/// Does `act` to the node called `name`, with the actor's reason.
///
/// # Errors
/// [`NodeError`]; nothing is changed then.
pub fn act(conn: &mut PgConnection, actor: &Actor, name: &str, wanted: (Act, &str)) -> Result<NodeRow, NodeError> {
    transaction(conn, "nodes::act", |tx| act_in(tx, actor, name, wanted))
}

/// Does `act` within the caller's transaction.
///
/// # Errors
/// [`NodeError`]; the transaction must not be committed then.
pub fn act_in(tx: &mut Tx<'_>, actor: &Actor, name: &str, (act, reason): (Act, &str)) -> Result<NodeRow, NodeError> {
    actor.require(Permission::RunNodes)?;
    let reason = note(reason)?;
    let before = found(tx, name)?;
    if !may_act(actor) {
        return Err(NodeError::NotFound(before.name));
    }
    let (verb, from, to) = act.change();
    if !set_state(tx, &before.name, from, to)? {
        return Err(refusal(act, before));
    }
    let change = Change::new(verb, "node", &before.name).because(reason);
    audit::record(tx, actor, change.from_to(Some(json!({ "state": from })), Some(json!({ "state": to }))))?;
    found(tx, name)
}

/// Tells whether the actor may act on nodes: a node serves everybody's queues, so whoever is limited to some may not.
pub fn may_act(actor: &Actor) -> bool {
    actor.may(Permission::RunNodes) && actor.scope.is_everything()
}

/// Tells whether the actor may set how many slots nodes have.
pub fn may_bound(actor: &Actor) -> bool {
    actor.may(Permission::BoundNodes) && actor.scope.is_everything()
}

fn refusal(act: Act, NodeRow { name: node, state, .. }: NodeRow) -> NodeError {
    match act {
        Act::Drain => NodeError::NotUp { node, state },
        Act::Resume => NodeError::NotDraining { node, state },
    }
}

/// Tells whether the node was in the state `from`.
fn set_state(tx: &mut Tx<'_>, name: &str, from: &str, to: &str) -> Result<bool, DbError> {
    const SQL: &str = "-- admin::nodes::set_state
UPDATE millrace.nodes SET state = $1 WHERE name = $2 AND state = $3";
    Ok(statement(SQL).bind::<Text, _>(to).bind::<Text, _>(name).bind::<Text, _>(from).run(tx)? == 1)
}
