//! What people did to a job, and what was made from it.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::{Actor, PersonId, Scope};
use crate::queue::job::JobId;
use crate::queue::permission::Permission;
use crate::queue::state::JobState;

/// Most records and relatives shown.
const SHOWN_MAX: i64 = 50;
/// Nobody has this id: whoever is no person did nothing under their own name.
const NOBODY: PersonId = PersonId(-1);

/// One record of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Record {
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub at: Time,
    /// Who.
    #[diesel(sql_type = Text)]
    pub actor: String,
    /// What, `job.cancel`.
    #[diesel(sql_type = Text)]
    pub act: String,
    /// Whether it was done.
    #[diesel(sql_type = Bool)]
    pub accepted: bool,
    /// Why, in their words.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    /// What changed, as it was afterwards; masked.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub after: Option<Value>,
}

/// Reads what was done to a job, newest first: everything for those who read the trail, one's own acts for others.
///
/// # Errors
/// Database failures.
pub fn trail(conn: &mut PgConnection, actor: &Actor, job: JobId) -> Result<Vec<Record>, DbError> {
    trail_of(conn, actor, ("job", &job.to_string()), SHOWN_MAX)
}

/// Reads what was done to the thing `subject` of a kind, as [`trail`]; at most `records_max` records.
///
/// # Errors
/// Database failures.
pub fn trail_of(
    conn: &mut PgConnection,
    actor: &Actor,
    of: (&str, &str),
    records_max: i64,
) -> Result<Vec<Record>, DbError> {
    let whose = if actor.may(Permission::ReadAudit) { None } else { Some(actor.person.unwrap_or(NOBODY)) };
    read(conn, whose, of, records_max)
}

/// Reads what anybody did to the thing `subject` of a kind that concerns whoever sees it; at most `records_max` records.
///
/// # Errors
/// Database failures.
pub fn open_trail(conn: &mut PgConnection, of: (&str, &str), records_max: i64) -> Result<Vec<Record>, DbError> {
    read(conn, None, of, records_max)
}

fn read(
    conn: &mut PgConnection,
    whose: Option<PersonId>,
    (kind, subject): (&str, &str),
    records_max: i64,
) -> Result<Vec<Record>, DbError> {
    const SQL: &str = "-- admin::jobs::trail
SELECT a.at, coalesce(p.name, a.actor) AS actor, a.act, a.accepted, a.reason, a.after FROM (
    SELECT * FROM millrace.audit WHERE subject_kind = $1 AND subject = $2 AND ($3::bigint IS NULL OR person_id = $3) ORDER BY id DESC LIMIT $4
) AS a LEFT JOIN millrace.people p ON p.id = a.person_id ORDER BY a.id DESC";
    statement(SQL)
        .bind::<Text, _>(kind)
        .bind::<Text, _>(subject)
        .bind::<Nullable<BigInt>, _>(whose)
        .bind::<BigInt, _>(records_max.min(SHOWN_MAX))
        .rows(conn)
}

/// Something that was done to a job together with others.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct InBulk {
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub at: Time,
    /// By whom.
    #[diesel(sql_type = Text)]
    pub actor: String,
    /// What, as operations name it: `retry`.
    #[diesel(sql_type = Text)]
    pub act: String,
    /// Why, in their words.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    /// The operation.
    #[diesel(sql_type = BigInt)]
    pub operation: i64,
}

/// Reads which operations changed a job, newest first, as [`trail`].
///
/// # Errors
/// Database failures.
pub fn in_bulk(conn: &mut PgConnection, actor: &Actor, job: JobId) -> Result<Vec<InBulk>, DbError> {
    const SQL: &str = "-- admin::jobs::in_bulk
SELECT c.at, coalesce(p.name, o.actor) AS actor, o.act, o.reason, o.id AS operation
FROM millrace.operation_chunks c JOIN millrace.operations o ON o.id = c.operation_id LEFT JOIN millrace.people p ON p.id = o.person_id
WHERE c.first_job IS NOT NULL AND int8range(c.first_job, c.last_job, '[]') @> $1 AND ($1 = ANY (c.done) OR $1 = ANY (c.asked))
    AND o.act <> 'export' AND ($2 OR o.person_id = $3)
ORDER BY c.at DESC, o.id DESC LIMIT $4";
    statement(SQL)
        .bind::<BigInt, _>(job)
        .bind::<Bool, _>(actor.may(Permission::ReadAudit))
        .bind::<Nullable<BigInt>, _>(actor.person.map(|person| person.0))
        .bind::<BigInt, _>(SHOWN_MAX)
        .rows(conn)
}

