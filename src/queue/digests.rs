//! Digests: what 4,096 jobs of neighbouring ids may hold, so that a search over millions looks only where something can be.
//!
//! ```text
//! ids      … │ block │ block │ block │ block │ not complete: transactions may still bring jobs
//! digests      ◀─ down ─ newest complete ─ up ─▶   one run of blocks without gaps; the rest is looked into
//! ```
//! A digest is made behind the work by one node at a time, in one snapshot. What can change of a job (state, queue, node, times,
//! errors) is known of a block only when all its jobs have ended, or while all of them wait for their first attempt: then nothing has
//! run, failed or ended there, as long as no lease, attempt or row of history is of the block. A block with open jobs is made again later. Whoever opens an ended job again, or changes how it ended, says so to its digest ([`touch`]) under the lock that the maker
//! holds before it takes its snapshot.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text};

use super::grams::Grams;
use super::horizon::{Horizon, Sight};
use super::job::JobId;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};

/// Ids of a block.
pub const BLOCK_IDS: i64 = 4_096;
/// How long one run makes digests: a fifth of the time between two runs.
const MAKE_FOR: Duration = Duration::from_secs(1);
/// Most different names of one kind that a digest keeps.
const NAMES_MAX: i64 = 200;

/// Makes digests again and again.
#[derive(Debug, Default)]
pub struct Digester(Horizon);

/// What there is, and what can be made.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    /// First and last block with a digest.
    made: Option<(i64, i64)>,
    /// Block of the oldest job.
    oldest: i64,
    /// The last block that no transaction can add to.
    complete: i64,
}

impl Span {
    /// Gives the next block without a digest: up first, then down.
    fn next(&self) -> Option<i64> {
        let Some((first, last)) = self.made else {
            return (self.complete >= self.oldest).then_some(self.complete);
        };
        let (up, down) = (last + 1, first - 1);
        (up <= self.complete).then_some(up).or((down >= self.oldest).then_some(down))
    }
}

impl Digester {
    /// Makes digests for about a second and tells how many. Any node may do it at any time; the second one finds the lock taken.
    ///
    /// # Errors
    /// Database failures; the digests made before stay.
    pub fn make(&mut self, conn: &mut PgConnection) -> Result<usize, DbError> {
        let (begun, mut made) = (Instant::now(), 0);
        let Some(mut span) = self.span(conn)? else { return Ok(0) };
        forget_below(conn, span.oldest)?;
        while begun.elapsed() < MAKE_FOR {
            let Some(block) = span.next().map_or_else(|| stale(conn), |block| Ok(Some(block)))? else { break };
            if !digest(conn, block)? {
                break;
            }
            made += 1;
            span.made = Some(span.made.map_or((block, block), |(first, last)| (first.min(block), last.max(block))));
        }
        Ok(made)
    }

    fn span(&mut self, conn: &mut PgConnection) -> Result<Option<Span>, DbError> {
        const SQL: &str = "-- queue::digests::span
SELECT (SELECT min(d.block) FROM millrace.digests d), (SELECT max(d.block) FROM millrace.digests d), (SELECT min(j.id) FROM millrace.jobs j),
    s.last_value, pg_snapshot_xmin(seen.at)::text::bigint, pg_current_xact_id()::text::bigint
FROM (SELECT pg_current_snapshot() AS at) AS seen CROSS JOIN millrace.job_seq s";
        type Row = (Option<i64>, Option<i64>, Option<i64>, i64, i64, i64);
        type Types = (Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, BigInt, BigInt, BigInt);
        let rows: Vec<Row> = statement(SQL).tuples::<Types, Row>(conn)?;
        let Some((first, last, oldest, drawn, oldest_open, own)) = rows.into_iter().next() else { return Ok(None) };
        let settled = self.0.look(Sight { drawn, oldest_open, own });
        let Some(oldest) = oldest else { return Ok(None) };
        Ok(Some(Span { made: first.zip(last), oldest: oldest / BLOCK_IDS, complete: (settled + 1) / BLOCK_IDS - 1 }))
    }
}

/// Forgets the digests of jobs that retention removed.
fn forget_below(conn: &mut PgConnection, oldest: i64) -> Result<(), DbError> {
    const SQL: &str = "-- queue::digests::forget
DELETE FROM millrace.digests WHERE block IN (SELECT d.block FROM millrace.digests d WHERE d.block < $1 ORDER BY d.block LIMIT 1000)";
    statement(SQL).bind::<BigInt, _>(oldest).run(conn)?;
    Ok(())
}

