//! Priority with aging: nobody waits for ever behind higher priorities.

use std::time::Duration;

use diesel::sql_types::{Array, BigInt, Double, Integer, SmallInt};

use super::claim::{PRIORITIES, Want};
use super::job::QueueId;
use crate::base::db::{DbError, PgConnection, statement};

/// Tells whether a job has waited so long that it no longer stands behind higher priorities: one `step` for each level above
/// its own. Priority 1 stands behind nobody.
pub fn is_overdue(priority: i16, waited: Duration, step: Duration) -> bool {
    priority > 1 && waited >= step * u32::from(priority.unsigned_abs() - 1)
}

/// Finds those lines of the wanted queues, below the highest priority, whose first job is overdue. It looks where the wants
/// would: one probe of the index for each line.
///
/// # Errors
/// Database failures.
pub fn overdue(conn: &mut PgConnection, wants: &[Want], step: Duration) -> Result<Vec<(QueueId, i16)>, DbError> {
    const SQL: &str = "-- queue::aging::overdue
SELECT want.queue_id, level.priority, extract(epoch FROM clock_timestamp() - oldest.since)::float8
FROM UNNEST($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS want(queue_id, above_2, above_3, above_4, above_5)
CROSS JOIN LATERAL (VALUES (2::smallint, want.above_2), (3::smallint, want.above_3), (4::smallint, want.above_4),
    (5::smallint, want.above_5)) AS level(priority, above)
CROSS JOIN LATERAL (
    SELECT r.since FROM millrace.ready r
    WHERE r.queue_id = want.queue_id AND r.priority = level.priority AND r.seq > level.above ORDER BY r.seq LIMIT 1
) AS oldest";
    let mut query = statement(SQL).bind::<Array<Integer>, _>(wants.iter().map(|want| want.queue.0).collect::<Vec<_>>());
    for level in 1..PRIORITIES {
        query = query.bind::<Array<BigInt>, _>(wants.iter().map(|want| want.above[level]).collect::<Vec<_>>());
    }
    let oldest = query.tuples::<(Integer, SmallInt, Double), (QueueId, i16, f64)>(conn)?;
    let late = |(queue, priority, waited): (QueueId, i16, f64)| {
        is_overdue(priority, Duration::from_secs_f64(waited.max(0.0)), step).then_some((queue, priority))
    };
    Ok(oldest.into_iter().filter_map(late).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_level_waits_one_step_longer() {
        let step = Duration::from_secs(30);
        let overdue = |priority, seconds| is_overdue(priority, Duration::from_secs(seconds), step);

        assert_eq!([overdue(2, 29), overdue(2, 30), overdue(5, 119), overdue(5, 120)], [false, true, false, true]);
        assert!(!overdue(1, 1_000_000));
    }

    proptest! {
        #[test]
        fn whoever_is_overdue_stays_so_and_higher_priorities_are_it_earlier(
            priority in 2_i16..=5, waited in 0_u64..10_000, more in 0_u64..10_000, step in 1_u64..1_000,
        ) {
            let overdue = |priority, ms| is_overdue(priority, Duration::from_millis(ms), Duration::from_millis(step));
            prop_assert!(!overdue(priority, waited) || overdue(priority, waited + more));
            prop_assert!(!overdue(priority, waited) || priority == 2 || overdue(priority - 1, waited));
        }
    }
}
