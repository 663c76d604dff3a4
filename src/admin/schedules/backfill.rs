//! Backfills as people ask for them: a dry run first, then a start, a stop, going on.

use std::collections::HashMap;

use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};
use serde_json::json;

use super::error::ScheduleError;
use super::history::{self, BackfillRow};
use super::service::{find, now, take};
use super::{read, target};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::random;
use crate::base::text::note;
use crate::queue::actor::Actor;
use crate::queue::audit::{self, Change};
use crate::queue::permission::Permission;
use crate::queue::ring::tell_schedules;
use crate::queue::schedules::{self as firing, BACKFILL_MAX, Known, Plans, Range, ScheduleId};

/// Most jobs of a backfill that may run at a time.
pub const CONCURRENCY_MAX: i16 = 1_000;
/// Occurrences that a dry run names.
pub const NAMED_MAX: usize = 20;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// From here on.
    pub from: Time,
    /// Before.
    pub to: Time,
    /// From the end of the range to its begin.
    pub newest_first: bool,
    /// Only occurrences that have no job yet.
    pub missing_only: bool,
    /// Most of its jobs that have not ended at a time.
    pub concurrency: i16,
}

/// What a backfill would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRun {
    /// Jobs that it would make.
    pub jobs: usize,
    /// The occurrences of the first of them, in the order in which they would be made.
    pub first: Vec<Time>,
    /// Occurrences of the range that have a job already.
    pub have_jobs: usize,
    /// Occurrences of the range that are left out and told one by one.
    pub left_out: usize,
    /// More than those are left out: some stand for all others of the same closed time.
    pub left_out_more: bool,
    /// The first of all that the rules name in the range, in the order in which jobs would be made.
    pub named: Vec<Named>,
    /// There are more occurrences than one backfill may have.
    pub is_too_many: bool,
}

/// An occurrence of the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The instant that the rules name.
    pub at: Time,
    /// When it would have run instead, and why.
    pub moved: Option<(Time, String)>,
    /// What would be made of it.
    pub becomes: Becomes,
}

/// What a backfill would make of an occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Becomes {
    /// A job.
    Job,
    /// A job beside the one that it has.
    SecondJob,
    /// Nothing: it has a job.
    HasJob,
    /// Nothing, for this reason.
    LeftOut(String),
}

/// Tells what a backfill would do; nothing is made.
///
/// # Errors
/// [`ScheduleError::BadRange`]; [`ScheduleError`].
pub fn dry_run(conn: &mut PgConnection, actor: &Actor, name: &str, wish: &Wish) -> Result<DryRun, ScheduleError> {
    actor.require(Permission::EditSchedules)?;
    let row = find(conn, actor, name)?;
    let known = firing::known(conn, row.id, row.version)?.map_err(ScheduleError::NoJob)?;
    planned(conn, row.id, &known, wish)
}

fn planned(conn: &mut PgConnection, id: ScheduleId, known: &Known, wish: &Wish) -> Result<DryRun, ScheduleError> {
    if wish.from >= wish.to {
        return Err(ScheduleError::BadRange("the end of the range must be after its begin".into()));
    }
    if wish.to > now(conn)? {
        let message = "the end of the range lies ahead: what is to come runs by itself, so that nothing runs twice";
        return Err(ScheduleError::BadRange(message.into()));
    }
    if !(1..=CONCURRENCY_MAX).contains(&wish.concurrency) {
        return Err(ScheduleError::field("concurrency", format!("from 1 to {CONCURRENCY_MAX}")));
    }
    if wish.missing_only {
        refuse_forgotten(conn, id, wish)?;
    }
    let Range { mut runs, moved, left_out, left_out_more, is_whole } = firing::occurrences(known, wish.from, wish.to);
    let have = firing::with_jobs(conn, id, &runs)?;
    let has_job = |at: &Time| have.binary_search(at).is_ok();
    let becomes = |at: &Time| match (has_job(at), wish.missing_only) {
        (false, _) => Becomes::Job,
        (true, false) => Becomes::SecondJob,
        (true, true) => Becomes::HasJob,
    };
    let left = left_out.len();
    let mut moved: HashMap<Time, (Time, String)> = moved.into_iter().map(|(at, to, why)| (at, (to, why))).collect();
    let mut named: Vec<Named> =
        runs.iter().map(|at| Named { at: *at, moved: moved.remove(at), becomes: becomes(at) }).collect();
    named.extend(left_out.into_iter().map(|(at, why)| Named { at, moved: None, becomes: Becomes::LeftOut(why) }));
    named.sort_by_key(|one| one.at);
    runs.retain(|at| !wish.missing_only || !has_job(at));
    if wish.newest_first {
        runs.reverse();
        named.reverse();
    }
    named.truncate(NAMED_MAX);
    let (jobs, first) = (runs.len(), runs.into_iter().take(NAMED_MAX).collect());
    Ok(DryRun { jobs, first, have_jobs: have.len(), left_out: left, left_out_more, named, is_too_many: !is_whole })
}

