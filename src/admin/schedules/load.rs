//! What else starts at the time at which a schedule runs, and whether a minute beside it would be quieter.

use chrono::{TimeDelta, Timelike as _};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Text, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;

/// Minutes on either side that are looked at.
pub const MINUTES: i32 = 15;
/// Days back whose same minutes are looked at.
const DAYS: i32 = 7;
/// A minute with fewer jobs is nobody's trouble.
const BUSY: f64 = 5.0;

/// How many jobs usually come in the minutes around a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// The minute in the middle.
    pub at: Time,
    /// Jobs of each minute, the average of the last days, [`MINUTES`] on either side.
    pub jobs: Vec<f64>,
    /// How long jobs of each minute waited on average, in milliseconds.
    pub wait_ms: Vec<f64>,
    /// A quieter minute: by how much later it is.
    pub better: Option<i32>,
}

/// Reads what usually comes around `at`, in the queues of `scope`. The rollups of 7 × 31 minutes are read, never jobs.
///
/// # Errors
/// Database failures.
pub fn load(conn: &mut PgConnection, scope: &Scope, at: Time) -> Result<Load, DbError> {
    const SQL: &str = "-- admin::schedules::load
SELECT (extract(epoch FROM r.at - d.middle) / 60)::integer AS minute, sum(r.enqueued)::bigint, sum(r.wait_us)::bigint, sum(r.succeeded + r.failed)::bigint
FROM (SELECT $1::timestamptz - n * interval '1 day' AS middle FROM generate_series(1, $2::integer) AS n) AS d
JOIN millrace.rollups r ON r.step_s = 60 AND r.at BETWEEN d.middle - $3 * interval '1 minute' AND d.middle + $3 * interval '1 minute'
WHERE $4 OR r.queue_id IN (SELECT q.id FROM millrace.queues q WHERE q.name = ANY ($5))
GROUP BY 1 ORDER BY 1 LIMIT 100";
    let middle = at.with_second(0).and_then(|at| at.with_nanosecond(0)).unwrap_or(at);
    // the same minutes of days that are over
    let rows = statement(SQL)
        .bind::<Timestamptz, _>(middle)
        .bind::<Integer, _>(DAYS)
        .bind::<Integer, _>(MINUTES)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .tuples::<(Integer, BigInt, BigInt, BigInt), (i32, i64, i64, i64)>(conn)?;
    let minutes = usize::try_from(2 * MINUTES + 1).unwrap_or_default();
    let (mut jobs, mut wait_ms) = (vec![0.0; minutes], vec![0.0; minutes]);
    for (minute, enqueued, wait_us, ended) in rows {
        if let Ok(place) = usize::try_from(minute + MINUTES)
            && place < minutes
        {
            jobs[place] = enqueued as f64 / f64::from(DAYS);
            wait_ms[place] = if ended > 0 { wait_us as f64 / ended as f64 / 1_000.0 } else { 0.0 };
        }
    }
    let better = better(&jobs);
    Ok(Load { at: middle, jobs, wait_ms, better })
}

/// The quietest minute, the nearest of several, when the one in the middle is much busier.
fn better(jobs: &[f64]) -> Option<i32> {
    let middle = jobs.len() / 2;
    let here = jobs.get(middle).copied().filter(|jobs| *jobs >= BUSY)?;
    let away = |place: usize| {
        (i32::try_from(place).unwrap_or_default() - i32::try_from(middle).unwrap_or_default(), jobs[place])
    };
    let mut others: Vec<(i32, f64)> = (0..jobs.len()).filter(|place| *place != middle).map(away).collect();
    others.sort_by(|one, other| {
        one.1.total_cmp(&other.1).then(one.0.abs().cmp(&other.0.abs())).then(other.0.cmp(&one.0))
    });
    others.first().filter(|(_, quiet)| *quiet * 2.0 < here).map(|(away, _)| *away)
}

impl Load {
    /// Gives the minute so many minutes later.
    pub fn minute(&self, later: i32) -> Time {
        self.at + TimeDelta::minutes(i64::from(later))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_the_quietest_minutes_is_proposed_when_it_helps() {
        assert_eq!(better(&[0.0, 3.0, 40.0, 1.0, 0.0]), Some(2), "later before earlier when both are as far");
        assert_eq!(better(&[9.0, 0.0, 40.0, 1.0, 0.0]), Some(-1));
        assert_eq!(better(&[30.0, 30.0, 40.0, 30.0, 30.0]), None, "nothing is much quieter");
        assert_eq!(better(&[0.0, 0.0, 4.0, 0.0, 0.0]), None, "and few jobs are no trouble");
    }
}
