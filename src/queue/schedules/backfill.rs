//! Backfills: jobs for the occurrences of a range of time, a few at a time, made by whichever node gets to it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};

use super::fire::{author, sentences};
use super::plans::Known;
use super::told;
use super::values::{BackfillId, Cause, Outcome, ScheduleId, Why};
use super::versions;
use super::write::{self, Row};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::queue::enqueue::{Apart, Asked, Enqueued, enqueue_occurrences};
use crate::queue::job::JobId;
use crate::timing::{Fate, Occurrence};

/// Most occurrences of one backfill.
pub const BACKFILL_MAX: usize = 10_000;
/// Most occurrences that are looked at for them.
const LOOKED_AT_MAX: usize = 500_000;
/// Backfills that are worked on in one round; further ones have the next.
const PER_ROUND_MAX: i32 = 20;
/// Most jobs of one backfill in one round.
const JOBS_PER_ROUND_MAX: usize = 200;

/// What the rules name in a range of time.
#[derive(Debug, Clone, Default)]
pub struct Range {
    /// What runs, by its names, at most [`BACKFILL_MAX`], rising.
    pub runs: Vec<Time>,
    /// What of it runs at another time than its rules name: its name, when it runs, why. At most as many, rising.
    pub moved: Vec<(Time, Time, String)>,
    /// What is left out, with the reason, at most [`BACKFILL_MAX`], rising.
    pub left_out: Vec<(Time, String)>,
    /// More than those are left out: some stand for all others of the same closed time.
    pub left_out_more: bool,
    /// That is all.
    pub is_whole: bool,
}

/// Gives the occurrences of `[from, to)`.
pub fn occurrences(known: &Known, from: Time, to: Time) -> Range {
    let mut range = in_course(known, from, to);
    range.runs.sort_unstable(); // what was moved runs in another order
    range.runs.dedup();
    range.moved.sort_unstable();
    range.moved.dedup();
    range.left_out.sort_unstable();
    range.left_out.dedup();
    range
}

fn moved(one: &Occurrence) -> Option<(Time, Time, String)> {
    match &one.fate {
        Fate::Runs(at, Some(reason)) if *at != one.at => Some((one.at, *at, reason.to_string())),
        _ => None,
    }
}

fn in_course(known: &Known, from: Time, to: Time) -> Range {
    let (mut range, mut from, mut left) = (Range::default(), from, LOOKED_AT_MAX);
    loop {
        let mut course = known.plan.course(from);
        for one in course.by_ref().take(left) {
            left -= 1;
            match one.why_left_out() {
                _ if one.moment >= to => return Range { is_whole: true, ..range },
                None if range.runs.len() == BACKFILL_MAX => return range,
                None => {
                    range.runs.push(one.at);
                    range.moved.extend(moved(&one));
                }
                Some(why) if range.left_out.len() < BACKFILL_MAX => {
                    range.left_out.push((one.at, why));
                    range.left_out_more |= one.until.is_some();
                }
                Some(_) => range.left_out_more = true,
            }
        }
        match course.gave_up() {
            _ if left == 0 => return range,
            Some(at) if at > from && at < to => from = at, // a long time in which nothing runs
            _ => return Range { is_whole: true, ..range },
        }
    }
}

/// Finds those of these occurrences that have a job already, by the rules or by an earlier backfill.
///
/// # Errors
/// Database failures.
pub fn with_jobs(conn: &mut PgConnection, id: ScheduleId, at: &[Time]) -> Result<Vec<Time>, DbError> {
    const SQL: &str = "-- queue::schedules::with_jobs
SELECT DISTINCT o.at FROM unnest($1::timestamptz[]) AS w(at) JOIN millrace.occurrences o ON o.schedule_id = $2 AND o.at = w.at WHERE o.job_id IS NOT NULL
ORDER BY o.at";
    statement(SQL).bind::<Array<Timestamptz>, _>(at).bind::<Integer, _>(id.0).tuples::<Timestamptz, Time>(conn)
}

