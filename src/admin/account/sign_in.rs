//! Signing in, and proving once more who one is before a dangerous act.
//!
//! Unknown names, disabled people and wrong passwords get the same answer after the same work. Every guess is counted
//! before it is looked at, by account and by address.

use std::net::IpAddr;
use std::time::Duration;

use chrono::TimeDelta;

use super::queries::{self, Login};
use crate::base::clock::{Clock, Time};
use crate::base::db::{DbError, PgConnection, transaction};
use crate::queue::access::email::Email;
use crate::queue::access::password::{self, PasswordError, Verdict};
use crate::queue::access::session::{self, SUDO_MINUTES};
use crate::queue::access::throttle::{self, Subject, ThrottleError};
use crate::queue::access::{Hash, stored_role};
use crate::queue::actor::{Actor, PersonId, Scope, Via};
use crate::queue::audit::{self, Change};
use crate::queue::permission::Role;

/// What somebody typed, and from where.
#[derive(Clone)]
pub struct Attempt<'a> {
    /// Login name as typed.
    pub email: &'a str,
    /// Password as typed.
    pub password: &'a str,
    /// Network address.
    pub address: Option<IpAddr>,
    /// Id of the request, for the audit trail.
    pub request: Option<String>,
}

/// Who has signed in. The web kit binds a new session key to the person.
#[derive(Debug, Clone, PartialEq)]
pub struct Welcome {
    /// Whose session it becomes.
    pub person: PersonId,
    /// Login name.
    pub email: String,
    /// Dangerous acts need no new password until then.
    pub sudo_until: Time,
}

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown name, wrong password or disabled person: nobody is told which.
    #[error("the address or the password is wrong")]
    Refused,
    /// Too many failures: try again after this time.
    #[error("too many failed attempts: try again in {} s", .0.as_secs() + 1)]
    Wait(Duration),
    /// Too many others are signing in.
    #[error("too many people are signing in at this moment, try again in a few seconds")]
    Busy,
    /// Only people with a session can prove who they are again.
    #[error("there is no session to prove")]
    NoSession,
    /// The stored hash is broken.
    #[error(transparent)]
    Password(PasswordError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<ThrottleError> for SignInError {
    fn from(error: ThrottleError) -> Self {
        match error {
            ThrottleError::Wait(left) => Self::Wait(left),
            ThrottleError::Db(error) => Self::Db(error),
        }
    }
}

impl From<PasswordError> for SignInError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Busy,
            broken => Self::Password(broken),
        }
    }
}

/// Lets a person in who knows their password.
///
/// # Errors
/// [`SignInError`]; all but `Refused` are the same for everybody.
pub fn sign_in(conn: &mut PgConnection, clock: &dyn Clock, attempt: &Attempt<'_>) -> Result<Welcome, SignInError> {
    let now = clock.now();
    let subjects = subjects(attempt.email, attempt.address);
    throttle::admit(conn, &subjects, now)?;
    let login = match Email::parse(attempt.email) {
        Ok(email) => queries::login(conn, &email)?,
        Err(_) => None, // the answer and its time are those of an unknown name
    };
    let hash = login.as_ref().filter(|login| login.enabled).and_then(|login| login.password_hash.as_deref());
    match (password::verify(attempt.password, hash)?, login) {
        (Verdict::Wrong, login) => Err(refuse(conn, attempt, login)?),
        (_, None) => Err(SignInError::Refused), // there is no hash without a login
        (verdict, Some(login)) => {
            let stronger = stronger(verdict, attempt.password)?;
            welcome(conn, attempt, &login, stronger, &subjects, now)
        }
    }
}

fn subjects(email: &str, address: Option<IpAddr>) -> Vec<Subject> {
    let account = Subject::Account(email.trim().to_lowercase());
    [account].into_iter().chain(address.map(Subject::Address)).collect()
}

