//! Adding, changing, disabling people. Every change is recorded; the last admin cannot be lost.

use serde_json::json;

use super::queries;
pub use super::typed::{NAME_CHARS_MAX, SCOPE_ITEMS_MAX, name, scope, zone};
use crate::base::clock::{Clock, Time};
use crate::base::db::{DbError, PgConnection, Tx, transaction};
use crate::queue::access::email::Email;
use crate::queue::access::password::{Password, PasswordError};
use crate::queue::access::{self, session, setup};
use crate::queue::actor::{Actor, Forbidden, PersonId, Scope};
use crate::queue::audit::{self, Change};
use crate::queue::permission::{Permission, Role};

/// Most people on one page of the list.
pub const PAGE_MAX: i64 = 200;

/// Somebody with a login and a role.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// Row id.
    pub id: PersonId,
    /// Login name.
    pub email: String,
    /// Shown name.
    pub name: String,
    /// Present role.
    pub role: Role,
    /// Present limits.
    pub scope: Scope,
    /// Whether there is a password to sign in with.
    pub has_password: bool,
    /// When the person was added.
    pub created_at: Time,
    /// Since when the person may not sign in.
    pub disabled_at: Option<Time>,
    /// Last request, to the minute.
    pub last_seen_at: Option<Time>,
}

/// What is needed to add somebody.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// Login name.
    pub email: Email,
    /// Shown name, see [`name`].
    pub name: String,
    /// Role.
    pub role: Role,
    /// Limits, see [`scope`].
    pub scope: Scope,
    /// Password; `None` = cannot sign in until one is set.
    pub password: Option<Password>,
}

/// What can be changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PersonChange {
    /// New shown name.
    pub name: Option<String>,
    /// New role.
    pub role: Option<Role>,
    /// New limits.
    pub scope: Option<Scope>,
}

/// Where a page of the list begins or ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// It is the first one.
    #[default]
    Start,
    /// It begins after this address.
    After(String),
    /// It ends before this address.
    Before(String),
}

/// Which people are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of the name or address; empty = all.
    pub text: String,
    /// Only this role.
    pub role: Option<Role>,
    /// Also those who are disabled.
    pub disabled: bool,
    /// Which page of them.
    pub place: Place,
}

/// One page of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct People {
    /// In order of their addresses.
    pub people: Vec<Person>,
    /// The address that the page before ends before, if there is one.
    pub previous: Option<String>,
    /// The address that the page after begins after, if there is one.
    pub next: Option<String>,
}

/// Why a request about people was refused.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The actor lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such person.
    #[error("there is no such person")]
    NotFound,
    /// Somebody has this login name.
    #[error("{0} is already in use")]
    EmailTaken(Email),
    /// Nobody would be left who can administer.
    #[error("the last admin cannot be disabled or given another role: make somebody else admin first")]
    LastAdmin,
    /// The person is disabled already.
    #[error("{0} is already disabled")]
    AlreadyDisabled(String),
    /// The person is not disabled.
    #[error("{0} is not disabled")]
    NotDisabled(String),
    /// Admins and auditors see everything.
    #[error("{} cannot be limited to queues or tags", .0.as_str())]
    ScopeNotPossible(Role),
    /// The password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The database failed.
    #[error(transparent)]
    Db(DbError),
}

impl From<DbError> for PeopleError {
    fn from(error: DbError) -> Self {
        if error.is_constraint("people_keep_an_admin") { Self::LastAdmin } else { Self::Db(error) }
    }
}

/// Lists people; those who may not see others get nobody but themselves from [`find`].
///
/// # Errors
/// [`PeopleError::Forbidden`].
pub fn list(conn: &mut PgConnection, actor: &Actor, filter: &Filter) -> Result<People, PeopleError> {
    actor.require(Permission::ManagePeople)?;
    let mut people = queries::list(conn, filter, PAGE_MAX + 1)?;
    let (more, backwards) = (people.len() > PAGE_MAX as usize, matches!(filter.place, Place::Before(_)));
    people.truncate(PAGE_MAX as usize);
    if backwards {
        people.reverse();
    }
    let (has_previous, has_next) = if backwards { (more, true) } else { (filter.place != Place::Start, more) };
    let previous = people.first().filter(|_| has_previous).map(|person| person.email.clone());
    let next = people.last().filter(|_| has_next).map(|person| person.email.clone());
    Ok(People { people, previous, next })
}

