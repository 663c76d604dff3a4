//! When a ready job may start, told from what its queue has got through lately.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Text};

use crate::base::db::{DbError, PgConnection, statement};

/// Full minutes that are looked at.
const MINUTES: i32 = 10;
/// Share of the slots from which on they were as good as busy.
const FULL: f64 = 0.8;
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

/// What a queue got through, and what the slots could have done.
#[derive(Debug, Clone, Copy, Default, QueryableByName)]
struct Past {
    /// Attempts of the queue that ended.
    #[diesel(sql_type = BigInt)]
    ended: i64,
    /// Sum of their run times in microseconds.
    #[diesel(sql_type = BigInt)]
    run_us: i64,
    /// The same of all queues.
    #[diesel(sql_type = BigInt)]
    all_us: i64,
    /// Slots that take work.
    #[diesel(sql_type = BigInt)]
    slots: i64,
}

/// Expects the start of the job at `position` (from 1) of a queue; `None` when the queue starts nothing lately.
///
/// # Errors
/// Database failures.
pub fn expected_start(conn: &mut PgConnection, queue: &str, position: i64) -> Result<Option<Start>, DbError> {
    const SQL: &str = "-- admin::jobs::expected_start
WITH mine AS (SELECT id FROM millrace.queues WHERE name = $1), past AS (
    SELECT r.queue_id = mine.id AS is_mine, r.succeeded + r.attempts_failed AS ended, r.run_us FROM millrace.rollups r CROSS JOIN mine
    WHERE r.step_s = 60 AND r.at >= date_trunc('minute', now()) - make_interval(mins => $2) AND r.at < date_trunc('minute', now())
)
SELECT coalesce(sum(ended) FILTER (WHERE is_mine), 0)::bigint AS ended, coalesce(sum(run_us) FILTER (WHERE is_mine), 0)::bigint AS run_us,
    coalesce(sum(run_us), 0)::bigint AS all_us, (SELECT coalesce(sum(n.slots), 0) FROM millrace.nodes n WHERE n.state = 'up')::bigint AS slots
FROM past";
    let past: Option<Past> = statement(SQL).bind::<Text, _>(queue).bind::<Integer, _>(MINUTES).row(conn)?;
    let within = Duration::from_secs(60) * MINUTES.unsigned_abs();
    Ok(past.and_then(|past| start(position, past.rate(within))))
}

impl Past {
    /// Gives how many jobs a second the queue gets through when there are enough. As long as slots were free, what it got through
    /// tells how many came; what it could have done follows from how long its jobs take and what the other queues left.
    fn rate(self, within: Duration) -> f64 {
        let seen = self.ended as f64 / within.as_secs_f64();
        let slots = self.slots as f64;
        let busy = |us: i64| us as f64 / 1e6 / within.as_secs_f64();
        if self.ended == 0 || self.run_us <= 0 || busy(self.all_us) > slots * FULL {
            return seen;
        }
        let left = (slots - (busy(self.all_us) - busy(self.run_us))).max(0.0);
        seen.max(left * self.ended as f64 / (self.run_us as f64 / 1e6))
    }
}

/// A queue of independent jobs is counted like drops of rain: as many as `n` come with a spread of two roots of `n`.
fn start(position: i64, rate: f64) -> Option<Start> {
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
        let start = start(100, 10.0).unwrap();

        assert_eq!(start.likely, Duration::from_secs(10));
        assert_eq!((start.earliest, start.latest), (Duration::from_secs(8), Duration::from_secs(12)));
    }

    #[test]
    fn what_came_is_not_taken_for_what_could_be_done() {
        let within = Duration::from_secs(600);
        let quiet = Past { ended: 60, run_us: 12_000_000, all_us: 12_000_000, slots: 8 };

        assert_eq!(quiet.rate(within), 40.0, "jobs of 200 ms on 8 slots, though one came every ten seconds");
        let beside = Past { all_us: 2_412_000_000, ..quiet };
        assert!((beside.rate(within) - 20.0).abs() < 1e-9, "others keep 4 slots busy");
        let full = Past { ended: 24_000, run_us: 4_700_000_000, all_us: 4_700_000_000, slots: 8 };
        assert_eq!(full.rate(within), 40.0, "busy slots: as many as were seen");
    }

    #[test]
    fn a_queue_that_stands_still_has_no_forecast() {
        assert_eq!(start(1, Past::default().rate(Duration::from_secs(600))), None);
        assert_eq!(start(10_000_000, 1.0 / 600.0), None);
        assert!(start(1, 1.0 / 600.0).is_some_and(|start| start.earliest.is_zero()));
    }
}
