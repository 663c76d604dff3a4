//! Pools as they stand.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};
use serde::Serialize;

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};

/// Most pools that there are.
pub const POOLS_MAX: i64 = 500;
/// Jobs that wait are counted up to here.
pub const WAITING_MAX: i64 = 10_000;

/// A pool and what stands against it.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName, Serialize)]
pub struct PoolRow {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// What there is in all.
    #[diesel(sql_type = Integer)]
    pub amount: i32,
    /// What is counted, such as MB; may be empty.
    #[diesel(sql_type = Text)]
    pub unit: String,
    /// What it stands for; may be empty.
    #[diesel(sql_type = Text)]
    pub description: String,
    /// What running jobs have reserved. More than the amount after it was lowered.
    #[diesel(sql_type = Integer)]
    pub used: i32,
    /// What is kept for jobs that were let in and begin soon.
    #[diesel(sql_type = Integer)]
    pub kept: i32,
    /// Jobs that wait for it, counted up to 10,000.
    #[diesel(sql_type = BigInt)]
    pub waiting: i64,
    /// Those of them that need more than it has.
    #[diesel(sql_type = BigInt)]
    pub too_large: i64,
    /// When it was made.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: Time,
    /// When it was changed last.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: Time,
    /// Raised by each change.
    #[diesel(sql_type = Integer)]
    pub version: i32,
}

impl PoolRow {
    /// Gives what nobody has reserved and nothing is kept of.
    pub fn free(&self) -> i32 {
        self.amount.saturating_sub(self.used).saturating_sub(self.kept).max(0)
    }
}

/// Lists pools by name, or the one called `name`.
///
/// # Errors
/// Database failures.
pub fn list(conn: &mut PgConnection, name: Option<&str>) -> Result<Vec<PoolRow>, DbError> {
    const SQL: &str = "-- admin::pools::list
WITH pool AS MATERIALIZED (
    SELECT p.*, 'p' || p.name AS lane FROM millrace.pools p WHERE $1::text IS NULL OR p.name = $1 ORDER BY p.name LIMIT $2
)
SELECT pool.name, pool.amount, pool.unit, pool.description, millrace.lane_used(pool.lane) AS used, millrace.lane_kept(pool.lane) AS kept,
    (SELECT count(*) FROM (SELECT FROM millrace.gated g WHERE g.lane = pool.lane AND g.lane >= 'p' AND g.lane < 'q' LIMIT $3) AS w) AS waiting,
    (SELECT count(*) FROM (SELECT FROM millrace.gated g WHERE g.lane = pool.lane AND g.lane >= 'p' AND g.lane < 'q' AND g.amount > pool.amount LIMIT $3) AS w) AS too_large,
    pool.created_at, pool.updated_at, pool.version
FROM pool ORDER BY pool.name";
    statement(SQL)
        .bind::<Nullable<Text>, _>(name)
        .bind::<BigInt, _>(POOLS_MAX)
        .bind::<BigInt, _>(WAITING_MAX)
        .rows(conn)
}
