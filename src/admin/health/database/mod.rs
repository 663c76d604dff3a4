//! The database's health, watched.
//!
//! ```text
//! duty keep (every 10 s, one node) ─▶ take ─▶ health_now (the whole of it), health_samples (the last hour, narrow)
//!                                                 │
//!         pages, API, metrics, dashboard ◀── latest, course      doctor: take, at once
//!                                              └─▶ warnings: what is wrong and what to do, a pure rule
//! ```
//! Nobody who looks at a page asks Postgres about itself.
mod keep;
mod look;
mod warnings;

use serde::{Deserialize, Serialize};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::{Actor, Forbidden};
use crate::queue::partitions::{Oldest, Standing};
use crate::queue::permission::Permission;

pub use keep::{KEEP_EVERY, course, keep};
pub use look::take;
pub use warnings::{
    CLAIM_P99_MAX, CONNECTIONS_PERCENT_MAX, DEAD_ROWS_MAX, IDS_AHEAD_MIN, SAMPLE_AGE_MAX, SNAPSHOT_AGE_MAX, are_scarce,
    for_programs, is_old, is_slow, warnings,
};

use super::service::Finding;

/// What was seen of the database at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When, by the database's clock.
    pub at: Time,
    /// The server's version, as it says it.
    pub server: String,
    /// Size of the whole database.
    pub bytes: i64,
    /// Who keeps dead rows from being removed, the oldest first; at most ten.
    pub holders: Vec<Holder>,
    /// The tables that work goes through.
    pub tables: Vec<HotTable>,
    /// Partitions of what is kept.
    pub partitions: Vec<Standing>,
    /// The oldest partition of the jobs.
    pub oldest: Option<Oldest>,
    /// Connections of the server.
    pub connections: Connections,
    /// How long claims took, node by node.
    pub claims: Vec<Claims>,
    /// What a crash may take, as settings.
    pub durability: Durability,
}

/// Who keeps dead rows from being removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, diesel::QueryableByName)]
pub struct Holder {
    /// `session`, `prepared` (a prepared transaction), `slot` (a replication slot) or `standby` (a replica's feedback).
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub kind: String,
    /// Process, transaction or slot.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub name: String,
    /// Process, if there is one.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Integer>)]
    pub pid: Option<i32>,
    /// What the program calls itself; may be empty.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub application: String,
    /// Login.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub login: String,
    /// As Postgres says it: `idle in transaction`, `active`, `prepared`, …
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub state: String,
    /// Since when; absent for slots.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Timestamptz>)]
    pub since: Option<Time>,
    /// Transactions that began since.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub xids: i64,
}

/// A table that work goes through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, diesel::QueryableByName)]
pub struct HotTable {
    /// Its name.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub name: String,
    /// Living rows, as counted by Postgres's statistics.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub live_rows: i64,
    /// Dead rows that were not removed yet.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub dead_rows: i64,
    /// Size with indexes.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub bytes: i64,
    /// Last vacuum, by whomever.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Timestamptz>)]
    pub vacuumed_at: Option<Time>,
}

/// Connections of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// In use, of all databases of the server.
    pub used: i32,
    /// As many as may be (`max_connections`).
    pub max: i32,
    /// Kept for superusers.
    pub reserved: i32,
    /// Who has them, those with most first; at most fifty.
    pub by_application: Vec<Program>,
}

/// A program with connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, diesel::QueryableByName)]
pub struct Program {
    /// What it calls itself; may be empty.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub application: String,
    /// Login.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub login: String,
    /// Its connections.
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub connections: i32,
    /// Those that run a statement.
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub active: i32,
    /// Those that stand in an open transaction and do nothing.
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub idle_in_transaction: i32,
}

/// How long a node's claims took in the minute before its last heartbeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, diesel::QueryableByName)]
pub struct Claims {
    /// The node.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub node: String,
    /// How many there were.
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub claims: i32,
    /// Median, in milliseconds; absent = none.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Double>)]
    pub p50_ms: Option<f64>,
    /// 99th percentile, in milliseconds; absent = none.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Double>)]
    pub p99_ms: Option<f64>,
}

/// The settings that decide what a crash may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, diesel::QueryableByName)]
pub struct Durability {
    /// `fsync`.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub fsync: String,
    /// `full_page_writes`.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub full_page_writes: String,
    /// `synchronous_commit`.
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub synchronous_commit: String,
    /// Where each of them was set, as Postgres calls it (`pg_settings.source`): what mends it depends on that.
    #[serde(default)]
    #[diesel(sql_type = diesel::sql_types::Jsonb)]
    pub sources: serde_json::Value,
    /// The login of the program's sessions.
    #[serde(default)]
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub login: String,
    /// The database.
    #[serde(default)]
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub database: String,
}

