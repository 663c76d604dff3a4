//! What people and programs do with queues. Each act: permission in scope, one transaction, the audit record inside it.

use diesel::sql_types::{Nullable, Text};
use serde_json::{Value, json};

use super::limits::{self, JOBS_MAX, Limits, WAIT_TARGET_MS_MAX, WEIGHT_MAX, Wish};
use super::{QueueRow, read};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::{QueueName, TextError, note};
use crate::queue::actor::{Actor, Forbidden};
use crate::queue::audit::{self, Change};
use crate::queue::limits::obeyed;
use crate::queue::permission::Permission;
use crate::queue::ring;

/// Why an act on a queue was refused.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// There is no such queue, or it is out of the actor's scope.
    #[error("there is no queue {0:?}")]
    NotFound(String),
    /// Somebody paused it before.
    #[error("the queue {queue} is paused already, by {by}")]
    AlreadyPaused {
        /// Which.
        queue: String,
        /// Who paused it.
        by: String,
    },
    /// It is not paused.
    #[error("the queue {0} is not paused")]
    NotPaused(String),
    /// The weight is out of bounds.
    #[error("a weight goes from 1 to {WEIGHT_MAX}")]
    BadWeight,
    /// A number of jobs at once is out of bounds: the field's name.
    #[error("a number of jobs at once goes from 1 to {JOBS_MAX}")]
    BadConcurrency(&'static str),
    /// The wait target is out of bounds.
    #[error("a wait target goes from 1 ms to {WAIT_TARGET_MS_MAX} ms, which are 7 days")]
    BadTarget,
    /// No limit was named.
    #[error("name a limit: weight, concurrency, concurrency_per_node or wait_target_ms")]
    NoLimit,
    /// Somebody gave it other limits since it was looked at.
    #[error("the limits of {queue} were changed meanwhile")]
    Stale {
        /// Which.
        queue: String,
        /// Its present limits.
        limits: Limits,
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

/// Lists the queues that the actor may see, by name; at most 1,000.
///
/// # Errors
/// [`QueueError::Forbidden`], database failures.
pub fn list(conn: &mut PgConnection, actor: &Actor) -> Result<Vec<QueueRow>, QueueError> {
    actor.require(Permission::ReadQueues)?;
    Ok(read::list(conn, &actor.scope)?)
}

/// Reads one queue that the actor may see.
///
/// # Errors
/// [`QueueError::NotFound`], [`QueueError::Forbidden`].
pub fn find(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<QueueRow, QueueError> {
    actor.require(Permission::ReadQueues)?;
    found(conn, actor, name)
}

fn found(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<QueueRow, QueueError> {
    let missing = || QueueError::NotFound(name.chars().take(crate::base::text::NAME_BYTES_MAX).collect());
    let name = QueueName::parse(name).map_err(|_| missing())?;
    read::show(conn, &actor.scope, name.as_str())?.ok_or_else(missing)
}

/// What somebody wants of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Nodes take nothing more from it within 1 s; what runs goes on.
    Pause,
    /// Nodes take from it again.
    Resume,
    /// Gives it other limits. The one on all nodes is obeyed at once, the others within 1 s.
    Limit {
        /// The new ones.
        to: Wish,
        /// The limits that were seen: others are not overwritten. `None` = whatever they are.
        seen: Option<Limits>,
    },
}

/// Does `act` to the queue called `name`, with the actor's reason, and tells the nodes.
///
/// # Errors
/// [`QueueError`]; nothing is changed then.
pub fn act(conn: &mut PgConnection, actor: &Actor, name: &str, wanted: (Act, &str)) -> Result<QueueRow, QueueError> {
    let queue = transaction(conn, "queues::act", |tx| act_in(tx, actor, name, &wanted))?;
    tell_nodes(conn, &wanted.0)?;
    Ok(queue)
}

/// Tells the nodes of an act after its commit. A limit on all nodes is obeyed when this returns: no job begins beyond it, and
/// what ran before is counted. A node that hangs is not waited for longer than 2 s.
///
/// # Errors
/// Database failures; nodes hear of it within 1 s all the same.
pub fn tell_nodes(conn: &mut PgConnection, act: &Act) -> Result<(), DbError> {
    ring::notify(conn)?;
    let sets_limit = matches!(act, Act::Limit { to, .. } if to.concurrency.flatten().is_some());
    if sets_limit && !obeyed(conn)? {
        tracing::warn!("a node has not heard of the limit of a queue yet");
    }
    Ok(())
}

/// Does `act` within the caller's transaction; limits that are so already leave no record. Call [`tell_nodes`] after its commit.
///
/// # Errors
/// [`QueueError`]; the transaction must not be committed then.
pub fn act_in(tx: &mut Tx<'_>, actor: &Actor, name: &str, (act, reason): &(Act, &str)) -> Result<QueueRow, QueueError> {
    actor.require(Permission::RunQueues)?;
    let reason = note(reason)?;
    lock(tx, name)?;
    let before = found(tx, actor, name)?;
    let (verb, from, to) = apply(tx, actor, &before, (act, reason.as_deref()))?;
    if from != to {
        audit::record(
            tx,
            actor,
            Change::new(verb, "queue", &before.name).because(reason).from_to(Some(from), Some(to)),
        )?;
    }
    found(tx, actor, name)
}

/// Two acts on one queue follow one another; 0 rows = there is no such queue, which the reader tells.
fn lock(tx: &mut Tx<'_>, name: &str) -> Result<(), DbError> {
    const SQL: &str = "-- admin::queues::lock
SELECT FROM millrace.queues WHERE name = $1 FOR UPDATE";
    statement(SQL).bind::<Text, _>(name.replace('\0', "")).run(tx)?;
    Ok(())
}

/// Gives the act's name in the audit trail and what it changed.
fn apply(
    tx: &mut Tx<'_>,
    actor: &Actor,
    queue: &QueueRow,
    (act, reason): (&Act, Option<&str>),
) -> Result<(&'static str, Value, Value), QueueError> {
    match (act, queue.paused()) {
        (Act::Pause, Some(paused)) => Err(QueueError::AlreadyPaused { queue: queue.name.clone(), by: paused.by }),
        (Act::Resume, None) => Err(QueueError::NotPaused(queue.name.clone())),
        (Act::Pause, None) => {
            set_pause(tx, &queue.name, Some(&actor.signature()), reason)?;
            Ok(("queue.pause", json!({ "paused": false }), json!({ "paused": true })))
        }
        (Act::Resume, Some(paused)) => {
            set_pause(tx, &queue.name, None, None)?;
            Ok(("queue.resume", json!({ "paused": paused }), json!({ "paused": false })))
        }
        (Act::Limit { to, seen }, _) => {
            let after = to.over(queue.limits)?;
            if seen.is_some_and(|seen| seen != queue.limits) {
                return Err(QueueError::Stale { queue: queue.name.clone(), limits: queue.limits });
            }
            limits::write(tx, &queue.name, after)?;
            Ok(("queue.limit", queue.limits.beside(after), after.beside(queue.limits)))
        }
    }
}

fn set_pause(tx: &mut Tx<'_>, name: &str, by: Option<&str>, reason: Option<&str>) -> Result<(), DbError> {
    const SQL: &str = "-- admin::queues::set_pause
WITH new AS (SELECT $1::text AS paused_by, $2::text AS reason)
UPDATE millrace.queues q SET paused_at = CASE WHEN new.paused_by IS NOT NULL THEN clock_timestamp() END, paused_by = new.paused_by,
    pause_reason = new.reason FROM new WHERE q.name = $3";
    let bound = statement(SQL).bind::<Nullable<Text>, _>(by).bind::<Nullable<Text>, _>(reason);
    changed(bound.bind::<Text, _>(name).run(tx)?, name)
}

/// The row is locked, so it must be there.
fn changed(rows: usize, name: &str) -> Result<(), DbError> {
    if rows == 1 { Ok(()) } else { Err(DbError::Conflict(format!("the queue {name} is gone"))) }
}
