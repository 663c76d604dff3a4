//! What people and programs do with jobs. Each act: permission in scope, one transaction, the audit record inside it.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Text, Timestamptz};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Detail, detail};
use crate::base::clock::{Clock, Time};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::{TextError, note};
use crate::queue::actor::{Actor, Forbidden, Via};
use crate::queue::audit::{self, Change};
use crate::queue::control::{self, Cancelled, ControlError};
use crate::queue::counts::{self, Count};
use crate::queue::enqueue::{EnqueueError, Enqueued, NewJob, Refusal, enqueue as insert};
use crate::queue::job::JobId;
use crate::queue::permission::Permission;
use crate::queue::retention;
use crate::queue::template::TemplateSpec;

/// Why an act on a job was refused.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// There is no such job, or it is out of the actor's scope.
    #[error("there is no job {0}")]
    NotFound(JobId),
    /// Its state does not allow it (any more).
    #[error(transparent)]
    NotAllowed(ControlError),
    /// The actor lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The job may not be enqueued in this queue by this actor.
    #[error("the queue {0:?} is outside of your scope")]
    OutOfScope(String),
    /// The description of the job breaks rules.
    #[error("{}", .0.first().map_or("refused", |refusal| refusal.message.as_str()))]
    Refused(Vec<Refusal>),
    /// The reason is too long or holds control characters.
    #[error(transparent)]
    BadNote(#[from] TextError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<ControlError> for JobError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::NotFound(job) => Self::NotFound(job),
            ControlError::Db(error) => Self::Db(error),
            refused @ (ControlError::NotAllowed { .. } | ControlError::Moving(_)) => Self::NotAllowed(refused),
        }
    }
}

impl From<EnqueueError> for JobError {
    fn from(error: EnqueueError) -> Self {
        match error {
            EnqueueError::Refused(refusals) => Self::Refused(refusals),
            EnqueueError::Db(error) => Self::Db(error),
        }
    }
}

/// Enqueues jobs, all or none, and tells their ids in order. Ring the nodes afterwards.
///
/// # Errors
/// [`JobError::Refused`] with every broken rule; [`JobError::OutOfScope`], [`JobError::Forbidden`].
pub fn enqueue(conn: &mut PgConnection, actor: &Actor, jobs: &[NewJob]) -> Result<Vec<Enqueued>, JobError> {
    actor.require(Permission::Enqueue)?;
    transaction(conn, "jobs::enqueue", |tx| enqueue_in(tx, actor, jobs))
}

/// Enqueues within the caller's transaction; the permission has been checked.
pub(super) fn enqueue_in(tx: &mut Tx<'_>, actor: &Actor, jobs: &[NewJob]) -> Result<Vec<Enqueued>, JobError> {
    let made = insert(tx, &actor.signature(), jobs)?;
    check_scope(tx, actor, &made)?;
    record_enqueue(tx, actor, jobs, &made)?;
    Ok(made)
}

/// People in the console and on the command line leave an audit record. Programs enqueue thousands a second: their jobs carry
/// their author in their own row.
fn record_enqueue(tx: &mut Tx<'_>, actor: &Actor, jobs: &[NewJob], made: &[Enqueued]) -> Result<(), DbError> {
    if !matches!(actor.via, Via::Console | Via::CommandLine) {
        return Ok(());
    }
    let Some((first, enqueued)) = jobs.first().zip(made.first()) else { return Ok(()) };
    let after = json!({ "template": first.template, "jobs": made.len() });
    audit::record(tx, actor, Change::new("job.enqueue", "job", enqueued.id).from_to(None, Some(after)))
}

/// Nobody enqueues into what they may not see.
fn check_scope(tx: &mut Tx<'_>, actor: &Actor, made: &[Enqueued]) -> Result<(), JobError> {
    if actor.scope.is_everything() {
        return Ok(());
    }
    const SQL: &str = "-- admin::jobs::scope_of
SELECT DISTINCT q.name, coalesce(j.tags, '{}') AS tags FROM millrace.jobs j JOIN millrace.queues q ON q.id = j.queue_id WHERE j.id = ANY($1)";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
        #[diesel(sql_type = Array<diesel::sql_types::Text>)]
        tags: Vec<String>,
    }
    let ids: Vec<i64> = made.iter().map(|job| job.id.0).collect();
    let rows: Vec<Row> = statement(SQL).bind::<Array<BigInt>, _>(ids).rows(tx)?;
    match rows.into_iter().find(|row| !actor.scope.covers(&row.name, &row.tags)) {
        Some(row) => Err(JobError::OutOfScope(row.name)),
        None => Ok(()),
    }
}