/// What a node knows of backfills that run: the occurrences that are left to make, next ones last, and after which one its next round begins.
#[derive(Debug, Default)]
pub struct Backfills(HashMap<BackfillId, Left>, Option<BackfillId>);

/// What a backfill comes to.
#[derive(Debug)]
struct Left {
    known: Arc<Known>,
    /// Next ones last.
    at: Vec<Time>,
}

impl Left {
    /// Takes off what was made.
    fn go_on_behind(&mut self, one: &Running) {
        let Some(reached) = one.reached else { return };
        let is_made = |at: &Time| if one.newest_first { *at >= reached } else { *at <= reached };
        while self.at.last().is_some_and(is_made) {
            self.at.pop();
        }
    }
}

#[derive(Debug, QueryableByName)]
struct Running {
    #[diesel(sql_type = Integer)]
    id: BackfillId,
    #[diesel(sql_type = Integer)]
    schedule_id: ScheduleId,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Timestamptz)]
    from_at: Time,
    #[diesel(sql_type = Timestamptz)]
    to_at: Time,
    #[diesel(sql_type = Bool)]
    newest_first: bool,
    #[diesel(sql_type = Bool)]
    missing_only: bool,
    #[diesel(sql_type = SmallInt)]
    concurrency: i16,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    reached: Option<Time>,
    /// Its jobs that had not ended when somebody looked last.
    #[diesel(sql_type = Array<BigInt>)]
    jobs: Vec<i64>,
    /// Those of them that have by now.
    #[diesel(sql_type = Array<BigInt>)]
    ended: Vec<i64>,
}

/// What a round came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Worked {
    /// Backfills that run.
    pub running: usize,
    /// Jobs that were made.
    pub jobs: usize,
}

/// Makes the next jobs of backfills that run, as many as their concurrency allows. Ring the nodes afterwards when it made some.
///
/// # Errors
/// Database failures; what was not committed is made the next time.
pub fn work(conn: &mut PgConnection, kept: &mut Backfills) -> Result<Worked, DbError> {
    let after = kept.1;
    let running = running(conn, after)?;
    let is_full = running.len() >= usize::try_from(PER_ROUND_MAX).unwrap_or_default();
    let last = running.last().filter(|_| is_full).copied();
    kept.1 = last;
    let is_of_round = |id: &BackfillId| Some(*id) > after && last.is_none_or(|last| *id <= last);
    kept.0.retain(|id, _| !is_of_round(id) || running.contains(id));
    let mut worked = Worked { running: running.len(), jobs: 0 };
    for id in running {
        let made = transaction(conn, "schedules::backfill", |tx| {
            take(tx, id)?.map_or(Ok::<_, DbError>(0), |one| step(tx, kept, &one))
        });
        match made {
            Ok(made) => worked.jobs += made,
            Err(error) => {
                kept.0.remove(&id); // it says that jobs were made
                give_up(conn, id, error)?;
            }
        }
    }
    Ok(worked)
}

/// Stops a backfill whose jobs cannot be made; the others go on. What passes is tried again.
fn give_up(conn: &mut PgConnection, id: BackfillId, error: DbError) -> Result<(), DbError> {
    match error {
        DbError::Conflict(_) => Ok(()),
        error if error.is_passing() => Err(error),
        error => {
            tracing::error!(%id, %error, "a backfill cannot go on");
            transaction(conn, "schedules::give_up", |tx| {
                stop(tx, id, "its jobs could not be made: a node's log says why")
            })
        }
    }
}

