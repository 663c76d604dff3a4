//! How a range went as a whole: sums and percentiles, from the histograms of the rollups.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DurationRound, TimeDelta};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Double, Integer, Nullable, Text, Timestamptz};

use super::Span;
use super::read::{in_scope, whole_queues};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::histogram::Histogram;

/// Most rows of the week before that are read; the newest of its hours.
const WEEK_AGO_ROWS_MAX: i32 = 20_000;
/// Of fewer jobs a percentile says nothing of a queue.
const JOBS_MIN: i64 = 20;

/// How a range went as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Totals {
    /// Jobs that succeeded.
    pub succeeded: i64,
    /// Jobs that failed for good.
    pub failed: i64,
    /// 95 % waited at most so long for a slot.
    pub wait_p95: Option<Duration>,
    /// The queue whose 95 % waited longest, and how long, when several had jobs enough to tell.
    pub wait_worst: Option<(String, Duration)>,
    /// 95 % ran at most so long.
    pub run_p95: Option<Duration>,
    /// Half ran at most so long.
    pub run_p50: Option<Duration>,
    /// 95th percentile of the wait per bar, oldest first, for the small line.
    pub wait_trend: Vec<f64>,
    /// 95th percentile of the run time per bar, oldest first.
    pub run_trend: Vec<f64>,
}

#[derive(QueryableByName)]
struct Sums {
    #[diesel(sql_type = Timestamptz)]
    at: Time,
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = BigInt)]
    succeeded: i64,
    #[diesel(sql_type = BigInt)]
    failed: i64,
    #[diesel(sql_type = Array<Integer>)]
    wait_histogram: Vec<i32>,
    #[diesel(sql_type = Array<Integer>)]
    run_histogram: Vec<i32>,
}

/// Reads a range's sums and merges its histograms.
///
/// # Errors
/// Database failures.
pub fn totals(conn: &mut PgConnection, scope: &Scope, span: Span, now: Time) -> Result<Totals, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::totals
WITH seen AS (SELECT r.at, q.name AS queue, r.succeeded, r.failed, r.wait_histogram, r.run_histogram FROM millrace.rollups r JOIN millrace.queues q ON q.id = r.queue_id
    WHERE ", in_scope!(), " AND r.step_s = $2 AND r.at >= $3 AND r.node_id <> 0 ORDER BY r.at DESC LIMIT 50000)
SELECT date_bin($4 * interval '1 s', r.at, timestamptz '2000-01-01 00:00+00') AS at, r.queue, r.succeeded, r.failed, r.wait_histogram, r.run_histogram
FROM seen r ORDER BY r.at"
    );
    let from = span.bars(now).first().copied().unwrap_or(now);
    let rows: Vec<Sums> = statement(SQL)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Integer, _>(span.rollup_step_s())
        .bind::<Timestamptz, _>(from)
        .bind::<Double, _>(span.bar().as_secs_f64())
        .rows(conn)?;
    Ok(merge(&rows))
}

fn merge(rows: &[Sums]) -> Totals {
    let (mut wait, mut run) = (Histogram::default(), Histogram::default());
    let mut bars: BTreeMap<Time, (Histogram, Histogram)> = BTreeMap::new();
    let mut queues: BTreeMap<&str, Histogram> = BTreeMap::new();
    for row in rows {
        let (row_wait, row_run) = (Histogram::from_row(&row.wait_histogram), Histogram::from_row(&row.run_histogram));
        let bar = bars.entry(row.at).or_default();
        bar.0.merge(&row_wait);
        bar.1.merge(&row_run);
        wait.merge(&row_wait);
        queues.entry(&row.queue).or_default().merge(&row_wait);
        run.merge(&row_run);
    }
    let p95 = |histogram: &Histogram| histogram.quantile(0.95).map_or(0.0, |length| length.as_secs_f64());
    Totals {
        succeeded: rows.iter().map(|row| row.succeeded).sum(),
        failed: rows.iter().map(|row| row.failed).sum(),
        wait_p95: wait.quantile(0.95),
        wait_worst: worst(&queues),
        run_p95: run.quantile(0.95),
        run_p50: run.quantile(0.5),
        wait_trend: bars.values().map(|bar| p95(&bar.0)).collect(),
        run_trend: bars.values().map(|bar| p95(&bar.1)).collect(),
    }
}