/// Reads a job that the actor may see.
///
/// # Errors
/// [`JobError::NotFound`], [`JobError::Forbidden`].
pub fn find(conn: &mut PgConnection, actor: &Actor, job: JobId) -> Result<Detail, JobError> {
    actor.require(Permission::ReadJobs)?;
    detail(conn, &actor.scope, job)?.ok_or(JobError::NotFound(job))
}

/// Counts the jobs that the actor may see, by queue, template and state. Exact; limits by tag cannot be counted, so that whoever
/// is limited to tags alone is told of none.
///
/// # Errors
/// [`JobError::Forbidden`], database failures.
pub fn counts(conn: &mut PgConnection, actor: &Actor) -> Result<Vec<Count>, JobError> {
    actor.require(Permission::ReadCounts)?;
    let mut counts = counts::read(conn)?;
    counts.retain(|count| actor.scope.covers(&count.queue, &[]));
    Ok(counts)
}

/// What a person wants of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// End it.
    Cancel,
    /// Stop it until somebody releases it.
    Hold,
    /// Let it go on.
    Release,
    /// Try it again now: a failed one once more, a waiting one without waiting.
    Retry,
    /// Move it to another time.
    Reschedule(Time),
    /// Give it another priority, 1 to 5.
    Priority(i16),
}

impl Verb {
    /// Names the act in the audit trail.
    pub fn act(&self) -> &'static str {
        match self {
            Self::Cancel => "job.cancel",
            Self::Hold => "job.hold",
            Self::Release => "job.release",
            Self::Retry => "job.retry",
            Self::Reschedule(_) => "job.reschedule",
            Self::Priority(_) => "job.priority",
        }
    }
}

/// What an act came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acted {
    /// It is so now.
    Done,
    /// The job runs; its node was told.
    Asked,
}

/// Does `verb` to one job, with the actor's reason. Ring the nodes afterwards.
///
/// # Errors
/// [`JobError`]; nothing is changed then.
pub fn act(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    job: JobId,
    wanted: (Verb, &str),
) -> Result<Acted, JobError> {
    transaction(conn, "jobs::act", |tx| act_in(tx, clock, actor, job, &wanted))
}

/// Does `verb` to one job within the caller's transaction.
///
/// # Errors
/// [`JobError`]; the transaction must not be committed then.
pub fn act_in(
    tx: &mut Tx<'_>,
    clock: &dyn Clock,
    actor: &Actor,
    job: JobId,
    (verb, reason): &(Verb, &str),
) -> Result<Acted, JobError> {
    actor.require(Permission::RepairJobs)?;
    let reason = note(reason)?;
    if let Verb::Priority(priority) = verb
        && !(1..=5).contains(priority)
    {
        let message = "priority goes from 1 (highest) to 5".into();
        return Err(JobError::Refused(vec![Refusal { code: "bad-job", pointer: "/priority".into(), message }]));
    }
    let before = detail(tx, &actor.scope, job)?.ok_or(JobError::NotFound(job))?;
    let acted = apply(tx, clock, actor, &before, (verb, reason.clone()))?;
    let change = Change::new(verb.act(), "job", job).because(reason);
    let after = json!({ "act": format!("{verb:?}") });
    audit::record(tx, actor, change.from_to(Some(json!({ "state": before.state() })), Some(after)))?;
    Ok(acted)
}

