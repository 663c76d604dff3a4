//! The audit record: exactly one per accepted change, in the change's own transaction, and one per refused attempt.

use diesel::sql_types::{BigInt, Bool, Jsonb, Nullable, Text};
use serde_json::Value;

use super::actor::{Actor, Via};
use crate::base::db::{DbError, PgConnection, Tx, statement};

/// What was done to what.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The act, `job.cancel`.
    pub act: &'static str,
    /// Kind of thing, `job`.
    pub subject_kind: &'static str,
    /// Which thing.
    pub subject: String,
    /// Why, in the actor's words.
    pub reason: Option<String>,
    /// The changed parts before; secrets must be masked by the caller.
    pub before: Option<Value>,
    /// The changed parts after; secrets must be masked by the caller.
    pub after: Option<Value>,
}

impl Change {
    /// Starts a record of `act` on one thing.
    pub fn new(act: &'static str, subject_kind: &'static str, subject: impl ToString) -> Self {
        Self { act, subject_kind, subject: subject.to_string(), reason: None, before: None, after: None }
    }

    /// Adds the actor's reason.
    #[must_use]
    pub fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }

    /// Adds what changed.
    #[must_use]
    pub fn from_to(self, before: Option<Value>, after: Option<Value>) -> Self {
        Self { before, after, ..self }
    }
}

const INSERT: &str = "-- queue::audit
INSERT INTO millrace.audit (person_id, actor, via, address, request_id, act, subject_kind, subject, accepted, reason, before, after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

/// Records an accepted change in its own transaction.
///
/// # Errors
/// Database failures; the change must then not be committed either.
pub fn record(tx: &mut Tx<'_>, actor: &Actor, change: Change) -> Result<(), DbError> {
    insert(tx, actor, change, true)
}

/// Records an attempt that was refused, with the reason of the refusal. Outside of the refused transaction.
///
/// # Errors
/// Database failures.
pub fn refused(conn: &mut PgConnection, actor: &Actor, change: Change) -> Result<(), DbError> {
    insert(conn, actor, change, false)
}

fn insert(conn: &mut PgConnection, actor: &Actor, change: Change, accepted: bool) -> Result<(), DbError> {
    let inserted = statement(INSERT)
        .bind::<Nullable<BigInt>, _>(actor.person.map(|person| person.0))
        .bind::<Text, _>(&actor.name)
        .bind::<Text, _>(via(actor))
        .bind::<Nullable<Text>, _>(actor.address.as_deref())
        .bind::<Nullable<Text>, _>(actor.request.as_deref())
        .bind::<Text, _>(change.act)
        .bind::<Text, _>(change.subject_kind)
        .bind::<Text, _>(change.subject)
        .bind::<Bool, _>(accepted)
        .bind::<Nullable<Text>, _>(change.reason)
        .bind::<Nullable<Jsonb>, _>(change.before)
        .bind::<Nullable<Jsonb>, _>(change.after)
        .run(conn)?;
    debug_assert_eq!(inserted, 1);
    Ok(())
}

/// Names the way an actor came in, as rows keep it.
pub(crate) fn via(actor: &Actor) -> &'static str {
    match actor.via {
        Via::Console => "console",
        Via::Token { .. } => "token",
        Via::CommandLine => "command line",
        Via::System => "system",
    }
}
