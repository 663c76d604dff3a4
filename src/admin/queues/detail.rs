//! What the page of one queue shows beside its counts: how long its jobs waited, what stands in it by priority, who holds the
//! places of its limits, which nodes serve it. Every read is bounded.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::histogram::Histogram;
use crate::queue::job::JobId;

/// Most rows of the rollups read for the waits of an hour.
const ROLLUPS_MAX: i32 = 20_000;
/// Ready jobs of a priority that are counted; there may be more.
pub const MIX_MAX: i64 = 10_000;
/// Running and waiting jobs that are looked at for their limits.
const JOBS_MAX: i32 = 2_000;
/// Most lanes and nodes shown.
pub const ROWS_MAX: i32 = 50;
/// Waiting jobs of a lane that are counted; there may be more.
pub const WAITING_MAX: i64 = 1_000;

#[derive(QueryableByName)]
struct Waits {
    #[diesel(sql_type = Array<Integer>)]
    wait_histogram: Vec<i32>,
}

/// Reads how long the jobs that began in the last hour had waited for a slot.
///
/// # Errors
/// Database failures.
pub fn waits(conn: &mut PgConnection, queue: &str) -> Result<Histogram, DbError> {
    const SQL: &str = "-- admin::queues::waits
SELECT r.wait_histogram FROM millrace.rollups r
WHERE r.step_s = 60 AND r.at >= (SELECT date_trunc('minute', clock_timestamp()) - interval '60 minutes') AND r.node_id <> 0
    AND r.queue_id = (SELECT q.id FROM millrace.queues q WHERE q.name = $1)
ORDER BY r.at DESC, r.template_id, r.node_id LIMIT $2";
    let rows: Vec<Waits> = statement(SQL).bind::<Text, _>(queue).bind::<Integer, _>(ROLLUPS_MAX).rows(conn)?;
    let mut all = Histogram::default();
    rows.iter().for_each(|row| all.merge(&Histogram::from_row(&row.wait_histogram)));
    Ok(all)
}

/// How many jobs of a priority are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Share {
    /// 1, the highest, to 5.
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    /// Counted up to [`MIX_MAX`].
    #[diesel(sql_type = BigInt)]
    pub jobs: i64,
}

/// Counts the ready jobs by priority, those that wait for a limit included, each up to [`MIX_MAX`] of either kind.
///
/// # Errors
/// Database failures.
pub fn mix(conn: &mut PgConnection, queue: &str) -> Result<Vec<Share>, DbError> {
    const SQL: &str = "-- admin::queues::mix
WITH few AS MATERIALIZED (
    SELECT g.priority FROM millrace.gated g WHERE g.queue_id = (SELECT q.id FROM millrace.queues q WHERE q.name = $1) LIMIT $2
)
SELECT p.priority::smallint AS priority, (SELECT count(*) FROM (
        SELECT FROM millrace.ready r WHERE r.queue_id = q.id AND r.priority = p.priority LIMIT $2) AS line)
    + (SELECT count(*) FROM few WHERE few.priority = p.priority) AS jobs
FROM millrace.queues q CROSS JOIN generate_series(1, 5) AS p(priority) WHERE q.name = $1 ORDER BY p.priority LIMIT 5";
    statement(SQL).bind::<Text, _>(queue).bind::<BigInt, _>(MIX_MAX).rows(conn)
}

/// A limit that jobs of a queue meet, and who holds its places.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Lane {
    /// Its key: `q3` the queue, `t7` a template, `k7:[…]` a template with values of parameters.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// The template; absent for the queue's own limit.
    #[diesel(sql_type = Nullable<Text>)]
    pub template: Option<String>,
    /// Its places.
    #[diesel(sql_type = Integer)]
    pub jobs_max: i32,
    /// Those that are taken, by jobs of any queue.
    #[diesel(sql_type = Integer)]
    pub used: i32,
    /// Jobs that wait for one, counted up to [`WAITING_MAX`].
    #[diesel(sql_type = BigInt)]
    pub waiting: i64,
    /// The job of this queue that has held one longest.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub job: Option<JobId>,
    /// Where it runs.
    #[diesel(sql_type = Nullable<Text>)]
    pub node: Option<String>,
    /// Since when.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub since: Option<Time>,
}

