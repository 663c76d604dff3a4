//! Repeating a request with one Idempotency-Key within 24 h changes nothing more and gives the first answer (G2).
//!
//! The key is remembered in the transaction of the change itself: either both are there or neither. Of several requests
//! with one key at once the first to commit wins; the others roll back and find its answer.

use diesel::QueryableByName;
use diesel::sql_types::{Binary, Jsonb, Text};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::actor::{Actor, Via};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};

/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 255;
/// Longest name of whose key it is, in characters.
const SCOPE_CHARS_MAX: usize = 100;
/// How often a request looks again when another one with the same key commits between two looks.
const LOOKS_MAX: usize = 3;
/// Most keys forgotten at once.
pub const FORGET_MAX: i64 = 10_000;

/// A request that may be repeated: whose key, which key, and what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    scope: String,
    key: String,
    asked: [u8; 32],
}

/// A key of the wrong length, or with characters that are not visible ASCII.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an Idempotency-Key has 1 to 255 visible ASCII characters")]
pub struct KeyError;

impl RequestKey {
    /// Makes the key of `actor`'s request. `asked` is a hash of all that the request says: method, path and body.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(actor: &Actor, key: &str, asked: [u8; 32]) -> Result<Self, KeyError> {
        let visible = key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if key.is_empty() || key.len() > KEY_BYTES_MAX || !visible {
            return Err(KeyError);
        }
        Ok(Self { scope: scope_of(actor), key: key.to_owned(), asked })
    }
}

