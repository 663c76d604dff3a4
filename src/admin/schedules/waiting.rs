//! What a change does to occurrences that no look will decide any more: those whose time has come and which wait for the end of a closed
//! time, and those that it moves to a time which is over. They run now, or have a row that says why not.

use std::collections::HashMap;

use chrono::TimeDelta;
use diesel::sql_types::{Array, Integer, Nullable, Text, Timestamptz};

use super::service::now;
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};
use crate::base::random;
use crate::queue::schedules::{self as firing, Cause, Known, Outcome, Plans, Released, ScheduleId, Wanted};
use crate::timing::calendar::SEARCH_DAYS_MAX;

/// Occurrences that are looked through for those that wait.
const LOOKED_AT: usize = 500;
/// Nothing waits longer for a business day.
const WAITS_MAX: TimeDelta = TimeDelta::days(SEARCH_DAYS_MAX as i64);

/// The occurrences that wait.
#[derive(Debug, Default)]
struct Waiting {
    /// Those that will run.
    runs: Vec<Time>,
    /// Those for which one of them stands, each with those up to a time for which it stands itself.
    merged: Vec<(Time, Option<Time>)>,
}

/// Gives the occurrences that wait at `moment`.
fn waiting(known: &Known, moment: Time) -> Waiting {
    let course = known.plan.course(moment).take(LOOKED_AT).take_while(|one| one.moment < moment + WAITS_MAX);
    let (runs, merged): (Vec<_>, Vec<_>) =
        course.filter(|one| one.at < moment && one.moment > one.at).partition(|one| one.runs_at().is_some());
    let runs = runs.into_iter().map(|one| one.at).collect();
    let merged = merged.into_iter().map(|one| (one.at, one.until.map(|until| until.min(moment)))).collect();
    Waiting { runs, merged }
}

/// Tells whether a plan lets this occurrence run by `moment`.
fn runs_by(known: &Known, at: Time, moment: Time) -> bool {
    let mut course = known.plan.course(at).take(LOOKED_AT).take_while(|one| one.moment <= moment);
    course.find(|one| one.at == at).is_some_and(|one| one.runs_at().is_some())
}

/// Gives the occurrences named at or after `until` that a plan lets run before it: a look at `until` has passed them.
fn overtaken(known: &Known, until: Time) -> Vec<Time> {
    let back = known.plan.back();
    if back.is_zero() {
        return Vec::new();
    }
    let course = known.plan.course(until - back).take(LOOKED_AT).take_while(|one| one.moment < until);
    course.filter(|one| one.at >= until && one.runs_at().is_some()).map(|one| one.at).collect()
}

/// What waited by a plan and does not by the next one.
#[derive(Debug, Default)]
struct Gone {
    /// The next plan lets it run, and its time is over.
    owed: Vec<Time>,
    /// The next plan leaves it out.
    left_out: Vec<Time>,
    /// One that waited as well stood for it, and it for those up to a time.
    merged: Vec<(Time, Option<Time>)>,
}

fn gone(before: Waiting, new: &Known, moment: Time) -> Gone {
    let still = waiting(new, moment);
    let waits = |at: &Time| still.runs.contains(at) || still.merged.iter().any(|(merged, _)| merged == at);
    let (owed, left_out) = before.runs.into_iter().filter(|at| !waits(at)).partition(|at| runs_by(new, *at, moment));
    Gone { owed, left_out, merged: before.merged.into_iter().filter(|(at, _)| !waits(at)).collect() }
}

/// Writes down those that wait by the version in force and not by the next one, and gives those that the next one lets run. What it moves to
/// a time that is over does not run: whoever writes a version begins with it.
pub(super) fn leave_for_version(
    tx: &mut Tx<'_>,
    (id, version): (ScheduleId, i32),
    next: i32,
    new: &Known,
) -> Result<Vec<Released>, DbError> {
    let Ok(old) = firing::known(tx, id, version)? else { return Ok(Vec::new()) };
    let moment = now(tx)?;
    let change = format!("version {next} came into force");
    let gone = gone(waiting(&old, moment), new, moment);
    let owed = leave(tx, (id, version), gone, &change)?;
    let over = format!("{change} when the time to which it moves this one was over");
    put_down(tx, (id, next), &alone(&overtaken(new, moment)), (Cause::Changed, &over))?;
    Ok(owed)
}

/// Writes down what does not run, and gives what runs now.
fn leave(tx: &mut Tx<'_>, schedule: (ScheduleId, i32), gone: Gone, change: &str) -> Result<Vec<Released>, DbError> {
    put_down(tx, schedule, &alone(&gone.left_out), (Cause::Changed, &format!("{change} while it waited")))?;
    put_down(tx, schedule, &gone.merged, (Cause::Merged, &format!("one stood for it that waited when {change}")))?;
    let why = format!("it waited until {change}");
    Ok(gone.owed.into_iter().map(|at| Released { at, why: why.clone() }).collect())
}

