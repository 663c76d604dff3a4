//! Writing the past in bulk: the rows that enqueueing, claiming and settling would have left.

use std::collections::BTreeMap;
use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text, Timestamptz};

use super::past::{Story, Try};
use super::words;
use crate::base::clock::Time;
use crate::base::db::{Copied, CopyRows, DbError, Tx, statement};
use crate::queue::job::{Fence, JobId, NodeId, QueueId, TemplateId};
use crate::queue::log::Chunk;
use crate::queue::settle::{SETTLE_BATCH_MAX, Settlement, write_past};
use crate::queue::state::JobState;

/// About what a row takes in the copied form.
const ROW_BYTES: usize = 300;
/// Most rows of one copy.
const COPY_ROWS_MAX: usize = 10_000;

/// Where a job stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// As its attempts left it: ended, or waiting for the next one.
    Tried,
    /// Waiting for a slot.
    Ready,
    /// Waiting for its time.
    Scheduled(Time),
    /// Held by a person, for a reason.
    Held(String, &'static str),
}

/// One job with everything that its rows say.
#[derive(Debug, Clone)]
pub struct Job {
    /// The template's name.
    pub name: &'static str,
    /// Its template.
    pub template: TemplateId,
    /// The version it is pinned to.
    pub version: i32,
    /// Its queue.
    pub queue: QueueId,
    /// Its priority.
    pub priority: i16,
    /// Its labels.
    pub tags: Vec<String>,
    /// Who enqueued it.
    pub by: &'static str,
    /// How it went.
    pub story: Story,
    /// Where it stands.
    pub place: Place,
}

struct Jobs;

impl Copied for Jobs {
    const INTO: &'static str = "millrace.jobs (id, created_at, run_at, template_id, version, queue_id, priority, deadline, args, tags, enqueued_by)";
    const COLUMNS: i16 = 11;
}

struct Chunks;

impl Copied for Chunks {
    const INTO: &'static str = "millrace.log_chunks (job_id, attempt, fence, chunk, first_line, lines, body)";
    const COLUMNS: i16 = 7;
}

#[derive(QueryableByName)]
struct First {
    #[diesel(sql_type = BigInt)]
    first: i64,
}

/// Draws `count` numbers in a row from a sequence and gives the first.
fn reserve(tx: &mut Tx<'_>, sequence: &str, count: usize) -> Result<i64, DbError> {
    const SQL: &str = "-- demo::write::reserve
SELECT setval($1::regclass, nextval($1::regclass) + $2 - 1) - $2 + 1 AS first";
    let row: Option<First> = statement(SQL).bind::<Text, _>(sequence).bind::<BigInt, _>(count.max(1) as i64).row(tx)?;
    row.map(|row| row.first).ok_or(DbError::Other(diesel::result::Error::NotFound))
}

/// Writes the jobs, which must be in the order in which they came in; gives their first id. `node_at` tells where an attempt
/// that started then ran. Attempts that ended after `logged_from` leave their log.
///
/// # Errors
/// Database failures.
pub fn write(
    tx: &mut Tx<'_>,
    jobs: &[Job],
    node_at: &dyn Fn(JobId, Time) -> NodeId,
    logged_from: Time,
) -> Result<JobId, DbError> {
    let first = reserve(tx, "millrace.job_seq", jobs.len())?;
    let numbered: Vec<(JobId, &Job)> = (first..).map(JobId).zip(jobs).collect();
    copy_jobs(tx, &numbered)?;
    let tries: usize = jobs.iter().map(|job| job.story.tries.len()).sum();
    let first_fence = reserve(tx, "millrace.lease_seq", tries)?;
    let (results, chunks) = results(&numbered, (first_fence, logged_from));
    copy_chunks(tx, &chunks)?;
    let mut by_node: BTreeMap<i32, Vec<&Settlement>> = BTreeMap::new();
    for result in &results {
        let node = node_at(result.job, result.started_at.unwrap_or(result.finished_at));
        by_node.entry(node.0).or_default().push(result);
    }
    for (node, results) in &by_node {
        for some in results.chunks(SETTLE_BATCH_MAX) {
            write_past(tx, NodeId(*node), some)?;
        }
    }
    count_arrivals(tx, jobs)?;
    put(tx, &numbered)?;
    Ok(JobId(first))
}

