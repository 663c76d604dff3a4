//! What people and programs do with operations: preview, start, stop, resume. Each: permission, one transaction, audit inside.

use std::time::Duration;

use chrono_tz::Tz;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::{Value, json};

pub use super::bounds::needed;
use super::bounds::{EXPORT_JOBS_MAX, require};
use super::plan::{IDS_MAX, filter};
use super::read::{self, Operation, OperationId, OperationState, PAGE_ROWS_MAX, Skipped};
use super::{ActError, Bulk, Format, Plan, Which};
use crate::admin::jobs::query::{Asker, Query};
use crate::admin::jobs::reckon::{Reckoned, reckon};
use crate::admin::jobs::{rows_of, service::sees_payload};
use crate::base::clock::{Clock, Time};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::{TextError, note};
use crate::queue::actor::{Actor, Forbidden, PersonId, Via};
use crate::queue::audit::{self, Change};
use crate::queue::job::QueueId;
use crate::queue::permission::Permission;

/// How long a preview counts before it says "at least".
const COUNT_FOR: Duration = Duration::from_millis(1_800);
/// How long one look of a page counts; the next one goes on from there.
const GLANCE: Duration = Duration::from_millis(80);
/// How long all looks of a page count together: less than a preview does, so that what they have counted to the end is counted to the end
/// again when the form comes.
pub const GLANCES: Duration = Duration::from_millis(1_500);
/// A count may have grown or shrunk by one part in this many since it was seen; more is asked again.
const DRIFT_PART: i64 = 20;
/// Fewest jobs per second that can be asked for, and most.
pub const RATE_RANGE: std::ops::RangeInclusive<i32> = 1..=10_000;

