//! Acts on a schedule: pause, resume, remove, run now, roll back. Each: permission, one transaction, the audit record inside it.

use diesel::sql_types::{Integer, Nullable, Text};
use serde_json::json;

use super::error::ScheduleError;
use super::read::{self, ScheduleRow, Standing};
use super::service::{Saved, find, save_in, take};
use super::target;
use crate::base::db::{PgConnection, Tx, statement, transaction};
use crate::base::random;
use crate::base::text::note;
use crate::queue::actor::Actor;
use crate::queue::audit::{self, Change};
use crate::queue::job::JobId;
use crate::queue::schedules::{self as firing, ByHand, Plans};
use crate::timing::schedule::Schedule;

/// Leaves out the occurrences of a schedule from now on, each with the reason, until somebody resumes it.
///
/// # Errors
/// [`ScheduleError::Already`]; [`ScheduleError`].
pub fn pause(conn: &mut PgConnection, actor: &Actor, name: &str, reason: &str) -> Result<ScheduleRow, ScheduleError> {
    transaction(conn, "schedules::pause", |tx| pause_in(tx, actor, name, reason))
}

/// Does as [`pause`] within the caller's transaction.
///
/// # Errors
/// [`ScheduleError`]; the transaction must not be committed then.
pub fn pause_in(tx: &mut Tx<'_>, actor: &Actor, name: &str, reason: &str) -> Result<ScheduleRow, ScheduleError> {
    const SQL: &str = "-- admin::schedules::pause
UPDATE millrace.schedules s SET paused_at = clock_timestamp(), paused_by = $1, pause_reason = $2 WHERE s.id = $3 AND s.paused_at IS NULL";
    let (row, locked) = take(tx, actor, name)?;
    let reason = note(reason)?;
    if row.standing() == Standing::Ended {
        return Err(ScheduleError::Already(row.name, "over"));
    }
    if locked.is_paused {
        return Err(ScheduleError::Already(row.name, "paused"));
    }
    firing::settle(tx, &mut Plans::default(), &mut random::number, locked.id)?;
    let paused = statement(SQL)
        .bind::<Text, _>(actor.signature())
        .bind::<Nullable<Text>, _>(reason.as_deref())
        .bind::<Integer, _>(locked.id.0)
        .run(tx)?;
    if paused == 0 {
        return Err(ScheduleError::Already(row.name, "paused")); // by itself, when what is due was decided
    }
    let change = Change::new("schedule.pause", "schedule", name).because(reason);
    audit::record(tx, actor, change.from_to(Some(json!({ "paused": false })), Some(json!({ "paused": true }))))?;
    find(tx, actor, name)
}

/// Lets the occurrences of a paused schedule run again, those that come from now on. Earlier failures do not count towards its pause.
///
/// # Errors
/// [`ScheduleError::Already`]; [`ScheduleError`].
pub fn resume(conn: &mut PgConnection, actor: &Actor, name: &str, reason: &str) -> Result<ScheduleRow, ScheduleError> {
    transaction(conn, "schedules::resume", |tx| resume_in(tx, actor, name, reason))
}

/// Does as [`resume`] within the caller's transaction.
///
/// # Errors
/// [`ScheduleError`]; the transaction must not be committed then.
pub fn resume_in(tx: &mut Tx<'_>, actor: &Actor, name: &str, reason: &str) -> Result<ScheduleRow, ScheduleError> {
    const SQL: &str = "-- admin::schedules::resume
UPDATE millrace.schedules s SET paused_at = NULL, paused_by = NULL, pause_reason = NULL, failures_since = clock_timestamp()
WHERE s.id = $1 AND s.paused_at IS NOT NULL";
    let (row, locked) = take(tx, actor, name)?;
    let reason = note(reason)?;
    if row.standing() == Standing::Ended {
        return Err(ScheduleError::Already(row.name, "over"));
    }
    if !locked.is_paused {
        return Err(ScheduleError::Already(row.name, "enabled"));
    }
    firing::settle(tx, &mut Plans::default(), &mut random::number, locked.id)?;
    firing::come_back(tx, locked.id)?;
    statement(SQL).bind::<Integer, _>(locked.id.0).run(tx)?;
    let before = json!({ "paused": true, "by": row.paused_by, "reason": row.pause_reason });
    let change = Change::new("schedule.resume", "schedule", name).because(reason);
    audit::record(tx, actor, change.from_to(Some(before), Some(json!({ "paused": false }))))?;
    find(tx, actor, name)
}

