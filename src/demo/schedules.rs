//! The demo's calendars and schedules, with a past: at each time of theirs a job of their template came in.

use std::collections::VecDeque;

use chrono::TimeDelta;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use super::catalog::CatalogError;
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};
use crate::base::document::{DocumentError, documents};
use crate::queue::schedules::{Known, Next, calendars_named, next};
use crate::timing::calendar::Calendar;
use crate::timing::schedule::Schedule;
use crate::timing::{Fate, Occurrence};

/// The documents.
const DOCUMENTS: &str = include_str!("schedules.yaml");
/// The schedule that somebody has paused, and why.
const PAUSED: (&str, &str) = ("stock-recount-rotterdam", "the warehouse moves until the 14th");
/// Since how long.
const PAUSED_FOR: TimeDelta = TimeDelta::days(2);
/// A job that came within this time after one of a schedule stands for its run.
const NEAR: TimeDelta = TimeDelta::minutes(2);

/// What the demo runs by itself.
#[derive(Debug, Default)]
pub struct Scheduled {
    calendars: Vec<Calendar>,
    schedules: Vec<Schedule>,
}

/// Reads the documents.
///
/// # Errors
/// [`CatalogError`], a fault of this program.
pub fn read() -> Result<Scheduled, CatalogError> {
    let wrong = |error: DocumentError| CatalogError::of(error.to_string());
    let mut all = Scheduled::default();
    for document in documents(DOCUMENTS).map_err(wrong)? {
        match document.kind().map_err(wrong)?.as_str() {
            "Calendar" => all.calendars.push(document.read().map_err(wrong)?),
            _ => all.schedules.push(document.read().map_err(wrong)?),
        }
    }
    Ok(all)
}

/// A schedule with the times of its past.
#[derive(Debug)]
pub struct Lived {
    known: Known,
    runs: Vec<Run>,
}

/// A run of the past.
#[derive(Debug)]
struct Run {
    /// The time that the rules name.
    at: Time,
    /// When its job came in.
    came: Time,
    /// Why that was another time.
    why: Option<String>,
}

impl Run {
    fn of(one: &Occurrence) -> Option<Self> {
        match &one.fate {
            Fate::Runs(came, why) => Some(Self { at: one.at, came: *came, why: why.as_ref().map(ToString::to_string) }),
            Fate::Skipped(_) => None,
        }
    }
}

impl Lived {
    /// Gives the template of its jobs.
    pub fn template(&self) -> &str {
        &self.known.spec.template
    }

    /// Gives the times at which its jobs came in, each with the arguments.
    pub fn arrivals(&self) -> impl Iterator<Item = (Time, Value)> + '_ {
        let args = Value::Object(self.known.spec.args.clone());
        self.runs.iter().map(move |run| (run.came, args.clone()))
    }
}

/// Makes the calendars in the name of `by`, and tells when the schedules ran from `from` to `now`.
///
/// # Errors
/// [`CatalogError`] when a document cannot be followed; database failures.
pub fn begin(tx: &mut Tx<'_>, all: &Scheduled, by: &str, (from, now): (Time, Time)) -> Result<Vec<Lived>, InsertError> {
    const CALENDAR: &str = "-- demo::schedules::calendar
INSERT INTO millrace.calendars (name, spec, created_at, updated_at, updated_by) VALUES ($1, $2, $3, $3, $4)";
    for calendar in &all.calendars {
        statement(CALENDAR)
            .bind::<Text, _>(calendar.name.as_str())
            .bind::<Jsonb, _>(written(calendar)?)
            .bind::<Timestamptz, _>(from)
            .bind::<Text, _>(by)
            .run(tx)?;
    }
    let mut lived = Vec::new();
    for spec in &all.schedules {
        let calendars = calendars_named(tx, &spec.timing().calendars())?;
        let known = Known::of(spec.clone(), &calendars).map_err(|faults| CatalogError::of(format!("{faults:?}")))?;
        let is_paused = spec.name == PAUSED.0;
        let end = if is_paused { now - PAUSED_FOR } else { now };
        let runs = known.plan.course(from).take_while(|one| one.moment < end).filter_map(|one| Run::of(&one)).collect();
        lived.push(Lived { known, runs });
    }
    Ok(lived)
}

/// Makes the schedules in the name of `by`, with the jobs of their past, which stand there already.
///
/// # Errors
/// [`CatalogError`] when a document cannot be written; database failures.
pub fn insert(tx: &mut Tx<'_>, lived: &[Lived], by: &str, (from, now): (Time, Time)) -> Result<(), InsertError> {
    for Lived { known, runs } in lived {
        make(tx, known, by, (from, now))?;
        remember(tx, &known.spec.name, &known.spec.template, runs)?;
    }
    Ok(())
}

