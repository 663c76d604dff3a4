//! Logs and progress of running attempts, written about once a second for all slots of a node together.
//!
//! Every write joins the attempt's lease: with a lost lease it writes nothing (the fence).

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Jsonb, Nullable, SmallInt, Text};
use serde_json::Value;

use super::job::{Fence, JobId};
use super::node::Incarnation;
use super::work::{Level, LogLine, Progress};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};

/// Most chunks read for one page of a log.
pub const CHUNKS_PER_READ_MAX: i64 = 500;

/// Some lines of an attempt's log, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The job.
    pub job: JobId,
    /// Number of the attempt.
    pub attempt: i16,
    /// The attempt's lease.
    pub fence: Fence,
    /// Order within the attempt, from 0.
    pub chunk: i32,
    /// Number of the first line, from 1.
    pub first_line: i32,
    /// How many lines.
    pub lines: i32,
    /// Bytes dropped after these lines because the log was full.
    pub dropped_bytes: i64,
    /// The lines as stored.
    pub body: Vec<u8>,
}

impl Chunk {
    /// Writes lines into the stored form: `<unix ms> <level letter> <text>\n`.
    pub fn body_of(lines: &[LogLine]) -> Vec<u8> {
        let mut body = String::new();
        for line in lines {
            let text = line.text.replace('\n', " ");
            body.push_str(&format!("{} {} {text}\n", line.at.timestamp_millis(), line.level.letter()));
        }
        body.into_bytes()
    }

    /// Reads the stored form. Lines that do not have it are left out.
    pub fn lines_of(body: &[u8]) -> Vec<LogLine> {
        String::from_utf8_lossy(body).split_terminator('\n').filter_map(read_line).collect()
    }
}

fn read_line(line: &str) -> Option<LogLine> {
    let (ms, rest) = line.split_once(' ')?;
    let (letter, text) = rest.split_once(' ')?;
    let at = Time::from_timestamp_millis(ms.parse().ok()?)?;
    Some(LogLine { at, level: Level::from_letter(letter.chars().next()?)?, text: text.to_owned() })
}

