//! Repeating a request with one Idempotency-Key within 24 h gives the same jobs (G2).

use diesel::QueryableByName;
use diesel::sql_types::{Binary, Jsonb, Text};
use serde_json::{Value, json};

use super::service::{JobError, enqueue_in};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::queue::actor::{Actor, Via};
use crate::queue::enqueue::{Enqueued, NewJob};
use crate::queue::job::JobId;
use crate::queue::permission::Permission;

/// How often a request looks again when another one with the same key commits between two looks.
const LOOKS_MAX: usize = 3;

/// What came of an enqueue with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once {
    /// These jobs, made now.
    Made(Vec<Enqueued>),
    /// These jobs, made by the first request.
    Repeated(Vec<Enqueued>),
    /// The key was used with another body: 422.
    OtherBody,
}

/// Enqueues jobs unless a request with this `key` and body has done so.
///
/// # Errors
/// As [`super::service::enqueue`].
pub fn enqueue_once(
    conn: &mut PgConnection,
    actor: &Actor,
    key: &str,
    body_hash: &[u8; 32],
    jobs: &[NewJob],
) -> Result<Once, JobError> {
    actor.require(Permission::Enqueue)?;
    let scope = scope_of(actor);
    for _ in 0..LOOKS_MAX {
        let once = transaction(conn, "jobs::enqueue_once", |tx| {
            if let Some(first) = find(tx, &scope, key)? {
                return Ok(first.again(body_hash));
            }
            let made = enqueue_in(tx, actor, jobs)?;
            remember(tx, (&scope, key), body_hash, &made)?;
            Ok(Once::Made(made))
        });
        match once {
            Err(JobError::Db(error)) if error.is_constraint("idempotency_pk") => {} // another request was first: look at it
            other => return other,
        }
    }
    Err(JobError::Db(DbError::Conflict("the key is in use by another request".into())))
}

/// A key belongs to whoever uses it.
fn scope_of(actor: &Actor) -> String {
    let person = actor.person.map_or_else(|| actor.name.clone(), |person| format!("person:{person}"));
    match &actor.via {
        Via::Token { name, .. } => format!("{person}/{name}").chars().take(100).collect(),
        Via::Console | Via::CommandLine | Via::System => person.chars().take(100).collect(),
    }
}

#[derive(QueryableByName)]
struct First {
    #[diesel(sql_type = Binary)]
    body_hash: Vec<u8>,
    #[diesel(sql_type = Jsonb)]
    answer: Value,
}

impl First {
    fn again(&self, body_hash: &[u8; 32]) -> Once {
        if self.body_hash != body_hash {
            return Once::OtherBody;
        }
        let job = |item: &Value| {
            Some(Enqueued { id: JobId(item.get("id")?.as_i64()?), existing: item.get("existing")?.as_bool()? })
        };
        Once::Repeated(self.answer.as_array().map(|list| list.iter().filter_map(job).collect()).unwrap_or_default())
    }
}

fn find(tx: &mut Tx<'_>, scope: &str, key: &str) -> Result<Option<First>, DbError> {
    const SQL: &str = "-- admin::jobs::idempotency::find
SELECT body_hash, answer FROM millrace.idempotency WHERE scope = $1 AND key = $2 AND created_at > clock_timestamp() - interval '24 hours'";
    statement(SQL).bind::<Text, _>(scope).bind::<Text, _>(key).row(tx)
}

fn remember(
    tx: &mut Tx<'_>,
    (scope, key): (&str, &str),
    body_hash: &[u8; 32],
    made: &[Enqueued],
) -> Result<(), DbError> {
    const SQL: &str = "-- admin::jobs::idempotency::remember
INSERT INTO millrace.idempotency AS i (scope, key, body_hash, answer) VALUES ($1, $2, $3, $4)
ON CONFLICT (scope, key) DO UPDATE SET body_hash = excluded.body_hash, answer = excluded.answer, created_at = clock_timestamp()
WHERE i.created_at <= clock_timestamp() - interval '24 hours'";
    let answer: Value = made.iter().map(|job| json!({ "id": job.id, "existing": job.existing })).collect();
    let written = statement(SQL)
        .bind::<Text, _>(scope)
        .bind::<Text, _>(key)
        .bind::<Binary, _>(&body_hash[..])
        .bind::<Jsonb, _>(answer)
        .run(tx)?;
    // 0 rows: another request with this key has just committed; roll back and look at its answer
    if written == 1 { Ok(()) } else { Err(taken()) }
}

fn taken() -> DbError {
    DbError::Constraint { name: "idempotency_pk".into(), message: "the key was used meanwhile".into() }
}

/// Forgets keys older than 24 h and tells how many. A duty.
///
/// # Errors
/// Database failures.
pub fn forget_old(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- admin::jobs::idempotency::forget
DELETE FROM millrace.idempotency WHERE (scope, key) IN (
    SELECT scope, key FROM millrace.idempotency WHERE created_at <= clock_timestamp() - interval '24 hours' ORDER BY created_at LIMIT 10000)";
    statement(SQL).run(conn)
}