fn written(document: &impl serde::Serialize) -> Result<Value, CatalogError> {
    serde_json::to_value(document).map_err(|error| CatalogError::of(error.to_string()))
}

fn make(tx: &mut Tx<'_>, known: &Known, by: &str, (from, now): (Time, Time)) -> Result<(), InsertError> {
    const SQL: &str = "-- demo::schedules::make
WITH made AS (
    INSERT INTO millrace.schedules (name, template_id, version, decided_until, due_at, next_at, created_at, created_by, updated_at, updated_by,
        paused_at, paused_by, pause_reason)
    SELECT $1, t.id, 1, $2, $3, $4, $5, $6, $5, $6, CASE WHEN $7 IS NOT NULL THEN $2 - interval '2 days' END, CASE WHEN $7 IS NOT NULL THEN $6 END, $7
    FROM millrace.templates t WHERE t.name = $8 RETURNING id
), version AS (
    INSERT INTO millrace.schedule_versions (schedule_id, version, spec, created_at, created_by) SELECT made.id, 1, $9, $5, $6 FROM made
)
INSERT INTO millrace.schedule_calendars (calendar_id, schedule_id) SELECT c.id, made.id FROM made, millrace.calendars c WHERE c.name = ANY ($10)";
    let Next { due_at, next_at } = next(&known.plan, now);
    let spec = &known.spec;
    let timing = spec.timing();
    let paused = (spec.name == PAUSED.0).then_some(PAUSED.1);
    statement(SQL)
        .bind::<Text, _>(&spec.name)
        .bind::<Timestamptz, _>(now)
        .bind::<Nullable<Timestamptz>, _>(due_at)
        .bind::<Nullable<Timestamptz>, _>(next_at)
        .bind::<Timestamptz, _>(from)
        .bind::<Text, _>(by)
        .bind::<Nullable<Text>, _>(paused)
        .bind::<Text, _>(&spec.template)
        .bind::<Jsonb, _>(written(spec)?)
        .bind::<Array<Text>, _>(timing.calendars())
        .run(tx)?;
    Ok(())
}

/// Why there are no schedules.
#[derive(Debug, thiserror::Error)]
pub enum InsertError {
    /// A fault of this program.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Writes down for each run the first job of the template that came in at its time.
fn remember(tx: &mut Tx<'_>, schedule: &str, template: &str, runs: &[Run]) -> Result<(), DbError> {
    const JOBS: &str = "-- demo::schedules::jobs
SELECT j.id, j.created_at FROM millrace.jobs j JOIN millrace.templates t ON t.id = j.template_id
WHERE t.name = $1 AND NOT EXISTS (SELECT FROM millrace.occurrences o WHERE o.job_id = j.id) ORDER BY j.created_at, j.id";
    const WRITE: &str = "-- demo::schedules::write
INSERT INTO millrace.occurrences (schedule_id, at, version, outcome, cause, reason, run_at, job_id, decided_at)
SELECT s.id, w.at, 1, 'enqueued', CASE WHEN w.why IS NOT NULL THEN 'moved' END, w.why, w.came, w.job_id, w.came
FROM unnest($1::timestamptz[], $2::timestamptz[], $3::text[], $4::bigint[]) AS w(at, came, why, job_id)
JOIN millrace.schedules s ON s.name = $5 AND s.removed_at IS NULL";
    const COUNT: &str = "-- demo::schedules::count
UPDATE millrace.schedules SET jobs = $1 WHERE name = $2 AND version = 1";
    let rows = statement(JOBS).bind::<Text, _>(template).tuples::<(BigInt, Timestamptz), (i64, Time)>(tx)?;
    let mut jobs: VecDeque<(i64, Time)> = rows.into();
    let mut made: Vec<(&Run, i64)> = Vec::new();
    for run in runs {
        while jobs.front().is_some_and(|(_, came)| *came < run.came) {
            jobs.pop_front();
        }
        if jobs.front().is_some_and(|(_, came)| *came - run.came < NEAR)
            && let Some((job, _)) = jobs.pop_front()
        {
            made.push((run, job));
        }
    }
    statement(WRITE)
        .bind::<Array<Timestamptz>, _>(made.iter().map(|(run, _)| run.at).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(made.iter().map(|(run, _)| run.came).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(made.iter().map(|(run, _)| run.why.as_deref()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(made.iter().map(|(_, job)| *job).collect::<Vec<_>>())
        .bind::<Text, _>(schedule)
        .run(tx)?;
    let count = i32::try_from(made.len()).unwrap_or(i32::MAX);
    statement(COUNT).bind::<Integer, _>(count).bind::<Text, _>(schedule).run(tx)?;
    Ok(())
}
