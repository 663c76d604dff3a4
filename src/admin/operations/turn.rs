//! Stopping operations, and letting them go on.

use diesel::sql_types::{BigInt, Text};
use serde_json::json;

use super::bounds::{needed_to_resume, require};
use super::read::{Operation, OperationId};
use super::service::{OperationError, find};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::note;
use crate::queue::actor::Actor;
use crate::queue::audit::{self, Change};

/// What people do to an operation that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It rests after its present chunk, and may be resumed.
    Stop,
    /// It goes on where it was, with the rights of whoever started it. Needs what starting one on as many jobs would.
    Resume,
}

impl Turn {
    fn act(self) -> &'static str {
        match self {
            Self::Stop => "operation.stop",
            Self::Resume => "operation.resume",
        }
    }

    fn participle(self) -> &'static str {
        match self {
            Self::Stop => "stopped",
            Self::Resume => "resumed",
        }
    }

    /// Writes it down; 0 rows = its state does not allow it.
    fn write(self, tx: &mut Tx<'_>, id: OperationId, by: &str) -> Result<usize, DbError> {
        const STOP: &str = "-- admin::operations::stop
UPDATE millrace.operations SET state = 'stopped', finished_at = clock_timestamp(), ended_by = $1 WHERE id = $2 AND state = 'running'";
        const RESUME: &str = "-- admin::operations::resume
UPDATE millrace.operations SET state = 'running', finished_at = NULL, ended_by = NULL, trouble = NULL, due_at = clock_timestamp()
WHERE id = $1 AND state IN ('stopped', 'failed')";
        match self {
            Self::Stop => statement(STOP).bind::<Text, _>(by).bind::<BigInt, _>(id).run(tx),
            Self::Resume => statement(RESUME).bind::<BigInt, _>(id).run(tx),
        }
    }
}

/// Stops or resumes an operation, with the actor's reason.
///
/// # Errors
/// [`OperationError::NotAllowed`] when its state does not allow it; [`OperationError::NotFound`], [`OperationError::Forbidden`].
pub fn turn(
    conn: &mut PgConnection,
    actor: &Actor,
    id: OperationId,
    (turn, reason): (Turn, &str),
) -> Result<Operation, OperationError> {
    transaction(conn, "operations::turn", |tx| turn_in(tx, actor, id, (turn, reason)))?;
    find(conn, actor, id)
}

/// Stops or resumes an operation within the caller's transaction.
///
/// # Errors
/// As [`turn`]; the transaction must not be committed then.
pub fn turn_in(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: OperationId,
    (turn, reason): (Turn, &str),
) -> Result<(), OperationError> {
    let reason = note(reason)?;
    let before = find(tx, actor, id)?;
    require(actor, &before.act)?;
    if turn == Turn::Resume {
        actor.require(needed_to_resume(&before))?;
    }
    if turn.write(tx, id, &actor.signature())? == 0 {
        return Err(OperationError::NotAllowed(id, before.state.as_str(), turn.participle()));
    }
    let was = json!({ "state": before.state, "done": before.done, "skipped": before.skipped });
    let change = Change::new(turn.act(), "operation", id).because(reason);
    Ok(audit::record(tx, actor, change.from_to(Some(was), None))?)
}
