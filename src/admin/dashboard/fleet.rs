//! The nodes of the dashboard: those that are shown, how many there are, and those that were not heard of.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Double, Integer, Nullable, Text, Timestamptz};

use super::attention::{CONCERNS_MAX, LOST_FOR, SILENT};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};

/// Most nodes shown.
const LINES_MAX: i32 = 50;

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

/// All nodes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub struct Fleet {
    /// Those that are not down.
    #[diesel(sql_type = BigInt)]
    pub nodes: i64,
    /// Their worker threads.
    #[diesel(sql_type = BigInt)]
    pub slots: i64,
    /// Those of them that are at work.
    #[diesel(sql_type = BigInt)]
    pub busy: i64,
    /// Nodes that take work.
    #[diesel(sql_type = BigInt)]
    pub takers: i64,
    /// Worker threads of these that are not at work.
    #[diesel(sql_type = BigInt)]
    pub free: i64,
}

/// Counts all nodes.
///
/// # Errors
/// Database failures.
pub fn fleet(conn: &mut PgConnection) -> Result<Fleet, DbError> {
    const SQL: &str = "-- admin::dashboard::fleet
SELECT count(*) AS nodes, coalesce(sum(n.slots), 0)::bigint AS slots, coalesce(sum(n.busy), 0)::bigint AS busy,
    count(*) FILTER (WHERE n.state = 'up') AS takers, coalesce(sum(n.slots - n.busy) FILTER (WHERE n.state = 'up'), 0)::bigint AS free
FROM millrace.nodes n WHERE n.state <> 'down'";
    Ok(statement(SQL).row(conn)?.unwrap_or_default())
}

/// A node that should have been heard of.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Unheard {
    /// Which.
    #[diesel(sql_type = Text)]
    pub node: String,
    /// Its last heartbeat.
    #[diesel(sql_type = Timestamptz)]
    pub heartbeat_at: Time,
    /// When others declared it lost.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub lost_at: Option<Time>,
}

/// Reads the nodes that are silent, or were lost a while ago and did not start again: those heard of last first.
///
/// # Errors
/// Database failures.
pub fn unheard(conn: &mut PgConnection) -> Result<Vec<Unheard>, DbError> {
    const SQL: &str = "-- admin::dashboard::unheard
SELECT n.name AS node, n.heartbeat_at, n.lost_at FROM millrace.nodes n
WHERE n.state <> 'down' AND n.heartbeat_at < clock_timestamp() - $1 * interval '1 s' OR n.lost_at > clock_timestamp() - $2 * interval '1 s'
ORDER BY n.state = 'down', n.heartbeat_at DESC LIMIT $3";
    statement(SQL)
        .bind::<Integer, _>(SILENT.as_secs() as i32)
        .bind::<Integer, _>(LOST_FOR.as_secs() as i32)
        .bind::<Integer, _>(CONCERNS_MAX as i32)
        .rows(conn)
}