/// Somebody made a job ready that had ended.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Reopened {
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub at: Time,
    /// Who.
    #[diesel(sql_type = Text)]
    pub by: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) was: Option<String>,
}

impl Reopened {
    /// Gives the state that it had ended in; `None` = it was retried together with others, of which that is not recorded.
    pub fn was(&self) -> Option<JobState> {
        self.was.as_deref().and_then(JobState::parse)
    }
}

/// Reads how often `job` was retried after it had ended, oldest first. Who may see the job may see that, as who holds it.
///
/// # Errors
/// Database failures.
pub fn reopened(conn: &mut PgConnection, job: JobId) -> Result<Vec<Reopened>, DbError> {
    const SQL: &str = "-- admin::jobs::reopened
SELECT * FROM (
    (SELECT a.at, coalesce((SELECT p.name FROM millrace.people p WHERE p.id = a.person_id), a.actor) AS by, a.before ->> 'state' AS was
    FROM millrace.audit a WHERE a.subject_kind = 'job' AND a.subject = $1 AND a.act = 'job.retry' AND a.accepted
        AND a.before ->> 'state' IN ('failed', 'cancelled', 'expired') ORDER BY a.id DESC LIMIT $2)
    UNION ALL
    (SELECT c.at, coalesce((SELECT p.name FROM millrace.people p WHERE p.id = o.person_id), o.actor), NULL
    FROM millrace.operation_chunks c JOIN millrace.operations o ON o.id = c.operation_id
    WHERE c.first_job IS NOT NULL AND int8range(c.first_job, c.last_job, '[]') @> $3 AND $3 = ANY (c.done) AND o.act = 'retry'
    ORDER BY c.at DESC LIMIT $2)
) AS each ORDER BY at LIMIT $2";
    statement(SQL).bind::<Text, _>(job.to_string()).bind::<BigInt, _>(SHOWN_MAX).bind::<BigInt, _>(job).rows(conn)
}

/// A job that was made from another one.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Child {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: JobId,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: Time,
    /// By whom.
    #[diesel(sql_type = Text)]
    pub enqueued_by: String,
    /// Whether it is of the same template: the same work once more.
    #[diesel(sql_type = Bool)]
    pub is_rerun: bool,
    /// Its template.
    #[diesel(sql_type = Text)]
    pub template: String,
    #[diesel(sql_type = Nullable<Text>)]
    ended: Option<String>,
}

impl Child {
    /// Gives its terminal state; `None` = it has not ended.
    pub fn ended(&self) -> Option<JobState> {
        self.ended.as_deref().and_then(JobState::parse)
    }
}

/// Reads the jobs that were made from `job` and that `scope` covers, newest first. The caller has checked that `job` may be seen.
///
/// # Errors
/// Database failures.
pub fn children(conn: &mut PgConnection, scope: &Scope, job: JobId) -> Result<Vec<Child>, DbError> {
    const SQL: &str = "-- admin::jobs::children
SELECT j.id, j.created_at, j.enqueued_by, t.name AS template, h.state::text AS ended,
    coalesce(j.template_id = (SELECT p.template_id FROM millrace.jobs p WHERE p.id = $1), false) AS is_rerun
FROM millrace.jobs j JOIN millrace.templates t ON t.id = j.template_id
LEFT JOIN millrace.history h ON h.job_id = j.id
LEFT JOIN millrace.scheduled s ON s.job_id = j.id
LEFT JOIN millrace.parked k ON k.job_id = j.id
LEFT JOIN millrace.placements p ON p.job_id = j.id
JOIN millrace.queues q ON q.id = coalesce(h.queue_id, s.queue_id, k.queue_id, p.queue_id, j.queue_id)
WHERE j.parent_id = $1 AND (($2::text[] = '{}' AND $3::text[] = '{}') OR q.name = ANY ($2) OR j.tags && $3)
ORDER BY j.id DESC LIMIT $4";
    statement(SQL)
        .bind::<BigInt, _>(job)
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Array<Text>, _>(&scope.tags)
        .bind::<BigInt, _>(SHOWN_MAX)
        .rows(conn)
}
