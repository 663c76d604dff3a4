//! One's own tokens, and for admins those of others.

use serde_json::json;

use super::super::people::service as people;
use super::queries;
use crate::base::clock::{Clock, Time};
use crate::base::db::{DbError, PgConnection, transaction};
use crate::queue::access::token::{self, Scopes, TokenId};
use crate::queue::access::{self, hash};
use crate::queue::actor::{Actor, Forbidden, PersonId, Via};
use crate::queue::audit::{self, Change};
use crate::queue::permission::Permission;

/// Most usable tokens of one person.
pub const TOKENS_MAX: i64 = 100;
/// Most tokens that a list shows.
pub const LIST_MAX: i64 = 500;
/// Longest life of a token, in days.
pub const DAYS_MAX: i64 = 3_650;
/// Life of a token when none is said, in days.
pub const DAYS_DEFAULT: i64 = 90;

/// A token without its secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Row id.
    pub id: TokenId,
    /// Owner.
    pub person: PersonId,
    /// Login name of the owner.
    pub email: String,
    /// What it is for.
    pub name: String,
    /// First characters, to recognise it.
    pub hint: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Time,
    /// Unusable from then on; `None` = never expires.
    pub expires_at: Option<Time>,
    /// Unusable since then.
    pub revoked_at: Option<Time>,
    /// Last use, to the minute.
    pub last_used_at: Option<Time>,
}

/// What is needed to make a token.
#[derive(Debug, Clone, PartialEq)]
pub struct NewToken {
    /// What it is for: 1 to 100 characters.
    pub name: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// Unusable from then on; `None` = never expires.
    pub expires_at: Option<Time>,
}

/// A token that was just made.
#[derive(Clone, PartialEq)]
pub struct Issued {
    /// The token.
    pub token: Token,
    /// Its text: shown now and never again.
    pub secret: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("token", &self.token).finish_non_exhaustive()
    }
}

/// Whose tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Everybody's.
    Anybody,
    /// One person's.
    Person(PersonId),
}

/// Why a request about tokens was refused.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The actor lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such token that the actor may see.
    #[error("there is no such token")]
    NotFound,
    /// There is no such person to own it, or they are disabled.
    #[error("there is no such person who could own a token")]
    NoOwner,
    /// It was revoked before.
    #[error("the token {0:?} is already revoked")]
    AlreadyRevoked(String),
    /// A token cannot make a stronger one.
    #[error("a token can only hand on scopes that it has itself")]
    Wider,
    /// The owner has too many.
    #[error("a person can have at most {TOKENS_MAX} usable tokens: revoke some first")]
    TooMany,
    /// It would expire in the past or after more than ten years.
    #[error("a token expires at the earliest now and at the latest after {DAYS_MAX} days")]
    Expiry,
    /// The name breaks a rule.
    #[error(transparent)]
    Name(#[from] crate::base::text::TextError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Makes a token for `owner` and gives its text, this once.
///
/// # Errors
/// [`TokenError`]; for somebody else the actor must be allowed to manage people.
pub fn add(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    owner: PersonId,
    new: &NewToken,
) -> Result<Issued, TokenError> {
    let attempt = || Change::new("token.add", "token", &new.name);
    access::allow::<TokenError>(conn, actor, needed(actor, owner), attempt)?;
    let now = clock.now();
    check(actor, new, now)?;
    let secret = token::generate();
    transaction(conn, "tokens::add", |tx| {
        if !queries::lock_owner(tx, owner)? {
            return Err(TokenError::NoOwner);
        }
        if queries::usable(tx, owner, now)? >= TOKENS_MAX {
            return Err(TokenError::TooMany);
        }
        let id = queries::insert(tx, owner, new, (&hash(&secret), &token::hint(&secret)), now)?;
        let token = queries::find(tx, id)?.ok_or(TokenError::NotFound)?;
        let change = Change::new("token.add", "token", id).from_to(None, Some(facts(&token)));
        audit::record(tx, actor, change)?;
        Ok(Issued { token, secret: secret.clone() })
    })
}

fn check(actor: &Actor, new: &NewToken, now: Time) -> Result<(), TokenError> {
    people::name(&new.name)?;
    if let Via::Token { scopes, .. } = &actor.via
        && !new.scopes.are_within(scopes)
    {
        return Err(TokenError::Wider);
    }
    let latest = now + chrono::TimeDelta::days(DAYS_MAX);
    let fits = new.expires_at.is_none_or(|at| at > now && at <= latest);
    if fits { Ok(()) } else { Err(TokenError::Expiry) }
}

fn needed(actor: &Actor, owner: PersonId) -> Permission {
    if actor.person == Some(owner) { Permission::OwnAccount } else { Permission::ManagePeople }
}

/// Lists tokens, the youngest first, at most [`LIST_MAX`]; revoked and expired ones last.
///
/// # Errors
/// [`TokenError::Forbidden`] when they are not one's own and the actor may not manage people.
pub fn list(conn: &mut PgConnection, clock: &dyn Clock, actor: &Actor, owner: Owner) -> Result<Vec<Token>, TokenError> {
    let (needed, person) = match owner {
        Owner::Person(person) => (needed(actor, person), Some(person)),
        Owner::Anybody => (Permission::ManagePeople, None),
    };
    actor.require(needed)?;
    Ok(queries::list(conn, person, clock.now(), LIST_MAX)?)
}

/// Finds one token. Those of others are not found by people who may not manage them.
///
/// # Errors
/// [`TokenError::NotFound`].
pub fn find(conn: &mut PgConnection, actor: &Actor, id: TokenId) -> Result<Token, TokenError> {
    let token = queries::find(conn, id)?.ok_or(TokenError::NotFound)?;
    if actor.may(needed(actor, token.person)) { Ok(token) } else { Err(TokenError::NotFound) }
}

/// Makes a token unusable, on every node at once.
///
/// # Errors
/// [`TokenError::NotFound`], [`TokenError::AlreadyRevoked`].
pub fn revoke(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    id: TokenId,
    reason: Option<String>,
) -> Result<Token, TokenError> {
    let token = find(conn, actor, id)?;
    let now = clock.now();
    transaction(conn, "tokens::revoke", |tx| {
        if !queries::revoke(tx, id, now)? {
            return Err(TokenError::AlreadyRevoked(token.name.clone()));
        }
        let change = Change::new("token.revoke", "token", id).because(reason).from_to(Some(facts(&token)), None);
        audit::record(tx, actor, change)?;
        Ok(Token { revoked_at: Some(now), ..token })
    })
}

/// Gives the person who owns a token that nobody was named for: the admin who was added first.
///
/// # Errors
/// [`TokenError::NoOwner`] when there is no admin yet.
pub fn default_owner(conn: &mut PgConnection) -> Result<PersonId, TokenError> {
    queries::first_admin(conn)?.ok_or(TokenError::NoOwner)
}

/// What the audit trail keeps of a token.
fn facts(token: &Token) -> serde_json::Value {
    json!({
        "name": token.name,
        "owner": token.email,
        "hint": token.hint,
        "scopes": token.scopes,
        "expires_at": token.expires_at,
    })
}
