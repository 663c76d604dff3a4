//! Taking jobs out of their leases: the comparison of the fence, inside the statement that changes the lease.

use std::collections::HashSet;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer};

use super::Settlement;
use crate::base::db::{DbError, Statement, Tx, statement};
use crate::queue::job::{Fence, JobId};
use crate::queue::node::Incarnation;

/// The beginning of statements that take jobs out of leases, with the parameters of [`bind_leases`]. `held` locks the
/// leases that are still ours and name every job that we have a result for. The results come flat, lease after lease, with
/// the bounds of each lease's part. An emptied lease is deleted, what remains of another is written back; both only where
/// the gate is open.
///
/// `node_id + 0`, here and wherever leases are named by their ids: the index of a node's leases would do, too, and be read
/// with everything that lies dead in it.
macro_rules! release_sql {
    ($head:literal, $gate:literal, $($tail:tt)+) => {
        concat!(
            $head,
            "
WITH held AS MATERIALIZED (
    SELECT l.id, l.job_ids, l.attempts, result.ended
    FROM millrace.leases l CROSS JOIN LATERAL (
        SELECT ($1::bigint[])[($2::integer[])[array_position($3::bigint[], l.id)] : ($4::integer[])[array_position($3::bigint[], l.id)]] AS ended
    ) AS result
    WHERE l.id = ANY($3::bigint[]) AND l.node_id + 0 = $5 AND l.epoch = $6 AND (l.job_ids = result.ended OR l.job_ids @> result.ended)
    ORDER BY l.id FOR UPDATE OF l
), gate AS MATERIALIZED (
    SELECT ",
            $gate,
            " AS open
), emptied AS (
    DELETE FROM millrace.leases l USING held
    WHERE l.id = held.id AND cardinality(held.job_ids) = cardinality(held.ended) AND (SELECT open FROM gate)
), rest AS MATERIALIZED (
    SELECT held.id, array_agg(u.job_id ORDER BY u.n) AS job_ids, array_agg(u.attempt ORDER BY u.n) AS attempts
    FROM held CROSS JOIN LATERAL UNNEST(held.job_ids, held.attempts) WITH ORDINALITY AS u(job_id, attempt, n)
    WHERE cardinality(held.job_ids) > cardinality(held.ended) AND u.job_id <> ALL(held.ended) AND (SELECT open FROM gate)
    GROUP BY held.id
), shrunk AS (
    UPDATE millrace.leases l SET job_ids = rest.job_ids, attempts = rest.attempts FROM rest WHERE l.id = rest.id
)",
            $($tail)+
        )
    };
}
pub(super) use release_sql;

const RELEASE: &str = release_sql!("-- queue::settle::release", "true", " SELECT id FROM held");

/// When a lease does not name all of them any more, only those that it names are ours.
const SOME: &str = "-- queue::settle::release_some
WITH who AS (
    SELECT $1::integer AS node_id, $2::bigint AS epoch
), result AS MATERIALIZED (
    SELECT DISTINCT job_id, fence FROM UNNEST($3::bigint[], $4::bigint[]) AS r(job_id, fence)
), held AS MATERIALIZED (
    SELECT l.id, l.job_ids, l.attempts FROM millrace.leases l, who
    WHERE l.id = ANY($5::bigint[]) AND l.node_id + 0 = who.node_id AND l.epoch = who.epoch
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

/// Orders results lease by lease and by the jobs' ids: that is how leases list them unless places were reused, and how the
/// tables that come next like them.
pub(super) fn ordered(results: &[Settlement]) -> Vec<&Settlement> {
    let mut ordered: Vec<&Settlement> = results.iter().collect();
    ordered.sort_by_key(|result| (result.fence, result.job));
    ordered
}

/// Gives those of the [`ordered`] results whose leases were still ours.
pub(super) fn release<'r>(
    tx: &mut Tx<'_>,
    who: Incarnation,
    ordered: Vec<&'r Settlement>,
) -> Result<Vec<&'r Settlement>, DbError> {
    let held = bind_leases(statement(RELEASE), who, &ordered).tuples::<BigInt, Fence>(tx)?;
    let held: HashSet<Fence> = held.into_iter().collect();
    if ordered.iter().all(|result| held.contains(&result.fence)) {
        return Ok(ordered);
    }
    let (mut ours, rest): (Vec<_>, Vec<_>) = ordered.into_iter().partition(|result| held.contains(&result.fence));
    let some = release_some(tx, who, &rest)?;
    ours.extend(rest.into_iter().filter(|result| some.contains(&(result.job, result.fence))));
    Ok(ours)
}

/// Binds the first six parameters of [`release_sql!`].
pub(super) fn bind_leases<'a>(begun: Statement<'a>, who: Incarnation, ordered: &[&Settlement]) -> Statement<'a> {
    let (mut fences, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    let mut end = 0;
    for lease in ordered.chunk_by(|a, b| a.fence == b.fence) {
        fences.push(lease[0].fence.0);
        starts.push(end + 1);
        end += lease.len() as i32;
        ends.push(end);
    }
    begun
        .bind::<Array<BigInt>, _>(ordered.iter().map(|result| result.job.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(starts)
        .bind::<Array<BigInt>, _>(fences)
        .bind::<Array<Integer>, _>(ends)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
}

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = BigInt)]
    job_id: JobId,
    #[diesel(sql_type = BigInt)]
    fence: Fence,
}

fn release_some(
    tx: &mut Tx<'_>,
    who: Incarnation,
    results: &[&Settlement],
) -> Result<HashSet<(JobId, Fence)>, DbError> {
    let mut fences: Vec<i64> = results.iter().map(|result| result.fence.0).collect();
    fences.dedup();
    let pairs: Vec<Pair> = statement(SOME)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .bind::<Array<BigInt>, _>(results.iter().map(|result| result.job.0).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(results.iter().map(|result| result.fence.0).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(fences)
        .rows(tx)?;
    Ok(pairs.into_iter().map(|pair| (pair.job_id, pair.fence)).collect())
}
