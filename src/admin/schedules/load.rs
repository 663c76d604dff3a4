//! What else starts at the time at which a schedule runs, and whether a minute beside it would be quieter: what other schedules plan then, and
//! what came at the same time of the last days. Its own jobs count in neither.

use chrono::{TimeDelta, Timelike as _};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use super::history::RunMark;
use super::scope::in_scope;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::schedules::{Known, ScheduleId, calendars_named};
use crate::timing::schedule::Schedule;

/// Minutes on either side that are looked at.
pub const MINUTES: i32 = 15;
/// All of them.
const PLACES: usize = 2 * MINUTES as usize + 1;
/// Days back whose same minutes are looked at.
const DAYS: i32 = 7;
/// A minute with fewer jobs is nobody's trouble.
const BUSY: f64 = 5.0;
/// Other schedules that are looked at, those that run next.
pub const OTHERS_MAX: usize = 500;
/// Runs of one of them within these minutes. Who runs more often does so in every minute, and makes none the better one.
const RUNS_MAX: usize = 400;

/// Whose load is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// When it runs next.
    pub at: Time,
    /// The schedule; `None` for a new one.
    pub own: Option<ScheduleId>,
    /// Its last runs.
    pub marks: &'a [RunMark],
}

/// How many jobs come in the minutes around a time, beside its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// The minute in the middle.
    pub at: Time,
    /// Jobs that other schedules plan in each minute, [`MINUTES`] on either side.
    pub planned: Vec<f64>,
    /// Jobs of each minute, the average of the last days.
    pub usual: Vec<f64>,
    /// How long jobs of each minute waited on average, in milliseconds.
    pub wait_ms: Vec<f64>,
    /// Minutes that are much quieter, by how much later they are: the quietest first, of several the nearest.
    pub quieter: Vec<i32>,
    /// There are more than [`OTHERS_MAX`] other schedules, and not all of them were looked at.
    pub is_cut: bool,
}

/// Reads what comes around a time, in the queues of `scope`. The rollups of 7 × 31 minutes are read and the plans of 500 schedules, never jobs.
///
/// # Errors
/// Database failures.
pub fn load(conn: &mut PgConnection, scope: &Scope, asking: Asking<'_>) -> Result<Load, DbError> {
    let at = asking.at.with_second(0).and_then(|at| at.with_nanosecond(0)).unwrap_or(asking.at);
    let (mut usual, wait_ms) = past(conn, scope, at)?;
    without_own(&mut usual, at, asking.marks);
    let (others, is_cut) = others(conn, scope, asking.own, at + TimeDelta::minutes(i64::from(MINUTES) + 1))?;
    let planned = planned(&others, at);
    let crowd: Vec<f64> = planned.iter().zip(&usual).map(|(planned, usual)| planned.max(*usual)).collect();
    Ok(Load { at, quieter: quieter(&crowd), planned, usual, wait_ms, is_cut })
}

/// The place of a minute that is so much later than the middle.
fn place(later: i64) -> Option<usize> {
    usize::try_from(later + i64::from(MINUTES)).ok().filter(|place| *place < PLACES)
}

/// What came in the same minutes of days that are over, and how long it waited.
fn past(conn: &mut PgConnection, scope: &Scope, middle: Time) -> Result<(Vec<f64>, Vec<f64>), DbError> {
    const SQL: &str = "-- admin::schedules::load
SELECT (extract(epoch FROM r.at - d.middle) / 60)::integer AS minute, sum(r.enqueued)::bigint, sum(r.wait_us)::bigint, sum(r.succeeded + r.failed)::bigint
FROM (SELECT $1::timestamptz - n * interval '1 day' AS middle FROM generate_series(1, $2::integer) AS n) AS d
JOIN millrace.rollups r ON r.step_s = 60 AND r.at BETWEEN d.middle - $3 * interval '1 minute' AND d.middle + $3 * interval '1 minute'
WHERE $4 OR r.queue_id IN (SELECT q.id FROM millrace.queues q WHERE q.name = ANY ($5))
GROUP BY 1 ORDER BY 1 LIMIT 100";
    let rows = statement(SQL)
        .bind::<Timestamptz, _>(middle)
        .bind::<Integer, _>(DAYS)
        .bind::<Integer, _>(MINUTES)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .tuples::<(Integer, BigInt, BigInt, BigInt), (i32, i64, i64, i64)>(conn)?;
    let (mut jobs, mut wait_ms) = (vec![0.0; PLACES], vec![0.0; PLACES]);
    for (minute, enqueued, wait_us, ended) in rows {
        if let Some(place) = place(i64::from(minute)) {
            jobs[place] = enqueued as f64 / f64::from(DAYS);
            wait_ms[place] = if ended > 0 { wait_us as f64 / ended as f64 / 1_000.0 } else { 0.0 };
        }
    }
    Ok((jobs, wait_ms))
}

