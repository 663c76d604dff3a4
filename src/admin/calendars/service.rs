//! What people and programs do with calendars. Each act: permission, one transaction, the audit record inside it.

use diesel::sql_types::{BigInt, Integer, Jsonb, Text};
use serde_json::Value;

use super::read::{self, CALENDARS_MAX, CalendarRow};
use crate::admin::schedules;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::{NAME_BYTES_MAX, TextError, note};
use crate::queue::actor::{Actor, Forbidden, Scope};
use crate::queue::audit::{self, Change};
use crate::queue::permission::Permission;
use crate::queue::ring::tell_schedules;
use crate::timing::calendar::{Calendar, Problem};

/// Names that no calendar can have: the console's own addresses stand where names do.
const RESERVED_NAMES: [&str; 2] = ["new", "import"];
/// Schedules that a refusal names.
const NAMED_MAX: usize = 5;

/// Why an act on a calendar was refused.
#[derive(Debug, thiserror::Error)]
pub enum CalendarError {
    /// There is no such calendar.
    #[error("there is no calendar {0:?}")]
    NotFound(String),
    /// A calendar of this name exists already.
    #[error("there is a calendar called {0:?} already")]
    NameTaken(String),
    /// The name is none that a calendar can have.
    #[error("{0}")]
    BadName(String),
    /// The document breaks rules.
    #[error("{}", .0.first().map_or("refused", |problem| problem.message.as_str()))]
    Refused(Vec<Problem>),
    /// There are as many as there may be.
    #[error("there are {CALENDARS_MAX} calendars, and no more are allowed")]
    TooMany,
    /// Somebody changed it since it was looked at.
    #[error("the calendar {} was changed meanwhile", .0.name)]
    Stale(Box<CalendarRow>),
    /// Schedules mind it.
    #[error("the calendar {name} cannot be removed while schedules mind it: {}", told(schedules))]
    InUse {
        /// Which.
        name: String,
        /// The schedules.
        schedules: Vec<String>,
    },
    /// Calendars are everybody's, and the actor is limited to some queues.
    #[error("calendars are everybody's, and your scope is limited to some queues or tags")]
    Limited,
    /// The actor lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The reason is too long or holds control characters.
    #[error(transparent)]
    BadNote(#[from] TextError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

fn told(schedules: &[String]) -> String {
    let named = schedules.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match schedules.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// What a save came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Saved {
    /// There is a calendar more.
    Made,
    /// It says something else.
    Changed,
    /// It said so already.
    Unchanged,
}

/// Lists calendars by name.
///
/// # Errors
/// [`CalendarError::Forbidden`], database failures.
pub fn list(conn: &mut PgConnection, actor: &Actor) -> Result<Vec<CalendarRow>, CalendarError> {
    actor.require(Permission::ReadCalendars)?;
    Ok(read::list(conn, &actor.scope, None)?)
}

/// Lists the calendars called `names`, by name.
///
/// # Errors
/// [`CalendarError::Forbidden`], database failures.
pub fn list_of(conn: &mut PgConnection, actor: &Actor, names: &[String]) -> Result<Vec<CalendarRow>, CalendarError> {
    actor.require(Permission::ReadCalendars)?;
    Ok(read::list(conn, &actor.scope, Some(names))?)
}

/// Gives the names of all calendars, in order.
///
/// # Errors
/// [`CalendarError::Forbidden`], database failures.
pub fn names(conn: &mut PgConnection, actor: &Actor) -> Result<Vec<String>, CalendarError> {
    actor.require(Permission::ReadCalendars)?;
    Ok(read::names(conn)?)
}

/// Reads one calendar with the schedules in scope that mind it.
///
/// # Errors
/// [`CalendarError::NotFound`], [`CalendarError::Forbidden`].
pub fn find(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<(CalendarRow, Vec<String>), CalendarError> {
    actor.require(Permission::ReadCalendars)?;
    let calendar = found(conn, &actor.scope, name)?;
    let users = read::users(conn, &actor.scope, calendar.id)?;
    Ok((calendar, users))
}

fn found(conn: &mut PgConnection, scope: &Scope, name: &str) -> Result<CalendarRow, CalendarError> {
    let missing = || CalendarError::NotFound(name.chars().take(NAME_BYTES_MAX).collect());
    read::list(conn, scope, Some(&[name.replace('\0', "")]))?.pop().ok_or_else(missing)
}

/// Tells whether the actor may act on calendars: schedules of everybody's queues mind them, so whoever is limited to some may not.
pub fn may_act(actor: &Actor) -> bool {
    actor.may(Permission::EditCalendars) && actor.scope.is_everything()
}

fn require(actor: &Actor) -> Result<(), CalendarError> {
    actor.require(Permission::EditCalendars)?;
    if actor.scope.is_everything() { Ok(()) } else { Err(CalendarError::Limited) }
}

/// Makes a calendar, or changes it: schedules that mind it go by it from now on.
/// `seen` is the version that was seen; another is not overwritten, and 0 = it must be new.
///
/// # Errors
/// [`CalendarError`]; nothing is changed then.
pub fn save(
    conn: &mut PgConnection,
    actor: &Actor,
    calendar: &Calendar,
    seen: Option<i32>,
    reason: &str,
) -> Result<Saved, CalendarError> {
    transaction(conn, "calendars::save", |tx| save_in(tx, actor, calendar, seen, reason))
}

/// Does as [`save`] within the caller's transaction.
///
/// # Errors
/// [`CalendarError`]; the transaction must not be committed then.
pub fn save_in(
    tx: &mut Tx<'_>,
    actor: &Actor,
    calendar: &Calendar,
    seen: Option<i32>,
    reason: &str,
) -> Result<Saved, CalendarError> {
    require(actor)?;
    let reason = note(reason)?;
    let name = calendar.name.as_str();
    if RESERVED_NAMES.contains(&name) {
        return Err(CalendarError::BadName(format!(
            "{name} is an address of the console, so no calendar can have this name"
        )));
    }
    calendar.days().map_err(CalendarError::Refused)?;
    lock(tx, name, Lock::Change)?;
    let before = read::list(tx, &actor.scope, Some(&[name.to_owned()]))?.pop();
    match (&before, seen) {
        (Some(_), Some(0)) => return Err(CalendarError::NameTaken(name.into())),
        (Some(row), Some(seen)) if seen != row.version => return Err(CalendarError::Stale(Box::new(row.clone()))),
        (None, Some(seen)) if seen != 0 => return Err(CalendarError::NotFound(name.into())),
        _ => {}
    }
    let spec = serde_json::to_value(calendar)
        .map_err(|error| DbError::Corrupt(format!("a calendar cannot be written as JSON: {error}")))?;
    if before.as_ref().is_some_and(|row| row.spec == spec) {
        return Ok(Saved::Unchanged);
    }
    match &before {
        Some(row) => {
            let minding = schedules::minding(tx, row.id)?;
            change(tx, row, &spec, actor)?;
            schedules::leave_for_calendar(tx, minding, name)?;
            look_again(tx, row.id)?;
        }
        None => insert(tx, name, &spec, actor)?,
    }
    let verb = if before.is_some() { "calendar.change" } else { "calendar.make" };
    let change = Change::new(verb, "calendar", name).because(reason);
    let is_new = before.is_none();
    audit::record(tx, actor, change.from_to(before.map(|row| row.spec), Some(spec)))?;
    Ok(if is_new { Saved::Made } else { Saved::Changed })
}

/// What a calendar is locked for.
#[derive(Clone, Copy)]
enum Lock {
    /// Schedules that begin to mind it may go on.
    Change,
    Removal,
}

/// Two acts on one calendar follow one another.
fn lock(tx: &mut Tx<'_>, name: &str, lock: Lock) -> Result<(), DbError> {
    const CHANGE: &str = "-- admin::calendars::lock
SELECT FROM millrace.calendars WHERE name = $1 FOR NO KEY UPDATE";
    const REMOVAL: &str = "-- admin::calendars::lock_for_removal
SELECT FROM millrace.calendars WHERE name = $1 FOR UPDATE";
    let sql = match lock {
        Lock::Change => CHANGE,
        Lock::Removal => REMOVAL,
    };
    statement(sql).bind::<Text, _>(name).run(tx)?;
    Ok(())
}

fn insert(tx: &mut Tx<'_>, name: &str, spec: &Value, actor: &Actor) -> Result<(), CalendarError> {
    const SQL: &str = "-- admin::calendars::insert
INSERT INTO millrace.calendars (name, spec, updated_by) SELECT $1, $2, $3 WHERE (SELECT count(*) FROM millrace.calendars) < $4
ON CONFLICT (name) DO NOTHING";
    let inserted = statement(SQL)
        .bind::<Text, _>(name)
        .bind::<Jsonb, _>(spec)
        .bind::<Text, _>(actor.signature())
        .bind::<BigInt, _>(CALENDARS_MAX)
        .run(tx)?;
    match inserted {
        1 => Ok(()),
        _ if read::names(tx)?.iter().any(|taken| taken == name) => Err(CalendarError::NameTaken(name.into())),
        _ => Err(CalendarError::TooMany),
    }
}

/// Changes a calendar that is locked.
fn change(tx: &mut Tx<'_>, row: &CalendarRow, spec: &Value, actor: &Actor) -> Result<(), CalendarError> {
    const SQL: &str = "-- admin::calendars::change
UPDATE millrace.calendars c SET spec = $1, updated_by = $2, updated_at = clock_timestamp(), version = c.version + 1 WHERE c.id = $3 AND c.version = $4";
    let changed = statement(SQL)
        .bind::<Jsonb, _>(spec)
        .bind::<Text, _>(actor.signature())
        .bind::<Integer, _>(row.id)
        .bind::<Integer, _>(row.version)
        .run(tx)?;
    if changed == 1 { Ok(()) } else { Err(CalendarError::Stale(Box::new(row.clone()))) }
}

/// Lets the schedules that mind a calendar be looked at now, under a new stamp: what they mean has changed.
fn look_again(tx: &mut Tx<'_>, id: i32) -> Result<(), DbError> {
    const SQL: &str = "-- admin::calendars::look_again
WITH minding AS MATERIALIZED (
    SELECT m.id FROM millrace.schedule_calendars sc JOIN millrace.schedules m ON m.id = sc.schedule_id
    WHERE sc.calendar_id = $1 AND m.removed_at IS NULL ORDER BY m.id FOR NO KEY UPDATE OF m
)
UPDATE millrace.schedules s SET stamp = s.stamp + 1, due_at = CASE WHEN s.ended_at IS NULL THEN clock_timestamp() END
FROM minding WHERE s.id = minding.id";
    statement(SQL).bind::<Integer, _>(id).run(tx)?;
    tell_schedules(tx)
}

/// Removes a calendar that no schedule minds.
///
/// # Errors
/// [`CalendarError::InUse`] while schedules mind it; [`CalendarError`].
pub fn remove(conn: &mut PgConnection, actor: &Actor, name: &str, reason: &str) -> Result<(), CalendarError> {
    transaction(conn, "calendars::remove", |tx| remove_in(tx, actor, name, reason))
}

/// Does as [`remove`] within the caller's transaction.
///
/// # Errors
/// [`CalendarError`]; the transaction must not be committed then.
pub fn remove_in(tx: &mut Tx<'_>, actor: &Actor, name: &str, reason: &str) -> Result<(), CalendarError> {
    const SQL: &str = "-- admin::calendars::remove
DELETE FROM millrace.calendars WHERE id = $1 AND version = $2";
    require(actor)?;
    let reason = note(reason)?;
    lock(tx, name, Lock::Removal)?;
    let before = found(tx, &actor.scope, name)?;
    let schedules = read::users(tx, &actor.scope, before.id)?; // whoever may act sees all
    if !schedules.is_empty() {
        return Err(CalendarError::InUse { name: before.name, schedules });
    }
    statement(SQL).bind::<Integer, _>(before.id).bind::<Integer, _>(before.version).run(tx)?;
    let change = Change::new("calendar.remove", "calendar", &before.name).because(reason);
    Ok(audit::record(tx, actor, change.from_to(Some(before.spec), None))?)
}
