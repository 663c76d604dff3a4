//! How due schedules stand: who is due, which of their jobs have not ended, how the last ones ended.

use std::collections::HashMap;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use super::values::{BY_RULES, ScheduleId};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement};
use crate::queue::job::JobId;

/// Jobs of one schedule that are looked at; whoever has more that have not ended has enough.
const LIVE_MAX: i32 = 1_000;

/// A due schedule, locked.
#[derive(Debug, Clone, QueryableByName)]
pub(super) struct Due {
    #[diesel(sql_type = Integer)]
    pub(super) id: ScheduleId,
    #[diesel(sql_type = Text)]
    pub(super) name: String,
    #[diesel(sql_type = Integer)]
    pub(super) version: i32,
    #[diesel(sql_type = Integer)]
    pub(super) stamp: i32,
    #[diesel(sql_type = Timestamptz)]
    pub(super) decided_until: Time,
    #[diesel(sql_type = BigInt)]
    pub(super) jobs: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub(super) failures_since: Option<Time>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) paused_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) pause_reason: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    pub(super) now: Time,
}

macro_rules! due {
    ($which:literal) => {
        concat!(
            "SELECT s.id, s.name, s.version, s.stamp, s.decided_until, s.jobs, s.failures_since, s.paused_by, s.pause_reason, ",
            "(SELECT clock_timestamp()) AS now FROM millrace.schedules s WHERE ",
            $which
        )
    };
}

/// Locks up to `most` schedules that are due and that nobody else holds, the longest due first.
pub(super) fn take(tx: &mut Tx<'_>, most: i32) -> Result<Vec<Due>, DbError> {
    const SQL: &str = concat!(
        "-- queue::schedules::take\n",
        due!("s.due_at <= (SELECT clock_timestamp()) ORDER BY s.due_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED")
    );
    statement(SQL).bind::<Integer, _>(most).rows(tx)
}

/// Finds up to `most` schedules that are due, the longest due first.
pub(super) fn due_ids(conn: &mut PgConnection, most: i32) -> Result<Vec<ScheduleId>, DbError> {
    const SQL: &str = "-- queue::schedules::due_ids
SELECT s.id FROM millrace.schedules s WHERE s.due_at <= (SELECT clock_timestamp()) ORDER BY s.due_at LIMIT $1";
    let ids = statement(SQL).bind::<Integer, _>(most).tuples::<Integer, i32>(conn)?;
    Ok(ids.into_iter().map(ScheduleId).collect())
}

/// Locks one schedule, due or not; waits for whoever holds it.
pub(super) fn take_one(tx: &mut Tx<'_>, id: ScheduleId) -> Result<Option<Due>, DbError> {
    const SQL: &str = concat!(
        "-- queue::schedules::take_one\n",
        due!("s.id = $1 AND s.removed_at IS NULL AND s.ended_at IS NULL FOR NO KEY UPDATE")
    );
    Ok(statement(SQL).bind::<Integer, _>(id.0).rows(tx)?.pop())
}

/// Seconds until the next schedule is due; `None` = none ever.
///
/// # Errors
/// Database failures.
pub fn next_due(conn: &mut PgConnection) -> Result<Option<f64>, DbError> {
    const SQL: &str = "-- queue::schedules::next_due
SELECT extract(epoch FROM s.due_at - clock_timestamp())::float8 FROM millrace.schedules s WHERE s.due_at IS NOT NULL ORDER BY s.due_at LIMIT 1";
    Ok(statement(SQL).tuples::<diesel::sql_types::Double, f64>(conn)?.pop())
}

/// The jobs of a schedule that were not known to have ended.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    /// Those that have not, of the rules and of people; the oldest first.
    pub(super) live: Vec<JobId>,
    /// Those of them that nothing would wait for: they were made when the schedule's jobs did not wait for one another.
    pub(super) apart: Vec<JobId>,
    /// Those that have by now.
    pub(super) ended: Vec<JobId>,
}

/// Looks which jobs of these schedules have not ended; those of backfills do not count.
pub(super) fn jobs(tx: &mut Tx<'_>, ids: &[i32]) -> Result<HashMap<ScheduleId, Jobs>, DbError> {
    const SQL: &str = "-- queue::schedules::jobs
SELECT w.id, l.job_id,
    (SELECT true FROM millrace.history h WHERE h.job_id = l.job_id) IS NOT NULL AS ended,
    (SELECT j.ordering_key IS NOT NULL FROM millrace.jobs j WHERE j.id = l.job_id) AS is_ordered
FROM unnest($1::integer[]) AS w(id) CROSS JOIN LATERAL (
    SELECT sj.job_id FROM millrace.schedule_jobs sj WHERE sj.schedule_id = w.id AND sj.backfill_id <= $2 ORDER BY sj.job_id LIMIT $3
) AS l ORDER BY w.id, l.job_id";
    let rows = statement(SQL)
        .bind::<Array<Integer>, _>(ids)
        .bind::<Integer, _>(BY_RULES)
        .bind::<Integer, _>(LIVE_MAX)
        .tuples::<(Integer, BigInt, Bool, Nullable<Bool>), (i32, i64, bool, Option<bool>)>(tx)?;
    let mut found: HashMap<ScheduleId, Jobs> = HashMap::new();
    for (id, job, has_ended, is_ordered) in rows {
        let jobs = found.entry(ScheduleId(id)).or_default();
        match is_ordered {
            Some(is_ordered) if !has_ended => {
                jobs.live.push(JobId(job));
                jobs.apart.extend((!is_ordered).then_some(JobId(job)));
            }
            _ => jobs.ended.push(JobId(job)), // or is forgotten
        }
    }
    Ok(found)
}

/// A schedule that pauses after so many failures in a row, and since when they count.
pub(super) struct Patience {
    pub(super) id: ScheduleId,
    pub(super) failures: u16,
    pub(super) since: Option<Time>,
}

/// Gives those of which the last so many jobs that ended all failed, each with the last of them.
pub(super) fn failing(tx: &mut Tx<'_>, asked: &[Patience]) -> Result<HashMap<ScheduleId, JobId>, DbError> {
    const SQL: &str = "-- queue::schedules::failing
SELECT w.id, max(l.job_id) FROM unnest($1::integer[], $2::integer[], $3::timestamptz[]) AS w(id, failures, since) CROSS JOIN LATERAL (
    SELECT r.job_id, r.state FROM (
        SELECT o.job_id, (SELECT h.state::text FROM millrace.history h WHERE h.job_id = o.job_id) AS state
        FROM millrace.occurrences o
        WHERE o.schedule_id = w.id AND o.job_id IS NOT NULL AND o.backfill_id = 0 AND o.at > coalesce(w.since, '-infinity')
        ORDER BY o.at DESC LIMIT w.failures + 100
    ) AS r WHERE r.state IS NOT NULL LIMIT w.failures
) AS l
GROUP BY w.id, w.failures HAVING count(*) = w.failures AND bool_and(l.state IN ('failed', 'expired'))";
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = statement(SQL)
        .bind::<Array<Integer>, _>(asked.iter().map(|one| one.id.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(asked.iter().map(|one| i32::from(one.failures)).collect::<Vec<_>>())
        .bind::<Array<Nullable<Timestamptz>>, _>(asked.iter().map(|one| one.since).collect::<Vec<_>>())
        .tuples::<(Integer, BigInt), (i32, i64)>(tx)?;
    Ok(rows.into_iter().map(|(id, job)| (ScheduleId(id), JobId(job))).collect())
}
