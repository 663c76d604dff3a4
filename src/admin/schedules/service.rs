//! What people and programs do with schedules. Each act: permission, one transaction, the audit record inside it.
//!
//! ```text
//! file, form, API ──check──▶ what is due is decided as before ──▶ version n+1 is in force ──▶ nodes look again
//! ```

use diesel::sql_types::{Array, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

pub use super::acts::{pause, pause_in, remove, resume, resume_in, roll_back, roll_back_in, run_now, run_now_in};
pub use super::begin::{Begin, copy, save_and_begin, save_and_begin_in};
use super::error::ScheduleError;
use super::read::{self, ScheduleRow};
use super::target::{self, Target};
use super::waiting;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::random;
use crate::base::text::{NAME_BYTES_MAX, ScheduleName, note};
use crate::queue::actor::Actor;
use crate::queue::audit::{self, Change};
use crate::queue::permission::Permission;
use crate::queue::ring::tell_schedules;
use crate::queue::schedules::{self as firing, Known, Next, Plans, ScheduleId, calendars_named};
use crate::timing::document::Fault;
use crate::timing::schedule::{OverlapPolicy, Schedule};

/// Names that no schedule can have: the console's own addresses stand where names do.
const RESERVED_NAMES: [&str; 2] = ["new", "calendar"];
/// A schedule may be saved when it runs within so many looks at its plan: that of every half minute of which one in months is left, too.
const LOOKS: usize = 12;
/// What a save came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Saved {
    /// The version in force.
    pub version: i32,
    /// Nothing differs from it, so none was made.
    pub unchanged: bool,
}

/// A schedule's own row, locked until the transaction ends.
pub(super) struct Locked {
    pub(super) id: ScheduleId,
    pub(super) version: i32,
    pub(super) jobs: i64,
    pub(super) is_paused: bool,
}

pub(super) fn lock(tx: &mut Tx<'_>, name: &str) -> Result<Option<Locked>, DbError> {
    const SQL: &str = "-- admin::schedules::lock
SELECT id, version, jobs, paused_at IS NOT NULL FROM millrace.schedules WHERE name = $1 AND removed_at IS NULL FOR NO KEY UPDATE";
    type Types = (Integer, Integer, diesel::sql_types::BigInt, diesel::sql_types::Bool);
    let found = statement(SQL).bind::<Text, _>(name).tuples::<Types, (i32, i32, i64, bool)>(tx)?.pop();
    Ok(found.map(|(id, version, jobs, is_paused)| Locked { id: ScheduleId(id), version, jobs, is_paused }))
}