/// Takes out the jobs that the schedule itself made in those minutes.
fn without_own(usual: &mut [f64], middle: Time, marks: &[RunMark]) {
    for mark in marks {
        for day in 1..=i64::from(DAYS) {
            let later = (mark.at - (middle - TimeDelta::days(day))).num_seconds().div_euclid(60);
            if let Some(jobs) = place(later).and_then(|place| usual.get_mut(place)) {
                *jobs = (*jobs - 1.0 / f64::from(DAYS)).max(0.0);
            }
        }
    }
}

/// Reads the schedules that run before `until`, those that run next first; the flag tells that there are more.
fn others(
    conn: &mut PgConnection,
    scope: &Scope,
    own: Option<ScheduleId>,
    until: Time,
) -> Result<(Vec<Known>, bool), DbError> {
    const SQL: &str = concat!(
        "-- admin::schedules::others
SELECT v.spec FROM millrace.schedules s JOIN millrace.schedule_versions v ON v.schedule_id = s.id AND v.version = s.version
WHERE ",
        in_scope!("$1", "$2"),
        " AND s.removed_at IS NULL AND s.paused_at IS NULL AND s.ended_at IS NULL AND s.next_at < $3 AND s.id IS DISTINCT FROM $4
ORDER BY s.next_at, s.name LIMIT $5"
    );
    let most = i32::try_from(OTHERS_MAX).unwrap_or(i32::MAX);
    let rows = statement(SQL)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Timestamptz, _>(until)
        .bind::<Nullable<Integer>, _>(own.map(|own| own.0))
        .bind::<Integer, _>(most.saturating_add(1))
        .tuples::<Jsonb, Value>(conn)?;
    let is_cut = rows.len() > OTHERS_MAX;
    let read = |spec: Value| serde_json::from_value::<Schedule>(spec).ok();
    let specs: Vec<Schedule> = rows.into_iter().take(OTHERS_MAX).filter_map(read).collect();
    let timings: Vec<_> = specs.iter().map(Schedule::timing).collect();
    let names: Vec<&str> = timings.iter().flat_map(|timing| timing.calendars()).collect();
    let calendars = calendars_named(conn, &names)?;
    drop(timings);
    Ok((specs.into_iter().filter_map(|spec| Known::of(spec, &calendars).ok()).collect(), is_cut))
}

/// How many of them run in each of the minutes around `middle`.
fn planned(others: &[Known], middle: Time) -> Vec<f64> {
    let side = TimeDelta::minutes(i64::from(MINUTES));
    let mut jobs = vec![0.0; PLACES];
    for known in others {
        let runs = known.plan.runs(middle - side, middle + side + TimeDelta::minutes(1)).take(RUNS_MAX);
        let runs: Vec<Time> = runs.collect();
        for at in runs.iter().filter(|_| runs.len() < RUNS_MAX) {
            if let Some(jobs) = place((*at - middle).num_seconds().div_euclid(60)).and_then(|place| jobs.get_mut(place))
            {
                *jobs += 1.0;
            }
        }
    }
    jobs
}

/// The minutes that are much quieter than the one in the middle.
fn quieter(jobs: &[f64]) -> Vec<i32> {
    let middle = jobs.len() / 2;
    let Some(here) = jobs.get(middle).copied().filter(|jobs| *jobs >= BUSY) else { return Vec::new() };
    let away = |place: usize| {
        (i32::try_from(place).unwrap_or_default() - i32::try_from(middle).unwrap_or_default(), jobs[place])
    };
    let mut others: Vec<(i32, f64)> = (0..jobs.len()).filter(|place| *place != middle).map(away).collect();
    others.sort_by(|one, other| {
        one.1.total_cmp(&other.1).then(one.0.abs().cmp(&other.0.abs())).then(other.0.cmp(&one.0))
    });
    others.into_iter().filter(|(_, quiet)| *quiet * 2.0 < here).map(|(away, _)| away).collect()
}

