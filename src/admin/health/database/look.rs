//! Asking Postgres about itself: a handful of short statements over its statistics, none over our rows.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Text, Timestamptz};

use super::{Claims, Connections, Durability, Holder, HotTable, Program, Sample};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::partitions;

/// Tables that every job goes through, or may; few of their rows live long.
const HOT_TABLES: [&str; 15] = [
    "ready",
    "leases",
    "scheduled",
    "placements",
    "parked",
    "gated",
    "turns",
    "lanes",
    "lane_use",
    "lane_freed",
    "lane_kept",
    "live",
    "state_deltas",
    "rollup_deltas",
    "nodes",
];
/// Holders of snapshots that are told.
const HOLDERS_MAX: i32 = 10;
/// Nodes whose claims are told.
const NODES_MAX: i64 = 100;

/// Looks at everything. Each statement is short and bounded; the caller's connection limits their time.
///
/// # Errors
/// Database failures.
pub fn take(conn: &mut PgConnection) -> Result<Sample, DbError> {
    let server = server(conn)?;
    let partitions = partitions::standing(conn)?;
    let oldest = match partitions.first().and_then(|table| table.oldest) {
        Some(part) => partitions::oldest(conn, part)?,
        None => None,
    };
    Ok(Sample {
        at: server.at,
        server: server.server,
        bytes: server.bytes,
        holders: holders(conn)?,
        tables: tables(conn)?,
        partitions,
        oldest,
        connections: Connections {
            used: server.used,
            max: server.max,
            reserved: server.reserved,
            by_application: programs(conn)?,
        },
        claims: claims(conn)?,
        durability: durability(conn)?,
    })
}

#[derive(QueryableByName)]
struct Server {
    #[diesel(sql_type = Timestamptz)]
    at: Time,
    #[diesel(sql_type = Text)]
    server: String,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
    #[diesel(sql_type = Integer)]
    used: i32,
    #[diesel(sql_type = Integer)]
    max: i32,
    #[diesel(sql_type = Integer)]
    reserved: i32,
}

fn server(conn: &mut PgConnection) -> Result<Server, DbError> {
    const SQL: &str = "-- admin::health::server
SELECT clock_timestamp() AS at, 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1) AS server,
    pg_database_size(current_database()) AS bytes, (SELECT sum(connections) FROM millrace.connection_use())::integer AS used,
    current_setting('max_connections')::integer AS max, current_setting('superuser_reserved_connections')::integer AS reserved";
    statement(SQL).row(conn)?.ok_or(DbError::Other(diesel::result::Error::NotFound))
}

fn holders(conn: &mut PgConnection) -> Result<Vec<Holder>, DbError> {
    const SQL: &str = "-- admin::health::holders
SELECT kind, name, pid, application, login, state, since, xids FROM millrace.snapshot_holders($1)";
    statement(SQL).bind::<Integer, _>(HOLDERS_MAX).rows(conn)
}

fn tables(conn: &mut PgConnection) -> Result<Vec<HotTable>, DbError> {
    const SQL: &str = "-- admin::health::tables
SELECT t.relname::text AS name, t.n_live_tup AS live_rows, t.n_dead_tup AS dead_rows, pg_total_relation_size(t.relid) AS bytes,
    greatest(t.last_vacuum, t.last_autovacuum) AS vacuumed_at
FROM pg_stat_user_tables t WHERE t.schemaname = 'millrace' AND t.relname = ANY ($1) ORDER BY array_position($1, t.relname::text)";
    statement(SQL).bind::<Array<Text>, _>(&HOT_TABLES[..]).rows(conn)
}

fn programs(conn: &mut PgConnection) -> Result<Vec<Program>, DbError> {
    const SQL: &str = "-- admin::health::programs
SELECT application, login, connections, active, idle_in_transaction FROM millrace.connection_use()";
    statement(SQL).rows(conn)
}

fn claims(conn: &mut PgConnection) -> Result<Vec<Claims>, DbError> {
    const SQL: &str = "-- admin::health::claims
SELECT name AS node, claims, claim_p50_us / 1e3::float8 AS p50_ms, claim_p99_us / 1e3::float8 AS p99_ms
FROM millrace.nodes WHERE state <> 'down' AND heartbeat_at > clock_timestamp() - interval '1 minute' ORDER BY name LIMIT $1";
    statement(SQL).bind::<BigInt, _>(NODES_MAX).rows(conn)
}

/// Reads the settings that decide what a crash may take.
pub(in super::super) fn durability(conn: &mut PgConnection) -> Result<Durability, DbError> {
    const SQL: &str = "-- admin::health::durability
SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
    current_setting('synchronous_commit') AS synchronous_commit, current_user::text AS login, current_database()::text AS database,
    (SELECT jsonb_object_agg(s.name, s.source) FROM pg_settings s WHERE s.name IN ('fsync', 'full_page_writes', 'synchronous_commit')) AS sources";
    statement(SQL).row(conn)?.ok_or(DbError::Other(diesel::result::Error::NotFound))
}