/// Removes a schedule: nothing runs by it any more, and its name is free. Jobs that it made go on, and what it did is kept as long as jobs are.
///
/// # Errors
/// [`ScheduleError`]; nothing is changed then.
pub fn remove(conn: &mut PgConnection, actor: &Actor, name: &str, reason: &str) -> Result<(), ScheduleError> {
    const SQL: &str = "-- admin::schedules::remove
UPDATE millrace.schedules s SET removed_at = clock_timestamp(), due_at = NULL, next_at = NULL WHERE s.id = $1 AND s.version = $2";
    const MIND: &str = "-- admin::schedules::mind_no_more
DELETE FROM millrace.schedule_calendars sc WHERE sc.schedule_id = $1";
    const STOP: &str = "-- admin::schedules::stop_backfills
UPDATE millrace.backfills b SET state = 'stopped', finished_at = clock_timestamp(), ended_by = $1 WHERE b.schedule_id = $2 AND b.state = 'running'";
    transaction(conn, "schedules::remove", |tx| {
        let (row, locked) = take(tx, actor, name)?;
        let reason = note(reason)?;
        firing::settle(tx, &mut Plans::default(), &mut random::number, locked.id)?;
        statement(SQL).bind::<Integer, _>(locked.id.0).bind::<Integer, _>(locked.version).run(tx)?;
        statement(MIND).bind::<Integer, _>(locked.id.0).run(tx)?;
        statement(STOP).bind::<Text, _>(actor.signature()).bind::<Integer, _>(locked.id.0).run(tx)?;
        let before = target::masked(tx, &row.spec)?;
        let change = Change::new("schedule.remove", "schedule", name).because(reason);
        Ok(audit::record(tx, actor, change.from_to(Some(before), None))?)
    })
}

/// Makes one job of a schedule at once, beside what its rules make; a paused schedule, too. Ring the nodes afterwards.
///
/// # Errors
/// [`ScheduleError::Overlaps`] when its jobs do not overlap and one has not ended; [`ScheduleError`].
pub fn run_now(conn: &mut PgConnection, actor: &Actor, name: &str, reason: &str) -> Result<ByHand, ScheduleError> {
    let (job, behind) = transaction(conn, "schedules::run_now", |tx| run_now_in(tx, actor, name, reason))?;
    Ok(ByHand::Made { job, behind })
}

/// Does as [`run_now`] within the caller's transaction, and gives the job and the one that it waits for.
///
/// # Errors
/// As [`run_now`]; the transaction must not be committed then.
pub fn run_now_in(
    tx: &mut Tx<'_>,
    actor: &Actor,
    name: &str,
    reason: &str,
) -> Result<(JobId, Option<JobId>), ScheduleError> {
    let (row, locked) = take(tx, actor, name)?;
    let reason = note(reason)?;
    let known = firing::known(tx, locked.id, locked.version)?.map_err(ScheduleError::NoJob)?;
    match firing::run_by_hand(tx, locked.id, locked.version, &known)? {
        ByHand::Overlaps(job) => Err(ScheduleError::Overlaps(job)),
        ByHand::Refused(why) => Err(ScheduleError::NoJob(why)),
        ByHand::Made { job, behind } => {
            let change = Change::new("schedule.run", "schedule", &row.name).because(reason);
            audit::record(tx, actor, change.from_to(None, Some(json!({ "job": job, "version": locked.version }))))?;
            Ok((job, behind))
        }
    }
}

/// Brings an older version back: its content becomes a new version, in force at once.
///
/// # Errors
/// [`ScheduleError::NoVersion`]; as [`save`] when what it says is refused by now.
pub fn roll_back(
    conn: &mut PgConnection,
    actor: &Actor,
    name: &str,
    version: i32,
    reason: &str,
) -> Result<Saved, ScheduleError> {
    transaction(conn, "schedules::roll_back", |tx| roll_back_in(tx, actor, name, version, reason))
}

/// Does as [`roll_back`] within the caller's transaction.
///
/// # Errors
/// [`ScheduleError`]; the transaction must not be committed then.
pub fn roll_back_in(
    tx: &mut Tx<'_>,
    actor: &Actor,
    name: &str,
    version: i32,
    reason: &str,
) -> Result<Saved, ScheduleError> {
    let (row, locked) = take(tx, actor, name)?;
    let old = read::versions(tx, locked.id, Some(version))?.pop();
    let old = old.ok_or_else(|| ScheduleError::NoVersion(row.name.clone(), version))?;
    let spec: Schedule = serde_json::from_value(old.spec)
        .map_err(|error| ScheduleError::field("version", format!("version {version} cannot be read: {error}")))?;
    let told = note(reason)?.unwrap_or_else(|| format!("back to version {version}"));
    save_in(tx, actor, &spec, Some(locked.version), &told)
}
