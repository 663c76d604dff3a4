//! Counting what was settled, in the settling transaction: one row per batch and key, so that counts and rollups are exact.

use std::collections::BTreeMap;

use chrono::DurationRound;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};

use super::ending::{Ending, Settlement};
use crate::base::clock::Time;
use crate::base::db::{DbError, Statement, Tx, statement};
use crate::queue::histogram::Histogram;
use crate::queue::job::{NodeId, QueueId, TemplateId};
use crate::queue::state::JobState;

/// Queue, template, left and entered state.
type Move = (QueueId, TemplateId, Option<JobState>, Option<JobState>);

/// Moves between states, added up by queue, template, left and entered state; and moves between queues.
#[derive(Debug, Default)]
pub(crate) struct StateMoves(BTreeMap<Move, i32>, Vec<Move>);

impl StateMoves {
    /// Adds one job's move. A move to the same state is none.
    pub(crate) fn add(
        &mut self,
        queue: QueueId,
        template: TemplateId,
        left: Option<JobState>,
        entered: Option<JobState>,
    ) {
        self.add_many(queue, template, left, entered, 1);
    }

    /// Adds the same move of several jobs.
    fn add_many(
        &mut self,
        queue: QueueId,
        template: TemplateId,
        left: Option<JobState>,
        entered: Option<JobState>,
        jobs: i32,
    ) {
        if left != entered {
            *self.0.entry((queue, template, left, entered)).or_default() += jobs;
        }
    }

    /// Adds one job's move from a queue and state to another queue, where it does not count as enqueued.
    pub(crate) fn shift(&mut self, template: TemplateId, left: (QueueId, JobState), entered: (QueueId, JobState)) {
        self.1.push((left.0, template, Some(left.1), None));
        self.1.push((entered.0, template, None, Some(entered.1)));
    }

    fn record_shifts(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const SQL: &str = "-- queue::counts::record_shifts
INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs, between_queues)
SELECT queue_id, template_id, left_state::millrace.job_state, entered_state::millrace.job_state, sum(jobs), true
FROM UNNEST($1::integer[], $2::integer[], $3::text[], $4::text[], $5::integer[]) AS r(queue_id, template_id, left_state, entered_state, jobs)
GROUP BY 1, 2, 3, 4";
        if self.1.is_empty() {
            return Ok(());
        }
        let ones = self.1.iter().map(|key| (*key, 1));
        bound_moves(statement(SQL), &ones.collect::<Vec<_>>()).run(tx)?;
        Ok(())
    }

    /// Writes the moves.
    pub(crate) fn record(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const SQL: &str = "-- queue::counts::record
INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
SELECT queue_id, template_id, left_state::millrace.job_state, entered_state::millrace.job_state, jobs
FROM UNNEST($1::integer[], $2::integer[], $3::text[], $4::text[], $5::integer[]) AS r(queue_id, template_id, left_state, entered_state, jobs)";
        self.record_shifts(tx)?;
        if self.0.is_empty() {
            return Ok(());
        }
        self.bound(statement(SQL)).run(tx)?;
        Ok(())
    }

    /// Binds the five columns of the moves.
    fn bound<'a>(&self, begun: Statement<'a>) -> Statement<'a> {
        bound_moves(begun, &self.0.iter().map(|(key, jobs)| (*key, *jobs)).collect::<Vec<_>>())
    }
}

