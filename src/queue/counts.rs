//! Exact counts at any size: deltas written by the moving transactions, folded once a second.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::DurationRound;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Text, Timestamptz};

use super::failures;
use super::histogram::Histogram;
use super::horizon::{Horizon, Sight};
use super::settle::tally_literal;
use super::state::JobState;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};

/// Most delta rows of one fold.
pub const FOLD_ROWS_MAX: i64 = 20_000;

/// Rows that the mark may lie behind what was folded: writing it down costs a version of its row.
const MARK_EVERY: i64 = 5_000;
/// Least time between two looks at how far numbers are settled.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a fold begins at the first row, in case something came below its mark all the same.
const WHOLE_EVERY: Duration = Duration::from_secs(600);

/// Folds deltas into the counts and rollups, from the first row, and tells how many rows it folded. Any node may call it at any
/// time: the second one finds the lock taken and does nothing.
///
/// # Errors
/// Database failures; nothing is folded then.
pub fn fold(conn: &mut PgConnection) -> Result<usize, DbError> {
    Folder::default().fold(conn)
}

/// Folds again and again. Rows that were folded stay where they are while somebody holds an old snapshot, so it begins behind
/// them.
#[derive(Debug, Default)]
pub struct Folder {
    states: Horizon,
    rollups: Horizon,
    failures: Horizon,
    whole: Option<Instant>,
    marked: Option<Instant>,
}

/// Where folds begin, and what is known of the numbers of the rows.
struct Marks {
    states: Mark,
    rollups: Mark,
    failures: Mark,
}

struct Mark {
    above: i64,
    sight: Sight,
}

impl Folder {
    /// As [`fold`], behind what was folded before; from the first row at first and every ten minutes.
    ///
    /// # Errors
    /// As [`fold`].
    pub fn fold(&mut self, conn: &mut PgConnection) -> Result<usize, DbError> {
        let now = Instant::now();
        let is_whole = self.whole.is_none_or(|at| now.duration_since(at) >= WHOLE_EVERY);
        let folded = transaction(conn, "queue::fold", |tx| -> Result<usize, DbError> {
            if !try_lock(tx)? {
                return Ok(0);
            }
            let marks = marks(tx)?;
            let from = |mark: &Mark| if is_whole { 0 } else { mark.above };
            let folded = fold_states(tx, from(&marks.states))?
                + fold_rollups(tx, from(&marks.rollups))?
                + failures::fold(tx, from(&marks.failures), FOLD_ROWS_MAX)?;
            if self.marked.is_none_or(|at| now.duration_since(at) >= LOOK_EVERY) {
                self.mark(tx, &marks)?;
                self.marked = Some(now);
            }
            Ok(folded)
        })?;
        if is_whole && (folded as i64) < FOLD_ROWS_MAX {
            self.whole = Some(now);
        }
        Ok(folded)
    }

    /// Moves the marks behind what was folded: up to the first row that is there, as far as no other can come.
    fn mark(&mut self, tx: &mut Tx<'_>, marks: &Marks) -> Result<(), DbError> {
        const SQL: &str = "-- queue::fold::mark
WITH first AS (
    SELECT least((SELECT d.id - 1 FROM millrace.state_deltas d WHERE d.id > $1 ORDER BY d.id LIMIT 1), $2) AS states,
        least((SELECT d.id - 1 FROM millrace.rollup_deltas d WHERE d.id > $3 ORDER BY d.id LIMIT 1), $4) AS rollups,
        least((SELECT d.id - 1 FROM millrace.failure_deltas d WHERE d.id > $5 ORDER BY d.id LIMIT 1), $6) AS failures
)
UPDATE millrace.folds f SET states_above = greatest(f.states_above, first.states), rollups_above = greatest(f.rollups_above, first.rollups),
    failures_above = greatest(f.failures_above, first.failures)
FROM first";
        let (states, rollups) = (self.states.look(marks.states.sight), self.rollups.look(marks.rollups.sight));
        let failures = self.failures.look(marks.failures.sight);
        let is_far = |settled: i64, mark: &Mark| settled >= mark.above + MARK_EVERY;
        if !is_far(states, &marks.states) && !is_far(rollups, &marks.rollups) && !is_far(failures, &marks.failures) {
            return Ok(());
        }
        statement(SQL)
            .bind::<BigInt, _>(marks.states.above)
            .bind::<BigInt, _>(states)
            .bind::<BigInt, _>(marks.rollups.above)
            .bind::<BigInt, _>(rollups)
            .bind::<BigInt, _>(marks.failures.above)
            .bind::<BigInt, _>(failures)
            .run(tx)?;
        Ok(())
    }
}