/// Refuses to go on with what the actor may not act on: a schedule is in scope when the queue of its jobs is.
pub(super) fn find(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<ScheduleRow, ScheduleError> {
    if let Some(row) = read::show(conn, &actor.scope, name)? {
        return Ok(row);
    }
    let name: String = name.chars().take(NAME_BYTES_MAX).collect();
    Err(match read::removed_at(conn, &actor.scope, &name)? {
        Some(at) => ScheduleError::Removed(name, at),
        None => ScheduleError::NotFound(name),
    })
}

/// Finds a schedule to act on and locks it.
pub(super) fn take(tx: &mut Tx<'_>, actor: &Actor, name: &str) -> Result<(ScheduleRow, Locked), ScheduleError> {
    actor.require(Permission::EditSchedules)?;
    let locked = lock(tx, name)?;
    let row = find(tx, actor, name)?;
    let locked = locked.ok_or_else(|| ScheduleError::NotFound(row.name.clone()))?;
    Ok((row, locked))
}

/// Saves what a schedule says: a new schedule, or a new version of one, in force at once. What is due by then is decided as before.
/// `base` is the version that the change was made from; another is not overwritten, and 0 = it must be new.
///
/// # Errors
/// [`ScheduleError`]; nothing is changed then.
pub fn save(
    conn: &mut PgConnection,
    actor: &Actor,
    spec: &Schedule,
    base: Option<i32>,
    message: &str,
) -> Result<Saved, ScheduleError> {
    transaction(conn, "schedules::save", |tx| save_in(tx, actor, spec, base, message))
}

/// Does as [`save`] within the caller's transaction.
///
/// # Errors
/// [`ScheduleError`]; the transaction must not be committed then.
pub fn save_in(
    tx: &mut Tx<'_>,
    actor: &Actor,
    spec: &Schedule,
    base: Option<i32>,
    message: &str,
) -> Result<Saved, ScheduleError> {
    actor.require(Permission::EditSchedules)?;
    let message = note(message)?;
    check_name(&spec.name)?;
    hold_calendars(tx, spec)?;
    let before = lock(tx, &spec.name)?;
    if before.is_some() && base == Some(0) {
        return Err(ScheduleError::NameTaken(spec.name.clone()));
    }
    // one that is out of scope does not exist
    let row = before.as_ref().map(|_| find(tx, actor, &spec.name)).transpose()?;
    match (&before, base) {
        (Some(now), Some(base)) if base != now.version => {
            return Err(ScheduleError::Stale { base, latest: now.version });
        }
        (None, Some(base)) if base != 0 => return Err(ScheduleError::NotFound(spec.name.clone())),
        _ => {}
    }
    let spec = &uncovered(spec, row.as_ref())?;
    let (target, known) = checked(tx, actor, spec, before.as_ref().map_or(0, |now| now.jobs))?;
    let document = written(spec)?;
    let Some(now) = before else {
        let id = insert(tx, actor, &target, spec)?;
        put_version(tx, id, 1, (&document, message.as_deref()), actor)?;
        begin(tx, id, &known, target.id)?;
        mind(tx, id, &known)?;
        let change = Change::new("schedule.make", "schedule", &spec.name).because(message);
        let told = target::masked(tx, &document)?;
        audit::record(tx, actor, change.from_to(None, Some(told)))?;
        return Ok(Saved { version: 1, unchanged: false });
    };
    let old = read::versions(tx, now.id, Some(now.version))?.pop();
    if old.as_ref().is_some_and(|old| old.spec == document) {
        return Ok(Saved { version: now.version, unchanged: true });
    }
    firing::settle(tx, &mut Plans::default(), &mut random::number, now.id)?;
    let version = last_version(tx, now.id)? + 1;
    let released = waiting::leave_for_version(tx, (now.id, now.version), version, &known)?;
    put_version(tx, now.id, version, (&document, message.as_deref()), actor)?;
    come_into_force(tx, actor, (now.id, version), &target, &known)?;
    mind(tx, now.id, &known)?;
    waiting::release(tx, now.id, released)?;
    let change = Change::new("schedule.change", "schedule", &spec.name).because(message);
    let before = old.map(|old| target::masked(tx, &old.spec)).transpose()?;
    let after = target::masked(tx, &document)?;
    audit::record(tx, actor, change.from_to(before, Some(after)))?;
    Ok(Saved { version, unchanged: false })
}

/// Puts the secrets that a schedule has where they were shown covered. Those of another template need not be kept by this one.
fn uncovered(spec: &Schedule, row: Option<&ScheduleRow>) -> Result<Schedule, ScheduleError> {
    let mut args = Value::Object(spec.args.clone());
    let old = row.filter(|row| row.template == spec.template).and_then(|row| row.spec.get("args"));
    target::uncover(&mut args, old);
    if target::holds_cover(&args) {
        let message = format!("{} stands for a secret that is not known here: write the secret itself", target::COVER);
        return Err(ScheduleError::field("args", message));
    }
    let args = if let Value::Object(args) = args { args } else { spec.args.clone() };
    Ok(Schedule { args, ..spec.clone() })
}

/// Keeps the calendars that a schedule minds as they are until the transaction ends.
fn hold_calendars(tx: &mut Tx<'_>, spec: &Schedule) -> Result<(), DbError> {
    const SQL: &str = "-- admin::schedules::hold_calendars
SELECT FROM millrace.calendars c WHERE c.name = ANY ($1) ORDER BY c.name FOR SHARE";
    let timing = spec.timing();
    let names = timing.calendars();
    if !names.is_empty() {
        statement(SQL).bind::<Array<Text>, _>(names).run(tx)?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), ScheduleError> {
    if RESERVED_NAMES.contains(&name) {
        let message = format!("{name} is an address of the console, so no schedule can have this name");
        return Err(ScheduleError::field("name", message));
    }
    ScheduleName::parse(name).map(drop).map_err(|odd| ScheduleError::field("name", odd.to_string()))
}

/// Tells what is wrong with a schedule that is not saved yet, secrets that are covered and the note on it aside.
///
/// # Errors
/// [`ScheduleError`].
pub fn faults(conn: &mut PgConnection, actor: &Actor, spec: &Schedule) -> Result<Vec<Fault>, ScheduleError> {
    actor.require(Permission::EditSchedules)?;
    let mut faults = match check_name(&spec.name) {
        Err(ScheduleError::Refused(faults)) => faults,
        named => named.map(|()| Vec::new())?,
    };
    match transaction(conn, "schedules::faults", |tx| checked(tx, actor, spec, 0)) {
        Ok(_) => Ok(faults),
        Err(ScheduleError::Refused(more)) => {
            faults.extend(more);
            Ok(faults)
        }
        Err(error) => Err(error),
    }
}

/// Checks everything that a schedule says against what there is.
///
/// # Errors
/// [`ScheduleError::Refused`] with everything that is wrong.
pub fn checked(tx: &mut Tx<'_>, actor: &Actor, spec: &Schedule, made: i64) -> Result<(Target, Known), ScheduleError> {
    let timing = spec.timing();
    let calendars = calendars_named(tx, &timing.calendars())?;
    let (target, mut faults) = target::find(tx, actor, spec)?;
    let now = now(tx)?;
    let known = match Known::of(spec.clone(), &calendars) {
        Ok(known) => {
            faults.extend(known.policies.fit(&known.plan, now, LOOKS).err().unwrap_or_default());
            Some(known)
        }
        Err(more) => {
            faults.extend(more);
            None
        }
    };
    if let Err(odd) = note(spec.description.as_deref().unwrap_or_default()) {
        faults.push(target::fault("description", odd.to_string().replace("a note", "a description")));
    }
    let limit = spec.limit.map(i64::from).filter(|limit| *limit <= made && made > 0);
    if let Some(limit) = limit {
        faults.push(target::fault(
            "limit",
            format!("it has made {made} jobs already, so with {limit} it would never run again"),
        ));
    }
    let in_turn = !matches!(spec.overlap, OverlapPolicy::Skip | OverlapPolicy::AllowAll);
    if in_turn && target.as_ref().is_some_and(|target| target.debounces) {
        let message = format!(
            "the template {} debounces its jobs, so they cannot wait for one another: choose skip or allow_all",
            spec.template
        );
        faults.push(target::fault("overlap", message));
    }
    match (target, known) {
        (Some(target), Some(known)) if faults.is_empty() => Ok((target, known)),
        _ => Err(ScheduleError::Refused(faults)),
    }
}

pub(super) fn now(tx: &mut PgConnection) -> Result<Time, DbError> {
    const SQL: &str = "-- admin::schedules::now
SELECT clock_timestamp()";
    Ok(statement(SQL).tuples::<Timestamptz, Time>(tx)?.pop().unwrap_or_default())
}

fn written(spec: &Schedule) -> Result<Value, DbError> {
    serde_json::to_value(spec)
        .map_err(|error| DbError::Corrupt(format!("a schedule cannot be written as JSON: {error}")))
}

/// Gives what a search looks through.
fn said(spec: &Schedule) -> String {
    [spec.name.as_str(), &spec.template, spec.description.as_deref().unwrap_or_default()].join(" ").to_lowercase()
}

fn insert(tx: &mut Tx<'_>, actor: &Actor, target: &Target, spec: &Schedule) -> Result<ScheduleId, ScheduleError> {
    const SQL: &str = "-- admin::schedules::insert
INSERT INTO millrace.schedules (name, template_id, version, created_by, updated_by, said) VALUES ($1, $2, 1, $3, $3, $4) RETURNING id";
    let id = statement(SQL)
        .bind::<Text, _>(&spec.name)
        .bind::<Integer, _>(target.id)
        .bind::<Text, _>(actor.signature())
        .bind::<Text, _>(said(spec))
        .tuples::<Integer, i32>(tx);
    match id {
        Err(error) if error.is_constraint("schedules_by_name") => Err(ScheduleError::NameTaken(spec.name.clone())),
        id => Ok(ScheduleId(id?.pop().ok_or_else(|| DbError::Corrupt("a schedule was not inserted".into()))?)),
    }
}

fn put_version(
    tx: &mut Tx<'_>,
    id: ScheduleId,
    version: i32,
    (document, message): (&Value, Option<&str>),
    actor: &Actor,
) -> Result<(), DbError> {
    const SQL: &str = "-- admin::schedules::put_version
INSERT INTO millrace.schedule_versions (schedule_id, version, spec, note, created_by) VALUES ($1, $2, $3, $4, $5)";
    statement(SQL)
        .bind::<Integer, _>(id.0)
        .bind::<Integer, _>(version)
        .bind::<Jsonb, _>(document)
        .bind::<Nullable<Text>, _>(message)
        .bind::<Text, _>(actor.signature())
        .run(tx)?;
    Ok(())
}

fn last_version(tx: &mut Tx<'_>, id: ScheduleId) -> Result<i32, DbError> {
    const SQL: &str = "-- admin::schedules::last_version
SELECT v.version FROM millrace.schedule_versions v WHERE v.schedule_id = $1 ORDER BY v.version DESC LIMIT 1";
    Ok(statement(SQL).bind::<Integer, _>(id.0).tuples::<Integer, i32>(tx)?.pop().unwrap_or_default())
}

/// Lets a new schedule begin at this moment.
fn begin(tx: &mut Tx<'_>, id: ScheduleId, known: &Known, template: i32) -> Result<(), DbError> {
    const SQL: &str = "-- admin::schedules::begin
UPDATE millrace.schedules s SET decided_until = $1, due_at = $2, next_at = $3 WHERE s.id = $4 AND s.template_id = $5 AND s.version = 1";
    let from = now(tx)?;
    let Next { due_at, next_at } = firing::next(&known.plan, from);
    statement(SQL)
        .bind::<Timestamptz, _>(from)
        .bind::<Nullable<Timestamptz>, _>(due_at)
        .bind::<Nullable<Timestamptz>, _>(next_at)
        .bind::<Integer, _>(id.0)
        .bind::<Integer, _>(template)
        .run(tx)?;
    tell_schedules(tx)
}

/// Puts another version into force. It decides what has not been; for one that had ended, what comes from now on.
fn come_into_force(
    tx: &mut Tx<'_>,
    actor: &Actor,
    (id, version): (ScheduleId, i32),
    target: &Target,
    known: &Known,
) -> Result<(), DbError> {
    const SQL: &str = "-- admin::schedules::come_into_force
UPDATE millrace.schedules s SET version = $1, template_id = $2, stamp = s.stamp + 1, due_at = $3, next_at = $4, trouble = NULL, ended_at = NULL,
    updated_at = clock_timestamp(), updated_by = $5, decided_until = greatest(s.decided_until, $6), said = $7
WHERE s.id = $8 AND s.version < $1";
    const UNTIL: &str = "-- admin::schedules::decided_until
SELECT CASE WHEN s.ended_at IS NULL THEN s.decided_until ELSE greatest(s.decided_until, clock_timestamp()) END FROM millrace.schedules s WHERE s.id = $1";
    let from = statement(UNTIL).bind::<Integer, _>(id.0).tuples::<Timestamptz, Time>(tx)?.pop().unwrap_or_default();
    let Next { due_at, next_at } = firing::next(&known.plan, from);
    statement(SQL)
        .bind::<Integer, _>(version)
        .bind::<Integer, _>(target.id)
        .bind::<Nullable<Timestamptz>, _>(due_at)
        .bind::<Nullable<Timestamptz>, _>(next_at)
        .bind::<Text, _>(actor.signature())
        .bind::<Timestamptz, _>(from)
        .bind::<Text, _>(said(&known.spec))
        .bind::<Integer, _>(id.0)
        .run(tx)?;
    tell_schedules(tx)
}

/// Notes which calendars the version in force minds. Those are locked, so that none of them goes meanwhile.
fn mind(tx: &mut Tx<'_>, id: ScheduleId, known: &Known) -> Result<(), DbError> {
    const FORGET: &str = "-- admin::schedules::mind_none
DELETE FROM millrace.schedule_calendars sc WHERE sc.schedule_id = $1";
    const MIND: &str = "-- admin::schedules::mind
INSERT INTO millrace.schedule_calendars (calendar_id, schedule_id) SELECT c.id, $1 FROM millrace.calendars c WHERE c.name = ANY ($2)";
    statement(FORGET).bind::<Integer, _>(id.0).run(tx)?;
    let timing = known.spec.timing();
    let names = timing.calendars();
    if !names.is_empty() {
        statement(MIND).bind::<Integer, _>(id.0).bind::<Array<Text>, _>(names).run(tx)?;
    }
    Ok(())
}
