//! Claiming: ready rows are deleted, lease rows hold the batch, the attempt is counted; all in one durable transaction,
//! before any code runs (G3).
//!
//! ```text
//! few    one statement: take ─▶ lease ─▶ join the jobs' rows
//! many   one transaction: take, leases, and the jobs' rows by runs of ids. Plain statements, because a thousand rows that
//!        pass through the stores of a big one cost more than three round trips
//! ```
mod fronts;
mod leases;
mod payload;
mod take;

use diesel::prelude::Queryable;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};

pub use fronts::{Front, fronts};

use super::job::{Fence, JobId, QueueId, TemplateId};
use super::limits::LimitKeys;
use super::node::Incarnation;
use super::work::{Occurrence, StoredArgs};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, keep_plans, statement, transaction, unflushed};

/// Most jobs of one claim, over all queues.
pub const CLAIM_BATCH_MAX: u32 = 1_000;
/// Most jobs under one lease: its arrays then stay in its own row, where they are neither compressed nor stored apart.
pub const LEASE_JOBS_MAX: usize = 128;
/// Up to so many jobs are taken in one statement, under one lease. Ask for no more unless a line is known to be long.
pub const FEW_MAX: u32 = 64;

/// Priorities, from the highest.
pub const PRIORITIES: usize = 5;

/// For each priority the place in line behind which to look. Zeros = from the beginning.
pub type Above = [i64; PRIORITIES];

/// What to take from one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// The queue.
    pub queue: QueueId,
    /// At most so many.
    pub jobs_max: u32,
    /// Where to begin: rows before that were claimed long ago, but may still lie dead in the index.
    pub above: Above,
}

impl Want {
    /// Asks for up to `jobs_max` jobs of a queue, from the beginning of its lines.
    pub fn from_start(queue: QueueId, jobs_max: u32) -> Self {
        Self { queue, jobs_max, above: [0; PRIORITIES] }
    }
}

/// What to take from one lane of jobs that only some nodes may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FittedWant {
    /// The lane ([`crate::queue::fit::lane`]).
    pub lane: String,
    /// At most so many.
    pub jobs_max: u32,
    /// Only of this priority; `None` = of all, the highest first.
    pub priority: Option<i16>,
}

crate::row_id!(
    /// What is to be known of a claimed job, in bits: a row of more than 16 columns would cost the compiler more than the bits do.
    Marks, i16, diesel::sql_types::SmallInt
);

impl Marks {
    /// Tells whether its deadline had passed when it was claimed, by the database's clock.
    pub fn is_expired(self) -> bool {
        self.0 & 1 != 0
    }

    /// Tells whether it owns a unique key.
    pub fn is_unique(self) -> bool {
        self.0 & 2 != 0
    }

    /// Tells whether it has an ordering key: others wait for its end.
    pub fn is_ordered(self) -> bool {
        self.0 & 4 != 0
    }

    /// Tells whether a schedule made it ([`occurrences`]).
    pub fn is_scheduled(self) -> bool {
        self.0 & 8 != 0
    }
}

/// A job that this node owns now.
#[derive(Debug, Clone, Queryable)]
pub struct Claimed {
    /// The job.
    pub job_id: JobId,
    /// Its lease, the fence of this attempt.
    pub fence: Fence,
    /// Number of this attempt, from 1.
    pub attempt: i16,
    /// Its place in line when it was claimed.
    pub seq: i64,
    /// Since when it waited for a slot.
    pub since: Time,
    /// Its queue.
    pub queue_id: QueueId,
    /// Its template.
    pub template_id: TemplateId,
    /// Its priority.
    pub priority: i16,
    /// The version it is pinned to.
    pub version: i32,
    /// When it was enqueued.
    pub created_at: Time,
    /// Its own number of attempts, if it has one.
    pub max_attempts: Option<i16>,
    /// Its own timeout, if it has one.
    pub timeout_ms: Option<i64>,
    /// It expires when not started by then.
    pub deadline: Option<Time>,
    /// What is to be known of it, in bits.
    pub marks: Marks,
    /// The lanes whose limits hold for it; `None` for most.
    pub limit_keys: Option<LimitKeys>,
    /// Its arguments.
    pub args: StoredArgs,
}

