//! What the dashboard reads: counters, rollups and small tables, never history.
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz};

use super::Span;
use crate::admin::queues::target;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::job::QueueId;

/// Most queues and nodes shown.
const LINES_MAX: i32 = 50;

/// The flow of this moment.
#[derive(Debug, Clone, Default, PartialEq, QueryableByName)]
pub struct Flow {
    /// Jobs enqueued in the last full minute and this one, per minute.
    #[diesel(sql_type = Double)]
    pub incoming_per_minute: f64,
    /// Jobs that succeeded, per minute.
    #[diesel(sql_type = Double)]
    pub succeeded_per_minute: f64,
    /// Jobs that wait for their time.
    #[diesel(sql_type = BigInt)]
    pub scheduled: i64,
    /// Jobs that wait for a slot.
    #[diesel(sql_type = BigInt)]
    pub ready: i64,
    /// Jobs under a lease.
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    /// Jobs that wait for their backoff.
    #[diesel(sql_type = BigInt)]
    pub retrying: i64,
    /// Jobs held by somebody.
    #[diesel(sql_type = BigInt)]
    pub held: i64,
    /// Jobs that failed for good in the last hour.
    #[diesel(sql_type = BigInt)]
    pub failed_last_hour: i64,
    /// Jobs of all time that are kept.
    #[diesel(sql_type = BigInt)]
    pub all: i64,
    /// When the next retry is due.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub next_retry: Option<Time>,
    /// When the longest running job started.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest_start: Option<Time>,
}

/// The queues that a scope covers as a whole, as a condition on `q`; `$1` is [`whole_queues`].
macro_rules! in_scope {
    () => {
        "($1::text[] IS NULL OR q.name = ANY ($1))"
    };
}
pub(super) use in_scope;

/// Counters say nothing of tags, so whoever is limited to tags alone sees those of no queue. `None` = every queue.
pub(super) fn whole_queues(scope: &Scope) -> Option<&Vec<String>> {
    (!scope.is_everything()).then_some(&scope.queues)
}

/// Reads the flow.
///
/// # Errors
/// Database failures.
pub fn flow(conn: &mut PgConnection, scope: &Scope) -> Result<Flow, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::flow
WITH mine AS (SELECT q.id FROM millrace.queues q WHERE ", in_scope!(), "),
counts AS (
    SELECT c.state, sum(c.jobs)::bigint AS jobs FROM millrace.job_counts c JOIN mine ON mine.id = c.queue_id GROUP BY c.state
), recent AS (
    SELECT sum(r.enqueued) AS enqueued, sum(r.succeeded) AS succeeded, extract(epoch FROM now() - date_trunc('minute', now()) + interval '1 minute') / 60 AS minutes
    FROM millrace.rollups r JOIN mine ON mine.id = r.queue_id
    WHERE r.step_s = 60 AND r.at >= date_trunc('minute', now()) - interval '1 minute'
)
SELECT coalesce(recent.enqueued / recent.minutes, 0)::float8 AS incoming_per_minute, coalesce(recent.succeeded / recent.minutes, 0)::float8 AS succeeded_per_minute,
    coalesce((SELECT jobs FROM counts WHERE state = 'scheduled'), 0) AS scheduled, coalesce((SELECT jobs FROM counts WHERE state = 'ready'), 0) AS ready,
    coalesce((SELECT jobs FROM counts WHERE state = 'running'), 0) AS running, coalesce((SELECT jobs FROM counts WHERE state = 'retrying'), 0) AS retrying,
    coalesce((SELECT jobs FROM counts WHERE state = 'held'), 0) AS held, coalesce((SELECT sum(jobs) FROM counts), 0)::bigint AS \"all\",
    coalesce((SELECT sum(r.failed) FROM millrace.rollups r JOIN mine ON mine.id = r.queue_id WHERE r.step_s = 60 AND r.at > now() - interval '1 hour'), 0)::bigint AS failed_last_hour,
    (SELECT s.run_at FROM millrace.scheduled s JOIN mine ON mine.id = s.queue_id WHERE s.retrying ORDER BY s.run_at LIMIT 1) AS next_retry,
    CASE WHEN $1 IS NULL THEN (SELECT min(l.started_at) FROM millrace.leases l) ELSE (
        SELECT min(l.started_at) FROM millrace.leases l CROSS JOIN LATERAL UNNEST(l.job_ids) AS u(id) JOIN millrace.jobs j ON j.id = u.id
        LEFT JOIN millrace.placements p ON p.job_id = u.id JOIN mine ON mine.id = coalesce(p.queue_id, j.queue_id)) END AS oldest_start
