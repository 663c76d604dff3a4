//! The limits of queues: people change them while their jobs are decided about.

use diesel::sql_types::{Integer, Nullable, Text};

use super::adopt::number_change;
use super::free::{JOBS_MAX, let_in_waiting};
use super::rules::queue_key;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::job::QueueId;

/// Tells the lane of a queue that its jobs run at most `jobs_max` at once on all nodes (`None` = without a limit), and moves
/// what has room now into the line, at most 1,000 jobs; the next looks move the rest. Within the transaction that changes
/// the queue's row; see [`super::obeyed`] after its commit.
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
    if jobs_max.is_some() {
        number_change(tx, queue)?;
    }
    let_in_waiting(tx, &[key], vec![i64::from(JOBS_MAX)])?;
    Ok(())
}
