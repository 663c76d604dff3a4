//! Priority with aging: nobody waits for ever behind higher priorities.

use std::time::Duration;

use diesel::sql_types::{Array, BigInt, Double, Integer, SmallInt, Text};

use super::claim::{PRIORITIES, Want};
use super::job::QueueId;
use crate::base::db::{DbError, PgConnection, statement};

/// So many looks in one step of aging …
const LOOKS_PER_STEP: u32 = 8;
/// … within these bounds.
const LOOK_MIN: Duration = Duration::from_millis(50);
const LOOK_MAX: Duration = Duration::from_secs(1);

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

/// The priorities of a lane whose first job is overdue, as an array: those below the highest that waits there, which stands
/// behind nobody. Five probes of the index.
macro_rules! overdue_lines {
    ($lane:literal, $step_ms:literal) => {
        concat!(
            "ARRAY(
        SELECT level.priority FROM UNNEST('{2, 3, 4, 5}'::smallint[]) AS level(priority) CROSS JOIN LATERAL (
            SELECT g.since FROM millrace.gated g WHERE g.lane = ",
            $lane,
            " AND g.priority = level.priority AND g.not_before IS NULL ORDER BY g.job_id LIMIT 1
        ) AS oldest
        WHERE oldest.since <= clock_timestamp() - (level.priority - 1) * ",
            $step_ms,
            "::bigint * interval '1 ms' AND level.priority > (
            SELECT g.priority FROM millrace.gated g WHERE g.lane = ",
            $lane,
            " AND g.not_before IS NULL ORDER BY g.priority, g.job_id LIMIT 1
        ) ORDER BY level.priority)"
        )
    };
}
pub(super) use overdue_lines;

/// Gives a step for [`overdue_lines!`].
pub(super) fn whole_ms(step: Duration) -> i64 {
    i64::try_from(step.as_millis()).unwrap_or(i64::MAX)
}

/// How often to look for what is overdue: several times in one step, and not all the time.
pub fn look_every(step: Duration) -> Duration {
    (step / LOOKS_PER_STEP).clamp(LOOK_MIN, LOOK_MAX)
}

/// Finds the overdue lines of lanes from which nodes claim (`queue::fit`).
///
/// # Errors
/// Database failures.
pub fn overdue_in_lanes(
    conn: &mut PgConnection,
    lanes: &[&str],
    step: Duration,
) -> Result<Vec<(String, i16)>, DbError> {
    const SQL: &str = concat!(
        "-- queue::aging::overdue_in_lanes
SELECT want.key, line.priority FROM UNNEST($1::text[]) AS want(key) CROSS JOIN LATERAL UNNEST(",
        overdue_lines!("want.key", "$2"),
        ") AS line(priority)"
    );
    let query = statement(SQL).bind::<Array<Text>, _>(lanes).bind::<BigInt, _>(whole_ms(step));
    query.tuples::<(Text, SmallInt), (String, i16)>(conn)
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
