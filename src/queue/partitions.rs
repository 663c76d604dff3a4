//! Partitions of one million ids, made ahead of the ids and removed as a whole when all that is in them has ended.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use serde::{Deserialize, Serialize};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};

/// Ids of one partition.
pub const IDS_PER_PARTITION: i64 = 1_000_000;
/// Most partitions of a table that are looked at.
const PARTITIONS_MAX: i64 = 10_000;

/// Makes the partitions that the next millions of jobs will need and tells how many tables it made. A duty. Work that goes on
/// is not hindered, not even by an open transaction that has read the tables.
///
/// # Errors
/// Database failures.
pub fn create_ahead(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::partitions::create_ahead
SELECT millrace.create_partitions() AS made";
    #[derive(QueryableByName)]
    struct Made {
        #[diesel(sql_type = Integer)]
        made: i32,
    }
    let row: Option<Made> = statement(SQL).row(conn)?;
    Ok(row.map_or(0, |row| row.made.unsigned_abs() as usize))
}

/// What became of a partition that should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Jobs, history, attempts and logs are gone, and the counts know it.
    Dropped,
    /// A job of it waits or runs, or its ids are still being given out.
    Live,
    /// Somebody reads it; nothing was changed. Come again.
    Busy,
    /// There is none.
    Absent,
}

/// Removes the partition of the ids from `part` million on, with everything that is known of its jobs. Waits at most 20 ms for
/// each of the four tables, so that nobody waits longer than 0.1 s behind it.
///
/// # Errors
/// Database failures.
pub fn drop_partition(conn: &mut PgConnection, part: i64) -> Result<Dropped, DbError> {
    const SQL: &str = "-- queue::partitions::drop
SELECT millrace.drop_partition($1)";
    let answer = statement(SQL).bind::<BigInt, _>(part).tuples::<Text, String>(conn)?.pop();
    Ok(match answer.as_deref() {
        Some("dropped") => Dropped::Dropped,
        Some("live") => Dropped::Live,
        Some("busy") => Dropped::Busy,
        _ => Dropped::Absent,
    })
}

/// The partitions of a table as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, QueryableByName)]
pub struct Standing {
    /// The partitioned table.
    #[diesel(sql_type = Text)]
    pub table: String,
    /// How many partitions it has.
    #[diesel(sql_type = BigInt)]
    pub partitions: i64,
    /// Ids for which there is room, beyond the last one that was given out.
    #[diesel(sql_type = BigInt)]
    pub ids_ahead: i64,
    /// Size with indexes.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
    /// Number of the oldest partition.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub oldest: Option<i64>,
}

/// Reads how far ahead there is room and how much is kept.
///
/// # Errors
/// Database failures.
pub fn standing(conn: &mut PgConnection) -> Result<Vec<Standing>, DbError> {
    const SQL: &str = "-- queue::partitions::standing
WITH parts AS (
    SELECT p.relname::text AS parent, c.oid, substring(c.relname::text FROM '_p([0-9]+)$')::bigint AS part
    FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
    WHERE p.relnamespace = 'millrace'::regnamespace AND p.relname IN ('jobs', 'history', 'attempts', 'log_chunks') AND p.relkind = 'p' LIMIT $1
)
SELECT parent AS \"table\", count(*) AS partitions, ((max(part) + 1) * $2 - (SELECT last_value FROM millrace.job_seq))::bigint AS ids_ahead,
    sum(pg_total_relation_size(oid))::bigint AS bytes, min(part) AS oldest
FROM parts GROUP BY parent ORDER BY array_position(ARRAY['jobs', 'history', 'attempts', 'log_chunks'], parent)";
    statement(SQL).bind::<BigInt, _>(4 * PARTITIONS_MAX).bind::<BigInt, _>(IDS_PER_PARTITION).rows(conn)
}

/// The oldest partition of the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, QueryableByName)]
pub struct Oldest {
    /// When its first job was enqueued; absent = there is none.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub since: Option<Time>,
    /// A job of it waits or runs, or its ids are still being given out: it cannot be dropped.
    #[diesel(sql_type = Bool)]
    pub live: bool,
}

/// Reads how old the oldest partition is and whether everything in it has ended; costs a few looks along indexes.
///
/// # Errors
/// Database failures.
pub fn oldest(conn: &mut PgConnection, part: i64) -> Result<Option<Oldest>, DbError> {
    const SQL: &str = "-- queue::partitions::oldest
SELECT (SELECT created_at FROM millrace.jobs WHERE id >= p.part * 1000000 AND id < (p.part + 1) * 1000000 ORDER BY id LIMIT 1) AS since,
    millrace.partition_is_live(p.part) AS live
FROM (SELECT $1::bigint AS part) AS p";
    statement(SQL).bind::<BigInt, _>(part).row(conn)
}
