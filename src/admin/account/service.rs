//! What people change about themselves.

use serde_json::json;

use super::queries;
use super::sign_in::{self, SignInError};
use crate::base::clock::Clock;
use crate::base::db::{DbError, PgConnection, transaction};
use crate::base::text::TextError;
use crate::queue::access::password::{Password, PasswordError, Weak};
use crate::queue::access::session::{self, Listed};
use crate::queue::access::{Hash, throttle};
use crate::queue::actor::{Actor, PersonId};
use crate::queue::audit::{self, Change};

pub use super::queries::Profile;

/// Why a change to one's own account was refused.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The command line and the system have no account.
    #[error("only people have an account")]
    NoAccount,
    /// The present password was wrong, or too many wrong ones were typed.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The new password is too weak.
    #[error(transparent)]
    Weak(#[from] Weak),
    /// A text breaks a rule.
    #[error(transparent)]
    Text(#[from] TextError),
    /// There is no such session any more.
    #[error("this session has ended already")]
    SessionEnded,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<PasswordError> for AccountError {
    fn from(error: PasswordError) -> Self {
        Self::SignIn(error.into())
    }
}

fn own(actor: &Actor) -> Result<PersonId, AccountError> {
    actor.person.ok_or(AccountError::NoAccount)
}

/// Reads one's own name and how one's pages look.
///
/// # Errors
/// [`AccountError::NoAccount`].
pub fn profile(conn: &mut PgConnection, actor: &Actor) -> Result<Profile, AccountError> {
    queries::profile(conn, own(actor)?)?.ok_or(AccountError::NoAccount)
}

/// Changes one's own name and how one's pages look.
///
/// # Errors
/// [`AccountError::NoAccount`], [`AccountError::Text`] for a name, zone, theme or density that is none.
pub fn set_profile(conn: &mut PgConnection, actor: &Actor, profile: &Profile) -> Result<(), AccountError> {
    let person = own(actor)?;
    profile.check()?;
    transaction(conn, "account::set_profile", |tx| {
        let before = queries::profile(tx, person)?.ok_or(AccountError::NoAccount)?;
        if before == *profile {
            return Ok(());
        }
        queries::set_profile(tx, person, profile)?;
        let change = Change::new("account.change", "person", &actor.name);
        audit::record(tx, actor, change.from_to(Some(json!(before)), Some(json!(profile))))?;
        Ok(())
    })
}

/// Gives oneself a new password; ends all one's other sessions, on every node.
///
/// # Errors
/// [`AccountError::SignIn`] for a wrong present password, [`AccountError::Weak`] for the new one.
pub fn change_password(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    (present, new): (&str, &str),
    key: Option<&Hash>,
) -> Result<(), AccountError> {
    let person = own(actor)?;
    let about = profile(conn, actor)?;
    let password = Password::choose(new, &[&actor.name, &about.name])?;
    let now = clock.now();
    let (_, subjects) = sign_in::check_own(conn, actor, present, now, "account.change_password")?;
    let hash = password.hash()?;
    transaction(conn, "account::change_password", |tx| {
        throttle::forgive(tx, &subjects, now)?;
        queries::set_password(tx, person, &hash)?;
        let ended = session::end_all(tx, person, key)?;
        let change = Change::new("account.change_password", "person", &actor.name);
        audit::record(tx, actor, change.from_to(None, Some(json!({ "sessions_ended": ended }))))?;
        Ok(())
    })
}

/// Lists one's own sessions, the last used first.
///
/// # Errors
/// [`AccountError::NoAccount`].
pub fn sessions(conn: &mut PgConnection, clock: &dyn Clock, actor: &Actor) -> Result<Vec<Listed>, AccountError> {
    Ok(session::of_person(conn, own(actor)?, clock.now())?)
}

/// Ends one of one's own sessions, named by the hash of its key.
///
/// # Errors
/// [`AccountError::SessionEnded`] when there is no such session of one's own.
pub fn end_session(conn: &mut PgConnection, actor: &Actor, key: &Hash) -> Result<(), AccountError> {
    let person = own(actor)?;
    transaction(conn, "account::end_session", |tx| {
        if !session::end_own(tx, person, key)? {
            return Err(AccountError::SessionEnded);
        }
        audit::record(tx, actor, Change::new("account.end_session", "person", &actor.name))?;
        Ok(())
    })
}

/// Ends all one's sessions but the one with `key`, and tells how many.
///
/// # Errors
/// [`AccountError::NoAccount`].
pub fn end_other_sessions(conn: &mut PgConnection, actor: &Actor, key: &Hash) -> Result<usize, AccountError> {
    let person = own(actor)?;
    transaction(conn, "account::end_other_sessions", |tx| {
        let ended = session::end_all(tx, person, Some(key))?;
        let change = Change::new("account.end_other_sessions", "person", &actor.name);
        audit::record(tx, actor, change.from_to(None, Some(json!({ "sessions_ended": ended }))))?;
        Ok(ended)
    })
}

/// Signs out: the session ends on every node.
///
/// # Errors
/// Database failures.
pub fn sign_out(conn: &mut PgConnection, actor: &Actor, key: &Hash) -> Result<(), AccountError> {
    transaction(conn, "account::sign_out", |tx| {
        session::end(tx, key)?;
        audit::record(tx, actor, Change::new("account.sign_out", "person", &actor.name))?;
        Ok(())
    })
}
