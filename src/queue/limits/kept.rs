//! What is kept of pools for jobs that were let in, from then until they are decided about.
//!
//! Such a job goes to the end of its line, and on its way nobody may take what it was let in for: else small jobs that come
//! meanwhile would keep one that needs much away for ever.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::sql_types::{Array, BigInt, Integer, Text};

use super::admit::Ask;
use super::decide::{Candidate, Lanes, Verdict, still_kept};
use super::free::Places;
use super::keys::{Held, Hold};
use super::rules::is_of_pool;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::queue::job::JobId;

/// What is kept of some pools.
#[derive(Debug, Default)]
pub(super) struct Kept(HashMap<JobId, Vec<Hold>>);

impl Kept {
    /// Adds what is kept to the lanes.
    pub(super) fn note_in(&self, lanes: &mut Lanes) {
        for hold in self.0.values().flatten() {
            lanes.entry(Arc::clone(&hold.key)).or_default().kept += hold.amount;
        }
    }

    /// Gives what is kept for one job.
    pub(super) fn of(&self, job: JobId) -> Held {
        self.0.get(&job).map(|holds| Held::from(holds.as_slice())).unwrap_or_default()
    }
}

/// Reads what is kept of the pools with these lanes, which are locked.
pub(super) fn kept<'k>(tx: &mut Tx<'_>, lanes: impl Iterator<Item = &'k Arc<str>>) -> Result<Kept, DbError> {
    const SQL: &str = "-- queue::limits::kept
SELECT lane, job_id, amount FROM millrace.kept_of_lanes($1)";
    let lanes: Vec<&str> = lanes.map(|key| &**key).collect();
    if lanes.is_empty() {
        return Ok(Kept::default());
    }
    let rows =
        statement(SQL).bind::<Array<Text>, _>(lanes).tuples::<(Text, BigInt, Integer), (String, JobId, i32)>(tx)?;
    let mut kept = Kept::default();
    for (lane, job, amount) in rows {
        kept.0.entry(job).or_default().push(Hold { key: lane.into(), amount: amount.unsigned_abs() });
    }
    Ok(kept)
}

/// Forgets what was kept for jobs that are decided about now, except of pools that they still wait to use.
pub(super) fn drop_kept(
    tx: &mut Tx<'_>,
    asks: &[Ask],
    candidates: &[Candidate],
    verdicts: &[Verdict],
) -> Result<(), DbError> {
    const SQL: &str = "-- queue::limits::drop_kept
DELETE FROM millrace.lane_kept k WHERE k.job_id = ANY($1) AND NOT EXISTS (
    SELECT FROM UNNEST($2::text[], $3::bigint[]) AS stays(lane, job_id) WHERE stays.lane = k.lane AND stays.job_id = k.job_id)";
    let (mut jobs, mut lanes, mut holders) = (Vec::new(), Vec::new(), Vec::new());
    for ((ask, candidate), verdict) in asks.iter().zip(candidates).zip(verdicts) {
        if candidate.is_fresh || !candidate.rules.iter().any(|rule| is_of_pool(&rule.key)) {
            continue; // it was never let in
        }
        jobs.push(ask.job.0);
        for hold in still_kept(&candidate.kept, verdict) {
            lanes.push(&*hold.key);
            holders.push(ask.job.0);
        }
    }
    if jobs.is_empty() {
        return Ok(());
    }
    let bound = statement(SQL).bind::<Array<BigInt>, _>(jobs).bind::<Array<Text>, _>(lanes);
    bound.bind::<Array<BigInt>, _>(holders).run(tx)?;
    Ok(())
}

/// Adds the lanes of what was kept for nothing: others may be let in for it.
pub(super) fn note_freed<'c>(freed: &mut Places<'c>, candidates: &'c [Candidate], verdicts: &[Verdict]) {
    for (candidate, verdict) in candidates.iter().zip(verdicts).filter(|(_, verdict)| **verdict != Verdict::Admitted) {
        let is_free = |hold: &&Hold| !still_kept(&candidate.kept, verdict).any(|kept| kept == *hold);
        for hold in candidate.kept.iter().filter(is_free) {
            *freed.entry(&hold.key).or_default() += i64::from(hold.amount);
        }
    }
}

/// Forgets what was kept for jobs that do not come: too late, taken out of the line by somebody, ended, or running.
///
/// # Errors
/// Database failures.
pub(super) fn forget_kept(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::limits::forget_kept
WITH kept AS MATERIALIZED (
    SELECT k.lane, k.job_id, k.until FROM millrace.lane_kept k LIMIT 10000
), gone AS MATERIALIZED (
    SELECT k.lane, k.job_id FROM kept k
    LEFT JOIN LATERAL (SELECT true AS is_it FROM millrace.gated g WHERE g.job_id = k.job_id LIMIT 1) AS waits ON true
    LEFT JOIN LATERAL (
        SELECT true AS is_it FROM millrace.placements p JOIN millrace.ready r ON r.queue_id = p.queue_id AND r.priority = p.priority AND r.seq = p.seq
        WHERE p.job_id = k.job_id AND r.job_id = k.job_id LIMIT 1
    ) AS comes ON true
    WHERE k.until < clock_timestamp() OR waits.is_it IS NULL AND comes.is_it IS NULL
        AND NOT EXISTS (SELECT FROM millrace.leases l WHERE l.job_ids @> ARRAY[k.job_id]) -- it is being asked about
), free AS MATERIALIZED (
    SELECT k.lane, k.job_id FROM millrace.lane_kept k JOIN gone ON gone.lane = k.lane AND gone.job_id = k.job_id FOR UPDATE OF k SKIP LOCKED
)
DELETE FROM millrace.lane_kept k USING free WHERE k.lane = free.lane AND k.job_id = free.job_id";
    transaction(conn, "queue::limits::forget_kept", |tx| statement(SQL).run(tx))
}
