//! What became of occurrences: pages of the history of one schedule, the last runs of many.

use std::collections::HashMap;
use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::job::JobId;
use crate::queue::schedules::{BackfillId, Outcome, ScheduleId};
use crate::queue::state::JobState;

/// Most rows of a page.
pub const OCCURRENCES_MAX: i32 = 200;
/// Runs of a strip.
pub const STRIP_MAX: i32 = 20;

/// An occurrence and what became of it.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct OccurrenceRow {
    /// The instant that the rules name.
    #[diesel(sql_type = Timestamptz)]
    pub at: Time,
    /// 0 = by the rules, −1 = by hand, else the backfill.
    #[diesel(sql_type = Integer)]
    pub backfill_id: i32,
    /// The version by which it was decided.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// What became of it; [`OccurrenceRow::outcome`] is safer.
    #[diesel(sql_type = Text)]
    pub outcome: String,
    /// Why it did not run at its instant: a word.
    #[diesel(sql_type = Nullable<Text>)]
    pub cause: Option<String>,
    /// The same in words for people.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    /// When its job could begin.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub run_at: Option<Time>,
    /// The row stands for all up to then.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub until: Option<Time>,
    /// How many more it stands for, as far as they were counted.
    #[diesel(sql_type = BigInt)]
    pub more: i64,
    /// The job.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub job_id: Option<JobId>,
    /// The job is late when it has not ended by then.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub finish_by: Option<Time>,
    /// When it was decided.
    #[diesel(sql_type = Timestamptz)]
    pub decided_at: Time,
    /// How the job ended; absent while it has not, or when it is no longer kept.
    #[diesel(sql_type = Nullable<Text>)]
    pub ended: Option<String>,
    /// Start of the job's last attempt.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub started_at: Option<Time>,
    /// End of the job.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub finished_at: Option<Time>,
    /// Attempts that it took.
    #[diesel(sql_type = Nullable<Integer>)]
    pub attempts: Option<i32>,
    /// Whether the job is kept.
    #[diesel(sql_type = Bool)]
    pub is_kept: bool,
}

impl OccurrenceRow {
    /// Gives what became of it.
    pub fn outcome(&self) -> Outcome {
        Outcome::parse(&self.outcome).unwrap_or(Outcome::Refused) // the table holds only names of the enum
    }

    /// Tells how late its job ended, or how late it is at `now`; `None` when it was in time or may take its time.
    pub fn late(&self, now: Time) -> Option<Duration> {
        let until = if self.is_kept { self.finished_at.unwrap_or(now) } else { self.finished_at? };
        (until - self.finish_by?).to_std().ok().filter(|late| !late.is_zero())
    }

    /// Gives how its job ended.
    pub fn job_ended(&self) -> Option<JobState> {
        JobState::parse(self.ended.as_deref()?)
    }
}

/// Where a page of occurrences begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Page {
    /// Only what is older than this occurrence.
    pub before: Option<Time>,
    /// Only those of one backfill; −1 = run by hand.
    pub backfill: Option<i32>,
    /// Only those of one outcome.
    pub outcome: Option<Outcome>,
    /// Most rows.
    pub limit: i32,
}

/// Lists occurrences of one schedule, the latest first, and tells whether there are older ones. Those of one instant stand on one page, which
/// may therefore be a little longer. A filter by outcome looks among the latest 5,000 only.
///
/// # Errors
/// Database failures.
pub fn occurrences(
    conn: &mut PgConnection,
    id: ScheduleId,
    page: &Page,
) -> Result<(Vec<OccurrenceRow>, bool), DbError> {
    const SQL: &str = "-- admin::schedules::occurrences
WITH shown AS MATERIALIZED (
    SELECT o.* FROM (
        SELECT * FROM millrace.occurrences o WHERE o.schedule_id = $1 AND ($2::timestamptz IS NULL OR o.at < $2) ORDER BY o.at DESC, o.backfill_id DESC LIMIT 5000
    ) AS o WHERE ($3::integer IS NULL OR o.backfill_id = $3) AND ($4::text IS NULL OR o.outcome = $4) ORDER BY o.at DESC FETCH FIRST $5 ROWS WITH TIES
)
SELECT o.at, o.backfill_id, o.version, o.outcome, o.cause, o.reason, o.run_at, o.until, o.more, o.job_id, o.finish_by, o.decided_at, h.state::text AS ended,
    h.started_at, h.finished_at, h.attempt::integer AS attempts, j.id IS NOT NULL AS is_kept
FROM shown o LEFT JOIN LATERAL (SELECT * FROM millrace.history h WHERE h.job_id = o.job_id LIMIT 1) AS h ON true
LEFT JOIN LATERAL (SELECT j.id FROM millrace.jobs j WHERE j.id = o.job_id LIMIT 1) AS j ON true
ORDER BY o.at DESC, o.backfill_id DESC";
    let limit = page.limit.clamp(1, OCCURRENCES_MAX);
    let mut rows: Vec<OccurrenceRow> = statement(SQL)
        .bind::<Integer, _>(id.0)
        .bind::<Nullable<Timestamptz>, _>(page.before)
        .bind::<Nullable<Integer>, _>(page.backfill)
        .bind::<Nullable<Text>, _>(page.outcome.map(Outcome::as_str))
        .bind::<Integer, _>(limit + 1)
        .rows(conn)?;
    let last = usize::try_from(limit - 1).ok().and_then(|last| Some(rows.get(last)?.at));
    let of_page = last.map_or(rows.len(), |last| rows.partition_point(|row| row.at >= last));
    let is_more = rows.len() > of_page;
    rows.truncate(of_page);
    Ok((rows, is_more))
}