/// What is not known any more would look missing, and be made again.
fn refuse_forgotten(conn: &mut PgConnection, id: ScheduleId, wish: &Wish) -> Result<(), ScheduleError> {
    const SQL: &str = "-- admin::schedules::forgotten
SELECT f.until FROM millrace.forgotten_occurrences f JOIN millrace.schedules s ON s.created_at <= f.until WHERE s.id = $1 AND $2 <= f.until LIMIT 1";
    let until = statement(SQL)
        .bind::<Integer, _>(id.0)
        .bind::<Timestamptz, _>(wish.from)
        .tuples::<Timestamptz, Time>(conn)?
        .pop();
    until.map_or(Ok(()), |until| {
        let until = until.format("%Y-%m-%d %H:%M:%S UTC");
        Err(ScheduleError::BadRange(format!(
            "what ran up to {until} is not kept any more, so it is not known what of it is missing: begin the range later, or make all of it"
        )))
    })
}

/// Starts a backfill of the version in force and gives its number.
///
/// # Errors
/// [`ScheduleError::BadRange`] when there is nothing to make, or too much; [`ScheduleError`].
pub fn start(
    conn: &mut PgConnection,
    actor: &Actor,
    name: &str,
    wish: &Wish,
    reason: &str,
) -> Result<BackfillRow, ScheduleError> {
    transaction(conn, "schedules::start_backfill", |tx| start_in(tx, actor, name, wish, reason))
}

/// Does as [`start`] within the caller's transaction.
///
/// # Errors
/// [`ScheduleError`]; the transaction must not be committed then.
pub fn start_in(
    tx: &mut Tx<'_>,
    actor: &Actor,
    name: &str,
    wish: &Wish,
    reason: &str,
) -> Result<BackfillRow, ScheduleError> {
    const SQL: &str = "-- admin::schedules::start_backfill
INSERT INTO millrace.backfills (schedule_id, version, from_at, to_at, newest_first, missing_only, concurrency, planned, reason, person_id, actor)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id";
    let (row, locked) = take(tx, actor, name)?;
    let reason = note(reason)?;
    // what was missed is caught up first, so that nothing is made twice
    firing::settle(tx, &mut Plans::default(), &mut random::number, locked.id)?;
    let known = firing::known(tx, locked.id, locked.version)?.map_err(ScheduleError::NoJob)?;
    let plan = planned(tx, locked.id, &known, wish)?;
    refuse_undecided(tx, locked.id, wish.to)?;
    if plan.is_too_many {
        let message = format!("more than {BACKFILL_MAX} occurrences lie in the range; choose a shorter one");
        return Err(ScheduleError::BadRange(message));
    }
    if plan.jobs == 0 {
        let message = match plan.have_jobs {
            0 => "no occurrence that runs lies in the range".to_owned(),
            have => format!("all {have} occurrences of the range have a job already"),
        };
        return Err(ScheduleError::BadRange(message));
    }
    let id = statement(SQL)
        .bind::<Integer, _>(locked.id.0)
        .bind::<Integer, _>(locked.version)
        .bind::<Timestamptz, _>(wish.from)
        .bind::<Timestamptz, _>(wish.to)
        .bind::<Bool, _>(wish.newest_first)
        .bind::<Bool, _>(wish.missing_only)
        .bind::<SmallInt, _>(wish.concurrency)
        .bind::<Integer, _>(i32::try_from(plan.jobs).unwrap_or(i32::MAX))
        .bind::<Nullable<Text>, _>(reason.as_deref())
        .bind::<Nullable<BigInt>, _>(actor.person.map(|person| person.0))
        .bind::<Text, _>(actor.signature())
        .tuples::<Integer, i32>(tx)?
        .pop()
        .unwrap_or_default();
    let after = json!({ "backfill": id, "from": wish.from, "to": wish.to, "jobs": plan.jobs, "concurrency": wish.concurrency,
        "newest_first": wish.newest_first, "missing_only": wish.missing_only });
    let change = Change::new("schedule.backfill", "schedule", &row.name).because(reason);
    audit::record(tx, actor, change.from_to(None, Some(after)))?;
    tell_schedules(tx)?;
    history::backfill(tx, id)?.ok_or(ScheduleError::NoBackfill(id))
}

/// Refuses a range that the rules themselves have not decided to its end: they would make jobs of it, too.
fn refuse_undecided(tx: &mut Tx<'_>, id: ScheduleId, to: Time) -> Result<(), ScheduleError> {
    const SQL: &str = "-- admin::schedules::undecided
SELECT s.decided_until FROM millrace.schedules s WHERE s.id = $1 AND s.ended_at IS NULL AND s.decided_until < $2";
    let until =
        statement(SQL).bind::<Integer, _>(id.0).bind::<Timestamptz, _>(to).tuples::<Timestamptz, Time>(tx)?.pop();
    until.map_or(Ok(()), |until| {
        let until = until.format("%Y-%m-%d %H:%M:%S UTC");
        let message =
            format!("what was due after {until} is not decided yet: try again in a minute, or end the range there");
        Err(ScheduleError::BadRange(message))
    })
}

