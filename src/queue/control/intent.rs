//! What people want of running jobs: rows that the job's node reads with its heartbeat, hastened by a notification.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};

use crate::base::db::{DbError, PgConnection, Tx, statement};
use crate::queue::job::JobId;
use crate::queue::node::Incarnation;

/// Most intents read at once.
const INTENTS_PER_READ_MAX: i32 = 1_000;

/// How a running job is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It is told to stop and has time to end in order.
    Cancel,
    /// It is ended.
    Terminate,
}

impl Manner {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Terminate => "terminate",
        }
    }
}

/// Somebody wants a running job cancelled.
#[derive(Debug, Clone, QueryableByName)]
pub struct Intent {
    /// The job.
    #[diesel(sql_type = BigInt)]
    pub job_id: JobId,
    /// Who wants it.
    #[diesel(sql_type = Text)]
    pub wanted_by: String,
    /// Why.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    #[diesel(sql_type = Text)]
    kind: String,
}

impl Intent {
    /// Makes the wish of `by` that a job be cancelled.
    pub fn cancel(job_id: JobId, by: &str) -> Self {
        Self { job_id, wanted_by: by.to_owned(), reason: None, kind: Manner::Cancel.as_str().to_owned() }
    }

    /// Tells how it is to end.
    pub fn manner(&self) -> Manner {
        if self.kind == Manner::Terminate.as_str() { Manner::Terminate } else { Manner::Cancel }
    }
}

/// Writes the wishes and rings the nodes once the transaction commits. First wishes stay, only harder than before.
pub(super) fn want(
    tx: &mut Tx<'_>,
    jobs: &[JobId],
    manner: Manner,
    by: &str,
    reason: Option<&str>,
) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::want
WITH asked AS (
    SELECT id FROM unnest($1::bigint[]) AS asked(id)
), wish AS (
    INSERT INTO millrace.intents AS i (job_id, kind, wanted_by, reason) SELECT id, $2, $3, $4 FROM asked
    ON CONFLICT (job_id) DO UPDATE SET kind = excluded.kind WHERE i.kind = 'cancel' AND excluded.kind <> i.kind
)
SELECT pg_notify('millrace', 'intent')";
    if jobs.is_empty() {
        return Ok(());
    }
    statement(SQL)
        .bind::<Array<BigInt>, _>(numbers(jobs))
        .bind::<Text, _>(manner.as_str())
        .bind::<Text, _>(by)
        .bind::<Nullable<Text>, _>(reason)
        .run(tx)?;
    Ok(())
}

/// Reads the wishes about jobs that this node runs.
///
/// # Errors
/// Database failures.
pub fn intents_of_node(conn: &mut PgConnection, who: Incarnation) -> Result<Vec<Intent>, DbError> {
    const SQL: &str = "-- queue::control::intents_of_node
SELECT i.job_id, i.wanted_by, i.reason, i.kind FROM millrace.intents i
JOIN (SELECT unnest(job_ids) AS job_id FROM millrace.leases WHERE node_id = $1 AND epoch = $2) AS running USING (job_id)
ORDER BY i.job_id LIMIT $3";
    statement(SQL)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .bind::<Integer, _>(INTENTS_PER_READ_MAX)
        .rows(conn)
}

/// Finds wishes whose job does not run (any more): it ended, or it failed and waits for its next attempt.
///
/// # Errors
/// Database failures.
pub fn stale_intents(conn: &mut PgConnection) -> Result<Vec<Intent>, DbError> {
    const SQL: &str = "-- queue::control::stale_intents
SELECT i.job_id, i.wanted_by, i.reason, i.kind FROM millrace.intents i
WHERE NOT EXISTS (SELECT FROM millrace.leases l WHERE l.job_ids @> ARRAY[i.job_id])
ORDER BY i.job_id LIMIT $1";
    statement(SQL).bind::<Integer, _>(INTENTS_PER_READ_MAX).rows(conn)
}

/// Removes the wishes about jobs; tells whether there were any.
pub(super) fn withdraw(tx: &mut Tx<'_>, jobs: &[JobId]) -> Result<bool, DbError> {
    const SQL: &str = "-- queue::control::withdraw
DELETE FROM millrace.intents WHERE job_id = ANY ($1)";
    Ok(statement(SQL).bind::<Array<BigInt>, _>(numbers(jobs)).run(tx)? > 0)
}

fn numbers(jobs: &[JobId]) -> Vec<i64> {
    jobs.iter().map(|job| job.0).collect()
}
