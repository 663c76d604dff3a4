//! Taking jobs out of their leases: the comparison of the fence, inside the statement that changes the lease.

use std::collections::HashSet;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer};

use super::Settlement;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::job::{Fence, JobId};
use crate::queue::node::Incarnation;

/// `held` locks the leases that are still ours; a job counts only when its lease still names it. What remains of a lease
/// is written back, an emptied lease is deleted.
pub(crate) const RELEASE: &str = "-- queue::settle::release
WITH who AS (
    SELECT $1::integer AS node_id, $2::bigint AS epoch
), result AS MATERIALIZED (
    SELECT DISTINCT job_id, fence FROM UNNEST($3::bigint[], $4::bigint[]) AS r(job_id, fence)
), held AS MATERIALIZED (
    SELECT l.id, l.job_ids, l.attempts FROM millrace.leases l, who
    WHERE l.id = ANY($5::bigint[]) AND l.node_id = who.node_id AND l.epoch = who.epoch
    ORDER BY l.id FOR UPDATE OF l
), listed AS MATERIALIZED (
    SELECT held.id AS fence, u.job_id, u.attempt, u.n, result.job_id IS NOT NULL AS ended
    FROM held CROSS JOIN LATERAL UNNEST(held.job_ids, held.attempts) WITH ORDINALITY AS u(job_id, attempt, n)
    LEFT JOIN result ON result.fence = held.id AND result.job_id = u.job_id
), rest AS MATERIALIZED (
    SELECT fence, array_agg(job_id ORDER BY n) FILTER (WHERE NOT ended) AS job_ids,
           array_agg(attempt ORDER BY n) FILTER (WHERE NOT ended) AS attempts
    FROM listed GROUP BY fence HAVING bool_or(ended)
), emptied AS (
    DELETE FROM millrace.leases l USING rest WHERE l.id = rest.fence AND rest.job_ids IS NULL
), shrunk AS (
    UPDATE millrace.leases l SET job_ids = rest.job_ids, attempts = rest.attempts
    FROM rest WHERE l.id = rest.fence AND rest.job_ids IS NOT NULL
)
SELECT job_id, fence FROM listed WHERE ended";

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = BigInt)]
    job_id: JobId,
    #[diesel(sql_type = BigInt)]
    fence: Fence,
}

pub(super) fn release(
    tx: &mut Tx<'_>,
    who: Incarnation,
    results: &[Settlement],
) -> Result<HashSet<(JobId, Fence)>, DbError> {
    let fences: HashSet<i64> = results.iter().map(|result| result.fence.0).collect();
    let pairs: Vec<Pair> = statement(RELEASE)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .bind::<Array<BigInt>, _>(results.iter().map(|result| result.job.0).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(results.iter().map(|result| result.fence.0).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(fences.into_iter().collect::<Vec<_>>())
        .rows(tx)?;
    Ok(pairs.into_iter().map(|pair| (pair.job_id, pair.fence)).collect())
}