/// Reads a backfill whose schedule is in scope.
///
/// # Errors
/// [`ScheduleError::NoBackfill`]; [`ScheduleError`].
pub fn show(conn: &mut PgConnection, actor: &Actor, id: i32) -> Result<BackfillRow, ScheduleError> {
    actor.require(Permission::ReadSchedules)?;
    let row = history::backfill(conn, id)?.ok_or(ScheduleError::NoBackfill(id))?;
    if actor.scope.is_everything() {
        return Ok(row);
    }
    match find(conn, actor, &row.schedule) {
        Ok(found) if found.id == row.schedule_id => Ok(row),
        // its schedule was removed, and another has the name
        Ok(_) | Err(ScheduleError::NotFound(_) | ScheduleError::Removed(..)) => Err(ScheduleError::NoBackfill(id)),
        Err(error) => Err(error),
    }
}

/// Stops a backfill: it makes no further jobs; those that it made go on.
///
/// # Errors
/// [`ScheduleError::BackfillIs`]; [`ScheduleError`].
pub fn stop(conn: &mut PgConnection, actor: &Actor, id: i32, reason: &str) -> Result<BackfillRow, ScheduleError> {
    transaction(conn, "schedules::turn_backfill", |tx| stop_in(tx, actor, id, reason))
}

/// Does as [`stop`] within the caller's transaction.
///
/// # Errors
/// [`ScheduleError`]; the transaction must not be committed then.
pub fn stop_in(tx: &mut Tx<'_>, actor: &Actor, id: i32, reason: &str) -> Result<BackfillRow, ScheduleError> {
    const SQL: &str = "-- admin::schedules::stop_backfill
UPDATE millrace.backfills b SET state = 'stopped', finished_at = clock_timestamp(), ended_by = $1 WHERE b.id = $2 AND b.state = 'running'";
    let stop = |tx: &mut Tx<'_>| statement(SQL).bind::<Text, _>(actor.signature()).bind::<Integer, _>(id).run(tx);
    turn(tx, actor, id, (&stop, "schedule.backfill_stop", "is stopped"), reason)
}

/// Lets a stopped backfill go on where it was.
///
/// # Errors
/// [`ScheduleError::BackfillIs`]; [`ScheduleError`].
pub fn resume(conn: &mut PgConnection, actor: &Actor, id: i32, reason: &str) -> Result<BackfillRow, ScheduleError> {
    transaction(conn, "schedules::turn_backfill", |tx| resume_in(tx, actor, id, reason))
}

/// Does as [`resume`] within the caller's transaction.
///
/// # Errors
/// [`ScheduleError`]; the transaction must not be committed then.
pub fn resume_in(tx: &mut Tx<'_>, actor: &Actor, id: i32, reason: &str) -> Result<BackfillRow, ScheduleError> {
    const SQL: &str = "-- admin::schedules::resume_backfill
UPDATE millrace.backfills b SET state = 'running', finished_at = NULL, ended_by = NULL WHERE b.id = $1 AND b.state = 'stopped'";
    let resume = |tx: &mut Tx<'_>| statement(SQL).bind::<Integer, _>(id).run(tx);
    turn(tx, actor, id, (&resume, "schedule.backfill_resume", "runs"), reason)
}

/// Changes the row of a backfill, if it stands so that it can; tells how many rows were.
type Turn<'t> = dyn Fn(&mut Tx<'_>) -> Result<usize, DbError> + 't;

/// A backfill makes jobs of its own version, whose queue may be another than that of the version in force.
fn refuse_out_of_scope(tx: &mut Tx<'_>, actor: &Actor, row: &BackfillRow) -> Result<(), ScheduleError> {
    let version = read::versions(tx, row.schedule_id, Some(row.version))?.pop();
    let is_seen = version.map(|version| target::is_in_scope(tx, actor, &version.spec)).transpose()?;
    if is_seen == Some(false) { Err(ScheduleError::NoBackfill(row.id.0)) } else { Ok(()) }
}

fn turn(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: i32,
    (change, act, otherwise): (&Turn<'_>, &'static str, &'static str),
    reason: &str,
) -> Result<BackfillRow, ScheduleError> {
    let row = show(tx, actor, id)?;
    let (_, locked) = take(tx, actor, &row.schedule)?;
    if locked.id != row.schedule_id {
        return Err(ScheduleError::NoBackfill(id));
    }
    let reason = note(reason)?;
    refuse_out_of_scope(tx, actor, &row)?;
    if change(tx)? == 0 {
        return Err(ScheduleError::BackfillIs(id, if row.state == "done" { "is done" } else { otherwise }));
    }
    let change = Change::new(act, "schedule", &row.schedule).because(reason);
    audit::record(tx, actor, change.from_to(None, Some(json!({ "backfill": id, "made": row.enqueued }))))?;
    tell_schedules(tx)?;
    history::backfill(tx, id)?.ok_or(ScheduleError::NoBackfill(id))
}
