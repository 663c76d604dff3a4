//! What the dashboard reads: counters, rollups and small tables, never history.
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Double, Integer, Nullable, Text, Timestamptz};

use super::Span;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;

/// The flow of this moment.
#[derive(Debug, Clone, Default, PartialEq, QueryableByName)]
pub struct Flow {
    /// Jobs that became ready in the last full minute and this one, per minute: new ones, those that fell due, and retries.
    #[diesel(sql_type = Double)]
    pub incoming_per_minute: f64,
    /// By how many jobs a minute the lines got shorter in the last five full minutes, those of paused queues left out.
    #[diesel(sql_type = Double)]
    pub shorter_per_minute: f64,
    /// Jobs that succeeded, per minute.
    #[diesel(sql_type = Double)]
    pub succeeded_per_minute: f64,
    /// Jobs that wait for their time.
    #[diesel(sql_type = BigInt)]
    pub scheduled: i64,
    /// Jobs that wait for a slot.
    #[diesel(sql_type = BigInt)]
    pub ready: i64,
    /// Those of them in queues that are not paused.
    #[diesel(sql_type = BigInt)]
    pub ready_going: i64,
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
WITH mine AS (SELECT q.id, q.paused_at IS NULL AS goes FROM millrace.queues q WHERE ", in_scope!(), "),
counts AS (
    SELECT c.state, sum(c.jobs)::bigint AS jobs, sum(c.jobs) FILTER (WHERE mine.goes)::bigint AS going
    FROM millrace.job_counts c JOIN mine ON mine.id = c.queue_id GROUP BY c.state
), minute AS (SELECT date_trunc('minute', now()) AS at), recent AS (
    SELECT sum(r.came) FILTER (WHERE r.at >= minute.at - interval '1 minute') AS came,
        sum(r.succeeded) FILTER (WHERE r.at >= minute.at - interval '1 minute') AS succeeded,
        sum(r.went - r.came) FILTER (WHERE r.at < minute.at AND mine.goes) / 5 AS shorter
    FROM minute CROSS JOIN millrace.rollups r JOIN mine ON mine.id = r.queue_id
    WHERE r.step_s = 60 AND r.at >= (SELECT date_trunc('minute', now()) - interval '5 minutes')
), passed AS (SELECT extract(epoch FROM now() - minute.at + interval '1 minute') / 60 AS minutes FROM minute)
SELECT coalesce(recent.came / passed.minutes, 0)::float8 AS incoming_per_minute, coalesce(recent.succeeded / passed.minutes, 0)::float8 AS succeeded_per_minute,
    coalesce(recent.shorter, 0)::float8 AS shorter_per_minute, coalesce((SELECT going FROM counts WHERE state = 'ready'), 0) AS ready_going,
    coalesce((SELECT jobs FROM counts WHERE state = 'scheduled'), 0) AS scheduled, coalesce((SELECT jobs FROM counts WHERE state = 'ready'), 0) AS ready,
    coalesce((SELECT jobs FROM counts WHERE state = 'running'), 0) AS running, coalesce((SELECT jobs FROM counts WHERE state = 'retrying'), 0) AS retrying,
    coalesce((SELECT jobs FROM counts WHERE state = 'held'), 0) AS held, coalesce((SELECT sum(jobs) FROM counts), 0)::bigint AS \"all\",
    coalesce((SELECT sum(r.failed) FROM millrace.rollups r JOIN mine ON mine.id = r.queue_id WHERE r.step_s = 60 AND r.at > now() - interval '1 hour'), 0)::bigint AS failed_last_hour,
    (SELECT s.run_at FROM millrace.scheduled s JOIN mine ON mine.id = s.queue_id WHERE s.retrying ORDER BY s.run_at LIMIT 1) AS next_retry,
    CASE WHEN $1 IS NULL THEN (SELECT min(l.started_at) FROM millrace.leases l) ELSE (
        SELECT min(l.started_at) FROM millrace.leases l CROSS JOIN LATERAL UNNEST(l.job_ids) AS u(id) JOIN millrace.jobs j ON j.id = u.id
        LEFT JOIN millrace.placements p ON p.job_id = u.id JOIN mine ON mine.id = coalesce(p.queue_id, j.queue_id)) END AS oldest_start
FROM recent CROSS JOIN passed"
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

/// Reads the bars of a range that are not empty and begin at `from` or later, oldest first.
///
/// # Errors
/// Database failures.
pub fn steps(conn: &mut PgConnection, scope: &Scope, span: Span, from: Time) -> Result<Vec<Step>, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::steps
WITH seen AS (SELECT r.* FROM millrace.rollups r JOIN millrace.queues q ON q.id = r.queue_id
    WHERE ", in_scope!(), " AND r.step_s = $2 AND r.at >= $3)
SELECT date_bin($4 * interval '1 s', r.at, timestamptz '2000-01-01 00:00+00') AS at, sum(r.succeeded)::bigint AS succeeded,
    sum(r.attempts_failed)::bigint AS attempts_failed, sum(r.enqueued)::bigint AS enqueued, sum(r.run_us)::bigint AS run_us
FROM seen r GROUP BY 1 ORDER BY 1"
    );
    statement(SQL)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Integer, _>(span.rollup_step_s())
        .bind::<Timestamptz, _>(from)
        .bind::<Double, _>(span.bar().as_secs_f64())
        .rows(conn)
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