/// A moment of the last hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, diesel::QueryableByName)]
pub struct Moment {
    /// When.
    #[diesel(sql_type = diesel::sql_types::Timestamptz)]
    pub at: Time,
    /// Age of the oldest snapshot in milliseconds; 0 = nobody held one.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub snapshot_age_ms: i64,
    /// Dead rows of the hot tables.
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub dead_rows: i64,
    /// Connections in use.
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub connections: i32,
    /// Median time of a claim at the slowest node, in microseconds.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Integer>)]
    pub claim_p50_us: Option<i32>,
    /// The same, 99th percentile.
    #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Integer>)]
    pub claim_p99_us: Option<i32>,
}

impl Sample {
    /// Age of the oldest snapshot in milliseconds; 0 when nobody holds one.
    pub fn snapshot_age_ms(&self) -> i64 {
        let ages = self.holders.iter().filter_map(|holder| holder.since);
        ages.map(|since| (self.at - since).num_milliseconds().max(0)).max().unwrap_or(0)
    }

    /// Dead rows of all hot tables.
    pub fn dead_rows(&self) -> i64 {
        self.tables.iter().map(|table| table.dead_rows).sum()
    }

    /// Time of a claim at the slowest node in milliseconds: median and 99th percentile.
    pub fn claim_ms(&self) -> (Option<f64>, Option<f64>) {
        let slowest = |read: fn(&Claims) -> Option<f64>| self.claims.iter().filter_map(read).reduce(f64::max);
        (slowest(|claims| claims.p50_ms), slowest(|claims| claims.p99_ms))
    }

    /// Ids for which there is room in every table.
    pub fn ids_ahead(&self) -> i64 {
        self.partitions.iter().map(|table| table.ids_ahead).min().unwrap_or(0)
    }
}

/// Why the health cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The actor lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What is known, and what is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// The last look; absent until an engine has taken the first.
    pub sample: Option<Sample>,
    /// What is wrong, worst first.
    pub warnings: Vec<Finding>,
}

/// Reads what was seen last.
///
/// # Errors
/// [`WatchError::Forbidden`], database failures.
pub fn latest(conn: &mut PgConnection, actor: &Actor) -> Result<Health, WatchError> {
    actor.require(Permission::ReadHealth)?;
    let (sample, now) = keep::stored(conn)?;
    let warnings = warnings(sample.as_ref(), now);
    Ok(Health { sample, warnings })
}

/// Names the settings that can lose acknowledged work in a crash, as they are now.
pub(super) fn durability_findings(conn: &mut PgConnection) -> Result<Vec<Finding>, DbError> {
    Ok(warnings::durability(&look::durability(conn)?))
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;

    /// A database that is well, at half past one on a fixed day.
    pub fn well() -> Sample {
        let at: Time = "2026-11-24T13:32:00Z".parse().expect("a time");
        let table = |name: &str| Standing {
            table: name.into(),
            partitions: 7,
            ids_ahead: 4_812_300,
            bytes: 81_000_000,
            oldest: Some(42),
        };
        Sample {
            at,
            server: "PostgreSQL 15.18".into(),
            bytes: 912_000_000,
            holders: Vec::new(),
            tables: vec![HotTable {
                name: "ready".into(),
                live_rows: 1_200,
                dead_rows: 80,
                bytes: 400_000,
                vacuumed_at: Some(at),
            }],
            partitions: ["jobs", "history", "attempts", "log_chunks"].map(table).into(),
            oldest: Some(Oldest { since: Some(at), live: false }),
            connections: Connections {
                used: 24,
                max: 100,
                reserved: 3,
                by_application: vec![Program {
                    application: "millrace web".into(),
                    login: "millrace_app".into(),
                    connections: 10,
                    active: 1,
                    idle_in_transaction: 0,
                }],
            },
            claims: vec![Claims { node: "fra-01".into(), claims: 600, p50_ms: Some(0.4), p99_ms: Some(2.25) }],
            durability: Durability {
                fsync: "on".into(),
                full_page_writes: "on".into(),
                synchronous_commit: "on".into(),
                sources: serde_json::json!({ "fsync": "configuration file" }),
                login: "millrace".into(),
                database: "millrace".into(),
            },
        }
    }

    /// Somebody with an open transaction since `seconds` before the look.
    pub fn holder(kind: &str, seconds: i64) -> Holder {
        Holder {
            kind: kind.into(),
            name: "4711".into(),
            pid: Some(4711),
            application: "nightly <report>".into(),
            login: "bi".into(),
            state: "idle in transaction".into(),
            since: Some(well().at - chrono::TimeDelta::seconds(seconds)),
            xids: 90_000,
        }
    }
}