/// Names the queue whose 95th percentile is largest, if there are several to choose from.
fn worst(queues: &BTreeMap<&str, Histogram>) -> Option<(String, Duration)> {
    let told = queues.iter().filter(|(_, wait)| wait.count() >= JOBS_MIN);
    let told: Vec<(&str, Duration)> = told.filter_map(|(name, wait)| Some((*name, wait.quantile(0.95)?))).collect();
    let worst = told.iter().max_by_key(|(_, p95)| *p95).filter(|_| told.len() > 1)?;
    Some((worst.0.to_owned(), worst.1))
}

#[derive(QueryableByName)]
struct RunTimes {
    #[diesel(sql_type = Array<Integer>)]
    run_histogram: Vec<i32>,
}

/// Gives the run time that 95 % kept in the same hours of the week before; `None` = nothing ran then, or the range is a week.
///
/// # Errors
/// Database failures.
pub fn run_week_ago(
    conn: &mut PgConnection,
    scope: &Scope,
    span: Span,
    now: Time,
) -> Result<Option<Duration>, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::run_week_ago
SELECT r.run_histogram FROM millrace.rollups r JOIN millrace.queues q ON q.id = r.queue_id
WHERE ",
        in_scope!(),
        " AND r.step_s = 3600 AND r.at >= $2 AND r.at < $3 AND r.node_id <> 0 ORDER BY r.at DESC LIMIT $4"
    );
    if span == Span::Week {
        return Ok(None);
    }
    let (from, to) = hours_week_ago(span, now);
    let rows: Vec<RunTimes> = statement(SQL)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Timestamptz, _>(from)
        .bind::<Timestamptz, _>(to)
        .bind::<Integer, _>(WEEK_AGO_ROWS_MAX)
        .rows(conn)?;
    let mut run = Histogram::default();
    rows.iter().for_each(|row| run.merge(&Histogram::from_row(&row.run_histogram)));
    Ok(run.quantile(0.95).filter(|_| run.count() >= JOBS_MIN))
}

/// The whole hours of a range, a week before: at least the hour that is now.
fn hours_week_ago(span: Span, now: Time) -> (Time, Time) {
    let week = TimeDelta::days(7);
    let length = TimeDelta::from_std(span.length()).unwrap_or(week).max(TimeDelta::hours(1));
    let hour = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
    let to = hour + TimeDelta::hours(1) - week;
    (to - length, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(seconds: u64, times: usize) -> Histogram {
        let mut histogram = Histogram::default();
        (0..times).for_each(|_| histogram.add(Duration::from_secs(seconds)));
        histogram
    }

    #[test]
    fn the_worst_queue_is_named_when_there_is_a_choice_and_enough_to_tell() {
        let few = waits(900, JOBS_MIN as usize - 1);
        let of = |queues: &[(&'static str, &Histogram)]| {
            worst(&queues.iter().map(|(name, wait)| (*name, (*wait).clone())).collect()).map(|(name, _)| name)
        };
        let (short, long) = (waits(1, 20), waits(60, 20));

        assert_eq!(of(&[("a", &short), ("b", &long), ("c", &few)]).as_deref(), Some("b"));
        assert_eq!(of(&[("b", &long), ("c", &few)]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn the_week_before_is_looked_at_by_whole_hours() {
        let now: Time = "2026-11-30T12:20:00Z".parse().unwrap();
        let told = |span| {
            let (from, to) = hours_week_ago(span, now);
            (from.to_rfc3339(), (to - from).num_hours())
        };

        assert_eq!(told(Span::Quarter), ("2026-11-23T12:00:00+00:00".into(), 1));
        assert_eq!(told(Span::Hour), ("2026-11-23T12:00:00+00:00".into(), 1));
        assert_eq!(told(Span::Day), ("2026-11-22T13:00:00+00:00".into(), 24));
    }
}