impl Load {
    /// Gives the minute so many minutes later.
    pub fn minute(&self, later: i32) -> Time {
        self.at + TimeDelta::minutes(i64::from(later))
    }

    /// Tells whether so many jobs come in the middle that a quieter minute is looked for.
    pub fn is_busy(&self) -> bool {
        let (planned, usual, _) = self.of(0);
        planned.max(usual) >= BUSY
    }

    /// Tells whether nothing comes in any of the minutes.
    pub fn is_empty(&self) -> bool {
        self.planned.iter().chain(&self.usual).all(|jobs| *jobs == 0.0)
    }

    /// Gives of a minute so much later: what other schedules plan, what usually comes, how long that waited.
    pub fn of(&self, later: i32) -> (f64, f64, f64) {
        let of =
            |values: &[f64]| place(i64::from(later)).and_then(|place| values.get(place).copied()).unwrap_or_default();
        (of(&self.planned), of(&self.usual), of(&self.wait_ms))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::queue::job::JobId;
    use crate::timing::document::Calendars;

    #[test]
    fn the_nearest_of_the_quietest_minutes_comes_first_when_it_helps() {
        let best = |jobs: &[f64]| quieter(jobs).first().copied();
        assert_eq!(best(&[0.0, 3.0, 40.0, 1.0, 0.0]), Some(2), "later before earlier when both are as far");
        assert_eq!(best(&[9.0, 0.0, 40.0, 1.0, 0.0]), Some(-1));
        assert_eq!(best(&[30.0, 30.0, 40.0, 30.0, 30.0]), None, "nothing is much quieter");
        assert_eq!(best(&[0.0, 0.0, 4.0, 0.0, 0.0]), None, "and few jobs are no trouble");
        assert_eq!(quieter(&[9.0, 0.0, 40.0, 1.0, 30.0]), [-1, 1, -2], "the next best stand behind it");
    }

    fn other(rules: Value) -> Known {
        let spec = json!({ "kind": "Schedule", "name": "other", "template": "work", "timezone": "Europe/Rome", "rules": rules });
        Known::of(serde_json::from_value(spec).unwrap(), &Calendars::new()).unwrap()
    }

    #[test]
    fn what_others_plan_is_counted_by_the_minute() {
        let middle: Time = "2026-12-01T05:00:00Z".parse().unwrap();
        let mut others: Vec<Known> = (0..30).map(|_| other(json!([{ "cron": "0 6 * * *" }]))).collect();
        others.push(other(json!([{ "cron": "*/5 * * * *" }])));
        others.push(other(json!([{ "every": "1s" }])));

        let planned = planned(&others, middle);

        assert_eq!(planned[15], 31.0, "all at six in Rome");
        assert_eq!((planned[14], planned[10], planned[0], planned[30]), (0.0, 1.0, 1.0, 1.0));
        assert_eq!(planned.iter().sum::<f64>(), 37.0, "who runs every second is in every minute, and tells of none");
        assert_eq!(quieter(&planned).first(), Some(&1));
    }

    #[test]
    fn its_own_jobs_of_the_last_days_do_not_count() {
        let middle: Time = "2026-12-01T05:00:00Z".parse().unwrap();
        let mark = |days: i64, seconds: i64| RunMark {
            at: middle - TimeDelta::days(days) + TimeDelta::seconds(seconds),
            job: JobId(1),
            ended: None,
            is_retried: false,
            run_ms: None,
        };
        let mut usual = vec![1.0; PLACES];

        without_own(&mut usual, middle, &[mark(1, 0), mark(2, 59), mark(7, 60), mark(8, 0), mark(0, 0), mark(3, -1)]);

        let left: Vec<f64> = usual[14..17].iter().map(|jobs| (jobs * 7.0).round()).collect();
        assert_eq!(left, [6.0, 5.0, 6.0], "a week is looked at, not today nor the day before it");
        assert_eq!(usual.iter().filter(|jobs| **jobs < 1.0).count(), 3);
    }
}