fn stronger(verdict: Verdict, typed: &str) -> Result<Option<String>, PasswordError> {
    if verdict == Verdict::RightButWeak { password::rehash(typed).map(Some) } else { Ok(None) }
}

/// Records a refused attempt. Only names that exist are kept: people type passwords into the wrong field.
fn refuse(conn: &mut PgConnection, attempt: &Attempt<'_>, login: Option<Login>) -> Result<SignInError, DbError> {
    let known = login.as_ref().map_or("unknown", |login| login.email.as_str());
    let change = Change::new("account.sign_in", "person", known).because(Some("wrong name or password".into()));
    audit::refused(conn, &visitor(attempt, login.as_ref())?, change)?;
    Ok(SignInError::Refused)
}

fn welcome(
    conn: &mut PgConnection,
    attempt: &Attempt<'_>,
    login: &Login,
    stronger: Option<String>,
    subjects: &[Subject],
    now: Time,
) -> Result<Welcome, SignInError> {
    let actor = visitor(attempt, Some(login))?;
    transaction(conn, "account::sign_in", |tx| {
        throttle::forgive(tx, subjects, now)?;
        if let Some(hash) = stronger {
            queries::set_password(tx, login.id, &hash)?;
        }
        queries::note_seen(tx, login.id, now)?;
        audit::record(tx, &actor, Change::new("account.sign_in", "person", &login.email))?;
        let sudo_until = now + TimeDelta::minutes(SUDO_MINUTES);
        Ok(Welcome { person: login.id, email: login.email.clone(), sudo_until })
    })
}

/// Makes the actor of an attempt: nobody yet, or the person whose name was typed. Holds no rights that are used.
fn visitor(attempt: &Attempt<'_>, login: Option<&Login>) -> Result<Actor, DbError> {
    let role = login.map_or(Ok(Role::Viewer), |login| stored_role(&login.role))?;
    Ok(Actor {
        person: login.map(|login| login.id),
        name: login.map_or_else(|| "visitor".into(), |login| login.email.clone()),
        role,
        scope: Scope::default(),
        via: Via::Console,
        address: attempt.address.map(|address| address.to_string()),
        request: attempt.request.clone(),
    })
}

/// Proves that whoever holds the session still knows the password: dangerous acts need no new one for 15 min.
///
/// # Errors
/// [`SignInError::Refused`] for a wrong password; `NoSession` when the session has ended.
pub fn prove(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    key: &Hash,
    typed: &str,
) -> Result<Time, SignInError> {
    let now = clock.now();
    let (login, subjects) = check_own(conn, actor, typed, now, "account.sudo")?;
    let until = now + TimeDelta::minutes(SUDO_MINUTES);
    transaction(conn, "account::sudo", |tx| {
        throttle::forgive(tx, &subjects, now)?;
        if !session::set_sudo(tx, key, until)? {
            return Err(SignInError::NoSession);
        }
        audit::record(tx, actor, Change::new("account.sudo", "person", &login.email))?;
        Ok(until)
    })
}

/// Checks the password of the actor; a wrong one is recorded as a refused `act`. The caller takes the count back.
pub(super) fn check_own(
    conn: &mut PgConnection,
    actor: &Actor,
    typed: &str,
    now: Time,
    act: &'static str,
) -> Result<(Login, Vec<Subject>), SignInError> {
    let person = actor.person.ok_or(SignInError::NoSession)?;
    let login = queries::login_of(conn, person)?.filter(|login| login.enabled).ok_or(SignInError::NoSession)?;
    let address = actor.address.as_deref().and_then(|address| address.parse().ok());
    let subjects = subjects(&login.email, address);
    throttle::admit(conn, &subjects, now)?;
    if password::verify(typed, login.password_hash.as_deref())? == Verdict::Wrong {
        let change = Change::new(act, "person", &login.email).because(Some("wrong password".into()));
        audit::refused(conn, actor, change)?;
        return Err(SignInError::Refused);
    }
    Ok((login, subjects))
}