/// Lists the occurrences of a backfill that were decided last, at most 50.
///
/// # Errors
/// Database failures.
pub fn of_backfill(conn: &mut PgConnection, id: BackfillId) -> Result<Vec<OccurrenceRow>, DbError> {
    const SQL: &str = "-- admin::schedules::of_backfill
SELECT o.at, o.backfill_id, o.version, o.outcome, o.cause, o.reason, o.run_at, o.until, o.more, o.job_id, o.finish_by, o.decided_at, h.state::text AS ended,
    h.started_at, h.finished_at, h.attempt::integer AS attempts, j.id IS NOT NULL AS is_kept
FROM (SELECT * FROM millrace.occurrences o WHERE o.backfill_id = $1 AND o.backfill_id > 0 ORDER BY o.decided_at DESC, o.job_id DESC LIMIT 50) AS o
LEFT JOIN LATERAL (SELECT * FROM millrace.history h WHERE h.job_id = o.job_id LIMIT 1) AS h ON true
LEFT JOIN LATERAL (SELECT j.id FROM millrace.jobs j WHERE j.id = o.job_id LIMIT 1) AS j ON true
ORDER BY o.decided_at DESC, o.job_id DESC";
    statement(SQL).bind::<Integer, _>(id.0).rows(conn)
}

/// A run of a strip.
#[derive(Debug, Clone, PartialEq)]
pub struct RunMark {
    /// The instant that the rules name.
    pub at: Time,
    /// Its job.
    pub job: JobId,
    /// How that ended; `None` while it has not, or when it is no longer kept.
    pub ended: Option<JobState>,
    /// It took more than one attempt.
    pub is_retried: bool,
    /// How long its last attempt took, in milliseconds.
    pub run_ms: Option<i64>,
}

/// Reads the last runs of schedules, the oldest first, at most [`STRIP_MAX`] of each.
///
/// # Errors
/// Database failures.
pub fn strips(conn: &mut PgConnection, ids: &[ScheduleId]) -> Result<HashMap<ScheduleId, Vec<RunMark>>, DbError> {
    last_runs(conn, ids, STRIP_MAX)
}

fn last_runs(
    conn: &mut PgConnection,
    ids: &[ScheduleId],
    most: i32,
) -> Result<HashMap<ScheduleId, Vec<RunMark>>, DbError> {
    const SQL: &str = "-- admin::schedules::strips
SELECT w.id, o.at, o.job_id, h.state::text, coalesce(h.attempt > 1, false), (extract(epoch FROM h.finished_at - h.started_at) * 1000)::bigint
FROM unnest($1::integer[]) AS w(id) CROSS JOIN LATERAL (
    SELECT o.at, o.job_id FROM millrace.occurrences o WHERE o.schedule_id = w.id AND o.job_id IS NOT NULL AND o.backfill_id = 0 ORDER BY o.at DESC LIMIT $2
) AS o LEFT JOIN LATERAL (SELECT * FROM millrace.history h WHERE h.job_id = o.job_id LIMIT 1) AS h ON true
ORDER BY w.id, o.at";
    type Types = (Integer, Timestamptz, BigInt, Nullable<Text>, Bool, Nullable<BigInt>);
    type Row = (i32, Time, i64, Option<String>, bool, Option<i64>);
    let rows = statement(SQL)
        .bind::<Array<Integer>, _>(ids.iter().map(|id| id.0).collect::<Vec<_>>())
        .bind::<Integer, _>(most)
        .tuples::<Types, Row>(conn)?;
    let mut strips: HashMap<ScheduleId, Vec<RunMark>> = HashMap::new();
    for (id, at, job, ended, is_retried, run_ms) in rows {
        let ended = ended.as_deref().and_then(JobState::parse);
        strips.entry(ScheduleId(id)).or_default().push(RunMark { at, job: JobId(job), ended, is_retried, run_ms });
    }
    Ok(strips)
}

