//! The first admin: by the one-time link, or by settings. There is no default account.

use super::super::people::service::{self as people, NewPerson, PeopleError, Person};
use crate::base::clock::Clock;
use crate::base::db::{DbError, PgConnection, transaction};
use crate::base::text::TextError;
use crate::queue::access::email::{Email, EmailError};
use crate::queue::access::password::{Password, PasswordError, Weak};
use crate::queue::access::setup::{self, Earlier};
use crate::queue::actor::{Actor, Scope};
use crate::queue::audit::{self, Change};
use crate::queue::permission::Role;

/// Why the first admin was not made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The link is wrong, used, older than 15 min, or there is an admin already.
    #[error("this link is no longer valid: start Millrace again or run `millrace user setup-link` for a new one")]
    LinkInvalid,
    /// The login name is no address.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// The shown name breaks a rule.
    #[error(transparent)]
    Name(#[from] TextError),
    /// The password is too weak.
    #[error(transparent)]
    Weak(#[from] Weak),
    /// The password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The person could not be added.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What the first admin typed; checked here.
#[derive(Clone)]
pub struct FirstAdmin<'a> {
    /// Login name.
    pub email: &'a str,
    /// Shown name; empty = the part of the address before `@`.
    pub name: &'a str,
    /// Password.
    pub password: &'a str,
}

/// Makes a new link, voids earlier ones, and gives its secret. `None` when there is an admin already.
///
/// # Errors
/// Database failures.
pub fn new_link(conn: &mut PgConnection, clock: &dyn Clock, actor: &Actor) -> Result<Option<String>, DbError> {
    link(conn, clock, actor, Earlier::Void)
}

/// Makes the link of a node that starts: those of other nodes that start at the same time keep working.
///
/// # Errors
/// Database failures.
pub fn start_link(conn: &mut PgConnection, clock: &dyn Clock) -> Result<Option<String>, DbError> {
    link(conn, clock, &Actor::system("start"), Earlier::Keep)
}

fn link(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    earlier: Earlier,
) -> Result<Option<String>, DbError> {
    let now = clock.now();
    transaction(conn, "account::setup_link", |tx| {
        let secret = setup::create(tx, now, earlier)?;
        if secret.is_some() {
            audit::record(tx, actor, Change::new("setup.link", "installation", "millrace"))?;
        }
        Ok(secret)
    })
}

/// Tells whether a link still works, so that the page can say so before anything is typed.
///
/// # Errors
/// Database failures.
pub fn is_valid(conn: &mut PgConnection, clock: &dyn Clock, secret: &str) -> Result<bool, DbError> {
    setup::is_valid(conn, secret, clock.now())
}

/// Makes the first admin of somebody who holds the link, and uses the link up.
///
/// # Errors
/// [`SetupError::LinkInvalid`]; what is wrong with the input, before the link is used.
pub fn by_link(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    address: Option<String>,
    secret: &str,
    typed: &FirstAdmin<'_>,
) -> Result<Person, SetupError> {
    let now = clock.now();
    if !setup::is_valid(conn, secret, now)? {
        return Err(SetupError::LinkInvalid);
    }
    let (new, hash) = checked(typed)?;
    let actor = Actor { address, ..Actor::system("setup link") };
    transaction(conn, "account::setup", |tx| {
        if !setup::redeem(tx, secret, now)? {
            return Err(SetupError::LinkInvalid);
        }
        Ok(people::add_first_admin(tx, &actor, &new, &hash, now)?)
    })
}

/// Makes the first admin that the settings name, unless there is an admin already (`None`).
///
/// # Errors
/// What is wrong with the settings' address or password.
pub fn by_settings(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    typed: &FirstAdmin<'_>,
) -> Result<Option<Person>, SetupError> {
    if setup::admin_exists(conn)? {
        return Ok(None);
    }
    let (new, hash) = checked(typed)?;
    let now = clock.now();
    transaction(conn, "account::first_admin", |tx| {
        if !setup::claim(tx)? {
            return Ok(None); // another node was faster
        }
        Ok(Some(people::add_first_admin(tx, &Actor::system("settings"), &new, &hash, now)?))
    })
}

fn checked(typed: &FirstAdmin<'_>) -> Result<(NewPerson, String), SetupError> {
    let email = Email::parse(typed.email)?;
    let local = email.as_str().split('@').next().unwrap_or_default().to_owned();
    let name = people::name(if typed.name.trim().is_empty() { &local } else { typed.name })?;
    let password = Password::choose(typed.password, &[email.as_str(), &name])?;
    let hash = password.hash()?;
    Ok((NewPerson { email, name, role: Role::Admin, scope: Scope::default(), password: None }, hash))
}
