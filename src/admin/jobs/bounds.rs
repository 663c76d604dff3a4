//! What a job's queue and pools allow, as they are now.

use diesel::QueryableByName;
use diesel::sql_types::{Array, Integer, Jsonb, Nullable, Text};
use serde_json::Value;

use crate::base::db::{DbError, PgConnection, statement};

/// What bounds a job from outside of its template.
#[derive(Debug, Clone, Default, PartialEq, QueryableByName)]
pub struct Bounds {
    /// The queue's share of the slots.
    #[diesel(sql_type = Integer)]
    pub weight: i32,
    /// Most jobs of the queue at once.
    #[diesel(sql_type = Nullable<Integer>)]
    pub concurrency: Option<i32>,
    /// Most jobs of the queue at once on each node.
    #[diesel(sql_type = Nullable<Integer>)]
    pub concurrency_per_node: Option<i32>,
    #[diesel(sql_type = Jsonb)]
    pub(super) pools: Value,
}

impl Bounds {
    /// Gives what a pool has, with its unit: `4096` and `MB`; `None` = there is no such pool.
    pub fn pool(&self, name: &str) -> Option<(u64, &str)> {
        let pool = self.pools.get(name)?;
        Some((pool.get(0)?.as_u64()?, pool.get(1)?.as_str()?))
    }
}

/// Reads what bounds the jobs of `queue` that take of `pools`; a template names at most 8.
///
/// # Errors
/// Database failures.
pub fn bounds(conn: &mut PgConnection, queue: &str, pools: &[&str]) -> Result<Bounds, DbError> {
    const SQL: &str = "-- admin::jobs::bounds
SELECT q.weight, q.concurrency, q.concurrency_per_node,
    (SELECT coalesce(jsonb_object_agg(p.name, jsonb_build_array(p.amount, p.unit)), '{}') FROM millrace.pools p WHERE p.name = ANY ($1)) AS pools
FROM millrace.queues q WHERE q.name = $2";
    let row: Option<Bounds> = statement(SQL).bind::<Array<Text>, _>(pools).bind::<Text, _>(queue).row(conn)?;
    Ok(row.unwrap_or_default())
}