/// Finds one person.
///
/// # Errors
/// [`PeopleError::Forbidden`], [`PeopleError::NotFound`].
pub fn find(conn: &mut PgConnection, actor: &Actor, id: PersonId) -> Result<Person, PeopleError> {
    actor.require(Permission::ManagePeople)?;
    queries::find(conn, id)?.ok_or(PeopleError::NotFound)
}

/// Finds one person by login name.
///
/// # Errors
/// [`PeopleError::Forbidden`], [`PeopleError::NotFound`].
pub fn find_by_email(conn: &mut PgConnection, actor: &Actor, email: &Email) -> Result<Person, PeopleError> {
    actor.require(Permission::ManagePeople)?;
    queries::find_by_email(conn, email)?.ok_or(PeopleError::NotFound)
}

/// Adds a person.
///
/// # Errors
/// [`PeopleError::Forbidden`], [`PeopleError::EmailTaken`], [`PeopleError::ScopeNotPossible`], [`PeopleError::Password`].
pub fn add(conn: &mut PgConnection, clock: &dyn Clock, actor: &Actor, new: &NewPerson) -> Result<Person, PeopleError> {
    access::allow::<PeopleError>(conn, actor, Permission::ManagePeople, || {
        Change::new("person.add", "person", &new.email)
    })?;
    check_scope(new.role, &new.scope)?;
    let hash = new.password.as_ref().map(Password::hash).transpose()?;
    let now = clock.now();
    transaction(conn, "people::add", |tx| insert(tx, actor, new, hash.as_deref(), now))
}

/// Makes the first admin in a transaction that holds the right to do so (see [`setup`]).
///
/// # Errors
/// [`PeopleError::EmailTaken`]; database failures.
pub fn add_first_admin(
    tx: &mut Tx<'_>,
    actor: &Actor,
    new: &NewPerson,
    hash: &str,
    now: Time,
) -> Result<Person, PeopleError> {
    insert(tx, actor, new, Some(hash), now)
}

fn insert(
    tx: &mut Tx<'_>,
    actor: &Actor,
    new: &NewPerson,
    hash: Option<&str>,
    now: Time,
) -> Result<Person, PeopleError> {
    let person = queries::insert(tx, new, hash, now).map_err(|error| match error {
        taken if taken.is_constraint("people_by_email") => PeopleError::EmailTaken(new.email.clone()),
        other => other.into(),
    })?;
    let change = Change::new("person.add", "person", &person.email).from_to(None, Some(facts(&person)));
    audit::record(tx, actor, change)?;
    Ok(person)
}

/// Changes name, role or limits. A change acts within a second on every node; another role ends the person's sessions.
///
/// # Errors
/// [`PeopleError::Forbidden`], [`PeopleError::NotFound`], [`PeopleError::LastAdmin`], [`PeopleError::ScopeNotPossible`].
pub fn change(
    conn: &mut PgConnection,
    actor: &Actor,
    id: PersonId,
    change: &PersonChange,
) -> Result<Person, PeopleError> {
    access::allow::<PeopleError>(conn, actor, Permission::ManagePeople, || Change::new("person.change", "person", id))?;
    transaction(conn, "people::change", |tx| {
        let before = queries::lock(tx, id)?.ok_or(PeopleError::NotFound)?;
        let role = change.role.unwrap_or(before.role);
        let scope = change.scope.clone().unwrap_or_else(|| before.scope.clone());
        check_scope(role, &scope)?;
        let after =
            Person { name: change.name.clone().unwrap_or_else(|| before.name.clone()), role, scope, ..before.clone() };
        if after == before {
            return Ok(before);
        }
        queries::update(tx, &after)?;
        if after.role != before.role {
            session::end_all(tx, id, None)?;
        }
        let record = Change::new("person.change", "person", &after.email);
        audit::record(tx, actor, record.from_to(Some(facts(&before)), Some(facts(&after))))?;
        Ok(after)
    })
}

