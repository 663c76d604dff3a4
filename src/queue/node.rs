//! Nodes: registration, heartbeat, epoch.
//!
//! A node's epoch rises at each start of its engine. Leases name the epoch under which they were claimed; the heartbeat
//! fails once somebody else has raised it or declared the node down, and the engine then stops by itself (G7).

use std::time::Duration;

use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text};

use super::fit::Labels;
use super::job::NodeId;
use crate::base::db::{DbError, PgConnection, statement};
use crate::base::text::NodeName;

/// A node's identity for the length of one run of its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incarnation {
    /// The node.
    pub node: NodeId,
    /// Which start of its engine.
    pub epoch: i64,
}

/// What a node says about itself when it starts.
#[derive(Debug, Clone)]
pub struct Introduction<'a> {
    /// Its name.
    pub name: &'a NodeName,
    /// Its program's version.
    pub version: &'a str,
    /// Its labels.
    pub labels: &'a Labels,
    /// Queues it serves; `None` = all.
    pub queues: Option<&'a [String]>,
    /// Fewest and most worker threads, by its setting.
    pub slots: (u32, u32),
    /// Most worker threads that people may give it while it runs.
    pub slots_ceiling: u32,
    /// How it counts and bounds its commands; empty = it runs none.
    pub commands: &'a str,
}

#[derive(diesel::QueryableByName)]
struct Registered {
    #[diesel(sql_type = Integer)]
    id: NodeId,
    #[diesel(sql_type = BigInt)]
    epoch: i64,
}

/// Registers the node and raises its epoch: leases of an earlier start are void from then on. Bounds that people set stay, as
/// far as it has room for them now.
///
/// # Errors
/// Database failures.
pub fn register(conn: &mut PgConnection, who: &Introduction<'_>) -> Result<Incarnation, DbError> {
    const SQL: &str = "-- queue::node::register
INSERT INTO millrace.nodes AS n (name, epoch, version, labels, queues, slots_min, slots_max, slots_ceiling, commands)
VALUES ($1, 1, $2, $3, $4, $5, $6, $7, nullif($8, ''))
ON CONFLICT (name) DO UPDATE SET epoch = n.epoch + 1, state = 'up', lost_at = NULL, started_at = clock_timestamp(),
    heartbeat_at = clock_timestamp(), version = excluded.version, labels = excluded.labels, queues = excluded.queues, slots_min = excluded.slots_min,
    slots_max = excluded.slots_max, slots_ceiling = excluded.slots_ceiling,
    wanted_slots_min = CASE WHEN n.wanted_slots_min IS NOT NULL THEN least(n.wanted_slots_min, excluded.slots_ceiling) END,
    wanted_slots_max = CASE WHEN n.wanted_slots_max IS NOT NULL THEN least(n.wanted_slots_max, excluded.slots_ceiling) END, commands = excluded.commands, busy = 0
RETURNING id, epoch";
    let row: Option<Registered> = statement(SQL)
        .bind::<Text, _>(who.name.as_str())
        .bind::<Text, _>(who.version)
        .bind::<Jsonb, _>(serde_json::json!(who.labels))
        .bind::<Nullable<Array<Text>>, _>(who.queues)
        .bind::<Integer, _>(who.slots.0 as i32)
        .bind::<Integer, _>(who.slots.1 as i32)
        .bind::<Integer, _>(who.slots_ceiling as i32)
        .bind::<Text, _>(who.commands)
        .row(conn)?;
    row.map(|row| Incarnation { node: row.id, epoch: row.epoch })
        .ok_or_else(|| DbError::Other(diesel::result::Error::NotFound))
}

/// Reads between which bounds people want the node's worker threads; `None` = as its own setting says.
///
/// # Errors
/// Database failures.
pub fn wanted_slots(conn: &mut PgConnection, who: Incarnation) -> Result<Option<(u32, u32)>, DbError> {
    const SQL: &str = "-- queue::node::wanted_slots
SELECT state, wanted_slots_min, wanted_slots_max FROM millrace.nodes WHERE id = $1 AND epoch = $2";
    let row: Option<Answer> = statement(SQL).bind::<Integer, _>(who.node).bind::<BigInt, _>(who.epoch).row(conn)?;
    Ok(row.and_then(|row| row.slots()))
}

/// What a heartbeat carries.
#[derive(Debug, Clone, Copy)]
pub struct Pulse {
    /// Worker threads.
    pub slots: u32,
    /// Worker threads at work.
    pub busy: u32,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// Whether the node takes no new work.
    pub draining: bool,
    /// How long claims took in the last minute.
    pub claims: ClaimTime,
    /// The node's wall clock in milliseconds since 1970, to see skew.
    pub clock_ms: i64,
}

/// How long the claims of a minute took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClaimTime {
    /// How many there were.
    pub claims: u32,
    /// Their median; absent = there were none.
    pub p50: Option<Duration>,
    /// Their 99th percentile.
    pub p99: Option<Duration>,
}

