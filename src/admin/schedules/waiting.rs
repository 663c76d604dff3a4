//! Occurrences whose time has come and which wait for the end of a closed time: when what lets them wait is no longer in force, they do not
//! run, and each has a row that says so.

use std::collections::HashMap;

use chrono::TimeDelta;
use diesel::sql_types::{Array, Integer, Text, Timestamptz};

use super::service::now;
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::schedules::{self as firing, Cause, Known, Outcome, Plans, ScheduleId, Wanted};
use crate::timing::calendar::SEARCH_DAYS_MAX;

/// Occurrences that are looked through for those that wait.
const LOOKED_AT: usize = 500;
/// Nothing waits longer for a business day.
const WAITS_MAX: TimeDelta = TimeDelta::days(SEARCH_DAYS_MAX as i64);

/// Gives the occurrences that wait at `moment`.
fn waiting(known: &Known, moment: Time) -> Vec<Time> {
    let course = known.plan.course(moment).take(LOOKED_AT).take_while(|one| one.moment < moment + WAITS_MAX);
    course.filter(|one| one.at < moment && one.runs_at().is_some()).map(|one| one.at).collect()
}

/// Writes down those that wait by the version in force and not by the next one.
pub(super) fn leave_for_version(
    tx: &mut Tx<'_>,
    (id, version): (ScheduleId, i32),
    next: i32,
    new: &Known,
) -> Result<(), DbError> {
    let Ok(old) = firing::known(tx, id, version)? else { return Ok(()) };
    let moment = now(tx)?;
    let still = waiting(new, moment);
    let gone: Vec<Time> = waiting(&old, moment).into_iter().filter(|at| !still.contains(at)).collect();
    leave(tx, (id, version), &gone, &format!("version {next} came into force while it waited"))
}

fn leave(tx: &mut Tx<'_>, (id, version): (ScheduleId, i32), at: &[Time], reason: &str) -> Result<(), DbError> {
    const SQL: &str = "-- admin::schedules::leave_waiting
INSERT INTO millrace.occurrences (schedule_id, at, backfill_id, version, outcome, cause, reason)
SELECT $1, w.at, 0, $2, $3, $4, $5 FROM unnest($6::timestamptz[]) AS w(at) ON CONFLICT DO NOTHING";
    if at.is_empty() {
        return Ok(());
    }
    statement(SQL)
        .bind::<Integer, _>(id.0)
        .bind::<Integer, _>(version)
        .bind::<Text, _>(Outcome::Skipped.as_str())
        .bind::<Text, _>(Cause::Changed.as_str())
        .bind::<Text, _>(reason)
        .bind::<Array<Timestamptz>, _>(at)
        .run(tx)?;
    Ok(())
}

/// A schedule that minds a calendar, and which of its occurrences wait that a look has passed already.
#[derive(Debug)]
pub struct Minding {
    wanted: Wanted,
    waiting: Vec<Time>,
}

/// Finds the schedules that mind a calendar, with what waits; their rows stay locked until the transaction ends.
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
        let mut waiting = found.get(&wanted.id)?.as_ref().map(|known| waiting(known, moment)).ok()?;
        // what no look has passed is decided by what holds then
        waiting.retain(|at| until.get(&wanted.id).is_some_and(|until| at < until));
        Some(Minding { wanted, waiting })
    };
    Ok(wanted.into_iter().filter_map(of).filter(|one| !one.waiting.is_empty()).collect())
}

/// Writes down what waited before a calendar was changed and does not any more.
///
/// # Errors
/// Database failures.
pub fn leave_for_calendar(tx: &mut Tx<'_>, before: &[Minding], calendar: &str) -> Result<(), DbError> {
    let wanted: Vec<Wanted> = before.iter().map(|one| one.wanted).collect();
    let (found, moment) = (Plans::default().of(tx, &wanted)?, now(tx)?);
    for one in before {
        let still = match found.get(&one.wanted.id) {
            Some(Ok(known)) => waiting(known, moment),
            _ => continue,
        };
        let gone: Vec<Time> = one.waiting.iter().filter(|at| !still.contains(at)).copied().collect();
        let reason = format!("the calendar {calendar} was changed while it waited");
        leave(tx, (one.wanted.id, one.wanted.version), &gone, &reason)?;
    }
    Ok(())
}
