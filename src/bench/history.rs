//! How much a long history slows a drain: an empty database beside one with many finished jobs.

use std::time::Instant;

use diesel::sql_types::{BigInt, Text};

use super::drain::drain_once;
use super::figures::{median, rounded};
use super::place::{Place, execute};
use super::stage::{Stage, Starts, TEMPLATE};
use super::{BenchError, Figures, machine, say};
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::partitions::IDS_PER_PARTITION;

/// Finished jobs of one statement.
const FILL: u32 = 250_000;

/// The same backlog is drained in both databases by turns.
pub(super) fn run(url: &str, jobs: u32, finished: u32, rounds: u32) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("history");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.settings.insert("rounds", rounds.into());
    figures.settings.insert("finished", finished.into());
    let (empty, full) = (Place::migrated(url)?, Place::migrated(url)?);
    let (empty_stage, full_stage) =
        (Stage::open(&empty, 32, Starts::Counted)?, Stage::open(&full, 32, Starts::Counted)?);
    figures.add("fill_seconds", fill(&full, finished)?);
    [&full, &empty].into_iter().try_for_each(tidy)?;
    figures.more.insert("database_bytes", size(&mut full.connect()?)?.into());
    let (mut free, mut laden) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let without = || Ok::<_, BenchError>(drain_once(&empty, &empty_stage, jobs)?.jobs_per_s);
        let with = || Ok::<_, BenchError>(drain_once(&full, &full_stage, jobs)?.jobs_per_s);
        let (without, with) = if round % 2 == 1 {
            let without = without()?;
            (without, with()?)
        } else {
            let with = with()?;
            (without()?, with)
        };
        let ratio = with / without;
        say(&format!("round {round}: empty {without:.0} jobs/s, with {finished} finished {with:.0}, ratio {ratio:.2}"));
        free.push(without);
        laden.push(with);
    }
    let ratios: Vec<f64> = laden.iter().zip(&free).map(|(with, without)| with / without).collect();
    figures.jobs = Some(u64::from(jobs));
    figures.jobs_per_s = Some(median(&laden).round());
    figures.add("empty_jobs_per_s", median(&free));
    figures.ratio_to_baseline = Some(rounded(median(&ratios)));
    figures.more.insert("ratios", ratios.iter().map(|ratio| rounded(*ratio)).collect());
    Ok(figures)
}

/// Writes finished jobs as they would stand there, straight into the tables; gives how many seconds it took. Ids go on behind
/// them.
fn fill(place: &Place, finished: u32) -> Result<f64, BenchError> {
    let begun = Instant::now();
    let mut conn = place.connect()?;
    let ahead = i64::from(finished) / IDS_PER_PARTITION + 4;
    execute(&mut conn, &format!("SELECT millrace.create_partitions({ahead})"))?;
    // ids from 1 on: nothing was enqueued before
    for first in (1..=finished).step_by(FILL as usize) {
        let last = (first + FILL - 1).min(finished);
        say(&format!("history: {last} of {finished}"));
        write(&mut conn, i64::from(first), i64::from(last))?;
    }
    execute(&mut conn, &format!("SELECT setval('millrace.job_seq', {finished})"))?;
    execute(&mut conn, "SELECT millrace.create_partitions()")?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Lets the server do its chores in both databases before anything is measured.
fn tidy(place: &Place) -> Result<(), BenchError> {
    let mut conn = place.connect()?;
    for chore in ["VACUUM (ANALYZE) millrace.jobs", "VACUUM (ANALYZE) millrace.history", "CHECKPOINT"] {
        execute(&mut conn, chore)?;
    }
    Ok(())
}

fn write(conn: &mut PgConnection, first: i64, last: i64) -> Result<(), DbError> {
    const SQL: &str = "-- bench::history::write
WITH span AS (SELECT $1::bigint AS low, $2::bigint AS high), made AS (
    SELECT g.id, clock_timestamp() - interval '1 hour' AS at, t.id AS template_id, q.id AS queue_id
    FROM span, generate_series(span.low, span.high) AS g(id), millrace.templates t, millrace.queues q WHERE t.name = $3 AND q.name = 'default'
), asked AS (
    INSERT INTO millrace.jobs (id, created_at, template_id, version, queue_id, priority, args, enqueued_by)
    SELECT id, at, template_id, 1, queue_id, 3,
        jsonb_build_object('to', 'user-' || id || '@example.org', 'subject', 'Order ' || id || ' is confirmed', 'n', id, 'lang', 'it'), 'bench' FROM made
), counted AS (
    INSERT INTO millrace.state_deltas (queue_id, template_id, entered_state, jobs)
    SELECT queue_id, template_id, 'succeeded', count(*) FROM made GROUP BY queue_id, template_id
)
INSERT INTO millrace.history (job_id, fence, since, started_at, finished_at, template_id, version, queue_id, node_id, state, priority, attempt)
SELECT id, 1, at, at, at, template_id, 1, queue_id, 1, 'succeeded', 3, 1 FROM made";
    let row = statement(SQL).bind::<BigInt, _>(first).bind::<BigInt, _>(last).bind::<Text, _>(TEMPLATE).run(conn)?;
    if row as i64 == last - first + 1 {
        Ok(())
    } else {
        Err(DbError::Unavailable("the history was not written".into()))
    }
}

fn size(conn: &mut PgConnection) -> Result<i64, DbError> {
    const SQL: &str = "-- bench::history::size
SELECT pg_database_size(current_database())";
    Ok(statement(SQL).tuples::<BigInt, i64>(conn)?.first().copied().unwrap_or(0))
}
