//! What runs on nodes now, by their leases.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Nullable, SmallInt, Text, Timestamptz};

use super::read::NODES_MAX;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::job::JobId;

/// How long the jobs of a node have run.
#[derive(Debug, Clone, Default, PartialEq, QueryableByName)]
pub struct Ages {
    /// The node.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// In seconds, longest first; at most 200.
    #[diesel(sql_type = Array<Double>)]
    pub running_for: Vec<f64>,
}

/// Reads how long the jobs of each node that is not down have run, or of the one called `name`.
///
/// # Errors
/// Database failures.
pub fn ages(conn: &mut PgConnection, name: Option<&str>) -> Result<Vec<Ages>, DbError> {
    const SQL: &str = "-- admin::nodes::ages
SELECT n.name, coalesce((SELECT array_agg(age ORDER BY age DESC) FROM (
        SELECT extract(epoch FROM clock_timestamp() - l.started_at)::float8 AS age FROM millrace.leases l CROSS JOIN LATERAL UNNEST(l.job_ids) AS u(id)
        WHERE l.node_id = n.id ORDER BY l.started_at LIMIT 200) AS ages), '{}') AS running_for
FROM millrace.nodes n WHERE n.state <> 'down' AND ($1::text IS NULL OR n.name = $1) ORDER BY n.name LIMIT $2";
    statement(SQL).bind::<Nullable<Text>, _>(name).bind::<Integer, _>(NODES_MAX).rows(conn)
}

/// A job that runs on a node.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct RunningJob {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: JobId,
    /// Its template.
    #[diesel(sql_type = Text)]
    pub template: String,
    /// Its queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// Which attempt it is.
    #[diesel(sql_type = SmallInt)]
    pub attempt: i16,
    /// When the node claimed it.
    #[diesel(sql_type = Timestamptz)]
    pub claimed_at: Time,
}

/// Reads the jobs that run on the node called `name` and that `scope` covers, longest first; at most `rows_max`.
///
/// # Errors
/// Database failures.
pub fn running_on(
    conn: &mut PgConnection,
    scope: &Scope,
    name: &str,
    rows_max: i32,
) -> Result<Vec<RunningJob>, DbError> {
    const SQL: &str = "-- admin::nodes::running_on
SELECT u.id, t.name AS template, q.name AS queue, u.attempt, l.started_at AS claimed_at
FROM millrace.nodes n JOIN millrace.leases l ON l.node_id = n.id CROSS JOIN LATERAL UNNEST(l.job_ids, l.attempts) AS u(id, attempt)
JOIN millrace.jobs j ON j.id = u.id JOIN millrace.templates t ON t.id = j.template_id
LEFT JOIN millrace.placements p ON p.job_id = u.id JOIN millrace.queues q ON q.id = coalesce(p.queue_id, j.queue_id)
WHERE n.name = $1 AND ($2 OR q.name = ANY ($3) OR j.tags && $4) ORDER BY l.started_at, u.id LIMIT $5";
    statement(SQL)
        .bind::<Text, _>(name)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Array<Text>, _>(&scope.tags)
        .bind::<Integer, _>(rows_max)
        .rows(conn)
}