/// The backfills that run after this one, the oldest first.
fn running(conn: &mut PgConnection, after: Option<BackfillId>) -> Result<Vec<BackfillId>, DbError> {
    const SQL: &str = "-- queue::schedules::running_backfills
SELECT b.id FROM millrace.backfills b WHERE b.state = 'running' AND b.id > $1 ORDER BY b.id LIMIT $2";
    let ids = statement(SQL)
        .bind::<Integer, _>(after.map_or(0, |id| id.0))
        .bind::<Integer, _>(PER_ROUND_MAX)
        .tuples::<Integer, i32>(conn)?;
    Ok(ids.into_iter().map(BackfillId).collect())
}

fn take(tx: &mut Tx<'_>, id: BackfillId) -> Result<Option<Running>, DbError> {
    const SQL: &str = "-- queue::schedules::take_backfill
WITH mine AS MATERIALIZED (
    SELECT b.* FROM millrace.backfills b WHERE b.state = 'running' AND b.id = $1 FOR NO KEY UPDATE SKIP LOCKED
)
SELECT mine.id, mine.schedule_id, mine.version, mine.from_at, mine.to_at, mine.newest_first, mine.missing_only, mine.concurrency, mine.reached,
    coalesce(l.jobs, '{}') AS jobs, coalesce(l.ended, '{}') AS ended
FROM mine LEFT JOIN LATERAL (
    SELECT array_agg(k.job_id) AS jobs, array_agg(k.job_id) FILTER (WHERE k.ended) AS ended FROM (
        SELECT sj.job_id, (SELECT true FROM millrace.jobs j WHERE j.id = sj.job_id) IS NULL
            OR (SELECT true FROM millrace.history h WHERE h.job_id = sj.job_id) IS NOT NULL AS ended
        FROM millrace.schedule_jobs sj WHERE sj.backfill_id = mine.id AND sj.backfill_id > 0 ORDER BY sj.job_id LIMIT 1000
    ) AS k
) AS l ON true";
    statement(SQL).bind::<Integer, _>(id.0).row(tx)
}

/// Makes the next jobs of one backfill and tells how many.
fn step(tx: &mut Tx<'_>, kept: &mut Backfills, one: &Running) -> Result<usize, DbError> {
    let ended: Vec<(i32, i64)> = one.ended.iter().map(|job| (one.schedule_id.0, *job)).collect();
    write::forget_ended(tx, &ended)?;
    let left = match kept.0.entry(one.id) {
        Entry::Occupied(kept) => {
            let left = kept.into_mut();
            left.go_on_behind(one); // another node may have gone on
            left
        }
        Entry::Vacant(place) => match left(tx, one)? {
            Ok(left) => place.insert(left),
            Err(trouble) => {
                stop(tx, one.id, &trouble)?;
                return Ok(0);
            }
        },
    };
    let places = usize::try_from(one.concurrency).unwrap_or_default().saturating_sub(one.jobs.len() - one.ended.len());
    let next = left.at.split_off(left.at.len().saturating_sub(places.min(JOBS_PER_ROUND_MAX)));
    let at: Vec<Time> = next.into_iter().rev().collect();
    // others may have made what was missing when this began
    let done = if one.missing_only { with_jobs(tx, one.schedule_id, &at)? } else { Vec::new() };
    let missing: Vec<Time> = at.iter().filter(|at| done.binary_search(at).is_err()).copied().collect();
    let rows = make(tx, one, &left.known, &missing)?;
    let made = rows.iter().filter(|row| row.job.is_some()).count();
    let is_done = left.at.is_empty();
    advance(tx, one.id, made, at.len() - made, at.last().copied(), is_done)?;
    if is_done {
        told::backfill_done(tx, one.id, &left.known.spec.name)?;
    }
    if is_done {
        kept.0.remove(&one.id);
    }
    Ok(made)
}