/// Most runs of one schedule's calendar.
const MARKS_MAX: i32 = 1_000;

/// Reads the last runs of one schedule, the oldest first, at most 1,000.
///
/// # Errors
/// Database failures.
pub fn marks(conn: &mut PgConnection, id: ScheduleId) -> Result<Vec<RunMark>, DbError> {
    Ok(last_runs(conn, &[id], MARKS_MAX)?.remove(&id).unwrap_or_default())
}

/// A backfill as it stands.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct BackfillRow {
    /// Row id.
    #[diesel(sql_type = Integer)]
    pub id: BackfillId,
    /// The schedule's name.
    #[diesel(sql_type = Text)]
    pub schedule: String,
    /// Its row.
    #[diesel(sql_type = Integer)]
    pub schedule_id: ScheduleId,
    /// The version that says when and what.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// From here on.
    #[diesel(sql_type = Timestamptz)]
    pub from_at: Time,
    /// Before.
    #[diesel(sql_type = Timestamptz)]
    pub to_at: Time,
    /// From the end of the range to its begin.
    #[diesel(sql_type = Bool)]
    pub newest_first: bool,
    /// Only occurrences that had no job.
    #[diesel(sql_type = Bool)]
    pub missing_only: bool,
    /// Most of its jobs that have not ended at a time.
    #[diesel(sql_type = Integer)]
    pub concurrency: i32,
    /// Occurrences that it makes jobs for.
    #[diesel(sql_type = Integer)]
    pub planned: i32,
    /// Jobs made so far.
    #[diesel(sql_type = Integer)]
    pub enqueued: i32,
    /// Occurrences of which no job could be made.
    #[diesel(sql_type = Integer)]
    pub refused: i32,
    /// running, stopped or done.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Why it was started.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    /// Who started it.
    #[diesel(sql_type = Text)]
    pub actor: String,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub started_at: Time,
    /// When its last job was made, or it was stopped.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub finished_at: Option<Time>,
    /// Who stopped it.
    #[diesel(sql_type = Nullable<Text>)]
    pub ended_by: Option<String>,
}

macro_rules! backfills_sql {
    ($name:literal, $rest:literal) => {
        concat!(
            "-- admin::schedules::",
            $name,
            "
SELECT b.id, s.name AS schedule, b.schedule_id, b.version, b.from_at, b.to_at, b.newest_first, b.missing_only, b.concurrency::integer AS concurrency,
    b.planned, b.enqueued, b.refused, b.state, b.reason, b.actor, b.started_at, b.finished_at, b.ended_by
FROM millrace.backfills b JOIN millrace.schedules s ON s.id = b.schedule_id WHERE ",
            $rest
        )
    };
}

/// Most backfills of a page.
pub const BACKFILLS_MAX: i32 = 50;

/// Lists the latest backfills of a schedule.
///
/// # Errors
/// Database failures.
pub fn backfills(conn: &mut PgConnection, id: ScheduleId) -> Result<Vec<BackfillRow>, DbError> {
    Ok(older_backfills(conn, id, None, BACKFILLS_MAX)?.0)
}

/// Lists the backfills of a schedule, the latest first, only those before `after`, and tells whether there are older ones.
///
/// # Errors
/// Database failures.
pub fn older_backfills(
    conn: &mut PgConnection,
    id: ScheduleId,
    after: Option<i32>,
    limit: i32,
) -> Result<(Vec<BackfillRow>, bool), DbError> {
    const SQL: &str = backfills_sql!(
        "backfills",
        "b.schedule_id = $1 AND ($2::integer IS NULL OR b.id < $2) ORDER BY b.id DESC LIMIT $3"
    );
    let limit = limit.clamp(1, BACKFILLS_MAX);
    let mut rows: Vec<BackfillRow> = statement(SQL)
        .bind::<Integer, _>(id.0)
        .bind::<Nullable<Integer>, _>(after)
        .bind::<Integer, _>(limit + 1)
        .rows(conn)?;
    let of_page = usize::try_from(limit).unwrap_or_default();
    let is_more = rows.len() > of_page;
    rows.truncate(of_page);
    Ok((rows, is_more))
}

/// Reads one backfill.
///
/// # Errors
/// Database failures.
pub fn backfill(conn: &mut PgConnection, id: i32) -> Result<Option<BackfillRow>, DbError> {
    const SQL: &str = backfills_sql!("backfill", "b.id = $1");
    statement(SQL).bind::<Integer, _>(id).row(conn)
}