/// Shuts a person out: no sign-in, sessions ended on every node, tokens void. Nothing is deleted.
///
/// # Errors
/// [`PeopleError::Forbidden`], [`PeopleError::NotFound`], [`PeopleError::AlreadyDisabled`], [`PeopleError::LastAdmin`].
pub fn disable(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    id: PersonId,
    reason: Option<String>,
) -> Result<Person, PeopleError> {
    access::allow::<PeopleError>(conn, actor, Permission::ManagePeople, || {
        Change::new("person.disable", "person", id)
    })?;
    let now = clock.now();
    transaction(conn, "people::disable", |tx| {
        let person = queries::lock(tx, id)?.ok_or(PeopleError::NotFound)?;
        if person.disabled_at.is_some() {
            return Err(PeopleError::AlreadyDisabled(person.email));
        }
        let person = Person { disabled_at: Some(now), ..person };
        queries::update(tx, &person)?;
        let sessions = session::end_all(tx, id, None)?;
        let record = Change::new("person.disable", "person", &person.email).because(reason);
        audit::record(tx, actor, record.from_to(None, Some(json!({ "sessions_ended": sessions }))))?;
        Ok(person)
    })
}

/// Lets a disabled person in again.
///
/// # Errors
/// [`PeopleError::Forbidden`], [`PeopleError::NotFound`], [`PeopleError::NotDisabled`].
pub fn enable(conn: &mut PgConnection, actor: &Actor, id: PersonId) -> Result<Person, PeopleError> {
    access::allow::<PeopleError>(conn, actor, Permission::ManagePeople, || Change::new("person.enable", "person", id))?;
    transaction(conn, "people::enable", |tx| {
        let person = queries::lock(tx, id)?.ok_or(PeopleError::NotFound)?;
        if person.disabled_at.is_none() {
            return Err(PeopleError::NotDisabled(person.email));
        }
        let person = Person { disabled_at: None, ..person };
        queries::update(tx, &person)?;
        audit::record(tx, actor, Change::new("person.enable", "person", &person.email))?;
        Ok(person)
    })
}

/// Gives a person a new password and ends their sessions on every node.
///
/// # Errors
/// [`PeopleError::Forbidden`], [`PeopleError::NotFound`], [`PeopleError::Password`].
pub fn reset_password(
    conn: &mut PgConnection,
    actor: &Actor,
    id: PersonId,
    password: &Password,
) -> Result<Person, PeopleError> {
    access::allow::<PeopleError>(conn, actor, Permission::ManagePeople, || {
        Change::new("person.reset_password", "person", id)
    })?;
    let hash = password.hash()?;
    transaction(conn, "people::reset_password", |tx| {
        let person = queries::lock(tx, id)?.ok_or(PeopleError::NotFound)?;
        queries::set_password(tx, id, &hash)?;
        let sessions = session::end_all(tx, id, None)?;
        let record = Change::new("person.reset_password", "person", &person.email);
        audit::record(tx, actor, record.from_to(None, Some(json!({ "sessions_ended": sessions }))))?;
        Ok(Person { has_password: true, ..person })
    })
}

/// Tells whether there is an admin who can sign in.
///
/// # Errors
/// Database failures.
pub fn admin_exists(conn: &mut PgConnection) -> Result<bool, DbError> {
    setup::admin_exists(conn)
}

/// Admins act on everything and auditors read everything: a limit would only look like one.
fn check_scope(role: Role, scope: &Scope) -> Result<(), PeopleError> {
    let unlimited = matches!(role, Role::Admin | Role::Auditor);
    if unlimited && !scope.is_everything() { Err(PeopleError::ScopeNotPossible(role)) } else { Ok(()) }
}

/// What the audit trail keeps of a person.
fn facts(person: &Person) -> serde_json::Value {
    json!({
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "scope": { "queues": person.scope.queues, "tags": person.scope.tags },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sees_everything_cannot_be_limited() {
        let limits = Scope { queues: vec!["mail".into()], tags: Vec::new() };

        for role in [Role::Admin, Role::Auditor] {
            assert!(check_scope(role, &limits).is_err());
        }
        assert!(check_scope(Role::Operator, &limits).is_ok());
        assert!(check_scope(Role::Admin, &Scope::default()).is_ok());
    }
}