/// What is left of a backfill, next ones last.
fn left(tx: &mut Tx<'_>, one: &Running) -> Result<Result<Left, String>, DbError> {
    let known = match versions::known(tx, one.schedule_id, one.version)? {
        Ok(known) => known,
        Err(trouble) => return Ok(Err(trouble)),
    };
    let mut all = occurrences(&known, one.from_at, one.to_at).runs; // a start refuses more
    if one.missing_only {
        let done = with_jobs(tx, one.schedule_id, &all)?;
        all.retain(|at| done.binary_search(at).is_err());
    }
    if !one.newest_first {
        all.reverse();
    }
    let mut left = Left { known: Arc::new(known), at: all };
    left.go_on_behind(one);
    Ok(Ok(left))
}

fn make(tx: &mut Tx<'_>, one: &Running, known: &Known, at: &[Time]) -> Result<Vec<Row>, DbError> {
    let job = known.job();
    let asked: Vec<Asked<'_>> = at
        .iter()
        .map(|at| Asked {
            by: author(&known.spec.name),
            job: &job,
            occurrence: Some((one.schedule_id.0, *at)),
            turn: None,
        })
        .collect();
    let came = if asked.is_empty() { Vec::new() } else { enqueue_occurrences(tx, &asked, true)? };
    let row = |(at, came): (&Time, Result<Enqueued, Apart>)| {
        let (outcome, why, job): (_, Option<Why>, Option<JobId>) = match came {
            Ok(Enqueued { id, existing: false }) => (Outcome::Enqueued, None, Some(id)),
            Ok(Enqueued { id, .. }) => {
                let reason = format!("job {id} with the same unique key had not ended");
                (Outcome::Skipped, Some(Why { cause: Cause::Unique, reason }), None)
            }
            Err(Apart::Refused(refusals)) => {
                (Outcome::Refused, Some(Why { cause: Cause::Refused, reason: sentences(&refusals) }), None)
            }
            Err(Apart::Alone) => {
                let reason = "its job depends on other jobs".to_owned();
                (Outcome::Refused, Some(Why { cause: Cause::Refused, reason }), None)
            }
        };
        let (backfill, version, schedule) = (one.id.0, one.version, one.schedule_id);
        Row {
            schedule,
            at: *at,
            backfill,
            version,
            outcome,
            why,
            run_at: None,
            until: None,
            more: 0,
            job,
            finish_by: None,
        }
    };
    let rows: Vec<Row> = at.iter().zip(came).map(row).collect();
    write::occurrences(tx, &rows)?;
    Ok(rows)
}

fn advance(
    tx: &mut Tx<'_>,
    id: BackfillId,
    made: usize,
    refused: usize,
    reached: Option<Time>,
    is_done: bool,
) -> Result<(), DbError> {
    const SQL: &str = "-- queue::schedules::advance_backfill
UPDATE millrace.backfills b SET enqueued = b.enqueued + $1, refused = b.refused + $2, reached = coalesce($3, b.reached),
    state = CASE WHEN $4 THEN 'done' ELSE b.state END, finished_at = CASE WHEN $4 THEN clock_timestamp() END
WHERE b.id = $5 AND b.state = 'running'";
    if reached.is_none() && !is_done {
        return Ok(());
    }
    statement(SQL)
        .bind::<Integer, _>(i32::try_from(made).unwrap_or(i32::MAX))
        .bind::<Integer, _>(i32::try_from(refused).unwrap_or(i32::MAX))
        .bind::<Nullable<Timestamptz>, _>(reached)
        .bind::<Bool, _>(is_done)
        .bind::<Integer, _>(id.0)
        .run(tx)?;
    Ok(())
}

/// Ends a backfill that cannot go on.
fn stop(tx: &mut Tx<'_>, id: BackfillId, trouble: &str) -> Result<(), DbError> {
    const SQL: &str = "-- queue::schedules::stop_backfill
UPDATE millrace.backfills b SET state = 'stopped', finished_at = clock_timestamp(), ended_by = $1 WHERE b.id = $2 AND b.state = 'running'";
    let by = format!("Millrace: {trouble}");
    statement(SQL).bind::<Text, _>(by).bind::<Integer, _>(id.0).run(tx)?;
    Ok(())
}
