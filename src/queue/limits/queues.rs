//! The limits of queues: people change them while their jobs are decided about.

use diesel::sql_types::{Array, Integer, Nullable, Text};

use super::decide::{Bound, Candidate};
use super::look::let_in_now;
use super::rules::queue_key;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::job::QueueId;

/// Tells the lane of a queue that its jobs run at most `jobs_max` at once on all nodes (`None` = without a limit), and moves
/// what has room now into the line, at most 1,000 jobs; the next looks move the rest. Within the transaction that changes
/// the queue's row.
///
/// # Errors
/// Database failures.
pub fn queue_limited(tx: &mut Tx<'_>, queue: QueueId, jobs_max: Option<i32>) -> Result<(), DbError> {
    // made when it is not there: its lock keeps whoever decides by the old limit from writing it after us
    const SQL: &str = "-- queue::limits::queue_limited
INSERT INTO millrace.lanes AS l (key, jobs_max) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET jobs_max = excluded.jobs_max, touched_at = clock_timestamp()";
    let key = queue_key(queue);
    statement(SQL).bind::<Text, _>(key.as_str()).bind::<Nullable<Integer>, _>(jobs_max).run(tx)?;
    let_in_now(tx, vec![key])?;
    Ok(())
}

/// Gives the candidates with the limits that their queues have now, after their lanes were locked: what the node knows may
/// be a second old. A queue without a limit still counts, so that places are given back as they were taken.
pub(super) fn present(tx: &mut Tx<'_>, mut candidates: Vec<Candidate>) -> Result<Vec<Candidate>, DbError> {
    const SQL: &str = "-- queue::limits::present
SELECT id, concurrency FROM millrace.queues WHERE id = ANY($1)";
    let mut bounds: Vec<(QueueId, &mut Bound)> = candidates
        .iter_mut()
        .flat_map(|candidate| &mut candidate.rules)
        .filter_map(|rule| Some((QueueId(rule.key.strip_prefix('q')?.parse().ok()?), &mut rule.bound)))
        .collect();
    if bounds.is_empty() {
        return Ok(candidates);
    }
    let mut queues: Vec<i32> = bounds.iter().map(|(queue, _)| queue.0).collect();
    queues.sort_unstable();
    queues.dedup();
    let now = statement(SQL)
        .bind::<Array<Integer>, _>(queues)
        .tuples::<(Integer, Nullable<Integer>), (QueueId, Option<i32>)>(tx)?;
    for (queue, bound) in &mut bounds {
        let found = now.iter().find(|(id, _)| id == queue).and_then(|(_, jobs)| *jobs);
        if let Bound::Running { jobs_max, .. } = &mut **bound {
            *jobs_max = found.map_or(u32::MAX, i32::unsigned_abs);
        }
    }
    Ok(candidates)
}