/// Why an operation was refused.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// There is no such operation, or it is somebody else's whose scope is not the actor's.
    #[error("there is no operation {0}")]
    NotFound(OperationId),
    /// The act or its value.
    #[error(transparent)]
    Act(#[from] ActError),
    /// The queue to move to does not exist, or is out of scope.
    #[error("there is no queue {0:?} to move to")]
    NoQueue(String),
    /// A rate out of bounds.
    #[error("a rate goes from {} to {} jobs per second", RATE_RANGE.start(), RATE_RANGE.end())]
    BadRate,
    /// More than [`IDS_MAX`] jobs were named, or none.
    #[error("name 1 to {IDS_MAX} jobs, or give a query")]
    BadIds,
    /// More jobs than a file may have.
    #[error("a file has at most {EXPORT_JOBS_MAX} jobs: filter for fewer")]
    TooLarge,
    /// The file of an export is not there: it is not done, was no export, or is older than 7 days.
    #[error("operation {0} has no file")]
    NoFile(OperationId),
    /// Nothing that matches allows the act.
    #[error("no job that matches can be {0}")]
    Nothing(&'static str),
    /// Many more or fewer match than the caller has seen.
    #[error("{seen} jobs matched when you looked, {} match now", told(.now))]
    Drifted {
        /// What the caller saw.
        seen: i64,
        /// What is true now.
        now: Box<Reckoned>,
    },
    /// It is not running (any more), so it cannot be stopped; or it is, or has ended, so it cannot be resumed.
    #[error("operation {0} is {1}, so it cannot be {2}")]
    NotAllowed(OperationId, &'static str, &'static str),
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

fn told(now: &Reckoned) -> String {
    if now.is_partial() { format!("at least {}", now.total()) } else { now.total().to_string() }
}

/// Counts the jobs that `plan` would be done to at this moment.
///
/// # Errors
/// [`OperationError::Forbidden`], [`OperationError::BadIds`], database failures.
pub fn preview(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    plan: &Plan,
) -> Result<Reckoned, OperationError> {
    preview_for(conn, clock, actor, plan, (Reckoned::default(), COUNT_FOR))
}

/// As [`preview`], for as long as a page may take: when it is partial, the next look goes on from what was counted `before`.
///
/// # Errors
/// As [`preview`].
pub fn glance(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    plan: &Plan,
    before: Reckoned,
) -> Result<Reckoned, OperationError> {
    preview_for(conn, clock, actor, plan, (before, GLANCE))
}

fn preview_for(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    plan: &Plan,
    counting: (Reckoned, Duration),
) -> Result<Reckoned, OperationError> {
    require(actor, &plan.act)?;
    match &plan.which {
        Which::Query(query) => count(conn, clock.now(), actor, (query, plan), counting),
        Which::Ids(ids) if ids.is_empty() || ids.len() > IDS_MAX => Err(OperationError::BadIds),
        Which::Ids(ids) => {
            let allowed = plan.act.states();
            let mut reckoned = Reckoned::default();
            for some in ids.chunks(crate::admin::jobs::ROWS_MAX) {
                for row in rows_of(conn, &actor.scope, some)?.iter().filter(|row| allowed.contains(&row.state())) {
                    *reckoned.by_state.entry(row.state()).or_default() += 1;
                }
            }
            Ok(reckoned)
        }
    }
}

fn count(
    conn: &mut PgConnection,
    now: Time,
    actor: &Actor,
    (query, plan): (&Query, &Plan),
    counting: (Reckoned, Duration),
) -> Result<Reckoned, OperationError> {
    let asker = Asker { now, zone: plan.zone, sees_payload: sees_payload(actor) };
    match filter(query, &plan.act, asker) {
        Some(filter) => Ok(reckon(conn, &actor.scope, &filter, counting)?),
        None => Ok(Reckoned::default()),
    }
}

/// Starts an operation. `seen` is the count that the caller decided on; `None` = whatever it is.
///
/// # Errors
/// [`OperationError`]; nothing is done then.
pub fn start(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    plan: &Plan,
    seen: Option<i64>,
) -> Result<Operation, OperationError> {
    let now = preview(conn, clock, actor, plan)?;
    transaction(conn, "operations::start", |tx| start_in(tx, clock, actor, plan, (seen, now)))
}

/// Starts an operation within the caller's transaction, with the count of its [`preview`].
///
/// # Errors
/// As [`start`]; the transaction must not be committed then.
pub fn start_in(
    tx: &mut Tx<'_>,
    clock: &dyn Clock,
    actor: &Actor,
    plan: &Plan,
    (seen, now): (Option<i64>, Reckoned),
) -> Result<Operation, OperationError> {
    let reason = note(&plan.reason)?;
    if plan.rate_per_s.is_some_and(|rate| !RATE_RANGE.contains(&rate)) {
        return Err(OperationError::BadRate);
    }
    if let Bulk::Move(queue) = &plan.act {
        queue_to(tx, actor, queue)?;
    }
    if now.total() == 0 && !now.is_partial() {
        return Err(OperationError::Nothing(plan.act.outcome()));
    }
    if !plan.act.changes_jobs() && now.total() > EXPORT_JOBS_MAX {
        return Err(OperationError::TooLarge);
    }
    if let Some(seen) = seen.filter(|seen| has_drifted(*seen, &now)) {
        return Err(OperationError::Drifted { seen, now: Box::new(now) });
    }
    actor.require(needed(&plan.act, &now))?;
    let id = insert(tx, clock.now(), actor, (plan, reason.as_deref(), &now))?;
    let after = described(plan, &now);
    audit::record(
        tx,
        actor,
        Change::new("operation.start", "operation", id).because(reason).from_to(None, Some(after)),
    )?;
    read::one(tx, id)?.ok_or(OperationError::NotFound(id))
}

fn has_drifted(seen: i64, now: &Reckoned) -> bool {
    !now.is_partial() && (now.total() - seen).abs() * DRIFT_PART > seen
}

fn described(plan: &Plan, now: &Reckoned) -> Value {
    let mut told = plan.act.value();
    told["act"] = json!(plan.act.name());
    match &plan.which {
        Which::Query(query) => told["query"] = json!(query.to_string()),
        Which::Ids(ids) => told["job_ids"] = json!(ids),
    }
    told["jobs"] = if now.is_partial() { Value::Null } else { json!(now.total()) };
    if let Some(rate) = plan.rate_per_s {
        told["rate_per_s"] = json!(rate);
    }
    told
}

/// Finds the queue that jobs are moved to.
///
/// # Errors
/// [`OperationError::NoQueue`].
pub(super) fn queue_to(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<QueueId, OperationError> {
    const SQL: &str = "-- admin::operations::queue_to
SELECT q.id FROM millrace.queues q WHERE q.name = $1";
    let missing = || OperationError::NoQueue(name.to_owned());
    if !actor.scope.covers(name, &[]) {
        return Err(missing());
    }
    let rows: Vec<i32> = statement(SQL).bind::<Text, _>(name).tuples::<Integer, i32>(conn)?;
    rows.first().map(|id| QueueId(*id)).ok_or_else(missing)
}

fn insert(
    tx: &mut Tx<'_>,
    now: Time,
    actor: &Actor,
    (plan, reason, reckoned): (&Plan, Option<&str>, &Reckoned),
) -> Result<OperationId, DbError> {
    const SQL: &str = "-- admin::operations::insert
INSERT INTO millrace.operations (act, value, query, job_ids, zone, asked_at, reason, person_id, actor, via, token_id, rate_per_s, expected, below)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, last_value + 1 FROM millrace.job_seq RETURNING id";
    let (query, ids) = match &plan.which {
        Which::Query(query) => (query.to_string(), None),
        Which::Ids(ids) => (String::new(), Some(ids.iter().map(|id| id.0).collect::<Vec<_>>())),
    };
    let rows: Vec<OperationId> = statement(SQL)
        .bind::<Text, _>(plan.act.name())
        .bind::<Jsonb, _>(plan.act.value())
        .bind::<Text, _>(query)
        .bind::<Nullable<Array<BigInt>>, _>(ids)
        .bind::<Text, _>(plan.zone.name())
        .bind::<Timestamptz, _>(now)
        .bind::<Nullable<Text>, _>(reason)
        .bind::<Nullable<BigInt>, _>(actor.person)
        .bind::<Text, _>(actor.signature())
        .bind::<Text, _>(audit::via(actor))
        .bind::<Nullable<BigInt>, _>(match &actor.via {
            Via::Token { id, .. } => Some(id),
            Via::Console | Via::CommandLine | Via::System => None,
        })
        .bind::<Nullable<Integer>, _>(plan.rate_per_s)
        .bind::<Nullable<BigInt>, _>((!reckoned.is_partial()).then(|| reckoned.total()))
        .tuples::<BigInt, OperationId>(tx)?;
    rows.first().copied().ok_or_else(|| DbError::Corrupt("an operation was not written".into()))
}

/// Tells whether `actor` may see an operation: their own, or anybody's when they see all jobs.
fn covers(actor: &Actor, operation: &Operation) -> bool {
    actor.scope.is_everything() || actor.person.is_some() && actor.person == operation.person
}

/// Tells whether `actor` may see which jobs an operation goes by: what was searched for may be what jobs work on.
pub fn sees_query(actor: &Actor, operation: &Operation) -> bool {
    sees_payload(actor) || actor.person.is_some() && actor.person == operation.person
}

/// Reads one operation.
///
/// # Errors
/// [`OperationError::NotFound`], [`OperationError::Forbidden`].
pub fn find(conn: &mut PgConnection, actor: &Actor, id: OperationId) -> Result<Operation, OperationError> {
    actor.require(Permission::ReadOperations)?;
    read::one(conn, id)?.filter(|operation| covers(actor, operation)).ok_or(OperationError::NotFound(id))
}

/// Lists operations that the actor may see, newest first, older than `before`, with where to go on.
///
/// # Errors
/// [`OperationError::Forbidden`], database failures.
pub fn list(
    conn: &mut PgConnection,
    actor: &Actor,
    before: Option<i64>,
) -> Result<(Vec<Operation>, Option<i64>), OperationError> {
    actor.require(Permission::ReadOperations)?;
    let nobody = PersonId(0);
    let of = (!actor.scope.is_everything()).then(|| actor.person.unwrap_or(nobody));
    let mut rows = read::page(conn, before, of)?;
    let more = rows.len() as i64 > PAGE_ROWS_MAX;
    rows.truncate(PAGE_ROWS_MAX as usize);
    let next = rows.last().filter(|_| more).map(|row| row.id.0);
    Ok((rows, next))
}

/// Lists jobs that an operation left alone, with the place behind which to go on.
///
/// # Errors
/// As [`find`].
pub fn skipped(
    conn: &mut PgConnection,
    actor: &Actor,
    id: OperationId,
    after: i64,
) -> Result<(Vec<Skipped>, Option<i64>), OperationError> {
    find(conn, actor, id)?;
    let mut rows = read::skipped(conn, id, after.max(0))?;
    let more = rows.len() as i64 > read::SKIPPED_ROWS_MAX;
    rows.truncate(read::SKIPPED_ROWS_MAX as usize);
    let next = rows.last().filter(|_| more).map(|row| row.place);
    Ok((rows, next))
}

/// Tells whether `actor` may read the file of an export: what its owner wrote down without payloads is theirs, everything else
/// needs the right to see payloads, also of the owner who has lost it or whose token lacks it.
pub fn sees_file(actor: &Actor, operation: &Operation) -> bool {
    let is_own = actor.person.is_some() && actor.person == operation.person;
    sees_payload(actor) || is_own && !operation.holds_payloads
}

/// Checks that an operation's file may be read, and gives its format.
///
/// # Errors
/// [`OperationError::NoFile`]; [`OperationError::NotFound`] for whoever may not see what somebody else wrote down,
/// [`OperationError::Forbidden`] for whoever may not see it (any more) although it is their own.
pub fn file_format(conn: &mut PgConnection, actor: &Actor, id: OperationId) -> Result<Format, OperationError> {
    let operation = find(conn, actor, id)?;
    let Bulk::Export(format) = operation.act else { return Err(OperationError::NoFile(id)) };
    let is_own = actor.person.is_some() && actor.person == operation.person;
    match sees_file(actor, &operation) {
        true if Permission::ExportJobs.held_by(actor.role) => {}
        true => return Err(Forbidden::Role(Permission::ExportJobs).into()),
        false if is_own => actor.require(Permission::ReadPayloads)?,
        false => return Err(OperationError::NotFound(id)),
    }
    let is_there = operation.state == OperationState::Done && read::has_file(conn, id)?;
    if is_there { Ok(format) } else { Err(OperationError::NoFile(id)) }
}

/// Reads the name of a zone; UTC when this program does not know it (any more).
pub(super) fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}
