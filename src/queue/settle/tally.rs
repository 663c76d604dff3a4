//! Counting what was settled, in the settling transaction: one row per batch and key, so that counts and rollups are exact.

use std::collections::BTreeMap;

use chrono::DurationRound;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};

use super::ending::{Ending, Settlement};
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::histogram::Histogram;
use crate::queue::job::{NodeId, QueueId, TemplateId};
use crate::queue::state::JobState;

/// Moves between states, added up by queue, template, left and entered state.
#[derive(Debug, Default)]
pub(crate) struct StateMoves(BTreeMap<(QueueId, TemplateId, Option<JobState>, Option<JobState>), i32>);

impl StateMoves {
    /// Adds one job's move. A move to the same state is none.
    pub(crate) fn add(
        &mut self,
        queue: QueueId,
        template: TemplateId,
        left: Option<JobState>,
        entered: Option<JobState>,
    ) {
        if left != entered {
            *self.0.entry((queue, template, left, entered)).or_default() += 1;
        }
    }

    /// Writes the moves.
    pub(crate) fn record(&self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        const SQL: &str = "-- queue::counts::record
INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
SELECT queue_id, template_id, left_state::millrace.job_state, entered_state::millrace.job_state, jobs
FROM UNNEST($1::integer[], $2::integer[], $3::text[], $4::text[], $5::integer[]) AS r(queue_id, template_id, left_state, entered_state, jobs)";
        if self.0.is_empty() {
            return Ok(());
        }
        let keys = || self.0.keys();
        let name = |state: &Option<JobState>| state.map(JobState::as_str);
        statement(SQL)
            .bind::<Array<Integer>, _>(keys().map(|key| key.0.0).collect::<Vec<_>>())
            .bind::<Array<Integer>, _>(keys().map(|key| key.1.0).collect::<Vec<_>>())
            .bind::<Array<Nullable<Text>>, _>(keys().map(|key| name(&key.2)).collect::<Vec<_>>())
            .bind::<Array<Nullable<Text>>, _>(keys().map(|key| name(&key.3)).collect::<Vec<_>>())
            .bind::<Array<Integer>, _>(self.0.values().copied().collect::<Vec<_>>())
            .run(tx)?;
        Ok(())
    }
}

/// What the attempts of one minute, template and queue add to the rollups.
#[derive(Debug, Default)]
struct Sums {
    succeeded: i32,
    failed: i32,
    attempts_failed: i32,
    wait_us: i64,
    run_us: i64,
    cpu_ms: i64,
    peak_memory_bytes: i64,
    wait: Histogram,
    run: Histogram,
}

impl Sums {
    fn add(&mut self, row: &Settlement) {
        self.succeeded += i32::from(matches!(row.ending, Ending::Succeeded { .. }));
        self.failed += i32::from(matches!(row.ending, Ending::Failed(_)));
        self.attempts_failed +=
            i32::from(matches!(row.ending, Ending::Failed(_) | Ending::Retry(..) | Ending::Held(..)));
        self.wait_us += row.waited().as_micros() as i64;
        self.run_us += row.ran().as_micros() as i64;
        self.cpu_ms += i64::from(row.resources.cpu_ms.unwrap_or(0));
        self.peak_memory_bytes = self.peak_memory_bytes.max(row.resources.peak_memory_bytes.unwrap_or(0) as i64);
        self.wait.add(row.waited());
        self.run.add(row.ran());
    }
}

/// Writes rollups and state moves of the recorded results.
pub(super) fn record(tx: &mut Tx<'_>, node: NodeId, ours: &[&Settlement]) -> Result<(), DbError> {
    let mut moves = StateMoves::default();
    let mut sums: BTreeMap<(Time, TemplateId, QueueId), Sums> = BTreeMap::new();
    for row in ours {
        moves.add(row.queue, row.template, Some(JobState::Running), Some(row.ending.state()));
        if row.started_at.is_some() {
            sums.entry((minute(row.finished_at), row.template, row.queue)).or_default().add(row);
        }
    }
    moves.record(tx)?;
    insert(tx, node, &sums)
}

/// Cuts a time to its minute.
fn minute(at: Time) -> Time {
    at.duration_trunc(chrono::TimeDelta::minutes(1)).unwrap_or(at)
}

/// PostgreSQL's arrays of arrays must be rectangular, so the two histograms of a row travel as text literals.
const INSERT: &str = "-- queue::rollup::record
INSERT INTO millrace.rollup_deltas (minute, template_id, queue_id, node_id, succeeded, failed, attempts_failed, wait_us, run_us, cpu_ms,
    peak_memory_bytes, wait_histogram, run_histogram)
SELECT minute, template_id, queue_id, $1, succeeded, failed, attempts_failed, wait_us, run_us, cpu_ms, peak_memory_bytes,
    wait_histogram::integer[], run_histogram::integer[]
FROM UNNEST($2::timestamptz[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::integer[], $8::bigint[], $9::bigint[],
    $10::bigint[], $11::bigint[], $12::text[], $13::text[])
AS r(minute, template_id, queue_id, succeeded, failed, attempts_failed, wait_us, run_us, cpu_ms, peak_memory_bytes, wait_histogram, run_histogram)";

fn insert(tx: &mut Tx<'_>, node: NodeId, sums: &BTreeMap<(Time, TemplateId, QueueId), Sums>) -> Result<(), DbError> {
    if sums.is_empty() {
        return Ok(());
    }
    let counts = |of: fn(&Sums) -> i32| sums.values().map(of).collect::<Vec<_>>();
    let totals = |of: fn(&Sums) -> i64| sums.values().map(of).collect::<Vec<_>>();
    let literal = |of: fn(&Sums) -> &Histogram| sums.values().map(|sum| array_literal(of(sum))).collect::<Vec<_>>();
    statement(INSERT)
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
        .run(tx)?;
    Ok(())
}

/// Writes a histogram as a Postgres array literal, `{12,3,40,1}`.
pub(crate) fn array_literal(histogram: &Histogram) -> String {
    let numbers: Vec<String> = histogram.to_row().iter().map(ToString::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}