/// Claims what `wants` ask for in their order, at most `jobs_max` in all, under leases of at most 128 jobs. An empty answer
/// means that nothing was there to take. The jobs come in the order in which they should start.
///
/// # Errors
/// Database failures. After a lost connection the claim may have been committed: the jobs then come back by the sweep.
pub fn claim(
    conn: &mut PgConnection,
    who: Incarnation,
    wants: &[Want],
    jobs_max: u32,
) -> Result<Vec<Claimed>, DbError> {
    if jobs_max <= FEW_MAX {
        return take::few(conn, who, wants, jobs_max);
    }
    transaction(conn, "queue::claim", |tx| many(tx, who, wants, jobs_max))
}

/// Like [`claim`], but nothing may run yet: that it was claimed, and its attempt counted, stands on disk only after the next
/// transaction of this connection, [`super::limits::admit`] or [`flush`]. Two transactions then cost one flush.
///
/// # Errors
/// As [`claim`].
pub fn claim_unflushed(
    conn: &mut PgConnection,
    who: Incarnation,
    wants: &[Want],
    jobs_max: u32,
) -> Result<Vec<Claimed>, DbError> {
    if jobs_max <= FEW_MAX {
        return take::few(conn, who, wants, jobs_max);
    }
    unflushed(conn, "queue::claim", |tx| many(tx, who, wants, jobs_max))
}

fn many(tx: &mut Tx<'_>, who: Incarnation, wants: &[Want], jobs_max: u32) -> Result<Vec<Claimed>, DbError> {
    let taken = take::many(tx, wants, jobs_max)?;
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let leased = leases::write(tx, who, taken)?;
    let mut claimed = payload::add(tx, leased)?;
    claimed.sort_by_key(|job| (job.priority, job.seq));
    Ok(claimed)
}

/// Reads the occurrences that jobs of schedules stand for.
///
/// # Errors
/// Database failures.
pub fn occurrences(conn: &mut PgConnection, jobs: &[JobId]) -> Result<Vec<(JobId, Occurrence)>, DbError> {
    const SQL: &str = "-- queue::claim::occurrences
SELECT j.id, s.name, j.occurrence FROM millrace.jobs j JOIN millrace.schedules s ON s.id = j.schedule_id WHERE j.id = ANY($1) AND j.occurrence IS NOT NULL";
    let ids: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    let rows = statement(SQL)
        .bind::<Array<BigInt>, _>(ids)
        .tuples::<(BigInt, Text, Timestamptz), (i64, String, Time)>(conn)?;
    Ok(rows.into_iter().map(|(job, schedule, at)| (JobId(job), Occurrence { schedule, at })).collect())
}

/// Claims what waits in lanes for a node with certain labels, by priority, at most `jobs_max` in all, under one lease. Their
/// place is given as 0: they stood in no line.
///
/// # Errors
/// As [`claim`].
pub fn claim_fitted(
    conn: &mut PgConnection,
    who: Incarnation,
    wants: &[FittedWant],
    jobs_max: u32,
) -> Result<Vec<Claimed>, DbError> {
    take::fitted(conn, who, wants, jobs_max.min(FEW_MAX))
}

/// Waits until everything that was committed before is on disk.
///
/// # Errors
/// Database failures; then what was claimed may be lost and must not run.
pub fn flush(conn: &mut PgConnection) -> Result<(), DbError> {
    // COMMIT flushes only where the transaction itself has written something
    const SQL: &str = "-- queue::claim::flush
SELECT pg_logical_emit_message(true, 'millrace', '') IS NOT NULL";
    statement(SQL).run(conn)?;
    Ok(())
}

/// Pins the shape of the claim's plans on this connection: only lines are walked along their index, only rows are joined
/// along their keys. A plan that scans or sorts the whole line is what makes textbook queues fall over.
///
/// # Errors
/// Database failures.
pub fn pin_plan(conn: &mut PgConnection) -> Result<(), DbError> {
    use diesel::connection::SimpleConnection;
    keep_plans(conn)?;
    Ok(conn.batch_execute("SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off")?)
}