#[derive(diesel::QueryableByName)]
struct Answer {
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Integer>)]
    wanted_slots_min: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    wanted_slots_max: Option<i32>,
}

impl Answer {
    fn slots(&self) -> Option<(u32, u32)> {
        Some((self.wanted_slots_min?.unsigned_abs(), self.wanted_slots_max?.unsigned_abs()))
    }
}

/// What people want of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wishes {
    /// It should take no new work.
    pub drain: bool,
    /// Fewest and most worker threads; `None` = as its own setting says.
    pub slots: Option<(u32, u32)>,
}

/// What the database answered to a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The lease is renewed; this is what people want of the node.
    Renewed(Wishes),
    /// The epoch is not ours any more, or we were declared down: stop everything.
    Superseded,
}

/// Renews the node's lease: one UPDATE for the node, whatever runs on it.
///
/// # Errors
/// Database failures; the lease may then have been renewed or not, count from before the call.
pub fn heartbeat(conn: &mut PgConnection, who: Incarnation, pulse: &Pulse) -> Result<Heard, DbError> {
    // the parameters' first mentions must rise, so id and epoch come through a leading CTE
    const SQL: &str = "-- queue::node::heartbeat
WITH me AS (SELECT $1::integer AS id, $2::bigint AS epoch)
UPDATE millrace.nodes n SET heartbeat_at = clock_timestamp(), slots = $3, busy = $4, memory_bytes = $5,
    state = CASE WHEN $6 = 1 THEN 'draining' ELSE state END,
    clock_skew_ms = greatest(-2000000000, least(2000000000, $7 - (extract(epoch FROM clock_timestamp()) * 1000)::bigint)),
    claims = $8, claim_p50_us = $9, claim_p99_us = $10
FROM me WHERE n.id = me.id AND n.epoch = me.epoch AND n.state <> 'down'
RETURNING n.state, n.wanted_slots_min, n.wanted_slots_max";
    let row: Option<Answer> = statement(SQL)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .bind::<Integer, _>(pulse.slots as i32)
        .bind::<Integer, _>(pulse.busy as i32)
        .bind::<BigInt, _>(pulse.memory_bytes as i64)
        .bind::<Integer, _>(i32::from(pulse.draining))
        .bind::<BigInt, _>(pulse.clock_ms)
        .bind::<Integer, _>(pulse.claims.claims as i32)
        .bind::<Nullable<Integer>, _>(micros(pulse.claims.p50))
        .bind::<Nullable<Integer>, _>(micros(pulse.claims.p99))
        .row(conn)?;
    Ok(row.map_or(Heard::Superseded, |row| {
        Heard::Renewed(Wishes { drain: row.state == "draining" && !pulse.draining, slots: row.slots() })
    }))
}

fn micros(length: Option<Duration>) -> Option<i32> {
    length.map(|length| i32::try_from(length.as_micros()).unwrap_or(i32::MAX))
}

/// Says that the node has stopped in order: it is `down` at once, needs no sweep and is not called lost.
///
/// # Errors
/// Database failures.
pub fn sign_off(conn: &mut PgConnection, who: Incarnation) -> Result<(), DbError> {
    const SQL: &str = "-- queue::node::sign_off
UPDATE millrace.nodes SET state = 'down', busy = 0 WHERE id = $1 AND epoch = $2";
    statement(SQL).bind::<Integer, _>(who.node).bind::<BigInt, _>(who.epoch).run(conn)?;
    Ok(()) // 0 rows: somebody else has taken the name over already
}

/// A node that takes no new work.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Drain {
    /// Which.
    #[diesel(sql_type = Text)]
    pub node: String,
    /// Who drained it; absent when its engine stops by itself.
    #[diesel(sql_type = Nullable<Text>)]
    pub by: Option<String>,
    /// Why.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
}

/// Most drained nodes that are named.
const DRAINS_MAX: i64 = 5;

/// Reads the nodes that take no new work, at most five: those that serve `queue`, or all. One that nobody drained since it
/// started is stopping.
///
/// # Errors
/// Database failures.
pub fn drains(conn: &mut PgConnection, queue: Option<&str>) -> Result<Vec<Drain>, DbError> {
    const SQL: &str = "-- queue::node::drains
SELECT n.name AS node, a.by, a.reason FROM millrace.nodes n LEFT JOIN LATERAL (
    SELECT coalesce((SELECT p.name FROM millrace.people p WHERE p.id = a.person_id), a.actor) AS by, a.reason FROM millrace.audit a
    WHERE a.subject_kind = 'node' AND a.subject = n.name AND a.act = 'node.drain' AND a.accepted AND a.at >= n.started_at ORDER BY a.id DESC LIMIT 1
) AS a ON true
WHERE n.state = 'draining' AND ($1::text IS NULL OR n.queues IS NULL OR $1 = ANY (n.queues)) ORDER BY n.name LIMIT $2";
    statement(SQL).bind::<Nullable<Text>, _>(queue).bind::<BigInt, _>(DRAINS_MAX).rows(conn)
}
