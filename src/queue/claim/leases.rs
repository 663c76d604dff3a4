//! The leases of many jobs, and the count of what began to run.

use std::collections::{BTreeMap, HashMap};

use diesel::sql_types::{Array, BigInt, Integer, SmallInt};

use super::LEASE_JOBS_MAX;
use super::take::Taken;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::job::{Fence, QueueId, TemplateId};
use crate::queue::node::Incarnation;

/// Jobs and attempts come flat, with the bounds of each lease's part; a lease is known by its first job.
const LEASES: &str = "-- queue::claim::leases
WITH counted AS (
    INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
    SELECT queue_id, template_id, 'ready', 'running', jobs FROM UNNEST($1::integer[], $2::integer[], $3::integer[]) AS r(queue_id, template_id, jobs)
)
INSERT INTO millrace.leases (node_id, epoch, job_ids, attempts)
SELECT $4, $5, ($6::bigint[])[low:high], ($7::smallint[])[low:high] FROM UNNEST($8::integer[], $9::integer[]) AS part(low, high)
RETURNING id, job_ids[1]";

/// Writes the leases of `taken`, which is in the order of starting, and gives each place with its fence, in the order of
/// the jobs' ids.
///
/// Jobs that start together are under one lease, so that they end it together; within it they stand by id, which is how
/// settling finds it whole.
pub(super) fn write(tx: &mut Tx<'_>, who: Incarnation, mut taken: Vec<Taken>) -> Result<Vec<(Taken, Fence)>, DbError> {
    let counts = counts(&taken);
    taken.chunks_mut(LEASE_JOBS_MAX).for_each(|lease| lease.sort_unstable_by_key(|place| place.job_id));
    let sizes = || taken.chunks(LEASE_JOBS_MAX).map(<[Taken]>::len);
    let starts: Vec<i32> = (0..sizes().len()).map(|lease| (lease * LEASE_JOBS_MAX + 1) as i32).collect();
    let ends: Vec<i32> = starts.iter().zip(sizes()).map(|(start, size)| start + size as i32 - 1).collect();
    let written = statement(LEASES)
        .bind::<Array<Integer>, _>(counts.keys().map(|key| key.0.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(counts.keys().map(|key| key.1.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(counts.values().copied().collect::<Vec<_>>())
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .bind::<Array<BigInt>, _>(taken.iter().map(|place| place.job_id.0).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(taken.iter().map(|place| place.attempt).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(starts)
        .bind::<Array<Integer>, _>(ends)
        .tuples::<(BigInt, BigInt), (Fence, i64)>(tx)?;
    let fences: HashMap<i64, Fence> = written.into_iter().map(|(fence, first)| (first, fence)).collect();
    Ok(fenced(&taken, &fences))
}

fn counts(taken: &[Taken]) -> BTreeMap<(QueueId, TemplateId), i32> {
    let mut counts = BTreeMap::new();
    for alike in taken.chunk_by(|a, b| (a.queue_id, a.template_id) == (b.queue_id, b.template_id)) {
        *counts.entry((alike[0].queue_id, alike[0].template_id)).or_insert(0) += alike.len() as i32;
    }
    counts
}

fn fenced(taken: &[Taken], fences: &HashMap<i64, Fence>) -> Vec<(Taken, Fence)> {
    let mut all = Vec::with_capacity(taken.len());
    for lease in taken.chunks(LEASE_JOBS_MAX) {
        // a lease that was not written has no fence, and its jobs are not ours; the insert gives all or fails
        if let Some(fence) = fences.get(&lease[0].job_id.0) {
            all.extend(lease.iter().map(|place| (*place, *fence)));
        }
    }
    all.sort_by_key(|(place, _)| place.job_id);
    all
}