/// Finds the block with open jobs whose digest is oldest, if it is a minute old.
fn stale(conn: &mut PgConnection) -> Result<Option<i64>, DbError> {
    const SQL: &str = "-- queue::digests::stale
SELECT d.block FROM millrace.digests d WHERE d.open > 0 AND d.made_at < (SELECT clock_timestamp() - interval '1 minute') ORDER BY d.made_at LIMIT 1";
    Ok(statement(SQL).tuples::<BigInt, i64>(conn)?.first().copied())
}

/// The number of the lock between makers and those who touch.
const LOCK: &str = "hashtext('millrace.digests')";

/// Makes the digest of one block; false = another node makes some, or the block changed meanwhile.
///
/// # Errors
/// Database failures.
pub fn digest(conn: &mut PgConnection, block: i64) -> Result<bool, DbError> {
    const TRY: &str = "-- queue::digests::lock
SELECT pg_try_advisory_lock(hashtext('millrace.digests'))";
    const UNLOCK: &str = "-- queue::digests::unlock
SELECT pg_advisory_unlock(hashtext('millrace.digests'))";
    if statement(TRY).tuples::<Bool, bool>(conn)?.first() != Some(&true) {
        return Ok(false);
    }
    // the lock comes before the snapshot: whoever touched has committed, whoever touches next waits
    let made = transaction(conn, "queue::digest", |tx| {
        tx.batch_execute(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL enable_seqscan = off; SET LOCAL jit = off",
        )?;
        write(tx, block)
    });
    statement(UNLOCK).run(conn)?;
    match made {
        Ok(()) => Ok(true),
        Err(DbError::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Both statements bound the ids of history as well: a plan that holds for every block would else read all of it.
fn write(tx: &mut Tx<'_>, block: i64) -> Result<(), DbError> {
    let mut grams = Grams::default();
    texts(tx, block, &mut grams)?;
    let filter = grams.filter();
    let bits = i32::try_from(filter.len() * 8).unwrap_or(i32::MAX);
    statement(WRITE)
        .bind::<BigInt, _>(block)
        .bind::<BigInt, _>(NAMES_MAX)
        .bind::<Integer, _>(bits)
        .bind::<Binary, _>(filter)
        .run(tx)?;
    Ok(())
}

fn texts(tx: &mut Tx<'_>, block: i64, grams: &mut Grams) -> Result<(), DbError> {
    const ARGS: &str = "-- queue::digests::texts
SELECT j.args::text, array_to_string(j.tags, ' '), h.error FROM millrace.jobs j
LEFT JOIN millrace.history h ON h.job_id = j.id AND h.job_id >= $1 * 4096 AND h.job_id < ($1 + 1) * 4096
WHERE j.id >= $1 * 4096 AND j.id < ($1 + 1) * 4096 ORDER BY j.id LIMIT 4096";
    const ERRORS: &str = "-- queue::digests::errors
SELECT a.error FROM millrace.attempts a WHERE a.job_id >= $1 * 4096 AND a.job_id < ($1 + 1) * 4096 AND a.error IS NOT NULL
ORDER BY a.job_id, a.fence LIMIT 100000";
    type Row = (String, Option<String>, Option<String>);
    let rows: Vec<Row> =
        statement(ARGS).bind::<BigInt, _>(block).tuples::<(Text, Nullable<Text>, Nullable<Text>), Row>(tx)?;
    for (args, tags, error) in rows {
        grams.add(&args);
        tags.iter().chain(&error).for_each(|text| grams.add(text));
    }
    let errors: Vec<String> = statement(ERRORS).bind::<BigInt, _>(block).tuples::<Text, String>(tx)?;
    errors.iter().for_each(|error| grams.add(error));
    Ok(())
}

const WRITE: &str = "-- queue::digests::write
WITH asked AS (
    SELECT $1::bigint AS block, $2::bigint AS names_max
), job AS MATERIALIZED (
    SELECT j.id, j.created_at, j.template_id, j.queue_id, j.enqueued_by, j.tags, h.job_id AS ended, h.queue_id AS last_queue, h.node_id, h.state::text, h.attempt,
        h.fingerprint, h.finished_at, extract(epoch FROM h.started_at - h.since) * 1000 AS wait_ms, extract(epoch FROM h.finished_at - h.started_at) * 1000 AS run_ms
    FROM asked CROSS JOIN LATERAL (
        SELECT * FROM millrace.jobs j WHERE j.id >= asked.block * 4096 AND j.id < (asked.block + 1) * 4096 ORDER BY j.id LIMIT 4096
    ) AS j LEFT JOIN millrace.history h ON h.job_id = j.id AND h.job_id >= $1 * 4096 AND h.job_id < ($1 + 1) * 4096
), tag AS (
    SELECT array_agg(DISTINCT t.name) AS names FROM job CROSS JOIN LATERAL unnest(job.tags) AS t(name)
), facts AS (
    SELECT count(*)::integer AS jobs, count(*) FILTER (WHERE ended IS NULL)::integer AS open, min(created_at) AS first_at, max(created_at) AS last_at,
        array_agg(DISTINCT template_id) AS templates, array_agg(DISTINCT queue_id) || coalesce(array_agg(DISTINCT last_queue) FILTER (WHERE last_queue IS NOT NULL), '{}') AS queues,
        array_agg(DISTINCT node_id) FILTER (WHERE node_id IS NOT NULL) AS nodes, array_agg(DISTINCT state) FILTER (WHERE state IS NOT NULL) AS states,
        array_agg(DISTINCT enqueued_by) AS enqueuers, array_agg(DISTINCT fingerprint) FILTER (WHERE fingerprint IS NOT NULL) AS fingerprints,
        min(attempt) AS attempt_min, max(attempt) AS attempt_max, floor(min(wait_ms))::bigint AS wait_ms_min, ceil(max(wait_ms))::bigint AS wait_ms_max,
        floor(min(run_ms))::bigint AS run_ms_min, ceil(max(run_ms))::bigint AS run_ms_max, min(finished_at) AS ended_first, max(finished_at) AS ended_last
    FROM job
)
INSERT INTO millrace.digests AS d (block, jobs, open, first_at, last_at, templates, queues, nodes, states, enqueuers, tags, fingerprints,
    attempt_min, attempt_max, wait_ms_min, wait_ms_max, run_ms_min, run_ms_max, ended_first, ended_last, bits, grams)
SELECT asked.block, f.jobs, f.open, f.first_at, f.last_at, coalesce(f.templates, '{}'), coalesce(f.queues, '{}'), coalesce(f.nodes, '{}'), coalesce(f.states, '{}'),
    CASE WHEN coalesce(cardinality(f.enqueuers), 0) <= asked.names_max THEN coalesce(f.enqueuers, '{}') END,
    CASE WHEN coalesce(cardinality(tag.names), 0) <= asked.names_max THEN coalesce(tag.names, '{}') END,
    CASE WHEN coalesce(cardinality(f.fingerprints), 0) <= asked.names_max THEN coalesce(f.fingerprints, '{}') END,
    f.attempt_min, f.attempt_max, f.wait_ms_min, f.wait_ms_max, f.run_ms_min, f.run_ms_max, f.ended_first, f.ended_last, $3, $4
FROM asked CROSS JOIN facts f CROSS JOIN tag
ON CONFLICT (block) DO UPDATE SET made_at = clock_timestamp(), jobs = excluded.jobs, open = excluded.open, first_at = excluded.first_at,
    last_at = excluded.last_at, templates = excluded.templates, queues = excluded.queues, nodes = excluded.nodes, states = excluded.states,
    enqueuers = excluded.enqueuers, tags = excluded.tags, fingerprints = excluded.fingerprints, attempt_min = excluded.attempt_min,
    attempt_max = excluded.attempt_max, wait_ms_min = excluded.wait_ms_min, wait_ms_max = excluded.wait_ms_max, run_ms_min = excluded.run_ms_min,
    run_ms_max = excluded.run_ms_max, ended_first = excluded.ended_first, ended_last = excluded.ended_last, bits = excluded.bits, grams = excluded.grams";

/// Says of jobs that had ended that their digests know them no more: they were reopened, or ended otherwise.
///
/// # Errors
/// Database failures.
pub(super) fn touch(tx: &mut Tx<'_>, jobs: &[JobId]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::digests::touch
UPDATE millrace.digests SET open = open + 1 WHERE block IN (SELECT DISTINCT id / 4096 FROM unnest($1::bigint[]) AS touched(id))";
    if jobs.is_empty() {
        return Ok(());
    }
    tx.batch_execute(&format!("SELECT pg_advisory_xact_lock_shared({LOCK})"))?;
    let ids: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    statement(SQL).bind::<Array<BigInt>, _>(ids).run(tx)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_made_without_gaps_the_newest_first() {
        let next = |made, oldest, complete| Span { made, oldest, complete }.next();

        assert_eq!(next(None, 0, 9), Some(9));
        assert_eq!(next(None, 0, -1), None, "nothing is complete yet");
        assert_eq!(next(Some((9, 9)), 0, 11), Some(10));
        assert_eq!(next(Some((9, 11)), 0, 11), Some(8));
        assert_eq!(next(Some((3, 11)), 3, 11), None);
    }
}