/// Reads the limits that the jobs of a queue meet now, those for which most jobs wait first. Limits of each node, rates and pools
/// are told elsewhere.
///
/// # Errors
/// Database failures.
pub fn lanes(conn: &mut PgConnection, queue: &str) -> Result<Vec<Lane>, DbError> {
    const SQL: &str = "-- admin::queues::lanes
WITH me AS (SELECT q.id, q.concurrency FROM millrace.queues q WHERE q.name = $1), running AS MATERIALIZED (
    SELECT u.id AS job_id, n.name AS node, l.started_at, j.limit_keys || CASE WHEN me.concurrency IS NULL THEN '{}' ELSE ARRAY['q' || me.id] END AS keys
    FROM millrace.leases l JOIN millrace.nodes n ON n.id = l.node_id CROSS JOIN LATERAL UNNEST(l.job_ids) AS u(id)
    JOIN millrace.jobs j ON j.id = u.id LEFT JOIN millrace.placements p ON p.job_id = u.id JOIN me ON me.id = coalesce(p.queue_id, j.queue_id)
    ORDER BY l.started_at, u.id LIMIT $2
), held AS (
    SELECT DISTINCT ON (k.key) k.key, r.job_id, r.node, r.started_at FROM running r CROSS JOIN LATERAL UNNEST(r.keys) AS k(key)
    WHERE left(k.key, 1) IN ('q', 't', 'k') ORDER BY k.key, r.started_at, r.job_id
), asked AS (
    SELECT g.lane AS key FROM (SELECT g.lane FROM millrace.gated g JOIN me ON me.id = g.queue_id ORDER BY g.since LIMIT $2) AS g
    WHERE left(g.lane, 1) IN ('q', 't', 'k')
), met AS (
    SELECT key FROM held UNION SELECT key FROM asked ORDER BY key LIMIT $3
)
SELECT m.key, t.name AS template, CASE WHEN left(m.key, 1) = 'q' THEN coalesce((SELECT concurrency FROM me), l.jobs_max) ELSE l.jobs_max END AS jobs_max,
    millrace.lane_used(m.key)::integer AS used, w.waiting, h.job_id AS job, h.node, h.started_at AS since
FROM met m JOIN millrace.lanes l ON l.key = m.key AND l.jobs_max IS NOT NULL LEFT JOIN held h ON h.key = m.key
LEFT JOIN millrace.templates t ON left(m.key, 1) <> 'q' AND t.id = substring(m.key FROM '^.([0-9]{1,9})')::integer
CROSS JOIN LATERAL (SELECT count(*) AS waiting FROM (SELECT FROM millrace.gated g WHERE g.lane = m.key LIMIT $4) AS few) AS w
ORDER BY w.waiting DESC, left(m.key, 1) DESC, m.key LIMIT $3";
    statement(SQL)
        .bind::<Text, _>(queue)
        .bind::<Integer, _>(JOBS_MAX)
        .bind::<Integer, _>(ROWS_MAX)
        .bind::<BigInt, _>(WAITING_MAX)
        .rows(conn)
}

/// A node that takes jobs of a queue.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Server {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// up or draining.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Worker threads at work, for whatever queue.
    #[diesel(sql_type = Integer)]
    pub busy: i32,
    /// Its worker threads.
    #[diesel(sql_type = Integer)]
    pub slots: i32,
}

/// Reads the nodes that serve a queue, those that take work first.
///
/// # Errors
/// Database failures.
pub fn servers(conn: &mut PgConnection, queue: &str) -> Result<Vec<Server>, DbError> {
    const SQL: &str = "-- admin::queues::servers
SELECT n.name, n.state, n.busy, n.slots FROM millrace.nodes n WHERE n.state <> 'down' AND (n.queues IS NULL OR $1 = ANY (n.queues))
ORDER BY n.state = 'draining', n.name LIMIT $2";
    statement(SQL).bind::<Text, _>(queue).bind::<Integer, _>(ROWS_MAX).rows(conn)
}
