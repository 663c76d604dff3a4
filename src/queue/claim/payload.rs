//! The immutable rows of jobs that were taken, read by runs of ids.

use diesel::prelude::Queryable;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz};

use super::take::Taken;
use super::{Claimed, Marks};
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::job::{Fence, JobId};
use crate::queue::limits::LimitKeys;
use crate::queue::work::StoredArgs;

/// Rows that are read for nothing rather than beginning a new run.
const GAP_MAX: i64 = 4;

/// The outer bounds let Postgres leave out all other partitions when it starts.
const ROWS: &str = "-- queue::claim::rows
SELECT j.id, j.version, j.created_at, j.max_attempts, j.timeout_ms, j.deadline, 
    (coalesce(j.deadline < clock_timestamp(), false)::integer + 2 * (j.unique_key IS NOT NULL)::integer + 4 * (j.ordering_key IS NOT NULL)::integer
        + 8 * (j.schedule_id IS NOT NULL)::integer)::smallint, j.limit_keys, j.args
FROM UNNEST($1::bigint[], $2::bigint[]) AS run(low, high) JOIN millrace.jobs j ON j.id >= run.low AND j.id <= run.high
WHERE j.id >= $3 AND j.id <= $4";

type Columns = (
    BigInt,
    Integer,
    Timestamptz,
    Nullable<SmallInt>,
    Nullable<BigInt>,
    Nullable<Timestamptz>,
    SmallInt,
    Nullable<Array<Text>>,
    Jsonb,
);

#[derive(Queryable)]
struct Row {
    id: JobId,
    version: i32,
    created_at: Time,
    max_attempts: Option<i16>,
    timeout_ms: Option<i64>,
    deadline: Option<Time>,
    marks: Marks,
    limit_keys: Option<LimitKeys>,
    args: StoredArgs,
}

/// Reads the rows of what was taken, which is in the order of the jobs' ids.
pub(super) fn add(tx: &mut Tx<'_>, taken: Vec<(Taken, Fence)>) -> Result<Vec<Claimed>, DbError> {
    let runs = runs(taken.iter().map(|(place, _)| place.job_id.0));
    let (Some(first), Some(last)) = (runs.first(), runs.last()) else { return Ok(Vec::new()) };
    let mut rows = statement(ROWS)
        .bind::<Array<BigInt>, _>(runs.iter().map(|run| run.0).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(runs.iter().map(|run| run.1).collect::<Vec<_>>())
        .bind::<BigInt, _>(first.0)
        .bind::<BigInt, _>(last.1)
        .tuples::<Columns, Row>(tx)?;
    rows.sort_by_key(|row| row.id);
    Ok(joined(taken, rows))
}

/// Cuts rising ids into runs whose gaps are small.
fn runs(ids: impl Iterator<Item = i64>) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for id in ids {
        match runs.last_mut() {
            Some(run) if id - run.1 <= GAP_MAX => run.1 = id,
            _ => runs.push((id, id)),
        }
    }
    runs
}

/// Joins two lists that rise by id. Rows of gaps belong to nobody here.
fn joined(taken: Vec<(Taken, Fence)>, rows: Vec<Row>) -> Vec<Claimed> {
    let mut rows = rows.into_iter().peekable();
    let mut claimed = Vec::with_capacity(taken.len());
    for (place, fence) in taken {
        while rows.next_if(|row| row.id < place.job_id).is_some() {}
        if let Some(row) = rows.next_if(|row| row.id == place.job_id) {
            claimed.push(complete(place, fence, row));
        }
    }
    claimed
}

fn complete(place: Taken, fence: Fence, row: Row) -> Claimed {
    Claimed {
        job_id: place.job_id,
        fence,
        attempt: place.attempt,
        seq: place.seq,
        since: place.since,
        queue_id: place.queue_id,
        template_id: place.template_id,
        priority: place.priority,
        version: row.version,
        created_at: row.created_at,
        max_attempts: row.max_attempts,
        timeout_ms: row.timeout_ms,
        deadline: row.deadline,
        marks: row.marks,
        limit_keys: row.limit_keys,
        args: row.args,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_stand_together_are_one_run() {
        assert_eq!(runs([3, 4, 5].into_iter()), [(3, 5)]);
        assert_eq!(runs([3, 7, 12, 100].into_iter()), [(3, 7), (12, 12), (100, 100)]);
        assert_eq!(runs(std::iter::empty()), []);
    }
}
