//! Reading nodes as their heartbeats left them.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde::Serialize;
use serde_json::Value;

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};

/// Most nodes of a list.
pub const NODES_MAX: i32 = 1_000;

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize, QueryableByName)]
pub struct NodeRow {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// up, draining or down.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Which start of its engine this is.
    #[diesel(sql_type = BigInt)]
    pub epoch: i64,
    /// When that was.
    #[diesel(sql_type = Timestamptz)]
    pub started_at: Time,
    /// Its last heartbeat.
    #[diesel(sql_type = Timestamptz)]
    pub heartbeat_at: Time,
    /// When others declared it lost; absent = it stopped in order, or has not stopped.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub lost_at: Option<Time>,
    /// How long ago its last heartbeat was, by the database's clock, in milliseconds.
    #[diesel(sql_type = BigInt)]
    pub heartbeat_age_ms: i64,
    /// Its program's version.
    #[diesel(sql_type = Text)]
    pub version: String,
    /// Its worker threads.
    #[diesel(sql_type = Integer)]
    pub slots: i32,
    /// Fewest worker threads that it may have, by its own setting.
    #[diesel(sql_type = Nullable<Integer>)]
    pub slots_min: Option<i32>,
    /// Most worker threads that it may have, by its own setting.
    #[diesel(sql_type = Nullable<Integer>)]
    pub slots_max: Option<i32>,
    /// Most worker threads that people may give it; absent = it has not told.
    #[diesel(sql_type = Nullable<Integer>)]
    pub slots_ceiling: Option<i32>,
    /// Fewest worker threads, as people set it; absent = its own setting is in force.
    #[diesel(sql_type = Nullable<Integer>)]
    pub wanted_slots_min: Option<i32>,
    /// Most worker threads, as people set it.
    #[diesel(sql_type = Nullable<Integer>)]
    pub wanted_slots_max: Option<i32>,
    /// When they set these.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub wanted_slots_at: Option<Time>,
    /// Who did.
    #[diesel(sql_type = Nullable<Text>)]
    pub wanted_slots_by: Option<String>,
    /// Their name, if they are a person.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip)]
    pub wanted_slots_by_name: Option<String>,
    /// Those that were at work at the last heartbeat.
    #[diesel(sql_type = Integer)]
    pub busy: i32,
    /// Jobs under its leases now.
    #[diesel(sql_type = BigInt)]
    pub running: i64,
    /// Resident memory of its engine.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub memory_bytes: Option<i64>,
    /// Its labels, an object of texts.
    #[diesel(sql_type = Jsonb)]
    pub labels: Value,
    /// Queues that it serves; absent = all.
    #[diesel(sql_type = Nullable<Array<Text>>)]
    pub queues: Option<Vec<String>>,
    /// Its clock minus the database's, in milliseconds.
    #[diesel(sql_type = Nullable<Integer>)]
    pub clock_skew_ms: Option<i32>,
    /// How it counts and bounds its commands.
    #[diesel(sql_type = Nullable<Text>)]
    pub commands: Option<String>,
}

const ROWS: &str = "-- admin::nodes::rows
SELECT n.name, n.state, n.epoch, n.started_at, n.heartbeat_at, n.lost_at,
    greatest(0, (extract(epoch FROM clock_timestamp() - n.heartbeat_at) * 1000)::bigint) AS heartbeat_age_ms, n.version, n.slots, n.slots_min, n.slots_max, n.busy,
    n.slots_ceiling, n.wanted_slots_min, n.wanted_slots_max, n.wanted_slots_at, n.wanted_slots_by,
    (SELECT p.name FROM millrace.people p WHERE p.email = n.wanted_slots_by) AS wanted_slots_by_name,
    coalesce((SELECT sum(cardinality(l.job_ids)) FROM millrace.leases l WHERE l.node_id = n.id), 0)::bigint AS running,
    n.memory_bytes, n.labels, n.queues, n.clock_skew_ms, n.commands
FROM millrace.nodes n WHERE ($1::text IS NULL OR n.name = $1) ORDER BY n.state = 'down', n.name LIMIT $2";

/// Reads all nodes, those that are down last.
pub(super) fn list(conn: &mut PgConnection) -> Result<Vec<NodeRow>, DbError> {
    statement(ROWS).bind::<Nullable<Text>, _>(None::<&str>).bind::<Integer, _>(NODES_MAX).rows(conn)
}

/// Reads one node.
pub(super) fn show(conn: &mut PgConnection, name: &str) -> Result<Option<NodeRow>, DbError> {
    statement(ROWS).bind::<Nullable<Text>, _>(Some(name)).bind::<Integer, _>(1).row(conn)
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;

    /// A node that is up, at half past one on a fixed day.
    pub fn node() -> NodeRow {
        let at = |text: &str| text.parse().expect("a time");
        NodeRow {
            name: "fra-01".into(),
            state: "up".into(),
            epoch: 7,
            started_at: at("2026-11-24T08:00:00Z"),
            heartbeat_at: at("2026-11-24T13:32:07Z"),
            lost_at: None,
            heartbeat_age_ms: 1_200,
            version: "1.4.0".into(),
            slots: 8,
            slots_min: Some(2),
            slots_max: Some(32),
            slots_ceiling: Some(128),
            wanted_slots_min: None,
            wanted_slots_max: None,
            wanted_slots_at: None,
            wanted_slots_by: None,
            wanted_slots_by_name: None,
            busy: 3,
            running: 3,
            memory_bytes: Some(212_000_000),
            labels: serde_json::json!({ "zone": "<b>a" }),
            queues: Some(vec!["mail".into(), "exports".into()]),
            clock_skew_ms: Some(-2_400),
            commands: Some("control groups count and bound cpu, memory, pids, io".into()),
        }
    }
}