fn bound_moves<'a>(begun: Statement<'a>, moves: &[(Move, i32)]) -> Statement<'a> {
    let keys = || moves.iter().map(|(key, _)| key);
    let name = |state: &Option<JobState>| state.map(JobState::as_str);
    begun
        .bind::<Array<Integer>, _>(keys().map(|key| key.0.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(keys().map(|key| key.1.0).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(keys().map(|key| name(&key.2)).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(keys().map(|key| name(&key.3)).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(moves.iter().map(|(_, jobs)| *jobs).collect::<Vec<_>>())
}

/// What the attempts of one minute, template and queue add to the rollups.
#[derive(Debug, Default)]
pub(super) struct Sums {
    succeeded: i32,
    failed: i32,
    attempts_failed: i32,
    pub(super) wait_us: i64,
    pub(super) run_us: i64,
    pub(super) cpu_ms: i64,
    peak_memory_bytes: i64,
    pub(super) wait: Histogram,
    pub(super) run: Histogram,
}

impl Sums {
    /// Adds one result.
    pub(super) fn add(&mut self, row: &Settlement) {
        let (waited, ran) = (row.waited(), row.ran());
        self.succeeded += i32::from(matches!(row.ending, Ending::Succeeded { .. }));
        self.failed += i32::from(matches!(row.ending, Ending::Failed(_)));
        self.attempts_failed +=
            i32::from(matches!(row.ending, Ending::Failed(_) | Ending::Retry(..) | Ending::Held(..)));
        self.wait_us += waited.as_micros() as i64;
        self.run_us += ran.as_micros() as i64;
        self.cpu_ms += i64::from(row.resources.cpu_ms.unwrap_or(0));
        self.peak_memory_bytes = self.peak_memory_bytes.max(row.resources.peak_memory_bytes.unwrap_or(0) as i64);
        self.wait.add(waited);
        self.run.add(ran);
    }
}

/// Minute, template, queue.
type Key = (Time, TemplateId, QueueId);

/// Writes rollups and state moves of the recorded results.
pub(super) fn record(tx: &mut Tx<'_>, node: NodeId, ours: &[&Settlement]) -> Result<(), DbError> {
    let mut moves = StateMoves::default();
    let mut sums: BTreeMap<Key, Sums> = BTreeMap::new();
    // neighbours are of one kind more often than not, so that the maps are asked once for many
    for alike in ours.chunk_by(|a, b| kind(a) == kind(b)) {
        let first = alike[0];
        let jobs = i32::try_from(alike.len()).unwrap_or(i32::MAX);
        moves.add_many(first.queue, first.template, Some(JobState::Running), Some(first.ending.state()), jobs);
        if first.started_at.is_some() {
            let sum = sums.entry((minute(first.finished_at), first.template, first.queue)).or_default();
            alike.iter().for_each(|row| sum.add(row));
        }
    }
    if moves.0.is_empty() && sums.is_empty() {
        return Ok(());
    }
    let begun = moves.bound(statement(RECORD));
    bound(begun, node, &sums).run(tx)?;
    Ok(())
}

/// What decides where a result is counted.
fn kind(row: &Settlement) -> (QueueId, TemplateId, JobState, bool, i64) {
    let minute = row.finished_at.timestamp().div_euclid(60);
    (row.queue, row.template, row.ending.state(), row.started_at.is_some(), minute)
}

/// Cuts a time to its minute.
pub(super) fn minute(at: Time) -> Time {
    at.duration_trunc(chrono::TimeDelta::minutes(1)).unwrap_or(at)
}

/// PostgreSQL's arrays of arrays must be rectangular, so the two histograms of a row travel as text literals.
const RECORD: &str = "-- queue::settle::tally
WITH moved AS (
    INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
    SELECT queue_id, template_id, left_state::millrace.job_state, entered_state::millrace.job_state, jobs
    FROM UNNEST($1::integer[], $2::integer[], $3::text[], $4::text[], $5::integer[]) AS r(queue_id, template_id, left_state, entered_state, jobs)
)
INSERT INTO millrace.rollup_deltas (minute, template_id, queue_id, node_id, succeeded, failed, attempts_failed, wait_us, run_us, cpu_ms,
    peak_memory_bytes, wait_histogram, run_histogram)
SELECT minute, template_id, queue_id, $6, succeeded, failed, attempts_failed, wait_us, run_us, cpu_ms, peak_memory_bytes,
    wait_histogram::integer[], run_histogram::integer[]
FROM UNNEST($7::timestamptz[], $8::integer[], $9::integer[], $10::integer[], $11::integer[], $12::integer[], $13::bigint[], $14::bigint[],
    $15::bigint[], $16::bigint[], $17::text[], $18::text[])
AS r(minute, template_id, queue_id, succeeded, failed, attempts_failed, wait_us, run_us, cpu_ms, peak_memory_bytes, wait_histogram, run_histogram)";

fn bound<'a>(begun: Statement<'a>, node: NodeId, sums: &BTreeMap<Key, Sums>) -> Statement<'a> {
    let counts = |of: fn(&Sums) -> i32| sums.values().map(of).collect::<Vec<_>>();
    let totals = |of: fn(&Sums) -> i64| sums.values().map(of).collect::<Vec<_>>();
    let literal = |of: fn(&Sums) -> &Histogram| sums.values().map(|sum| array_literal(of(sum))).collect::<Vec<_>>();
    begun
        .bind::<Integer, _>(node)
        .bind::<Array<Timestamptz>, _>(sums.keys().map(|key| key.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.keys().map(|key| key.1.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.keys().map(|key| key.2.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(counts(|sum| sum.succeeded))
        .bind::<Array<Integer>, _>(counts(|sum| sum.failed))
        .bind::<Array<Integer>, _>(counts(|sum| sum.attempts_failed))
        .bind::<Array<BigInt>, _>(totals(|sum| sum.wait_us))
        .bind::<Array<BigInt>, _>(totals(|sum| sum.run_us))
        .bind::<Array<BigInt>, _>(totals(|sum| sum.cpu_ms))
        .bind::<Array<BigInt>, _>(totals(|sum| sum.peak_memory_bytes))
        .bind::<Array<Text>, _>(literal(|sum| &sum.wait))
        .bind::<Array<Text>, _>(literal(|sum| &sum.run))
}

/// Writes a histogram as a Postgres array literal, `{12,3,40,1}`.
pub(crate) fn array_literal(histogram: &Histogram) -> String {
    let numbers: Vec<String> = histogram.to_row().iter().map(ToString::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}