fn apply(
    tx: &mut Tx<'_>,
    clock: &dyn Clock,
    actor: &Actor,
    job: &Detail,
    (verb, reason): (&Verb, Option<String>),
) -> Result<Acted, JobError> {
    let (id, by) = (job.id, actor.signature());
    match verb {
        Verb::Cancel => {
            let cancelled = control::cancel(tx, id, &by, reason)?;
            return Ok(if cancelled == Cancelled::Asked { Acted::Asked } else { Acted::Done });
        }
        Verb::Hold => control::hold(tx, id, &by, reason)?,
        Verb::Release => control::release(tx, id, &by, clock.now())?,
        Verb::Retry if job.state().is_terminal() => control::reopen(tx, id)?,
        Verb::Retry => control::run_now(tx, id, &by)?,
        Verb::Reschedule(at) => control::reschedule(tx, id, &by, *at)?,
        Verb::Priority(priority) => control::set_priority(tx, id, *priority)?,
    }
    Ok(Acted::Done)
}

/// Describes a new job like `old`, linked to it.
pub(super) fn like(old: &Detail, args: Option<serde_json::Value>) -> NewJob {
    NewJob {
        template: old.template.clone(),
        version: Some(old.version),
        args: args.unwrap_or_else(|| old.args.clone()),
        queue: Some(old.queue.clone()),
        priority: Some(old.priority),
        tags: (!old.tags.is_empty()).then(|| old.tags.clone()),
        max_attempts: old.max_attempts.map(i16::unsigned_abs),
        timeout_ms: old.timeout_ms.map(i64::unsigned_abs),
        ordering_key: old.ordering_key.clone(),
        parent: Some(old.id),
        ..NewJob::default()
    }
}

/// Tells whether the actor may see argument values, logs and output.
pub fn sees_payload(actor: &Actor) -> bool {
    actor.may(Permission::ReadPayloads)
}

/// What stands in place of a failure's words for those who may not see what jobs work on: the words may repeat it, or the last
/// line of a log.
pub const HIDDEN_ERROR: &str = "its message needs the role analyst, operator or admin";

/// Gives a failure's words as this actor may see them. Who cancelled a job, and why, are words of people.
pub fn visible_error<'e>(actor: &Actor, error: &'e str) -> &'e str {
    if sees_payload(actor) || error.starts_with("cancelled by ") { error } else { HIDDEN_ERROR }
}

/// Gives the job's arguments as this actor may see them: secrets masked, and only the keys without the permission.
pub fn visible_args(actor: &Actor, job: &Detail) -> serde_json::Value {
    let masked = match serde_json::from_value::<TemplateSpec>(job.spec.clone()) {
        Ok(spec) => spec.params.masked(&job.args),
        Err(_) => serde_json::Value::Null, // a version that we cannot read may hide secrets that we do not know of
    };
    if sees_payload(actor) { masked } else { keys_only(&masked) }
}

fn keys_only(args: &serde_json::Value) -> serde_json::Value {
    match args.as_object() {
        Some(object) => object.keys().map(|key| (key.clone(), json!("•••"))).collect::<serde_json::Map<_, _>>().into(),
        None => serde_json::Value::Null,
    }
}

/// Tells whether the partition of a job's id has been removed. Where it stands, an id without a job was never given to one, or
/// its transaction has not been committed.
///
/// # Errors
/// Database failures.
pub fn is_removed(conn: &mut PgConnection, job: JobId) -> Result<bool, DbError> {
    const SQL: &str = "-- admin::jobs::is_removed
WITH asked AS (SELECT $1::bigint AS id)
SELECT asked.id <= last_value AND to_regclass(format('millrace.jobs_p%s', asked.id / 1000000)) IS NULL AS removed FROM millrace.job_seq, asked";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        removed: bool,
    }
    let row: Option<Row> = statement(SQL).bind::<BigInt, _>(job).row(conn)?;
    Ok(row.is_some_and(|row| row.removed))
}

/// Tells when the partition of a job's id was removed and why, as the audit trail has it.
///
/// # Errors
/// Database failures.
pub fn removal(conn: &mut PgConnection, job: JobId) -> Result<Option<(Time, String)>, DbError> {
    const SQL: &str = "-- admin::jobs::removal
SELECT at, coalesce(reason, '') FROM millrace.audit WHERE subject_kind = 'partition' AND subject = $1 AND act = 'history.remove' AND accepted
ORDER BY id DESC LIMIT 1";
    let rows =
        statement(SQL).bind::<Text, _>(retention::subject(job)).tuples::<(Timestamptz, Text), (Time, String)>(conn)?;
    Ok(rows.into_iter().next())
}