fn marks(tx: &mut Tx<'_>) -> Result<Marks, DbError> {
    const SQL: &str = "-- queue::fold::marks
SELECT f.states_above, s.last_value, f.rollups_above, r.last_value, f.failures_above, d.last_value, pg_snapshot_xmin(seen.at)::text::bigint,
    pg_current_xact_id()::text::bigint
FROM (SELECT pg_current_snapshot() AS at) AS seen CROSS JOIN millrace.folds f
CROSS JOIN millrace.state_deltas_id_seq s CROSS JOIN millrace.rollup_deltas_id_seq r CROSS JOIN millrace.failure_deltas_id_seq d";
    type Row = (i64, i64, i64, i64, i64, i64, i64, i64);
    type Columns = (BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
    let rows: Vec<Row> = statement(SQL).tuples::<Columns, Row>(tx)?;
    let row = rows.first().ok_or(DbError::Other(diesel::result::Error::NotFound))?;
    let (oldest_open, own) = (row.6, row.7);
    let mark = |above, drawn| Mark { above, sight: Sight { drawn, oldest_open, own } };
    Ok(Marks { states: mark(row.0, row.1), rollups: mark(row.2, row.3), failures: mark(row.4, row.5) })
}

fn try_lock(tx: &mut Tx<'_>) -> Result<bool, DbError> {
    const SQL: &str = "-- queue::fold::lock
SELECT pg_try_advisory_xact_lock(hashtext('millrace.fold')) AS got";
    #[derive(QueryableByName)]
    struct Lock {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        got: bool,
    }
    let row: Option<Lock> = statement(SQL).row(tx)?;
    Ok(row.is_some_and(|row| row.got))
}

/// Also counts into the rollups of its minute, hour and day what was enqueued, and what came into the line of ready jobs and went out of it.
const FOLD_STATES: &str = "-- queue::fold::states
WITH taken AS MATERIALIZED (
    DELETE FROM millrace.state_deltas WHERE ctid = ANY(ARRAY(SELECT ctid FROM millrace.state_deltas WHERE id > $1 ORDER BY id LIMIT $2))
    RETURNING at, queue_id, template_id, left_state, entered_state, jobs, between_queues
), moves AS (
    SELECT queue_id, template_id, state, sum(jobs) AS jobs FROM (
        SELECT queue_id, template_id, entered_state AS state, jobs FROM taken WHERE entered_state IS NOT NULL
        UNION ALL SELECT queue_id, template_id, left_state, -jobs FROM taken WHERE left_state IS NOT NULL
    ) AS both_ends GROUP BY queue_id, template_id, state HAVING sum(jobs) <> 0
), counts AS (
    INSERT INTO millrace.state_counts AS c (queue_id, template_id, state, jobs) SELECT * FROM moves
    ON CONFLICT (queue_id, template_id, state) DO UPDATE SET jobs = c.jobs + excluded.jobs
), line AS (
    INSERT INTO millrace.rollups AS r (step_s, at, template_id, queue_id, node_id, enqueued, came, went)
    SELECT step.s, date_bin(step.s * interval '1 s', taken.at, timestamptz '2000-01-01 00:00+00'), template_id, queue_id, 0,
        coalesce(sum(jobs) FILTER (WHERE left_state IS NULL AND NOT between_queues), 0),
        coalesce(sum(jobs) FILTER (WHERE entered_state = 'ready'), 0), coalesce(sum(jobs) FILTER (WHERE left_state = 'ready'), 0)
    FROM taken CROSS JOIN (VALUES (60), (3600), (86400)) AS step(s)
    WHERE left_state IS NULL AND NOT between_queues OR entered_state = 'ready' OR left_state = 'ready' GROUP BY 1, 2, 3, 4
    ON CONFLICT (step_s, at, template_id, queue_id, node_id) DO UPDATE SET
        enqueued = r.enqueued + excluded.enqueued, came = r.came + excluded.came, went = r.went + excluded.went
)
SELECT count(*)::integer AS folded FROM taken";

#[derive(QueryableByName)]
struct Folded {
    #[diesel(sql_type = Integer)]
    folded: i32,
}

fn fold_states(tx: &mut Tx<'_>, above: i64) -> Result<usize, DbError> {
    let row: Option<Folded> =
        statement(FOLD_STATES).bind::<BigInt, _>(above).bind::<BigInt, _>(FOLD_ROWS_MAX).row(tx)?;
    Ok(row.map_or(0, |row| row.folded.unsigned_abs() as usize))
}

#[derive(QueryableByName)]
struct Delta {
    #[diesel(sql_type = Timestamptz)]
    minute: Time,
    #[diesel(sql_type = Integer)]
    template_id: i32,
    #[diesel(sql_type = Integer)]
    queue_id: i32,
    #[diesel(sql_type = Integer)]
    node_id: i32,
    #[diesel(sql_type = Integer)]
    succeeded: i32,
    #[diesel(sql_type = Integer)]
    failed: i32,
    #[diesel(sql_type = Integer)]
    attempts_failed: i32,
    #[diesel(sql_type = BigInt)]
    wait_us: i64,
    #[diesel(sql_type = BigInt)]
    run_us: i64,
    #[diesel(sql_type = BigInt)]
    cpu_ms: i64,
    #[diesel(sql_type = BigInt)]
    peak_memory_bytes: i64,
    #[diesel(sql_type = Array<Integer>)]
    wait_histogram: Vec<i32>,
    #[diesel(sql_type = Array<Integer>)]
    run_histogram: Vec<i32>,
}

/// Sums and histograms that can be added to one another.
#[derive(Debug, Default, Clone)]
struct Sums {
    counts: [i64; 6], // succeeded, failed, attempts_failed, wait_us, run_us, cpu_ms
    peak_memory_bytes: i64,
    wait: Histogram,
    run: Histogram,
}

impl Sums {
    fn add(&mut self, delta: &Delta) {
        let more = [
            i64::from(delta.succeeded),
            i64::from(delta.failed),
            i64::from(delta.attempts_failed),
            delta.wait_us,
            delta.run_us,
            delta.cpu_ms,
        ];
        self.counts.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        self.peak_memory_bytes = self.peak_memory_bytes.max(delta.peak_memory_bytes);
        self.wait.merge(&Histogram::from_row(&delta.wait_histogram));
        self.run.merge(&Histogram::from_row(&delta.run_histogram));
    }
}

/// Length of a step in seconds, its start, template, queue, node.
type Key = (i32, Time, i32, i32, i32);

fn fold_rollups(tx: &mut Tx<'_>, above: i64) -> Result<usize, DbError> {
    const TAKE: &str = "-- queue::fold::rollups
DELETE FROM millrace.rollup_deltas WHERE ctid = ANY(ARRAY(SELECT ctid FROM millrace.rollup_deltas WHERE id > $1 ORDER BY id LIMIT $2))
RETURNING minute, template_id, queue_id, node_id, succeeded, failed, attempts_failed, wait_us, run_us, cpu_ms, peak_memory_bytes,
    wait_histogram, run_histogram";
    let deltas: Vec<Delta> = statement(TAKE).bind::<BigInt, _>(above).bind::<BigInt, _>(FOLD_ROWS_MAX).rows(tx)?;
    let mut sums: BTreeMap<Key, Sums> = BTreeMap::new();
    for delta in &deltas {
        for step_s in [60, 3_600, 86_400] {
            let at = delta.minute.duration_trunc(chrono::TimeDelta::seconds(step_s)).unwrap_or(delta.minute);
            let key = (step_s as i32, at, delta.template_id, delta.queue_id, delta.node_id);
            sums.entry(key).or_default().add(delta);
        }
    }
    merge_stored(tx, &mut sums)?;
    write_sums(tx, &sums)?;
    Ok(deltas.len())
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Integer)]
    step_s: i32,
    #[diesel(sql_type = Timestamptz)]
    at: Time,
    #[diesel(sql_type = Integer)]
    template_id: i32,
    #[diesel(sql_type = Integer)]
    queue_id: i32,
    #[diesel(sql_type = Integer)]
    node_id: i32,
    #[diesel(sql_type = Array<Integer>)]
    wait_histogram: Vec<i32>,
    #[diesel(sql_type = Array<Integer>)]
    run_histogram: Vec<i32>,
}

