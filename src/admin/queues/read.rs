//! Reading queues with what stands in them, as of one moment.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use serde::Serialize;

use super::limits::Limits;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::catalog::QUEUES_MAX;

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct QueueRow {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Its share of the slots, and how many of its jobs run at once.
    #[diesel(embed)]
    pub limits: Limits,
    /// When it was first used.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: Time,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub(super) paused_at: Option<Time>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) paused_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) paused_by_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) pause_reason: Option<String>,
    /// How many jobs are where.
    #[diesel(embed)]
    pub jobs: Counts,
    /// Since when the first in line waits for a slot.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest_ready_at: Option<Time>,
}

/// Unfinished jobs of a queue by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, QueryableByName)]
pub struct Counts {
    /// Wait for a slot.
    #[diesel(sql_type = BigInt)]
    pub ready: i64,
    /// Run.
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    /// Wait for their time.
    #[diesel(sql_type = BigInt)]
    pub scheduled: i64,
    /// Wait for their backoff.
    #[diesel(sql_type = BigInt)]
    pub retrying: i64,
    /// Held by somebody.
    #[diesel(sql_type = BigInt)]
    pub held: i64,
    /// Wait for something else.
    #[diesel(sql_type = BigInt)]
    pub blocked: i64,
}

/// Who stopped a queue, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paused {
    /// Since when.
    pub at: Time,
    /// By whom.
    pub by: String,
    /// Their name; for those who have none, what `by` says.
    pub name: String,
    /// Why.
    pub reason: Option<String>,
}

impl QueueRow {
    /// Tells who stopped it; `None` = it takes new work.
    pub fn paused(&self) -> Option<Paused> {
        let by = self.paused_by.clone().unwrap_or_default(); // a constraint keeps both or neither
        let name = self.paused_by_name.clone().unwrap_or_else(|| by.clone());
        self.paused_at.map(|at| Paused { at, by, name, reason: self.pause_reason.clone() })
    }
}

const ROWS: &str = "-- admin::queues::rows
WITH counts AS (
    SELECT queue_id,
        coalesce(sum(jobs) FILTER (WHERE state = 'ready'), 0)::bigint AS ready, coalesce(sum(jobs) FILTER (WHERE state = 'running'), 0)::bigint AS running,
        coalesce(sum(jobs) FILTER (WHERE state = 'scheduled'), 0)::bigint AS scheduled, coalesce(sum(jobs) FILTER (WHERE state = 'retrying'), 0)::bigint AS retrying,
        coalesce(sum(jobs) FILTER (WHERE state = 'held'), 0)::bigint AS held, coalesce(sum(jobs) FILTER (WHERE state = 'blocked'), 0)::bigint AS blocked
    FROM millrace.job_counts GROUP BY queue_id
)
SELECT q.name, q.weight, q.concurrency, q.concurrency_per_node, q.wait_target_ms, q.created_at, q.paused_at, q.paused_by, q.pause_reason,
    (SELECT p.name FROM millrace.people p WHERE p.email = q.paused_by) AS paused_by_name, coalesce(c.ready, 0) AS ready, coalesce(c.running, 0) AS running,
    coalesce(c.scheduled, 0) AS scheduled, coalesce(c.retrying, 0) AS retrying, coalesce(c.held, 0) AS held, coalesce(c.blocked, 0) AS blocked,
    least((SELECT min(line.since) FROM generate_series(1, 5) AS p(priority) CROSS JOIN LATERAL (
        SELECT r.since FROM millrace.ready r WHERE r.queue_id = q.id AND r.priority = p.priority ORDER BY r.seq LIMIT 1
    ) AS line), (SELECT g.since FROM millrace.gated g WHERE g.queue_id = q.id ORDER BY g.since LIMIT 1)) AS oldest_ready_at
FROM millrace.queues q LEFT JOIN counts c ON c.queue_id = q.id
WHERE ($1 OR q.name = ANY ($2)) AND ($3::text IS NULL OR q.name = $3) ORDER BY q.name LIMIT $4";

/// Reads the queues that `scope` covers as a whole, by name.
pub(super) fn list(conn: &mut PgConnection, scope: &Scope) -> Result<Vec<QueueRow>, DbError> {
    rows(conn, scope, None)
}

/// Reads one queue that `scope` covers as a whole.
pub(super) fn show(conn: &mut PgConnection, scope: &Scope, name: &str) -> Result<Option<QueueRow>, DbError> {
    Ok(rows(conn, scope, Some(name))?.pop())
}

fn rows(conn: &mut PgConnection, scope: &Scope, name: Option<&str>) -> Result<Vec<QueueRow>, DbError> {
    statement(ROWS)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Nullable<Text>, _>(name)
        .bind::<Integer, _>(QUEUES_MAX)
        .rows(conn)
}

/// A template whose jobs go to a queue unless somebody says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct UsedBy {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// draft, active, deprecated or archived.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// The version that says so: the active one, else the latest.
    #[diesel(sql_type = Integer)]
    pub version: i32,
}

/// Reads the templates that name the queue called `queue` as their default, those in use first; at most `rows_max`.
///
/// # Errors
/// Database failures.
pub fn used_by(conn: &mut PgConnection, queue: &str, rows_max: i32) -> Result<Vec<UsedBy>, DbError> {
    const SQL: &str = "-- admin::queues::used_by
SELECT t.name, t.state, v.version FROM millrace.templates t
JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = coalesce(t.active_version, t.latest_version)
WHERE v.queue = $1 ORDER BY t.state <> 'active', t.state = 'archived', t.name LIMIT $2";
    statement(SQL).bind::<Text, _>(queue).bind::<Integer, _>(rows_max).rows(conn)
}
