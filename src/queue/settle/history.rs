//! Writing down how jobs and attempts ended.

use std::borrow::Cow;

use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};

use super::ending::{Ending, Settlement, cancelled};
use super::failures::Prints;
use crate::base::db::{Copied, CopyRows, DbError, Tx, statement};
use crate::queue::job::NodeId;

/// Where finished jobs are written.
struct History;

impl Copied for History {
    const INTO: &'static str = "millrace.history (job_id, fence, since, started_at, finished_at, template_id, version, queue_id, node_id, \
        state, priority, attempt, cpu_ms, exit_code, http_status, peak_memory_bytes, log_bytes, ended_by, error, fingerprint, output, \
        read_bytes, written_bytes, ran_as)";
    const COLUMNS: i16 = 24;
}

/// About what a row of a success takes in the copied form.
const ROW_BYTES: usize = 192;

fn column<T>(rows: &[&Settlement], of: impl Fn(&Settlement) -> T) -> Vec<T> {
    rows.iter().map(|row| of(row)).collect()
}

/// Copies the history rows of the results that end their job.
pub(super) fn finish(tx: &mut Tx<'_>, node: NodeId, ours: &[&Settlement], prints: &Prints) -> Result<(), DbError> {
    let mut copy = CopyRows::<History>::with_room(ours.len(), ROW_BYTES);
    let mut finished = 0;
    for (place, row) in ours.iter().enumerate().filter(|(_, row)| row.ending.state().is_terminal()) {
        let print = prints.at(place).filter(|_| matches!(row.ending, Ending::Failed(_)));
        add(&mut copy, node, row, print);
        finished += 1;
    }
    if finished > 0 {
        let written = copy.run(tx)?;
        debug_assert_eq!(written, finished);
    }
    Ok(())
}

fn add(copy: &mut CopyRows<History>, node: NodeId, row: &Settlement, print: Option<&str>) {
    let used = &row.resources;
    copy.row()
        .bigint(row.job.0)
        .bigint(row.fence.0)
        .time(row.since)
        .time(row.started_at)
        .time(row.finished_at)
        .integer(row.template.0)
        .integer(row.version)
        .integer(row.queue.0)
        .integer(row.started_at.map(|_| node.0))
        .text(Some(row.ending.state().as_str()))
        .smallint(row.priority)
        .smallint(row.attempts_counted())
        .integer(used.cpu_ms.map(|ms| ms as i32))
        .integer(used.exit_code)
        .smallint(used.http_status.map(|code| code as i16))
        .bigint(used.peak_memory_bytes.map(|bytes| bytes as i64))
        .integer(log_bytes(row))
        .text(ended_by(row))
        .text(error(row).as_deref())
        .text(print)
        .jsonb(output(row))
        .bigint(used.read_bytes.map(|bytes| bytes as i64))
        .bigint(used.written_bytes.map(|bytes| bytes as i64))
        .text(used.ran_as);
}

fn log_bytes(row: &Settlement) -> Option<i32> {
    (row.log_bytes > 0).then(|| i32::try_from(row.log_bytes).unwrap_or(i32::MAX))
}

fn ended_by(row: &Settlement) -> Option<&str> {
    match &row.ending {
        Ending::Cancelled { by, .. } => Some(by),
        _ => None,
    }
}

fn error(row: &Settlement) -> Option<Cow<'_, str>> {
    match &row.ending {
        Ending::Failed(trouble) => Some(trouble.error.as_str().into()),
        Ending::Cancelled { by, reason } => Some(cancelled(by, reason.as_deref()).into()),
        Ending::Expired => Some("its deadline passed before it started".into()),
        _ => None,
    }
}

fn output(row: &Settlement) -> Option<&serde_json::Value> {
    match &row.ending {
        Ending::Succeeded { output } => output.as_ref(),
        _ => None,
    }
}

const ATTEMPTS: &str = "-- queue::settle::attempts
INSERT INTO millrace.attempts (job_id, number, fence, started_at, finished_at, node_id, outcome, counted, cpu_ms, exit_code, http_status,
    peak_memory_bytes, log_bytes, error, trace, fingerprint, read_bytes, written_bytes, ran_as, final)
SELECT job_id, number, fence, started_at, finished_at, $1, outcome, counted, cpu_ms, exit_code, http_status, peak_memory_bytes,
    log_bytes, error, trace, fingerprint, read_bytes, written_bytes, ran_as, final
FROM UNNEST($2::bigint[], $3::smallint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::text[], $8::boolean[], $9::integer[],
    $10::integer[], $11::smallint[], $12::bigint[], $13::integer[], $14::text[], $15::text[], $16::text[],
    $17::bigint[], $18::bigint[], $19::text[], $20::boolean[])
