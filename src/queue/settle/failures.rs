//! What is recognised of failed attempts, and one row for each kind of failure of a batch: successes write none.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DurationRound, TimeDelta};
use diesel::sql_types::{Array, BigInt, Integer, SmallInt, Text, Timestamptz};

use super::ending::{Ending, Settlement, Trouble};
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::fingerprint::{Print, print};
use crate::queue::job::{NodeId, QueueId, TemplateId};

/// Most characters of a message that a group keeps; the attempt keeps all of it.
const ERROR_CHARS_MAX: usize = 2_000;

/// The prints of a batch, one for each result; `None` = it did not fail. What is alike is recognised once.
pub(super) struct Prints(Vec<Option<Arc<Print>>>);

impl Prints {
    /// Recognises the failures among `ours`.
    pub(super) fn of<'s>(ours: &[&'s Settlement]) -> Self {
        let mut known: HashMap<(TemplateId, &'s str, Option<&'s str>), Arc<Print>> = HashMap::new();
        let mut prints = Vec::with_capacity(ours.len());
        for row in ours {
            prints.push(failure(&row.ending).map(|trouble| {
                let key = (row.template, trouble.error.as_str(), trouble.trace.as_deref());
                Arc::clone(known.entry(key).or_insert_with(|| Arc::new(print(key.0, key.1, key.2))))
            }));
        }
        Self(prints)
    }

    /// Gives the fingerprint of the result at this place.
    pub(super) fn at(&self, place: usize) -> Option<&str> {
        self.0.get(place)?.as_ref().map(|print| print.fingerprint.as_str())
    }
}

/// The trouble of an attempt that failed, whatever becomes of the job; who was cancelled, snoozed or handed back did not.
fn failure(ending: &Ending) -> Option<&Trouble> {
    match ending {
        Ending::Failed(trouble) | Ending::Retry(trouble, _) | Ending::Held(trouble, _) => Some(trouble),
        Ending::Succeeded { .. }
        | Ending::Snoozed(_)
        | Ending::Postponed(_)
        | Ending::Gated { .. }
        | Ending::HandedBack { .. }
        | Ending::Cancelled { .. }
        | Ending::Expired => None,
    }
}

/// Fingerprint, hour, version, queue.
type Key<'p> = (&'p str, Time, i32, QueueId);

struct Sum<'p> {
    template: TemplateId,
    message: &'p str,
    attempts: i32,
    jobs_failed: i32,
    first: (Time, i64),
    last: (Time, i64, i16),
    error: &'p str,
}

/// Adds what failed to the deltas of the groups.
pub(super) fn record(tx: &mut Tx<'_>, node: NodeId, ours: &[&Settlement], prints: &Prints) -> Result<(), DbError> {
    let mut sums: BTreeMap<Key<'_>, Sum<'_>> = BTreeMap::new();
    for (row, print) in ours.iter().zip(&prints.0) {
        if let (Some(print), Some(trouble)) = (print, failure(&row.ending)) {
            let hour = row.finished_at.duration_trunc(TimeDelta::hours(1)).unwrap_or(row.finished_at);
            let sum = sums.entry((&print.fingerprint, hour, row.version, row.queue)).or_insert_with(|| Sum {
                template: row.template,
                message: &print.message,
                attempts: 0,
                jobs_failed: 0,
                first: (row.finished_at, row.job.0),
                last: (row.finished_at, row.job.0, row.attempt),
                error: &trouble.error,
            });
            sum.add(row, trouble);
        }
    }
    if sums.is_empty() { Ok(()) } else { write(tx, node, &sums) }
}

impl<'p> Sum<'p> {
    fn add(&mut self, row: &Settlement, trouble: &'p Trouble) {
        self.attempts += 1;
        self.jobs_failed += i32::from(matches!(row.ending, Ending::Failed(_)));
        self.first = self.first.min((row.finished_at, row.job.0));
        let this = (row.finished_at, row.job.0, row.attempt);
        if this >= self.last {
            (self.last, self.error) = (this, &trouble.error);
        }
    }
}

fn write(tx: &mut Tx<'_>, node: NodeId, sums: &BTreeMap<Key<'_>, Sum<'_>>) -> Result<(), DbError> {
    const SQL: &str = "-- queue::settle::failures
INSERT INTO millrace.failure_deltas (node_id, fingerprint, hour, version, queue_id, template_id, message, attempts, jobs_failed, first_at, first_job,
    last_at, last_job, last_number, error)
SELECT $1, fingerprint, hour, version, queue_id, template_id, message, attempts, jobs_failed, first_at, first_job, last_at, last_job, last_number, error
FROM UNNEST($2::text[], $3::timestamptz[], $4::integer[], $5::integer[], $6::integer[], $7::text[], $8::integer[], $9::integer[], $10::timestamptz[],
    $11::bigint[], $12::timestamptz[], $13::bigint[], $14::smallint[], $15::text[])
AS r(fingerprint, hour, version, queue_id, template_id, message, attempts, jobs_failed, first_at, first_job, last_at, last_job, last_number, error)";
    let error = |sum: &Sum<'_>| sum.error.chars().take(ERROR_CHARS_MAX).collect::<String>();
    statement(SQL)
        .bind::<Integer, _>(node)
        .bind::<Array<Text>, _>(sums.keys().map(|key| key.0).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(sums.keys().map(|key| key.1).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.keys().map(|key| key.2).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.keys().map(|key| key.3.0).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.values().map(|sum| sum.template.0).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(sums.values().map(|sum| sum.message).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.values().map(|sum| sum.attempts).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(sums.values().map(|sum| sum.jobs_failed).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(sums.values().map(|sum| sum.first.0).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(sums.values().map(|sum| sum.first.1).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(sums.values().map(|sum| sum.last.0).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(sums.values().map(|sum| sum.last.1).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(sums.values().map(|sum| sum.last.2).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(sums.values().map(error).collect::<Vec<_>>())
        .run(tx)?;
    Ok(())
}
