//! When a ready job may start, told from what its queue has got through lately.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Text};

use crate::base::db::{DbError, PgConnection, statement};

/// Full minutes that are looked at.
const MINUTES: i32 = 10;
/// Beyond this a forecast is not worth showing.
const START_MAX: Duration = Duration::from_secs(7 * 86_400);

/// An expected start, from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Most likely after this time.
    pub likely: Duration,
    /// Hardly earlier.
    pub earliest: Duration,
    /// Hardly later.
    pub latest: Duration,
}

/// Expects the start of the job at `position` (from 1) of a queue; `None` when the queue starts nothing lately.
///
/// # Errors
/// Database failures.
pub fn expected_start(conn: &mut PgConnection, queue: &str, position: i64) -> Result<Option<Start>, DbError> {
    const SQL: &str = "-- admin::jobs::expected_start
SELECT coalesce(sum(r.succeeded + r.attempts_failed), 0)::bigint AS ended FROM millrace.rollups r JOIN millrace.queues q ON q.id = r.queue_id
WHERE q.name = $1 AND r.step_s = 60 AND r.at >= date_trunc('minute', now()) - make_interval(mins => $2) AND r.at < date_trunc('minute', now())";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        ended: i64,
    }
    let row: Option<Row> = statement(SQL).bind::<Text, _>(queue).bind::<Integer, _>(MINUTES).row(conn)?;
    Ok(row.and_then(|row| start(position, row.ended, Duration::from_secs(60) * MINUTES.unsigned_abs())))
}

/// A queue of independent jobs is counted like drops of rain: as many as `n` come with a spread of two roots of `n`.
fn start(position: i64, ended: i64, within: Duration) -> Option<Start> {
    let rate = ended as f64 / within.as_secs_f64();
    let before = position.max(1) as f64;
    if rate <= 0.0 {
        return None;
    }
    let spread = 2.0 * before.sqrt();
    let after = |jobs: f64| Duration::try_from_secs_f64((jobs / rate).max(0.0)).ok().filter(|time| *time <= START_MAX);
    Some(Start { likely: after(before)?, earliest: after(before - spread)?, latest: after(before + spread)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_expected_at_the_rate_of_the_queue() {
        let start = start(100, 6_000, Duration::from_secs(600)).unwrap();

        assert_eq!(start.likely, Duration::from_secs(10));
        assert_eq!((start.earliest, start.latest), (Duration::from_secs(8), Duration::from_secs(12)));
    }

    #[test]
    fn a_queue_that_stands_still_has_no_forecast() {
        assert_eq!(start(1, 0, Duration::from_secs(600)), None);
        assert_eq!(start(10_000_000, 1, Duration::from_secs(600)), None);
        assert!(start(1, 1, Duration::from_secs(600)).is_some_and(|start| start.earliest.is_zero()));
    }
}