FROM recent"
    );
    let row: Option<Flow> = statement(SQL).bind::<Nullable<Array<Text>>, _>(whole_queues(scope)).row(conn)?;
    Ok(row.unwrap_or_default())
}

/// Sums of one bar of the throughput chart.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Step {
    /// Start of the bar.
    #[diesel(sql_type = Timestamptz)]
    pub at: Time,
    /// Jobs that succeeded.
    #[diesel(sql_type = BigInt)]
    pub succeeded: i64,
    /// Attempts that failed.
    #[diesel(sql_type = BigInt)]
    pub attempts_failed: i64,
    /// Jobs enqueued.
    #[diesel(sql_type = BigInt)]
    pub enqueued: i64,
    /// Sum of run times in microseconds.
    #[diesel(sql_type = BigInt)]
    pub run_us: i64,
}

/// Reads the bars of a range that are not empty, oldest first.
///
/// # Errors
/// Database failures.
pub fn steps(conn: &mut PgConnection, scope: &Scope, span: Span, now: Time) -> Result<Vec<Step>, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::steps
WITH seen AS (SELECT r.* FROM millrace.rollups r JOIN millrace.queues q ON q.id = r.queue_id
    WHERE ", in_scope!(), " AND r.step_s = $2 AND r.at >= $3)
SELECT date_bin($4 * interval '1 s', r.at, timestamptz '2000-01-01 00:00+00') AS at, sum(r.succeeded)::bigint AS succeeded,
    sum(r.attempts_failed)::bigint AS attempts_failed, sum(r.enqueued)::bigint AS enqueued, sum(r.run_us)::bigint AS run_us
FROM seen r GROUP BY 1 ORDER BY 1"
    );
    let from = span.bars(now).first().copied().unwrap_or(now);
    statement(SQL)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Integer, _>(span.rollup_step_s())
        .bind::<Timestamptz, _>(from)
        .bind::<Double, _>(span.bar().as_secs_f64())
        .rows(conn)
}

/// A queue on the dashboard.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct QueueLine {
    /// Row id.
    #[diesel(sql_type = Integer)]
    pub id: QueueId,
    /// Name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Jobs under a lease.
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    /// Jobs that wait for a slot.
    #[diesel(sql_type = BigInt)]
    pub ready: i64,
    /// Jobs that failed for good and are kept.
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
    /// Since when the oldest one waits.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest: Option<Time>,
    /// Since when the oldest one waits for a slot and for nothing else.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub oldest_in_line: Option<Time>,
    /// Attempts that ended in the last hour, per minute of the last full hour, oldest first.
    #[diesel(sql_type = Array<BigInt>)]
    pub per_minute: Vec<i64>,
    /// Attempts that failed in the last full hour.
    #[diesel(sql_type = BigInt)]
    pub attempts_failed: i64,
    /// How long its oldest job should wait at most, in milliseconds.
    #[diesel(sql_type = Nullable<Integer>)]
    pub wait_target_ms: Option<i32>,
    /// Takes no new work.
    #[diesel(sql_type = Bool)]
    pub paused: bool,
    /// Who paused it.
    #[diesel(sql_type = Nullable<Text>)]
    pub paused_by: Option<String>,
    /// Why.
    #[diesel(sql_type = Nullable<Text>)]
    pub pause_reason: Option<String>,
    /// Since when.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub paused_at: Option<Time>,
}

impl QueueLine {
    /// Gives its wait target.
    pub fn target(&self) -> Option<Duration> {
        self.wait_target_ms.map(target)
    }
}