/// Histograms are merged here, because SQL has no such function; the fold's lock keeps others from writing meanwhile.
fn merge_stored(tx: &mut Tx<'_>, sums: &mut BTreeMap<Key, Sums>) -> Result<(), DbError> {
    const SQL: &str = "-- queue::fold::stored
SELECT r.step_s, r.at, r.template_id, r.queue_id, r.node_id, r.wait_histogram, r.run_histogram
FROM UNNEST($1::integer[], $2::timestamptz[], $3::integer[], $4::integer[], $5::integer[]) AS k(step_s, at, template_id, queue_id, node_id)
JOIN millrace.rollups r USING (step_s, at, template_id, queue_id, node_id)";
    let rows: Vec<Stored> = statement(SQL)
        .bind::<Array<Integer>, _>(sums.keys().map(|key| key.0).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(sums.keys().map(|key| key.1).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.keys().map(|key| key.2).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.keys().map(|key| key.3).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.keys().map(|key| key.4).collect::<Vec<_>>())
        .rows(tx)?;
    for row in rows {
        if let Some(sum) = sums.get_mut(&(row.step_s, row.at, row.template_id, row.queue_id, row.node_id)) {
            sum.wait.merge(&Histogram::from_row(&row.wait_histogram));
            sum.run.merge(&Histogram::from_row(&row.run_histogram));
        }
    }
    Ok(())
}

fn write_sums(tx: &mut Tx<'_>, sums: &BTreeMap<Key, Sums>) -> Result<(), DbError> {
    const SQL: &str = "-- queue::fold::write
INSERT INTO millrace.rollups AS r (step_s, at, template_id, queue_id, node_id, succeeded, failed, attempts_failed, wait_us, run_us,
    cpu_ms, peak_memory_bytes, wait_histogram, run_histogram)
SELECT step_s, at, template_id, queue_id, node_id, succeeded, failed, attempts_failed, wait_us, run_us, cpu_ms, peak_memory_bytes,
    wait_histogram::integer[], run_histogram::integer[]
FROM UNNEST($1::integer[], $2::timestamptz[], $3::integer[], $4::integer[], $5::integer[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[])
AS d(step_s, at, template_id, queue_id, node_id, succeeded, failed, attempts_failed, wait_us, run_us, cpu_ms, peak_memory_bytes,
    wait_histogram, run_histogram)
ON CONFLICT (step_s, at, template_id, queue_id, node_id) DO UPDATE SET
    succeeded = r.succeeded + excluded.succeeded, failed = r.failed + excluded.failed,
    attempts_failed = r.attempts_failed + excluded.attempts_failed, wait_us = r.wait_us + excluded.wait_us,
    run_us = r.run_us + excluded.run_us, cpu_ms = r.cpu_ms + excluded.cpu_ms,
    peak_memory_bytes = greatest(r.peak_memory_bytes, excluded.peak_memory_bytes),
    wait_histogram = excluded.wait_histogram, run_histogram = excluded.run_histogram";
    if sums.is_empty() {
        return Ok(());
    }
    let count = |at: usize| sums.values().map(|sum| sum.counts[at]).collect::<Vec<_>>();
    statement(SQL)
        .bind::<Array<Integer>, _>(sums.keys().map(|key| key.0).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(sums.keys().map(|key| key.1).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.keys().map(|key| key.2).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.keys().map(|key| key.3).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.keys().map(|key| key.4).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(count(0))
        .bind::<Array<BigInt>, _>(count(1))
        .bind::<Array<BigInt>, _>(count(2))
        .bind::<Array<BigInt>, _>(count(3))
        .bind::<Array<BigInt>, _>(count(4))
        .bind::<Array<BigInt>, _>(count(5))
        .bind::<Array<BigInt>, _>(sums.values().map(|sum| sum.peak_memory_bytes).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(sums.values().map(|sum| tally_literal(&sum.wait)).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(sums.values().map(|sum| tally_literal(&sum.run)).collect::<Vec<_>>())
        .run(tx)?;
    Ok(())
}

/// Jobs of one queue, template and state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The queue's name.
    pub queue: String,
    /// The template's name.
    pub template: String,
    /// The state.
    pub state: JobState,
    /// How many.
    pub jobs: i64,
}

/// Reads all counts, exact as of this statement. Costs a few rows whatever the number of jobs.
///
/// # Errors
/// Database failures.
pub fn read(conn: &mut PgConnection) -> Result<Vec<Count>, DbError> {
    const SQL: &str = "-- queue::counts::read
SELECT q.name AS queue, t.name AS template, c.state::text AS state, c.jobs FROM millrace.job_counts c
JOIN millrace.queues q ON q.id = c.queue_id JOIN millrace.templates t ON t.id = c.template_id WHERE c.jobs <> 0
ORDER BY q.name, t.name, c.state";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        queue: String,
        #[diesel(sql_type = Text)]
        template: String,
        #[diesel(sql_type = Text)]
        state: String,
        #[diesel(sql_type = BigInt)]
        jobs: i64,
    }
    let rows: Vec<Row> = statement(SQL).rows(conn)?;
    let count = |row: Row| {
        let state = JobState::parse(&row.state)?;
        Some(Count { queue: row.queue, template: row.template, state, jobs: row.jobs })
    };
    Ok(rows.into_iter().filter_map(count).collect())
}