fn copy_jobs(tx: &mut Tx<'_>, jobs: &[(JobId, &Job)]) -> Result<(), DbError> {
    for some in jobs.chunks(COPY_ROWS_MAX) {
        let mut copy = CopyRows::<Jobs>::with_room(some.len(), ROW_BYTES);
        for (id, job) in some {
            let run_at = if let Place::Scheduled(at) = job.place { Some(at) } else { None };
            let tags: Vec<&str> = job.tags.iter().map(String::as_str).collect();
            copy.row()
                .bigint(id.0)
                .time(job.story.created_at)
                .time(run_at)
                .integer(job.template.0)
                .integer(job.version)
                .integer(job.queue.0)
                .smallint(job.priority)
                .time(job.story.deadline)
                .jsonb(Some(&job.story.args))
                .texts(&tags)
                .text(Some(job.by));
        }
        copy.run(tx)?;
    }
    Ok(())
}

/// Gives every attempt as the settling statement takes it, in the order in which they ended, and their logs.
fn results(jobs: &[(JobId, &Job)], (first_fence, logged_from): (i64, Time)) -> (Vec<Settlement>, Vec<Chunk>) {
    let mut tries: Vec<(JobId, &Job, i16, &Try)> = Vec::new();
    for (id, job) in jobs {
        tries.extend((1..).zip(&job.story.tries).map(|(number, attempt)| (*id, *job, number, attempt)));
    }
    tries.sort_by_key(|(id, _, _, attempt)| (attempt.finished_at, *id));
    let (mut results, mut chunks) = (Vec::with_capacity(tries.len()), Vec::new());
    for (fence, (id, job, number, attempt)) in (first_fence..).map(Fence).zip(tries) {
        let logged = (attempt.finished_at > logged_from).then(|| chunk((id, number, fence), job, attempt)).flatten();
        let log_bytes = logged.as_ref().map_or(0, |chunk| chunk.body.len());
        chunks.extend(logged);
        results.push(result((id, number, fence), job, attempt, log_bytes));
    }
    (results, chunks)
}

fn chunk((job, attempt, fence): (JobId, i16, Fence), of: &Job, tried: &Try) -> Option<Chunk> {
    let lines = words::lines(of.name, &of.story.args, tried);
    let body = Chunk::body_of(&lines);
    let count = lines.len() as i32;
    (count > 0).then_some(Chunk { job, attempt, fence, chunk: 0, first_line: 1, lines: count, dropped_bytes: 0, body })
}

fn result((job, attempt, fence): (JobId, i16, Fence), of: &Job, tried: &Try, log_bytes: usize) -> Settlement {
    Settlement {
        job,
        fence,
        attempt,
        seq: job.0,
        template: of.template,
        version: of.version,
        queue: of.queue,
        priority: of.priority,
        since: tried.since,
        started_at: tried.started_at,
        finished_at: tried.finished_at,
        resources: tried.resources,
        log_bytes,
        unique: false,
        ordered: false,
        scheduled: false,
        live: false,
        lanes: Arc::default(),
        last_words: Vec::new(),
        checkpoint: None,
        ending: tried.ending.clone(),
    }
}

fn copy_chunks(tx: &mut Tx<'_>, chunks: &[Chunk]) -> Result<(), DbError> {
    for some in chunks.chunks(COPY_ROWS_MAX) {
        let mut copy = CopyRows::<Chunks>::with_room(some.len(), ROW_BYTES);
        for chunk in some {
            copy.row()
                .bigint(chunk.job.0)
                .smallint(chunk.attempt)
                .bigint(chunk.fence.0)
                .integer(chunk.chunk)
                .integer(chunk.first_line)
                .integer(chunk.lines)
                .bytes(&chunk.body);
        }
        copy.run(tx)?;
    }
    Ok(())
}

/// A move: minute, queue, template, state left, state entered.
type Move = (Time, i32, i32, Option<JobState>, JobState);

/// Counts the moves that lead up to the endings, which [`write_past`] counts: arrivals, and the way back from retrying.
fn count_arrivals(tx: &mut Tx<'_>, jobs: &[Job]) -> Result<(), DbError> {
    let mut moves: BTreeMap<Move, i32> = BTreeMap::new();
    for job in jobs {
        let minute = |at: Time| at - chrono::TimeDelta::microseconds(at.timestamp_micros().rem_euclid(60_000_000));
        let of = |at, left, entered| (minute(at), job.queue.0, job.template.0, left, entered);
        let entered = match job.place {
            Place::Tried => JobState::Running,
            Place::Ready => JobState::Ready,
            Place::Scheduled(_) => JobState::Scheduled,
            Place::Held(..) => JobState::Held,
        };
        *moves.entry(of(job.story.created_at, None, entered)).or_default() += 1;
        for later in job.story.tries.iter().skip(1) {
            *moves.entry(of(later.since, Some(JobState::Retrying), JobState::Running)).or_default() += 1;
        }
    }
    let moves: Vec<(Move, i32)> = moves.into_iter().collect();
    moves.chunks(COPY_ROWS_MAX).try_for_each(|some| write_moves(tx, some))
}