/// A key belongs to whoever uses it: two tokens of one person do not meet.
fn scope_of(actor: &Actor) -> String {
    let person = actor.person.map_or_else(|| actor.name.clone(), |person| format!("person:{person}"));
    let whole = match &actor.via {
        Via::Token { name, .. } => format!("{person}/{name}"),
        Via::Console | Via::CommandLine | Via::System => person,
    };
    whole.chars().take(SCOPE_CHARS_MAX).collect()
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once<T> {
    /// It was done now.
    Done(T),
    /// It had been done already; this is what came of it then.
    Repeated(T),
    /// The key was used for another request: nothing was done.
    OtherRequest,
}

impl<T> Once<T> {
    /// Gives what came of it, now or then; `None` when the key was used for another request.
    pub fn outcome(self) -> Option<T> {
        match self {
            Self::Done(value) | Self::Repeated(value) => Some(value),
            Self::OtherRequest => None,
        }
    }
}

/// Runs `work` in one transaction called `name`, unless a request with this key has done so. Without a key it just runs.
///
/// `work` may run more than once; what it did before is rolled back then.
///
/// # Errors
/// What `work` gives, and database failures.
pub fn once<T, E>(
    conn: &mut PgConnection,
    name: &'static str,
    key: Option<&RequestKey>,
    mut work: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
) -> Result<Once<T>, E>
where
    T: Serialize + DeserializeOwned,
    E: From<DbError>,
{
    let Some(key) = key else { return transaction(conn, name, work).map(Once::Done) };
    for _ in 0..LOOKS_MAX {
        if let Some(done) = attempt(conn, name, key, &mut work)? {
            return Ok(done);
        }
    }
    Err(DbError::Conflict("the Idempotency-Key is in use by another request".into()).into())
}

/// Tells what came of a request that was done under `key` before; `None` = there was none.
///
/// # Errors
/// Database failures.
pub fn known<T: DeserializeOwned>(conn: &mut PgConnection, key: &RequestKey) -> Result<Option<Once<T>>, DbError> {
    transaction(conn, "queue::known_request", |tx| find(tx, key)?.map(|first| first.again(key)).transpose())
}

/// `None` = another request with this key was first; look again.
fn attempt<T, E>(
    conn: &mut PgConnection,
    name: &'static str,
    key: &RequestKey,
    work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
) -> Result<Option<Once<T>>, E>
where
    T: Serialize + DeserializeOwned,
    E: From<DbError>,
{
    let tried = transaction(conn, name, |tx| {
        if let Some(first) = find(tx, key)? {
            return Ok(first.again(key)?);
        }
        let done = work(tx).map_err(Undone::Refused)?;
        remember(tx, key, &done)?;
        Ok(Once::Done(done))
    });
    match tried {
        Ok(done) => Ok(Some(done)),
        Err(Undone::Taken) => Ok(None),
        Err(Undone::Refused(error)) => Err(error),
        Err(Undone::Db(error)) if error.is_constraint("idempotency_pk") => Ok(None),
        Err(Undone::Db(error)) => Err(error.into()),
    }
}

/// Why an attempt was rolled back.
enum Undone<E> {
    Taken,
    Refused(E),
    Db(DbError),
}

impl<E> From<DbError> for Undone<E> {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

#[derive(QueryableByName)]
struct First {
    #[diesel(sql_type = Binary)]
    body_hash: Vec<u8>,
    #[diesel(sql_type = Jsonb)]
    answer: Value,
}

impl First {
    fn again<T: DeserializeOwned>(self, key: &RequestKey) -> Result<Once<T>, DbError> {
        if self.body_hash != key.asked {
            return Ok(Once::OtherRequest);
        }
        // rows of a newer or older version that this one cannot read: the outcome is there, but cannot be told
        let unreadable = |error| DbError::Corrupt(format!("the first answer cannot be read: {error}"));
        serde_json::from_value(self.answer).map(Once::Repeated).map_err(unreadable)
    }
}

fn find(tx: &mut Tx<'_>, key: &RequestKey) -> Result<Option<First>, DbError> {
    const SQL: &str = "-- queue::idempotency::find
SELECT body_hash, answer FROM millrace.idempotency WHERE scope = $1 AND key = $2 AND created_at > clock_timestamp() - interval '24 hours'";
    statement(SQL).bind::<Text, _>(&key.scope).bind::<Text, _>(&key.key).row(tx)
}

fn remember<T: Serialize, E>(tx: &mut Tx<'_>, key: &RequestKey, done: &T) -> Result<(), Undone<E>> {
    const SQL: &str = "-- queue::idempotency::remember
INSERT INTO millrace.idempotency AS i (scope, key, body_hash, answer) VALUES ($1, $2, $3, $4)
ON CONFLICT (scope, key) DO UPDATE SET body_hash = excluded.body_hash, answer = excluded.answer, created_at = clock_timestamp()
WHERE i.created_at <= clock_timestamp() - interval '24 hours'";
    let answer = serde_json::to_value(done).map_err(|error| DbError::Refused {
        message: format!("the answer cannot be kept: {error}"),
        pointer: None,
        code: None,
    })?;
    let written = statement(SQL)
        .bind::<Text, _>(&key.scope)
        .bind::<Text, _>(&key.key)
        .bind::<Binary, _>(&key.asked[..])
        .bind::<Jsonb, _>(answer)
        .run(tx)?;
    // 0 rows: another request with this key has just committed
    if written == 1 { Ok(()) } else { Err(Undone::Taken) }
}

/// Forgets up to [`FORGET_MAX`] keys older than 24 h and tells how many. A duty.
///
/// # Errors
/// Database failures.
pub fn forget_old(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::idempotency::forget
DELETE FROM millrace.idempotency WHERE (scope, key) IN (
    SELECT scope, key FROM millrace.idempotency WHERE created_at <= (SELECT clock_timestamp() - interval '24 hours') ORDER BY created_at LIMIT $1)";
    statement(SQL).bind::<diesel::sql_types::BigInt, _>(FORGET_MAX).run(conn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::access::token::TokenId;

    #[test]
    fn keys_are_visible_and_bounded() {
        let key = |text: &str| RequestKey::new(&Actor::system("x"), text, [0; 32]);

        assert!(key("8c1f 42").is_ok() && key(&"k".repeat(255)).is_ok());
        for bad in ["", "ü", "a\0", "a\n", &"k".repeat(256)] {
            assert_eq!(key(bad), Err(KeyError), "{bad:?}");
        }
    }

    #[test]
    fn tokens_of_one_person_do_not_share_keys() {
        let token = |name: &str| Actor {
            via: Via::Token { id: TokenId(1), name: name.into(), scopes: Vec::new() },
            ..Actor::system("ada")
        };

        assert_ne!(scope_of(&token("a")), scope_of(&token("b")));
        assert_eq!(scope_of(&Actor::system("ada")), "ada");
        assert!(scope_of(&Actor::system(&"ü".repeat(300))).chars().count() <= SCOPE_CHARS_MAX);
    }
}
