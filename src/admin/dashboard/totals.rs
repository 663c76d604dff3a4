//! How a range went as a whole: sums and percentiles, from the histograms of the rollups.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DurationRound, TimeDelta};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};

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

/// Most rows whose histograms are merged; the newest of a range.
const ROWS_MAX: i32 = 50_000;

/// How long jobs waited and ran within a range.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Totals {
    /// It is of what came since then; absent = of the whole range.
    pub since: Option<Time>,
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

/// How many jobs ended within a range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub struct Ended {
    /// Jobs that succeeded.
    #[diesel(sql_type = BigInt)]
    pub succeeded: i64,
    /// Jobs that failed for good.
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
}

#[derive(QueryableByName)]
struct Sums {
    #[diesel(sql_type = Timestamptz)]
    at: Time,
    #[diesel(sql_type = Text)]
    queue: String,
    #[diesel(sql_type = Array<Integer>)]
    wait_histogram: Vec<i32>,
    #[diesel(sql_type = Array<Integer>)]
    run_histogram: Vec<i32>,
}

/// Which rows make up a range: those of minutes, and from the first whole hour on those of hours when it is longer than one.
struct Reach {
    from: Time,
    hours_from: Option<Time>,
}

impl Reach {
    fn of(span: Span, now: Time) -> Self {
        let (minute, hour) = (TimeDelta::minutes(1), TimeDelta::hours(1));
        let length = TimeDelta::from_std(span.length()).unwrap_or(hour);
        let from = (now - length).duration_trunc(minute).unwrap_or(now);
        let whole = from.duration_trunc(hour).unwrap_or(from);
        let hours_from = if whole < from { whole + hour } else { whole };
        Self { from, hours_from: (length > hour).then_some(hours_from) }
    }
}

/// The rows of a [`Reach`] as two selects, one of minutes and one of hours; `$2` and `$3` are its bounds.
macro_rules! rows_of {
    ($columns:literal) => {
        concat!(
            "(SELECT ",
            $columns,
            " FROM millrace.rollups r JOIN millrace.queues q ON q.id = r.queue_id
    WHERE ",
            in_scope!(),
            " AND r.step_s = 60 AND r.at >= $2 AND r.at < coalesce($3, 'infinity') AND r.node_id <> 0
UNION ALL SELECT ",
            $columns,
            " FROM millrace.rollups r JOIN millrace.queues q ON q.id = r.queue_id
    WHERE ",
            in_scope!(),
            " AND r.step_s = 3600 AND r.at >= $3 AND r.node_id <> 0)"
        )
    };
}

/// Counts the jobs that ended within a range, all of it.
///
/// # Errors
/// Database failures.
pub fn ended(conn: &mut PgConnection, scope: &Scope, span: Span, now: Time) -> Result<Ended, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::ended
SELECT coalesce(sum(e.succeeded), 0)::bigint AS succeeded, coalesce(sum(e.failed), 0)::bigint AS failed FROM ",
        rows_of!("r.succeeded, r.failed"),
        " AS e"
    );
    let reach = Reach::of(span, now);
    let row = statement(SQL)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Timestamptz, _>(reach.from)
        .bind::<Nullable<Timestamptz>, _>(reach.hours_from)
        .row(conn)?;
    Ok(row.unwrap_or_default())
}

/// Merges the histograms of a range. Of more than 50,000 rows the newest, and then it says since when.
///
/// # Errors
/// Database failures.
pub fn totals(conn: &mut PgConnection, scope: &Scope, span: Span, now: Time) -> Result<Totals, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::totals
SELECT s.at, s.queue, s.wait_histogram, s.run_histogram FROM ",
        rows_of!("r.at, q.name AS queue, r.wait_histogram, r.run_histogram"),
        " AS s ORDER BY s.at DESC LIMIT $4"
    );
    let reach = Reach::of(span, now);
    let rows: Vec<Sums> = statement(SQL)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Timestamptz, _>(reach.from)
        .bind::<Nullable<Timestamptz>, _>(reach.hours_from)
        .bind::<Integer, _>(ROWS_MAX + 1)
        .rows(conn)?;
    let more = rows.len() > ROWS_MAX as usize;
    let since = rows.last().map(|row| row.at).filter(|_| more);
    let hour = TimeDelta::hours(1);
    let bar = TimeDelta::from_std(span.bar()).unwrap_or(hour);
    Ok(Totals { since, ..merge(&rows, if reach.hours_from.is_some() { bar.max(hour) } else { bar }) })
}

/// Merges histograms, those of each `bar` for the small lines.
fn merge(rows: &[Sums], bar: TimeDelta) -> Totals {
    let (mut wait, mut run) = (Histogram::default(), Histogram::default());
    let mut bars: BTreeMap<Time, (Histogram, Histogram)> = BTreeMap::new();
    let mut queues: BTreeMap<&str, Histogram> = BTreeMap::new();
    for row in rows {
        let (row_wait, row_run) = (Histogram::from_row(&row.wait_histogram), Histogram::from_row(&row.run_histogram));
        let bar = bars.entry(row.at.duration_trunc(bar).unwrap_or(row.at)).or_default();
        bar.0.merge(&row_wait);
        bar.1.merge(&row_run);
        wait.merge(&row_wait);
        queues.entry(&row.queue).or_default().merge(&row_wait);
        run.merge(&row_run);
    }
    let p95 = |histogram: &Histogram| histogram.quantile(0.95).map_or(0.0, |length| length.as_secs_f64());
    Totals {
        since: None,
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
    fn a_range_is_made_of_whole_hours_and_of_the_minutes_before_them() {
        let told = |span, now: &str| {
            let reach = Reach::of(span, now.parse().unwrap());
            (reach.from.to_rfc3339(), reach.hours_from.map(|at| at.to_rfc3339()))
        };

        let noon = "2026-11-30T12:20:40Z";
        assert_eq!(told(Span::Hour, noon), ("2026-11-30T11:20:00+00:00".into(), None));
        let day = ("2026-11-29T12:20:00+00:00".into(), Some("2026-11-29T13:00:00+00:00".into()));
        assert_eq!(told(Span::Day, noon), day);
        let whole = "2026-11-29T12:00:00+00:00".to_owned();
        assert_eq!(told(Span::Day, "2026-11-30T12:00:30Z"), (whole.clone(), Some(whole)));
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