fn write_moves(tx: &mut Tx<'_>, moves: &[(Move, i32)]) -> Result<(), DbError> {
    const SQL: &str = "-- demo::write::moves
INSERT INTO millrace.state_deltas (at, queue_id, template_id, left_state, entered_state, jobs)
SELECT at, queue_id, template_id, left_state::millrace.job_state, entered_state::millrace.job_state, jobs
FROM UNNEST($1::timestamptz[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::integer[])
AS r(at, queue_id, template_id, left_state, entered_state, jobs)";
    let of = |part: fn(&Move) -> i32| moves.iter().map(|(key, _)| part(key)).collect::<Vec<_>>();
    statement(SQL)
        .bind::<Array<Timestamptz>, _>(moves.iter().map(|(key, _)| key.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(of(|key| key.1))
        .bind::<Array<Integer>, _>(of(|key| key.2))
        .bind::<Array<Nullable<Text>>, _>(moves.iter().map(|(key, _)| key.3.map(JobState::as_str)).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(moves.iter().map(|(key, _)| key.4.as_str()).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(moves.iter().map(|(_, jobs)| *jobs).collect::<Vec<_>>())
        .run(tx)?;
    Ok(())
}

/// Puts every job that has not ended where it waits.
fn put(tx: &mut Tx<'_>, jobs: &[(JobId, &Job)]) -> Result<(), DbError> {
    for (id, job) in jobs {
        match (&job.place, job.story.retries_at()) {
            (Place::Ready, _) => put_ready(tx, *id, job)?,
            (Place::Scheduled(at), _) => put_later(tx, *id, job, *at)?,
            (Place::Held(by, reason), _) => put_held(tx, *id, job, (by, reason))?,
            (Place::Tried, Some(at)) => put_later(tx, *id, job, at)?,
            (Place::Tried, None) => {}
        }
    }
    Ok(())
}

fn put_ready(tx: &mut Tx<'_>, id: JobId, job: &Job) -> Result<(), DbError> {
    const SQL: &str = "-- demo::write::ready
INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
SELECT id, id, created_at, queue_id, template_id, priority, 0 FROM millrace.jobs WHERE id = $1";
    debug_assert!(job.story.tries.is_empty());
    statement(SQL).bind::<BigInt, _>(id.0).run(tx)?;
    Ok(())
}

fn put_later(tx: &mut Tx<'_>, id: JobId, job: &Job, run_at: Time) -> Result<(), DbError> {
    const SQL: &str = "-- demo::write::later
WITH r AS (SELECT $1::bigint AS job_id, $2::timestamptz AS run_at, $3::timestamptz AS since, $4::smallint AS attempt)
INSERT INTO millrace.scheduled (job_id, run_at, since, seq, queue_id, template_id, priority, attempt, retrying)
SELECT j.id, r.run_at, r.since, CASE WHEN r.attempt > 0 THEN nextval('millrace.job_seq') ELSE j.id END, j.queue_id, j.template_id,
    j.priority, r.attempt, r.attempt > 0 FROM r JOIN millrace.jobs j ON j.id = r.job_id";
    let since = job.story.tries.last().map_or(job.story.created_at, |last| last.finished_at);
    statement(SQL)
        .bind::<BigInt, _>(id.0)
        .bind::<Timestamptz, _>(run_at)
        .bind::<Timestamptz, _>(since)
        .bind::<SmallInt, _>(job.story.tries.len() as i16)
        .run(tx)?;
    Ok(())
}

fn put_held(tx: &mut Tx<'_>, id: JobId, job: &Job, (by, reason): (&str, &str)) -> Result<(), DbError> {
    const SQL: &str = "-- demo::write::held
WITH r AS (SELECT $1::bigint AS job_id, $2::text AS parked_by, $3::text AS reason)
INSERT INTO millrace.parked (job_id, state, since, queue_id, template_id, priority, attempt, parked_by, reason)
SELECT j.id, 'held', j.created_at, j.queue_id, j.template_id, j.priority, 0, r.parked_by, r.reason FROM r JOIN millrace.jobs j ON j.id = r.job_id";
    debug_assert!(job.story.tries.is_empty());
    statement(SQL).bind::<BigInt, _>(id.0).bind::<Text, _>(by).bind::<Text, _>(reason).run(tx)?;
    Ok(())
}
