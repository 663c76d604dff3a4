//! What people and programs do with failure groups. Each act: permission in scope, one transaction, the audit record inside it.

use chrono::TimeDelta;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};
use serde_json::{Value, json};

use super::acts::Act;
use super::detail;
use super::filter::{Filter, Range};
use super::read::{self, Course, GroupRow, Page, Tally};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::{TextError, note};
use crate::queue::actor::{Actor, Forbidden, PersonId, Scope};
use crate::queue::audit::{self, Change};
use crate::queue::permission::Permission;

/// Longest time for which a group can be muted, in days.
pub const MUTE_DAYS_MAX: i64 = 366;
/// Longest note, in characters.
pub const NOTE_CHARS_MAX: usize = 2_000;
/// Longest address of a ticket, in characters.
pub const TICKET_CHARS_MAX: usize = 500;
/// Most notes of one group.
const NOTES_MAX: i64 = 1_000;

/// Why an act on a group was refused.
#[derive(Debug, thiserror::Error)]
pub enum FailureError {
    /// There is no such group, or none of its failures is in the actor's scope.
    #[error("there is no failure group {0:?}")]
    NotFound(String),
    /// It also fails in queues that the actor may not act on.
    #[error("the group also fails in queues outside of what you may act on: {0}")]
    OutOfScope(String),
    /// The end of the mute is past or too far away.
    #[error("a group is muted until some time within the next {MUTE_DAYS_MAX} days")]
    BadUntil,
    /// It is not muted.
    #[error("the group is not muted")]
    NotMuted,
    /// It is not marked handled.
    #[error("the group is not marked handled")]
    NotHandled,
    /// No such version can be.
    #[error("a version is a number from 1 on, at most one more than the template has")]
    BadVersion,
    /// Nobody with this id or address, or somebody who may not handle failures.
    #[error("a group can be assigned to operators and admins that are not disabled")]
    BadPerson,
    /// The note is empty or too long.
    #[error("a note has 1 to {NOTE_CHARS_MAX} characters and no control characters")]
    BadText,
    /// There are too many notes.
    #[error("a group has at most {NOTES_MAX} notes")]
    TooMany,
    /// The ticket is no address.
    #[error("a ticket is an address that begins with http:// or https://, at most {TICKET_CHARS_MAX} characters")]
    BadTicket,
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

/// Tells whether the actor reads messages as they were; others see them without what varies.
pub fn sees_messages(actor: &Actor) -> bool {
    Permission::ReadPayloads.held_by(actor.role)
}

/// Lists the groups that the actor may see.
///
/// # Errors
/// [`FailureError::Forbidden`], database failures.
pub fn list(conn: &mut PgConnection, actor: &Actor, filter: &Filter, rows_max: i64) -> Result<Page, FailureError> {
    actor.require(Permission::ReadFailures)?;
    Ok(read::list(conn, &actor.scope, filter, (rows_max, sees_messages(actor)))?)
}

/// Counts them by state.
///
/// # Errors
/// As [`list`].
pub fn tally(conn: &mut PgConnection, actor: &Actor, filter: &Filter) -> Result<Tally, FailureError> {
    actor.require(Permission::ReadFailures)?;
    Ok(read::tally(conn, &actor.scope, filter, sees_messages(actor))?)
}

/// Counts the open groups of everybody, for the rail.
///
/// # Errors
/// Database failures.
pub fn open(conn: &mut PgConnection) -> Result<i64, DbError> {
    Ok(read::tally(conn, &Scope::default(), &Filter::default(), false)?.open())
}

/// Reads how groups came during a range that ends now.
///
/// # Errors
/// As [`list`].
pub fn courses(
    conn: &mut PgConnection,
    actor: &Actor,
    prints: &[String],
    range: (Range, Time),
) -> Result<Vec<Course>, FailureError> {
    actor.require(Permission::ReadFailures)?;
    Ok(read::courses(conn, &actor.scope, prints, range)?)
}

/// Reads one group that the actor may see.
///
/// # Errors
/// [`FailureError::NotFound`], [`FailureError::Forbidden`].
pub fn find(conn: &mut PgConnection, actor: &Actor, print: &str) -> Result<GroupRow, FailureError> {
    actor.require(Permission::ReadFailures)?;
    let missing = || FailureError::NotFound(print.chars().take(64).collect());
    if print.contains('\0') {
        return Err(missing());
    }
    read::find(conn, &actor.scope, &[print.to_owned()])?.pop().ok_or_else(missing)
}

/// Finds whom a group can be assigned to, by address.
///
/// # Errors
/// [`FailureError::BadPerson`], database failures.
pub fn person(conn: &mut PgConnection, email: &str) -> Result<PersonId, FailureError> {
    let found = detail::assignable(conn, Some(email))?.pop();
    found.map(|person| person.id).ok_or(FailureError::BadPerson)
}

/// Does `act` to a group, with the actor's reason, and gives the group as it is then.
///
/// # Errors
/// [`FailureError`]; nothing is changed then.
pub fn act(
    conn: &mut PgConnection,
    actor: &Actor,
    print: &str,
    wanted: (&Act, &str, Time),
) -> Result<GroupRow, FailureError> {
    transaction(conn, "failures::act", |tx| act_in(tx, actor, print, wanted))
}

/// Does `act` within the caller's transaction.
///
/// # Errors
/// [`FailureError`]; the transaction must not be committed then.
pub fn act_in(
    tx: &mut Tx<'_>,
    actor: &Actor,
    print: &str,
    (act, reason, now): (&Act, &str, Time),
) -> Result<GroupRow, FailureError> {
    actor.require(Permission::HandleFailures)?;
    let reason = note(reason)?;
    let before = find(tx, actor, print)?;
    lock(tx, print)?;
    covers(tx, actor, print)?;
    let (from, to) = apply(tx, actor, &before, (act, now))?;
    touch(tx, print, now)?;
    let change = Change::new(act.name(), "failure", print).because(reason).from_to(from, Some(to));
    audit::record(tx, actor, change)?;
    find(tx, actor, print)
}

/// Two acts on one group follow one another.
fn lock(tx: &mut Tx<'_>, print: &str) -> Result<(), DbError> {
    const SQL: &str = "-- admin::failures::lock
SELECT FROM millrace.failure_groups WHERE fingerprint = $1 FOR UPDATE";
    statement(SQL).bind::<Text, _>(print).run(tx)?;
    Ok(())
}

/// What is decided holds for the whole group, so whoever is limited must cover all of it.
fn covers(tx: &mut Tx<'_>, actor: &Actor, print: &str) -> Result<(), FailureError> {
    const SQL: &str = "-- admin::failures::outside
SELECT q.name FROM millrace.queues q WHERE q.name <> ALL ($1)
    AND EXISTS (SELECT FROM millrace.failure_counts c WHERE c.fingerprint = $2 AND c.queue_id = q.id) ORDER BY q.name LIMIT 1";
    let Some(queues) = read::queues_of(&actor.scope) else { return Ok(()) };
    let outside = statement(SQL).bind::<Array<Text>, _>(queues).bind::<Text, _>(print).tuples::<Text, String>(tx)?;
    if outside.is_empty() { Ok(()) } else { Err(FailureError::OutOfScope("others than yours".into())) }
}

/// Writes what is decided and gives what it was and is for the audit trail.
fn apply(
    tx: &mut Tx<'_>,
    actor: &Actor,
    group: &GroupRow,
    (act, now): (&Act, Time),
) -> Result<(Option<Value>, Value), FailureError> {
    let print = &group.fingerprint;
    let handled = json!({ "handled_at": group.handled_at, "from_version": group.handled_from });
    Ok(match act {
        Act::Mute(until) => {
            if *until <= now || *until > now + TimeDelta::days(MUTE_DAYS_MAX) {
                return Err(FailureError::BadUntil);
            }
            set_muted(tx, print, Some(*until))?;
            (Some(json!({ "muted_until": group.muted_until })), json!({ "muted_until": until }))
        }
        Act::Unmute => {
            let until = group.muted_until.filter(|until| *until > now).ok_or(FailureError::NotMuted)?;
            set_muted(tx, print, None)?;
            (Some(json!({ "muted_until": until })), json!({ "muted_until": null }))
        }
        Act::Handle(from) => {
            check_version(tx, group, *from)?;
            set_handled(tx, print, Some((now, &actor.signature(), *from)))?;
            (Some(handled), json!({ "handled_at": now, "from_version": from }))
        }
        Act::Reopen => {
            if group.handled_at.is_none() {
                return Err(FailureError::NotHandled);
            }
            set_handled(tx, print, None)?;
            (Some(handled), json!({ "handled_at": null }))
        }
        Act::Assign(person) => {
            let email = set_assignee(tx, print, *person)?;
            (Some(json!({ "assignee": group.assignee_email })), json!({ "assignee": email }))
        }
        Act::Note(text) => {
            add_note(tx, print, (&actor.signature(), text, now))?;
            (None, json!({ "note": text }))
        }
        Act::Ticket(ticket) => {
            set_ticket(tx, print, ticket.as_deref())?;
            (Some(json!({ "ticket": group.ticket })), json!({ "ticket": ticket }))
        }
    })
}

fn touch(tx: &mut Tx<'_>, print: &str, now: Time) -> Result<(), FailureError> {
    const SQL: &str = "-- admin::failures::touch
UPDATE millrace.failure_groups SET touched_at = $1 WHERE fingerprint = $2";
    changed(statement(SQL).bind::<Timestamptz, _>(now).bind::<Text, _>(print).run(tx)?, print)
}

fn set_muted(tx: &mut Tx<'_>, print: &str, until: Option<Time>) -> Result<(), FailureError> {
    const SQL: &str = "-- admin::failures::set_muted
UPDATE millrace.failure_groups SET muted_until = $1 WHERE fingerprint = $2";
    changed(statement(SQL).bind::<Nullable<Timestamptz>, _>(until).bind::<Text, _>(print).run(tx)?, print)
}

fn check_version(tx: &mut Tx<'_>, group: &GroupRow, from: Option<i32>) -> Result<(), FailureError> {
    const SQL: &str = "-- admin::failures::newest_version
SELECT max(v.version) FROM millrace.template_versions v JOIN millrace.templates t ON t.id = v.template_id WHERE t.name = $1";
    let Some(from) = from else { return Ok(()) };
    let newest = statement(SQL).bind::<Text, _>(&group.template).tuples::<Nullable<Integer>, Option<i32>>(tx)?;
    let newest = newest.first().copied().flatten().unwrap_or(0);
    if (1..=newest + 1).contains(&from) { Ok(()) } else { Err(FailureError::BadVersion) }
}

fn set_handled(tx: &mut Tx<'_>, print: &str, handled: Option<(Time, &str, Option<i32>)>) -> Result<(), FailureError> {
    const SQL: &str = "-- admin::failures::set_handled
UPDATE millrace.failure_groups SET handled_at = $1, handled_by = $2, handled_from = $3, returned_at = NULL WHERE fingerprint = $4";
    let rows = statement(SQL)
        .bind::<Nullable<Timestamptz>, _>(handled.map(|handled| handled.0))
        .bind::<Nullable<Text>, _>(handled.map(|handled| handled.1))
        .bind::<Nullable<Integer>, _>(handled.and_then(|handled| handled.2))
        .bind::<Text, _>(print)
        .run(tx)?;
    changed(rows, print)
}

/// Gives the address of whom it was assigned to.
fn set_assignee(tx: &mut Tx<'_>, print: &str, person: Option<PersonId>) -> Result<Option<String>, FailureError> {
    const WHO: &str = "-- admin::failures::who
SELECT email FROM millrace.people WHERE id = $1 AND disabled_at IS NULL AND role IN ('admin', 'operator')";
    const SET: &str = "-- admin::failures::set_assignee
UPDATE millrace.failure_groups SET assignee = $1 WHERE fingerprint = $2";
    let email = match person {
        Some(person) => {
            let found = statement(WHO).bind::<BigInt, _>(person.0).tuples::<Text, String>(tx)?;
            Some(found.into_iter().next().ok_or(FailureError::BadPerson)?)
        }
        None => None,
    };
    let set = statement(SET).bind::<Nullable<BigInt>, _>(person.map(|person| person.0));
    changed(set.bind::<Text, _>(print).run(tx)?, print)?;
    Ok(email)
}

fn add_note(tx: &mut Tx<'_>, print: &str, (author, text, now): (&str, &str, Time)) -> Result<(), FailureError> {
    const SQL: &str = "-- admin::failures::add_note
INSERT INTO millrace.failure_notes (fingerprint, at, author, note)
SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM millrace.failure_notes WHERE fingerprint = $1) < $5";
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r') || crate::base::text::turns_direction(c);
    let text = text.trim();
    if text.is_empty() || text.chars().count() > NOTE_CHARS_MAX || text.chars().any(is_odd) {
        return Err(FailureError::BadText);
    }
    let added = statement(SQL)
        .bind::<Text, _>(print)
        .bind::<Timestamptz, _>(now)
        .bind::<Text, _>(author)
        .bind::<Text, _>(text)
        .bind::<BigInt, _>(NOTES_MAX)
        .run(tx)?;
    if added == 1 { Ok(()) } else { Err(FailureError::TooMany) }
}

/// Only addresses of the web: whatever else a browser would open on a click (`javascript:`) is none.
fn set_ticket(tx: &mut Tx<'_>, print: &str, ticket: Option<&str>) -> Result<(), FailureError> {
    const SQL: &str = "-- admin::failures::set_ticket
UPDATE millrace.failure_groups SET ticket = $1 WHERE fingerprint = $2";
    if let Some(ticket) = ticket {
        let is_web = url::Url::parse(ticket).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        let is_plain = ticket.chars().all(|c| !c.is_control() && !c.is_whitespace());
        if !is_web || !is_plain || ticket.chars().count() > TICKET_CHARS_MAX {
            return Err(FailureError::BadTicket);
        }
    }
    changed(statement(SQL).bind::<Nullable<Text>, _>(ticket).bind::<Text, _>(print).run(tx)?, print)
}

/// The row is locked, so it must be there.
fn changed(rows: usize, print: &str) -> Result<(), FailureError> {
    if rows == 1 { Ok(()) } else { Err(FailureError::NotFound(print.to_owned())) }
}
