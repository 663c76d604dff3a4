//! Who has reserved of a pool, who waits for it, and whose jobs do either.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};
use serde::Serialize;

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::job::JobId;

/// Most rows of each list.
pub const ROWS_MAX: i32 = 50;

/// A node whose jobs have reserved of a pool.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName, Serialize)]
pub struct NodeShare {
    /// The node.
    #[diesel(sql_type = Text)]
    pub node: String,
    /// How much.
    #[diesel(sql_type = BigInt)]
    pub amount: i64,
}

/// A job that runs and has reserved of a pool.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName, Serialize)]
pub struct Holder {
    /// The job.
    #[diesel(sql_type = BigInt)]
    pub job: JobId,
    /// Its template.
    #[diesel(sql_type = Text)]
    pub template: String,
    /// Its queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// Where it runs.
    #[diesel(sql_type = Text)]
    pub node: String,
    /// How much.
    #[diesel(sql_type = Integer)]
    pub amount: i32,
    /// Since when it runs.
    #[diesel(sql_type = Timestamptz)]
    pub since: Time,
}

/// A job that waits for a pool.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName, Serialize)]
pub struct Waiter {
    /// The job.
    #[diesel(sql_type = BigInt)]
    pub job: JobId,
    /// Its template.
    #[diesel(sql_type = Text)]
    pub template: String,
    /// Its queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// Its priority.
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    /// What it needs.
    #[diesel(sql_type = Integer)]
    pub amount: i32,
    /// Since when it waits for a slot.
    #[diesel(sql_type = Timestamptz)]
    pub since: Time,
}

/// A template whose new jobs reserve of a pool.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName, Serialize)]
pub struct User {
    /// The template.
    #[diesel(sql_type = Text)]
    pub template: String,
    /// Its active version.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// What each of its jobs reserves.
    #[diesel(sql_type = Integer)]
    pub amount: i32,
}

/// Reads which nodes' jobs have reserved how much, most first.
///
/// # Errors
/// Database failures.
pub fn nodes(conn: &mut PgConnection, pool: &str) -> Result<Vec<NodeShare>, DbError> {
    const SQL: &str = "-- admin::pools::nodes
SELECT n.name AS node, (u.taken - coalesce(f.freed, 0)) AS amount FROM millrace.lane_use u
JOIN millrace.nodes n ON n.id = u.node_id AND n.epoch = u.epoch AND n.state <> 'down'
LEFT JOIN millrace.lane_freed f ON f.key = u.key AND f.node_id = u.node_id AND f.epoch = u.epoch
WHERE u.key = 'p' || $1 AND u.taken > coalesce(f.freed, 0) ORDER BY 2 DESC, 1 LIMIT $2";
    statement(SQL).bind::<Text, _>(pool).bind::<Integer, _>(ROWS_MAX).rows(conn)
}

/// Reads the running jobs that have reserved of the pool and that `scope` covers, those that took most first.
///
/// # Errors
/// Database failures.
pub fn holders(conn: &mut PgConnection, scope: &Scope, pool: &str) -> Result<Vec<Holder>, DbError> {
    const SQL: &str = "-- admin::pools::holders
SELECT u.id AS job, t.name AS template, q.name AS queue, n.name AS node, (v.limits -> 'reserve' ->> $1)::integer AS amount, l.started_at AS since
FROM millrace.leases l JOIN millrace.nodes n ON n.id = l.node_id CROSS JOIN LATERAL UNNEST(l.job_ids) AS u(id)
JOIN millrace.jobs j ON j.id = u.id AND j.limit_keys @> ARRAY['p' || $1]
JOIN millrace.template_versions v ON v.template_id = j.template_id AND v.version = j.version AND v.limits -> 'reserve' ? $1
JOIN millrace.templates t ON t.id = j.template_id
LEFT JOIN millrace.placements p ON p.job_id = u.id JOIN millrace.queues q ON q.id = coalesce(p.queue_id, j.queue_id)
WHERE $2 OR q.name = ANY ($3) OR j.tags && $4 ORDER BY amount DESC, l.started_at, u.id LIMIT $5";
    statement(SQL)
        .bind::<Text, _>(pool)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Array<Text>, _>(&scope.tags)
        .bind::<Integer, _>(ROWS_MAX)
        .rows(conn)
}

/// Reads the jobs that wait for the pool and that `scope` covers, in the order in which they are let in.
///
/// # Errors
/// Database failures.
pub fn waiters(conn: &mut PgConnection, scope: &Scope, pool: &str) -> Result<Vec<Waiter>, DbError> {
    const SQL: &str = "-- admin::pools::waiters
SELECT g.job_id AS job, t.name AS template, q.name AS queue, g.priority, g.amount, g.since
FROM millrace.gated g JOIN millrace.jobs j ON j.id = g.job_id JOIN millrace.templates t ON t.id = g.template_id
JOIN millrace.queues q ON q.id = g.queue_id
WHERE g.lane = 'p' || $1 AND g.lane >= 'p' AND g.lane < 'q' AND ($2 OR q.name = ANY ($3) OR j.tags && $4)
ORDER BY g.priority, g.job_id LIMIT $5";
    statement(SQL)
        .bind::<Text, _>(pool)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Array<Text>, _>(&scope.tags)
        .bind::<Integer, _>(ROWS_MAX)
        .rows(conn)
}

/// Reads the templates whose new jobs reserve of a pool, or of any (`None`), by name: those whose own queue or tags `scope` covers.
///
/// # Errors
/// Database failures.
pub fn users(conn: &mut PgConnection, scope: &Scope, pool: Option<&str>) -> Result<Vec<(String, User)>, DbError> {
    const SQL: &str = "-- admin::pools::users
SELECT r.key, t.name, v.version, r.value::integer FROM millrace.templates t
JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = t.active_version
CROSS JOIN LATERAL jsonb_each_text(v.limits -> 'reserve') AS r
WHERE t.state IN ('active', 'deprecated') AND v.limits ? 'reserve' AND ($1::text IS NULL OR r.key = $1)
    AND ($2 OR v.queue = ANY ($3) OR v.tags && $4) ORDER BY r.key, t.name LIMIT 1000";
    let rows = statement(SQL)
        .bind::<Nullable<Text>, _>(pool)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Array<Text>, _>(&scope.tags)
        .tuples::<(Text, Text, Integer, Integer), (String, String, i32, i32)>(conn)?;
    Ok(rows.into_iter().map(|(pool, template, version, amount)| (pool, User { template, version, amount })).collect())
}