/// Appends chunks whose leases are still ours.
///
/// # Errors
/// Database failures.
pub fn append<'a>(
    conn: &mut PgConnection,
    who: Incarnation,
    chunks: impl Iterator<Item = &'a Chunk>,
) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::log::append
WITH who AS (
    SELECT $1::integer AS node_id, $2::bigint AS epoch
), held AS MATERIALIZED (
    SELECT l.id, l.job_ids FROM millrace.leases l, who
    WHERE l.id = ANY($3::bigint[]) AND l.node_id + 0 = who.node_id AND l.epoch = who.epoch FOR KEY SHARE OF l
)
INSERT INTO millrace.log_chunks (job_id, attempt, fence, chunk, first_line, lines, dropped_bytes, body)
SELECT r.job_id, r.attempt, r.fence, r.chunk, r.first_line, r.lines, r.dropped_bytes, r.body
FROM UNNEST($4::bigint[], $5::smallint[], $3::bigint[], $6::integer[], $7::integer[], $8::integer[], $9::bigint[], $10::bytea[])
AS r(job_id, attempt, fence, chunk, first_line, lines, dropped_bytes, body)
JOIN held ON held.id = r.fence AND r.job_id = ANY(held.job_ids)
ON CONFLICT DO NOTHING";
    let chunks: Vec<&Chunk> = chunks.collect();
    if chunks.is_empty() {
        return Ok(0);
    }
    statement(SQL)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .bind::<Array<BigInt>, _>(chunks.iter().map(|c| c.fence.0).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(chunks.iter().map(|c| c.job.0).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(chunks.iter().map(|c| c.attempt).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(chunks.iter().map(|c| c.chunk).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(chunks.iter().map(|c| c.first_line).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(chunks.iter().map(|c| c.lines).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(chunks.iter().map(|c| c.dropped_bytes).collect::<Vec<_>>())
        .bind::<Array<Binary>, _>(chunks.iter().map(|c| c.body.as_slice()).collect::<Vec<_>>())
        .run(conn)
}

/// Progress or a checkpoint of one running attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Sign {
    /// The job.
    pub job: JobId,
    /// The attempt's lease.
    pub fence: Fence,
    /// How far it is, if that changed.
    pub progress: Option<Progress>,
    /// What the next attempt continues from, if that changed.
    pub checkpoint: Option<Value>,
}

/// Writes progress and checkpoints whose leases are still ours.
///
/// # Errors
/// Database failures.
pub fn write_signs(conn: &mut PgConnection, who: Incarnation, signs: &[Sign]) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::log::write_signs
WITH who AS (
    SELECT $1::integer AS node_id, $2::bigint AS epoch
), held AS MATERIALIZED (
    SELECT l.id, l.job_ids FROM millrace.leases l, who
    WHERE l.id = ANY($3::bigint[]) AND l.node_id + 0 = who.node_id AND l.epoch = who.epoch FOR KEY SHARE OF l
)
INSERT INTO millrace.live AS old (job_id, fence, done, total, message, checkpoint, updated_at)
SELECT r.job_id, r.fence, r.done, r.total, r.message, r.checkpoint, clock_timestamp()
FROM UNNEST($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::jsonb[])
AS r(fence, job_id, done, total, message, checkpoint)
JOIN held ON held.id = r.fence AND r.job_id = ANY(held.job_ids)
ON CONFLICT (job_id) DO UPDATE SET fence = excluded.fence, updated_at = excluded.updated_at,
    done = coalesce(excluded.done, old.done), total = coalesce(excluded.total, old.total),
    message = coalesce(excluded.message, old.message), checkpoint = coalesce(excluded.checkpoint, old.checkpoint)
WHERE old.fence <= excluded.fence";
    if signs.is_empty() {
        return Ok(0);
    }
    let done = |sign: &Sign| sign.progress.as_ref().map(|progress| saturated(progress.done));
    let total = |sign: &Sign| sign.progress.as_ref().map(|progress| saturated(progress.total));
    let message = |sign: &Sign| sign.progress.as_ref().map(|progress| progress.message.clone());
    statement(SQL)
        .bind::<Integer, _>(who.node)
        .bind::<BigInt, _>(who.epoch)
        .bind::<Array<BigInt>, _>(signs.iter().map(|sign| sign.fence.0).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(signs.iter().map(|sign| sign.job.0).collect::<Vec<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(signs.iter().map(done).collect::<Vec<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(signs.iter().map(total).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(signs.iter().map(message).collect::<Vec<_>>())
        .bind::<Array<Nullable<Jsonb>>, _>(signs.iter().map(|sign| sign.checkpoint.clone()).collect::<Vec<_>>())
        .run(conn)
}

fn saturated(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[derive(QueryableByName)]
struct CheckpointRow {
    #[diesel(sql_type = BigInt)]
    job_id: JobId,
    #[diesel(sql_type = Jsonb)]
    checkpoint: Value,
}

/// Reads the checkpoints that earlier attempts of these jobs saved.
///
/// # Errors
/// Database failures.
pub fn checkpoints(conn: &mut PgConnection, jobs: &[JobId]) -> Result<Vec<(JobId, Value)>, DbError> {
    const SQL: &str = "-- queue::log::checkpoints
SELECT job_id, checkpoint FROM millrace.live WHERE job_id = ANY($1) AND checkpoint IS NOT NULL";
    let rows: Vec<CheckpointRow> =
        statement(SQL).bind::<Array<BigInt>, _>(jobs.iter().map(|job| job.0).collect::<Vec<_>>()).rows(conn)?;
    Ok(rows.into_iter().map(|row| (row.job_id, row.checkpoint)).collect())
}

/// A stored chunk of an attempt's log.
#[derive(Debug, QueryableByName)]
struct StoredChunk {
    #[diesel(sql_type = SmallInt)]
    attempt: i16,
    #[diesel(sql_type = BigInt)]
    fence: Fence,
    #[diesel(sql_type = Integer)]
    first_line: i32,
    #[diesel(sql_type = BigInt)]
    dropped_bytes: i64,
    #[diesel(sql_type = Bool)]
    packed: bool,
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
}

/// A line of a stored log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLine {
    /// Number of the attempt.
    pub attempt: i16,
    /// The attempt's lease.
    pub fence: Fence,
    /// Number of the line within the attempt, from 1.
    pub number: i32,
    /// The line.
    pub line: LogLine,
}

/// A part of a job's log.
#[derive(Debug, Default)]
pub struct LogPart {
    /// Lines in order.
    pub lines: Vec<StoredLine>,
    /// Bytes that were dropped because a log was full.
    pub dropped_bytes: i64,
    /// There is more after these lines.
    pub more: bool,
}

/// How long one attempt's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct LogSpan {
    /// The attempt's lease.
    #[diesel(sql_type = BigInt)]
    pub fence: Fence,
    /// Number of the attempt.
    #[diesel(sql_type = SmallInt)]
    pub attempt: i16,
    /// Lines written so far.
    #[diesel(sql_type = Integer)]
    pub lines: i32,
    /// Bytes left out because the log was full.
    #[diesel(sql_type = BigInt)]
    pub dropped_bytes: i64,
}

/// Most attempts whose logs are measured.
const SPANS_MAX: i64 = 1_000;

/// Measures the logs of a job's attempts, in their order. Reads no line.
///
/// # Errors
/// Database failures.
pub fn spans(conn: &mut PgConnection, job: JobId) -> Result<Vec<LogSpan>, DbError> {
    const SQL: &str = "-- queue::log::spans
SELECT fence, attempt, max(first_line + lines - 1) AS lines, sum(dropped_bytes)::bigint AS dropped_bytes FROM millrace.log_chunks WHERE job_id = $1
GROUP BY fence, attempt ORDER BY fence LIMIT $2";
    statement(SQL).bind::<BigInt, _>(job).bind::<BigInt, _>(SPANS_MAX).rows(conn)
}

/// Reads the log of a job from behind `after` (lease, line), one attempt or all; at most 500 chunks at once.
///
/// # Errors
/// Database failures; a chunk that cannot be unpacked is an error, not an empty log.
pub fn read(
    conn: &mut PgConnection,
    job: JobId,
    attempt: Option<i16>,
    after: (Fence, i32),
) -> Result<LogPart, DbError> {
    const SQL: &str = "-- queue::log::read
SELECT attempt, fence, first_line, dropped_bytes, packed, body FROM millrace.log_chunks
WHERE job_id = $1 AND ($2::smallint IS NULL OR attempt = $2) AND (fence, first_line + lines - 1) > ($3, $4)
ORDER BY fence, chunk LIMIT $5";
    let chunks: Vec<StoredChunk> = statement(SQL)
        .bind::<BigInt, _>(job)
        .bind::<Nullable<SmallInt>, _>(attempt)
        .bind::<BigInt, _>(after.0)
        .bind::<Integer, _>(after.1)
        .bind::<BigInt, _>(CHUNKS_PER_READ_MAX)
        .rows(conn)?;
    let mut part = LogPart { more: chunks.len() as i64 == CHUNKS_PER_READ_MAX, ..LogPart::default() };
    for chunk in &chunks {
        part.dropped_bytes += chunk.dropped_bytes;
        let body =
            unpack(chunk).map_err(|error| DbError::Corrupt(format!("log of job {job} cannot be unpacked: {error}")))?;
        let numbered = Chunk::lines_of(&body).into_iter().zip(chunk.first_line..);
        let lines =
            numbered.map(|(line, number)| StoredLine { attempt: chunk.attempt, fence: chunk.fence, number, line });
        part.lines.extend(lines.filter(|line| (line.fence, line.number) > after));
    }
    Ok(part)
}

fn unpack(chunk: &StoredChunk) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    if !chunk.packed {
        return Ok(chunk.body.clone());
    }
    let mut body = Vec::new();
    flate2::read::DeflateDecoder::new(chunk.body.as_slice()).read_to_end(&mut body)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_round_trips() {
        let line = |text: &str, level| LogLine { at: Time::UNIX_EPOCH, level, text: text.into() };
        let lines = [line("plain", Level::Info), line("", Level::Warn), line("two  spaces ü", Level::Error)];

        assert_eq!(Chunk::lines_of(&Chunk::body_of(&lines)), lines);
    }
}
