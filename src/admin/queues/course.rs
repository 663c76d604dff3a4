//! How queues fared in the last hour, from the rollups: history itself is never counted for a page.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text};

use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::catalog::QUEUES_MAX;

/// Full minutes looked back.
pub const MINUTES: usize = 60;
/// Full minutes of which the rate of a forecast is made.
const RATE_MINUTES: usize = 5;
/// A shorter line is gone before anybody has read about it.
const READY_MIN: i64 = 10;
/// Longest forecast in seconds, about three years.
const SECONDS_MAX: f64 = 1e8;

/// How a queue fared in the last hour. Minutes in which nothing ended have no entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, QueryableByName)]
pub struct Course {
    /// The queue.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Jobs that failed for good and are kept.
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
    /// Which minutes have an entry, 0 = the oldest, 59 = the last full one.
    #[diesel(sql_type = Array<Integer>)]
    pub minutes: Vec<i32>,
    /// Jobs that succeeded in each of them.
    #[diesel(sql_type = Array<BigInt>)]
    pub succeeded: Vec<i64>,
    /// Attempts that failed in each of them.
    #[diesel(sql_type = Array<BigInt>)]
    pub attempts_failed: Vec<i64>,
    /// Jobs that became ready in each of them, whether they were new, fell due or are tried again.
    #[diesel(sql_type = Array<BigInt>)]
    pub came: Vec<i64>,
    /// Jobs that were ready and went in each of them, whatever became of them.
    #[diesel(sql_type = Array<BigInt>)]
    pub went: Vec<i64>,
}

impl Course {
    /// Gives the jobs that succeeded per minute, oldest first.
    pub fn succeeded_by_minute(&self) -> Vec<i64> {
        self.spread(&self.succeeded)
    }

    /// Gives the attempts that failed per minute, oldest first.
    pub fn failed_by_minute(&self) -> Vec<i64> {
        self.spread(&self.attempts_failed)
    }

    /// Gives the attempts that ended per minute, one way or the other, oldest first.
    pub fn ended_by_minute(&self) -> Vec<i64> {
        let both = self.succeeded_by_minute().into_iter().zip(self.failed_by_minute());
        both.map(|(succeeded, failed)| succeeded + failed).collect()
    }

    /// Tells when a line of `ready` jobs is empty, as [`drains_in`] by the last minutes.
    pub fn drains_in(&self, ready: i64) -> Option<Duration> {
        let newest = |all: &[i64]| self.spread(all).iter().rev().take(RATE_MINUTES).sum::<i64>() as f64;
        drains_in(ready, (newest(&self.went) - newest(&self.came)) / RATE_MINUTES as f64)
    }

    fn spread(&self, values: &[i64]) -> Vec<i64> {
        let mut all = vec![0; MINUTES];
        for (minute, value) in self.minutes.iter().zip(values) {
            if let Some(place) = usize::try_from(*minute).ok().and_then(|minute| all.get_mut(minute)) {
                *place += value;
            }
        }
        all
    }
}

/// Tells when a line of `ready` jobs is empty if it goes on getting shorter by so many a minute; `None` = it does not, or is too short to
/// tell.
pub fn drains_in(ready: i64, shorter_per_minute: f64) -> Option<Duration> {
    let seconds = ready as f64 / shorter_per_minute * 60.0;
    (ready >= READY_MIN && shorter_per_minute > 0.0).then(|| Duration::from_secs_f64(seconds.min(SECONDS_MAX)))
}

const SQL: &str = "-- admin::queues::courses
WITH mine AS (
    SELECT q.id, q.name FROM millrace.queues q
    WHERE ($1 OR q.name = ANY ($2)) AND ($3::text IS NULL OR q.name = $3) ORDER BY q.name LIMIT $4
), start AS (SELECT date_trunc('minute', now()) - interval '60 minutes' AS at), hour AS (
    SELECT r.queue_id, (extract(epoch FROM r.at - start.at) / 60)::integer AS minute,
        sum(r.succeeded)::bigint AS succeeded, sum(r.attempts_failed)::bigint AS attempts_failed, sum(r.came)::bigint AS came, sum(r.went)::bigint AS went
    FROM start CROSS JOIN millrace.rollups r JOIN mine ON mine.id = r.queue_id
    WHERE r.step_s = 60 AND r.at >= start.at AND r.at < date_trunc('minute', now()) GROUP BY r.queue_id, minute
), failed AS (
    SELECT queue_id, sum(jobs)::bigint AS jobs FROM millrace.job_counts WHERE state = 'failed' GROUP BY queue_id
)
SELECT mine.name, coalesce(max(f.jobs), 0) AS failed, coalesce(array_agg(h.minute) FILTER (WHERE h.minute IS NOT NULL), '{}') AS minutes,
    coalesce(array_agg(h.succeeded) FILTER (WHERE h.minute IS NOT NULL), '{}') AS succeeded,
    coalesce(array_agg(h.attempts_failed) FILTER (WHERE h.minute IS NOT NULL), '{}') AS attempts_failed,
    coalesce(array_agg(h.came) FILTER (WHERE h.minute IS NOT NULL), '{}') AS came,
    coalesce(array_agg(h.went) FILTER (WHERE h.minute IS NOT NULL), '{}') AS went
FROM mine LEFT JOIN hour h ON h.queue_id = mine.id LEFT JOIN failed f ON f.queue_id = mine.id
GROUP BY mine.name ORDER BY mine.name";

/// Reads how the queues that `scope` covers as a whole fared, or only the one called `name`; by name.
///
/// # Errors
/// Database failures.
pub fn courses(conn: &mut PgConnection, scope: &Scope, name: Option<&str>) -> Result<Vec<Course>, DbError> {
    statement(SQL)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Nullable<Text>, _>(name)
        .bind::<Integer, _>(QUEUES_MAX)
        .rows(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_forecast_when_it_gets_shorter() {
        let course = |went: i64, came: i64| Course {
            minutes: vec![0, 57],
            went: vec![9_999, went],
            came: vec![0, came],
            ..Course::default()
        };

        for (ready, went, came, seconds) in [
            (100, 600, 500, Some(300)),
            (100, 500, 500, None),
            (100, 400, 500, None),
            (9, 600, 0, None),
            (i64::MAX, 1, 0, Some(100_000_000)),
        ] {
            let told = course(went, came).drains_in(ready);
            assert_eq!(told.map(|length| length.as_secs()), seconds, "{ready} {went} {came}");
        }
    }

    #[test]
    fn minutes_without_an_entry_are_zero() {
        let course = Course {
            minutes: vec![59, 0, 60],
            succeeded: vec![3, 1, 9],
            attempts_failed: vec![1, 0, 9],
            ..Course::default()
        };

        let ended = course.ended_by_minute();

        assert_eq!((ended.len(), ended[0], ended[1], ended[59]), (60, 1, 0, 4));
        assert_eq!(ended.iter().sum::<i64>(), 5);
    }
}
