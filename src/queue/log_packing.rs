//! Packs the logs of attempts that have ended: the many chunks that were written while they ran become one, deflated.

use std::io::Write;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Integer, SmallInt};
use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::job::{Fence, JobId};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};

/// Most logs packed at once; a log has at most 2 MiB.
pub const LOGS_PER_CALL_MAX: i64 = 100;

/// Packs logs of ended attempts and tells how many. Any number of nodes may call it: each log is packed by one of them, and
/// readers see either all of its chunks or the packed one. A log that cannot be packed stays as it is and is named in the log of
/// the program: it does not keep the others.
///
/// # Errors
/// Passing failures of the database; logs packed before stay packed.
pub fn pack(conn: &mut PgConnection) -> Result<usize, DbError> {
    let found = packable(conn)?;
    let mut packed = 0;
    for log in found {
        match transaction(conn, "queue::log_packing", |tx| pack_one(tx, &log)) {
            Ok(done) => packed += done,
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => tracing::error!(job = %log.job_id, fence = log.fence.0, %error, "a log cannot be packed"),
        }
    }
    Ok(packed)
}

#[derive(QueryableByName)]
struct EndedLog {
    #[diesel(sql_type = BigInt)]
    job_id: JobId,
    #[diesel(sql_type = BigInt)]
    fence: Fence,
}

fn packable(conn: &mut PgConnection) -> Result<Vec<EndedLog>, DbError> {
    const SQL: &str = "-- queue::log_packing::packable
SELECT c.job_id, c.fence FROM millrace.log_chunks c
WHERE NOT c.packed AND c.chunk = 1
    AND NOT EXISTS (SELECT FROM millrace.leases l WHERE l.id = c.fence AND l.job_ids @> ARRAY[c.job_id])
ORDER BY c.job_id, c.fence LIMIT $1";
    statement(SQL).bind::<BigInt, _>(LOGS_PER_CALL_MAX).rows(conn)
}

#[derive(QueryableByName)]
struct LooseChunk {
    #[diesel(sql_type = SmallInt)]
    attempt: i16,
    #[diesel(sql_type = Integer)]
    chunk: i32,
    #[diesel(sql_type = Integer)]
    first_line: i32,
    #[diesel(sql_type = Integer)]
    lines: i32,
    #[diesel(sql_type = BigInt)]
    dropped_bytes: i64,
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
}

fn pack_one(tx: &mut Tx<'_>, log: &EndedLog) -> Result<usize, DbError> {
    const TAKE: &str = "-- queue::log_packing::take
DELETE FROM millrace.log_chunks WHERE job_id = $1 AND fence = $2 AND NOT packed
RETURNING attempt, chunk, first_line, lines, dropped_bytes, body";
    const PUT: &str = "-- queue::log_packing::put
INSERT INTO millrace.log_chunks (job_id, fence, attempt, chunk, first_line, lines, dropped_bytes, packed, body)
VALUES ($1, $2, $3, 0, $4, $5, $6, true, $7)";
    let mut chunks: Vec<LooseChunk> =
        statement(TAKE).bind::<BigInt, _>(log.job_id).bind::<BigInt, _>(log.fence).rows(tx)?;
    chunks.sort_unstable_by_key(|chunk| chunk.chunk);
    let Some(first) = chunks.first() else { return Ok(0) }; // another node was quicker
    statement(PUT)
        .bind::<BigInt, _>(log.job_id)
        .bind::<BigInt, _>(log.fence)
        .bind::<SmallInt, _>(first.attempt)
        .bind::<Integer, _>(first.first_line)
        .bind::<Integer, _>(chunks.iter().map(|chunk| chunk.lines).sum::<i32>())
        .bind::<BigInt, _>(chunks.iter().map(|chunk| chunk.dropped_bytes).sum::<i64>())
        .bind::<Binary, _>(deflated(&chunks)?)
        .run(tx)
}

fn deflated(chunks: &[LooseChunk]) -> Result<Vec<u8>, DbError> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let written = chunks.iter().try_for_each(|chunk| encoder.write_all(&chunk.body));
    written
        .and_then(|()| encoder.finish())
        .map_err(|error| DbError::Corrupt(format!("a log cannot be packed: {error}")))
}
