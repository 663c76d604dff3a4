//! Which groups come more often than they used to: looked at once a minute. A duty.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Text};

use super::is_rising;
use crate::base::db::{DbError, PgConnection, statement};

/// Most groups that are looked at in one run; those that failed last come first.
const GROUPS_MAX: i32 = 2_000;

#[derive(QueryableByName)]
struct Course {
    #[diesel(sql_type = Text)]
    fingerprint: String,
    #[diesel(sql_type = Bool)]
    rising: bool,
    #[diesel(sql_type = BigInt)]
    recent: i64,
    #[diesel(sql_type = Double)]
    recent_hours: f64,
    #[diesel(sql_type = BigInt)]
    before: i64,
    #[diesel(sql_type = Double)]
    before_hours: f64,
}

/// Counts are kept by the hour, so that "the last hour" is the present one and the one before it; the week before that is what it
/// is measured by, or as much of it as there has been since the first failure.
const COURSES: &str = "-- queue::failures::courses
WITH bounds AS (SELECT now() AS at, date_trunc('hour', now()) - interval '1 hour' AS from_hour, date_trunc('hour', now()) - interval '7 days' AS week)
SELECT g.fingerprint, g.rising, coalesce(c.recent, 0)::bigint AS recent, extract(epoch FROM b.at - b.from_hour)::float8 / 3600 AS recent_hours,
    coalesce(c.before, 0)::bigint AS before,
    greatest(0, extract(epoch FROM b.from_hour - greatest(b.week, g.first_seen))::float8 / 3600) AS before_hours
FROM bounds b CROSS JOIN (
    SELECT fingerprint, rising, first_seen, last_seen FROM millrace.failure_groups WHERE last_seen > (SELECT clock_timestamp() - interval '2 hours')
    UNION SELECT fingerprint, rising, first_seen, last_seen FROM millrace.failure_groups WHERE rising
) AS g CROSS JOIN LATERAL (
    SELECT sum(c.attempts) FILTER (WHERE c.hour >= b.from_hour) AS recent, sum(c.attempts) FILTER (WHERE c.hour < b.from_hour) AS before
    FROM millrace.failure_counts c WHERE c.fingerprint = g.fingerprint AND c.hour >= b.week
) AS c
ORDER BY g.last_seen DESC, g.fingerprint LIMIT $1";

/// Marks the groups that rise and those that do so no more; tells how many changed.
///
/// # Errors
/// Database failures.
pub fn mark_rising(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SET: &str = "-- queue::failures::set_rising
UPDATE millrace.failure_groups g SET rising = r.rising FROM UNNEST($1::text[], $2::boolean[]) AS r(fingerprint, rising)
WHERE g.fingerprint = r.fingerprint AND g.rising <> r.rising";
    let courses: Vec<Course> = statement(COURSES).bind::<Integer, _>(GROUPS_MAX).rows(conn)?;
    let changed: Vec<&Course> = courses.iter().filter(|course| course.rises() != course.rising).collect();
    if changed.is_empty() {
        return Ok(0);
    }
    statement(SET)
        .bind::<Array<Text>, _>(changed.iter().map(|course| course.fingerprint.as_str()).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(changed.iter().map(|course| course.rises()).collect::<Vec<_>>())
        .run(conn)
}

impl Course {
    fn rises(&self) -> bool {
        let recent = (self.recent.unsigned_abs(), self.recent_hours);
        is_rising(recent, (self.before.unsigned_abs(), self.before_hours))
    }
}
