//! The queues of the dashboard: those that are shown, those that the rules want, and how many there are.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, Text, Timestamptz};

use super::attention::{BEHIND, CONCERNS_MAX, PAUSED_LONG};
use super::read::{in_scope, whole_queues};
use crate::admin::queues::{drains_in, target};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::job::QueueId;

/// Most queues that are read for their work.
const LINES_MAX: i32 = 50;

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
    /// By how many jobs a minute its line got shorter in the last five full minutes.
    #[diesel(sql_type = Double)]
    pub shorter_per_minute: f64,
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

    /// Tells when its line is empty, as far as that can be told; nothing goes out of a paused one.
    pub fn drains_in(&self) -> Option<Duration> {
        drains_in(self.ready, self.shorter_per_minute).filter(|_| !self.paused)
    }
}

/// The queues in scope.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Queues {
    /// Those with most work, and behind them those that need somebody however little work they have.
    pub lines: Vec<QueueLine>,
    /// How many there are.
    pub all: i64,
    /// How many of them have jobs that run or are ready.
    pub active: i64,
    /// Since when the oldest ready job of a queue that is not paused waits.
    pub oldest: Option<Time>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(embed)]
    line: QueueLine,
    #[diesel(sql_type = BigInt)]
    all_queues: i64,
    #[diesel(sql_type = BigInt)]
    active: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    oldest_waiting: Option<Time>,
}

/// Reads the queues in scope: the fifty with most work; of those that are paused while work waits and of those that are behind as many as
/// can be told of; and how many there are of all.
///
/// # Errors
/// Database failures.
pub fn queues(conn: &mut PgConnection, scope: &Scope) -> Result<Queues, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::queues
WITH counts AS (
    SELECT queue_id, coalesce(sum(jobs) FILTER (WHERE state = 'running'), 0)::bigint AS running,
        coalesce(sum(jobs) FILTER (WHERE state = 'ready'), 0)::bigint AS ready, coalesce(sum(jobs) FILTER (WHERE state = 'failed'), 0)::bigint AS failed
    FROM millrace.job_counts GROUP BY queue_id
), hour AS (
    SELECT queue_id, at, sum(succeeded + attempts_failed) AS ended, sum(attempts_failed) AS failed, sum(went - came) AS shorter
    FROM millrace.rollups WHERE step_s = 60 AND at >= date_trunc('minute', now()) - interval '60 minutes' GROUP BY queue_id, at
), lines AS MATERIALIZED (
    SELECT q.id, q.name, coalesce(c.running, 0) AS running, coalesce(c.ready, 0) AS ready, coalesce(c.failed, 0) AS failed,
        least(front.since, (SELECT g.since FROM millrace.gated g WHERE g.queue_id = q.id ORDER BY g.since LIMIT 1)) AS oldest, front.since AS oldest_in_line,
        q.wait_target_ms, q.paused_at, q.paused_by, q.pause_reason,
        row_number() OVER (ORDER BY coalesce(c.running, 0) + coalesce(c.ready, 0) DESC, q.name) AS place
    FROM millrace.queues q LEFT JOIN counts c ON c.queue_id = q.id
    CROSS JOIN LATERAL (
        SELECT min(line.since) AS since FROM generate_series(1, 5) AS p(priority) CROSS JOIN LATERAL (
            SELECT r.since FROM millrace.ready r WHERE r.queue_id = q.id AND r.priority = p.priority ORDER BY r.seq LIMIT 1) AS line
    ) AS front
    WHERE ", in_scope!(), "
), total AS (
    SELECT count(*) AS all_queues, count(*) FILTER (WHERE running + ready > 0) AS active, min(oldest) FILTER (WHERE paused_at IS NULL) AS oldest_waiting FROM lines
), wanted AS (
    (SELECT id FROM lines WHERE place <= $2)
    UNION (SELECT id FROM lines WHERE paused_at IS NOT NULL AND ready > 0 ORDER BY paused_at > now() - $3 * interval '1 s', ready DESC, id LIMIT $4)
    UNION (SELECT id FROM lines WHERE paused_at IS NULL AND (oldest_in_line < now() - coalesce(wait_target_ms, $5) * interval '1 ms'
        OR oldest < now() - wait_target_ms * interval '1 ms') ORDER BY ready DESC, id LIMIT $4)
)
SELECT l.id, l.name, l.running, l.ready, l.failed, l.oldest, l.oldest_in_line,
    (SELECT array_agg(coalesce(h.ended, 0)::bigint ORDER BY m.at) FROM generate_series(date_trunc('minute', now()) - interval '60 minutes',
        date_trunc('minute', now()) - interval '1 minute', interval '1 minute') AS m(at) LEFT JOIN hour h ON h.queue_id = l.id AND h.at = m.at) AS per_minute,
    coalesce((SELECT sum(h.failed) FROM hour h WHERE h.queue_id = l.id AND h.at < date_trunc('minute', now())), 0)::bigint AS attempts_failed,
    coalesce((SELECT sum(h.shorter) FROM hour h WHERE h.queue_id = l.id AND h.at < date_trunc('minute', now())
        AND h.at >= date_trunc('minute', now()) - interval '5 minutes') / 5, 0)::float8 AS shorter_per_minute,
    l.wait_target_ms, l.paused_at IS NOT NULL AS paused, coalesce((SELECT p.name FROM millrace.people p WHERE p.email = l.paused_by), l.paused_by) AS paused_by,
    l.pause_reason, l.paused_at, total.all_queues, total.active, total.oldest_waiting
FROM lines l JOIN wanted USING (id) CROSS JOIN total ORDER BY l.place"
    );
    let rows: Vec<Row> = statement(SQL)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Integer, _>(LINES_MAX)
        .bind::<Integer, _>(PAUSED_LONG.as_secs() as i32)
        .bind::<Integer, _>(CONCERNS_MAX as i32)
        .bind::<Integer, _>(BEHIND.as_millis() as i32)
        .rows(conn)?;
    let (all, active, oldest) =
        rows.first().map_or((0, 0, None), |row| (row.all_queues, row.active, row.oldest_waiting));
    Ok(Queues { lines: rows.into_iter().map(|row| row.line).collect(), all, active, oldest })
}
