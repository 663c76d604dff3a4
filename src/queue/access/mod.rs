//! How somebody is known to be who they say: the mechanism under the web kit's guard, the API and the account pages.
//!
//! ```text
//! browser ──cookie──▶ session ─┐
//! program ──mr_…───▶ token ────┼─▶ Actor (person, role and scope as of now) ─▶ services
//! new admin ─link──▶ setup     │
//!            password + throttle (every guess is counted before it is looked at)
//! ```
//! Nothing here is kept in the clear: rows hold the SHA-256 of keys and tokens, and argon2id of passwords.
pub mod admins;
pub mod cookie;
pub mod email;
pub mod password;
pub mod rights;
pub mod secret;
pub mod session;
pub mod setup;
mod standing;
pub mod throttle;
pub mod token;
pub mod trivial;

pub use standing::standing;

use sha2::{Digest, Sha256};

use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::{Actor, Forbidden};
use crate::queue::audit::{self, Change};
use crate::queue::permission::{Permission, Role};

/// The SHA-256 of a secret, as rows hold it.
pub type Hash = [u8; 32];

/// Gives what a row keeps of a session key, a token or a link: its SHA-256.
///
/// A plain hash is enough: the secrets are random and long, so they cannot be guessed from it.
pub fn hash(secret: &str) -> Hash {
    Sha256::digest(secret.as_bytes()).into()
}

/// Reads a role from a row.
///
/// # Errors
/// [`DbError::Other`] when a newer program has written a role that this one does not know: such a person may do nothing.
pub fn stored_role(text: &str) -> Result<Role, DbError> {
    Role::parse(text).ok_or_else(|| unreadable(format!("the role {text:?} is not known to this version")))
}

fn unreadable(problem: String) -> DbError {
    DbError::Other(diesel::result::Error::DeserializationError(problem.into()))
}

/// Refuses unless `actor` has `permission`, and records the refused attempt. Call it outside of a transaction.
///
/// # Errors
/// [`Forbidden`] naming what is missing; database failures while recording.
pub fn allow<E: From<Forbidden> + From<DbError>>(
    conn: &mut PgConnection,
    actor: &Actor,
    permission: Permission,
    attempt: impl FnOnce() -> Change,
) -> Result<(), E> {
    match actor.require(permission) {
        Ok(()) => Ok(()),
        Err(forbidden) => {
            audit::refused(conn, actor, attempt().because(Some(forbidden.to_string())))?;
            Err(forbidden.into())
        }
    }
}