AS r(job_id, number, fence, started_at, finished_at, outcome, counted, cpu_ms, exit_code, http_status, peak_memory_bytes, log_bytes,
    error, trace, fingerprint, read_bytes, written_bytes, ran_as, final)";

/// Inserts the rows of attempts that did not succeed.
pub(super) fn attempts(tx: &mut Tx<'_>, node: NodeId, ours: &[&Settlement], prints: &Prints) -> Result<(), DbError> {
    let tried = ours.iter().enumerate().filter_map(|(place, row)| Some(((place, *row), row.ending.trouble()?)));
    let (places, troubles): (Vec<(usize, &Settlement)>, Vec<_>) = tried.unzip();
    let rows: Vec<&Settlement> = places.iter().map(|(_, row)| *row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let prints = places.iter().map(|(place, _)| prints.at(*place));
    statement(ATTEMPTS)
        .bind::<Integer, _>(node)
        .bind::<Array<BigInt>, _>(column(&rows, |row| row.job.0))
        .bind::<Array<SmallInt>, _>(column(&rows, |row| row.attempt))
        .bind::<Array<BigInt>, _>(column(&rows, |row| row.fence.0))
        .bind::<Array<Nullable<Timestamptz>>, _>(column(&rows, |row| row.started_at))
        .bind::<Array<Timestamptz>, _>(column(&rows, |row| row.finished_at))
        .bind::<Array<Text>, _>(troubles.iter().map(|trouble| trouble.outcome.as_str()).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(column(&rows, |row| row.ending.is_counted()))
        .bind::<Array<Nullable<Integer>>, _>(column(&rows, |row| row.resources.cpu_ms.map(|ms| ms as i32)))
        .bind::<Array<Nullable<Integer>>, _>(column(&rows, |row| row.resources.exit_code))
        .bind::<Array<Nullable<SmallInt>>, _>(column(&rows, |row| row.resources.http_status.map(|code| code as i16)))
        .bind::<Array<Nullable<BigInt>>, _>(column(&rows, |row| row.resources.peak_memory_bytes.map(|b| b as i64)))
        .bind::<Array<Nullable<Integer>>, _>(column(&rows, log_bytes))
        .bind::<Array<Text>, _>(troubles.iter().map(|trouble| trouble.error.as_str()).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(troubles.iter().map(|trouble| trouble.trace.as_deref()).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(prints.collect::<Vec<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(column(&rows, |row| row.resources.read_bytes.map(|b| b as i64)))
        .bind::<Array<Nullable<BigInt>>, _>(column(&rows, |row| row.resources.written_bytes.map(|b| b as i64)))
        .bind::<Array<Nullable<Text>>, _>(column(&rows, |row| row.resources.ran_as))
        .bind::<Array<Bool>, _>(column(&rows, |row| row.ending.state().is_terminal()))
        .run(tx)?;
    Ok(())
}

/// Removes what only an unfinished job has: its unique key, its progress, its place in line, wishes about it.
pub(super) fn leftovers(tx: &mut Tx<'_>, ours: &[&Settlement]) -> Result<(), DbError> {
    const KEYS: &str = "-- queue::settle::unique_keys
DELETE FROM millrace.unique_keys k USING millrace.jobs j
WHERE j.id = ANY($1) AND k.key = j.unique_key AND k.job_id = j.id AND k.until IS NULL";
    const LIVE: &str = "-- queue::settle::live
DELETE FROM millrace.live WHERE job_id = ANY($1)";
    const PLACES: &str = "-- queue::settle::placements
DELETE FROM millrace.placements WHERE job_id = ANY($1)";
    const INTENTS: &str = "-- queue::settle::intents
DELETE FROM millrace.intents WHERE job_id = ANY($1)";
    let ended = |wanted: fn(&Settlement) -> bool| -> Vec<i64> {
        ours.iter().filter(|row| row.ending.state().is_terminal() && wanted(row)).map(|row| row.job.0).collect()
    };
    for (sql, ids) in [
        (KEYS, ended(|row| row.unique)),
        (LIVE, ended(|row| row.live || row.attempt > 1 || row.seq != row.job.0)),
        (PLACES, ended(|row| row.seq != row.job.0)),
        // or a retry would meet the wish of before; a success cannot be retried, its wish is swept
        (INTENTS, ended(|row| !matches!(row.ending, Ending::Succeeded { .. }))),
    ] {
        if !ids.is_empty() {
            statement(sql).bind::<Array<BigInt>, _>(ids).run(tx)?; // what is not there needs no removal
        }
    }
    Ok(())
}