/// Occurrences that stand for no others.
fn alone(at: &[Time]) -> Vec<(Time, Option<Time>)> {
    at.iter().map(|at| (*at, None)).collect()
}

fn put_down(
    tx: &mut Tx<'_>,
    (id, version): (ScheduleId, i32),
    at: &[(Time, Option<Time>)],
    (cause, reason): (Cause, &str),
) -> Result<(), DbError> {
    const SQL: &str = "-- admin::schedules::leave_waiting
INSERT INTO millrace.occurrences (schedule_id, at, backfill_id, version, outcome, cause, reason, until)
SELECT $1, w.at, 0, $2, $3, $4, $5, w.until FROM unnest($6::timestamptz[], $7::timestamptz[]) AS w(at, until) ON CONFLICT DO NOTHING";
    if at.is_empty() {
        return Ok(());
    }
    statement(SQL)
        .bind::<Integer, _>(id.0)
        .bind::<Integer, _>(version)
        .bind::<Text, _>(Outcome::Skipped.as_str())
        .bind::<Text, _>(cause.as_str())
        .bind::<Text, _>(reason)
        .bind::<Array<Timestamptz>, _>(at.iter().map(|(at, _)| *at).collect::<Vec<_>>())
        .bind::<Array<Nullable<Timestamptz>>, _>(at.iter().map(|(_, until)| *until).collect::<Vec<_>>())
        .run(tx)?;
    Ok(())
}

/// Lets occurrences of a schedule run now.
pub(super) fn release(tx: &mut Tx<'_>, id: ScheduleId, released: Vec<Released>) -> Result<(), DbError> {
    if released.is_empty() {
        return Ok(());
    }
    firing::release(tx, &mut Plans::default(), &mut random::number, id, released)
}

/// A schedule that minds a calendar, and which of its occurrences wait that a look has passed already.
#[derive(Debug)]
pub struct Minding {
    wanted: Wanted,
    /// Everything before is decided.
    until: Time,
    waiting: Waiting,
}

/// Finds the schedules that mind a calendar and of which occurrences wait, or may be moved to an earlier time; their rows stay locked until
/// the transaction ends.
///
/// # Errors
/// Database failures.
pub fn minding(tx: &mut Tx<'_>, calendar: i32) -> Result<Vec<Minding>, DbError> {
    const SQL: &str = "-- admin::schedules::minding
SELECT m.id, m.version, m.stamp, m.decided_until FROM millrace.schedule_calendars sc JOIN millrace.schedules m ON m.id = sc.schedule_id
WHERE sc.calendar_id = $1 AND m.removed_at IS NULL AND m.ended_at IS NULL ORDER BY m.id FOR NO KEY UPDATE OF m";
    type Row = (i32, i32, i32, Time);
    let rows =
        statement(SQL).bind::<Integer, _>(calendar).tuples::<(Integer, Integer, Integer, Timestamptz), Row>(tx)?;
    let until: HashMap<ScheduleId, Time> = rows.iter().map(|(id, .., until)| (ScheduleId(*id), *until)).collect();
    let wanted: Vec<Wanted> = rows
        .iter()
        .map(|(id, version, stamp, _)| Wanted { id: ScheduleId(*id), version: *version, stamp: *stamp })
        .collect();
    let (found, moment) = (Plans::default().of(tx, &wanted)?, now(tx)?);
    let of = |wanted: Wanted| {
        let known = found.get(&wanted.id)?.as_ref().ok()?;
        let until = *until.get(&wanted.id)?;
        let mut waiting = waiting(known, moment);
        // what no look has passed is decided by what holds then
        waiting.runs.retain(|at| *at < until);
        waiting.merged.retain(|(at, _)| *at < until);
        let is_told = waiting.runs.is_empty() && waiting.merged.is_empty() && known.plan.back().is_zero();
        (!is_told).then_some(Minding { wanted, until, waiting })
    };
    Ok(wanted.into_iter().filter_map(of).collect())
}

/// Lets run what waited before a calendar was changed, or is moved to a time that is over by now, and writes down what the calendar leaves
/// out: whoever changes a calendar has its schedules not in view.
///
/// # Errors
/// Database failures.
pub fn leave_for_calendar(tx: &mut Tx<'_>, before: Vec<Minding>, calendar: &str) -> Result<(), DbError> {
    let wanted: Vec<Wanted> = before.iter().map(|one| one.wanted).collect();
    let (found, moment) = (Plans::default().of(tx, &wanted)?, now(tx)?);
    let change = format!("the calendar {calendar} was changed");
    for one in before {
        let Some(Ok(known)) = found.get(&one.wanted.id) else { continue };
        let schedule = (one.wanted.id, one.wanted.version);
        let mut released = leave(tx, schedule, gone(one.waiting, known, moment), &change)?;
        let why = format!("{change} when the time to which it moves this one was over");
        released.extend(overtaken(known, one.until).into_iter().map(|at| Released { at, why: why.clone() }));
        release(tx, one.wanted.id, released)?;
    }
    Ok(())
}