/// Reads the queues in scope, those with most work first.
///
/// # Errors
/// Database failures.
pub fn queues(conn: &mut PgConnection, scope: &Scope) -> Result<Vec<QueueLine>, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::queues
WITH counts AS (
    SELECT queue_id, coalesce(sum(jobs) FILTER (WHERE state = 'running'), 0)::bigint AS running,
        coalesce(sum(jobs) FILTER (WHERE state = 'ready'), 0)::bigint AS ready, coalesce(sum(jobs) FILTER (WHERE state = 'failed'), 0)::bigint AS failed
    FROM millrace.job_counts GROUP BY queue_id
), hour AS (
    SELECT queue_id, at, sum(succeeded + attempts_failed) AS ended, sum(attempts_failed) AS failed
    FROM millrace.rollups WHERE step_s = 60 AND at >= date_trunc('minute', now()) - interval '60 minutes' GROUP BY queue_id, at
)
SELECT q.id, q.name, coalesce(c.running, 0) AS running, coalesce(c.ready, 0) AS ready, coalesce(c.failed, 0) AS failed,
    least(front.since, (SELECT g.since FROM millrace.gated g WHERE g.queue_id = q.id ORDER BY g.since LIMIT 1)) AS oldest, front.since AS oldest_in_line,
    (SELECT array_agg(coalesce(h.ended, 0)::bigint ORDER BY m.at) FROM generate_series(date_trunc('minute', now()) - interval '60 minutes',
        date_trunc('minute', now()) - interval '1 minute', interval '1 minute') AS m(at) LEFT JOIN hour h ON h.queue_id = q.id AND h.at = m.at) AS per_minute,
    coalesce((SELECT sum(h.failed) FROM hour h WHERE h.queue_id = q.id AND h.at < date_trunc('minute', now())), 0)::bigint AS attempts_failed,
    q.wait_target_ms, q.paused_at IS NOT NULL AS paused, coalesce((SELECT p.name FROM millrace.people p WHERE p.email = q.paused_by), q.paused_by) AS paused_by, q.pause_reason, q.paused_at
FROM millrace.queues q LEFT JOIN counts c ON c.queue_id = q.id
CROSS JOIN LATERAL (
    SELECT min(line.since) AS since FROM generate_series(1, 5) AS p(priority) CROSS JOIN LATERAL (
        SELECT r.since FROM millrace.ready r WHERE r.queue_id = q.id AND r.priority = p.priority ORDER BY r.seq LIMIT 1) AS line
) AS front
WHERE ", in_scope!(), " ORDER BY coalesce(c.running, 0) + coalesce(c.ready, 0) DESC, q.name LIMIT $2"
    );
    statement(SQL).bind::<Nullable<Array<Text>>, _>(whole_queues(scope)).bind::<Integer, _>(LINES_MAX).rows(conn)
}

/// A node on the dashboard.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct NodeLine {
    /// Name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// up, draining or down.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Worker threads.
    #[diesel(sql_type = Integer)]
    pub slots: i32,
    /// Worker threads at work, by live leases at most a heartbeat old.
    #[diesel(sql_type = Integer)]
    pub busy: i32,
    /// Last heartbeat.
    #[diesel(sql_type = Timestamptz)]
    pub heartbeat_at: Time,
    /// Program version.
    #[diesel(sql_type = Text)]
    pub version: String,
    /// Resident memory of its engine.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub memory_bytes: Option<i64>,
    /// Ages in seconds of the jobs that run there, longest first.
    #[diesel(sql_type = Array<Double>)]
    pub running_for: Vec<f64>,
}

/// Reads the nodes of the last day, those that are up first.
///
/// # Errors
/// Database failures.
pub fn nodes(conn: &mut PgConnection) -> Result<Vec<NodeLine>, DbError> {
    const SQL: &str = "-- admin::dashboard::nodes
SELECT n.name, n.state, n.slots, n.busy, n.heartbeat_at, n.version, n.memory_bytes,
    coalesce((SELECT array_agg(age ORDER BY age DESC) FROM (
        SELECT extract(epoch FROM clock_timestamp() - l.started_at)::float8 AS age FROM millrace.leases l CROSS JOIN LATERAL UNNEST(l.job_ids) AS u(id)
        WHERE l.node_id = n.id ORDER BY l.started_at LIMIT 200) AS ages), '{}') AS running_for
FROM millrace.nodes n WHERE n.state <> 'down' OR n.heartbeat_at > now() - interval '24 hours'
ORDER BY n.state = 'down', n.name LIMIT $1";
    statement(SQL).bind::<Integer, _>(LINES_MAX).rows(conn)
}

/// Counts the templates that can be enqueued.
///
/// # Errors
/// Database failures.
pub fn active_templates(conn: &mut PgConnection) -> Result<i64, DbError> {
    const SQL: &str = "-- admin::dashboard::active_templates
SELECT count(*) FROM millrace.templates WHERE state = 'active'";
    Ok(statement(SQL).tuples::<BigInt, i64>(conn)?.first().copied().unwrap_or_default())
}
