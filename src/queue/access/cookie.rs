//! The key that session cookies are sealed with. It stands in the database, so that who signs in on one node is signed in on
//! all. Whoever reads it gains nothing: a session opens only for the random key inside the cookie, and rows hold its hash.

use diesel::sql_types::Binary;

use crate::base::db::{DbError, PgConnection, statement};
use crate::base::random;

/// Length of the key in bytes.
pub const KEY_BYTES: usize = 64;

/// Gives the key; the first node that asks makes it.
///
/// # Errors
/// Database failures.
pub fn shared_key(conn: &mut PgConnection) -> Result<Vec<u8>, DbError> {
    const MAKE: &str = "-- queue::access::cookie::make
INSERT INTO millrace.cookie_keys (key) VALUES ($1) ON CONFLICT (one) DO NOTHING";
    const READ: &str = "-- queue::access::cookie::read
SELECT key FROM millrace.cookie_keys";
    statement(MAKE).bind::<Binary, _>(random::secret_bytes::<KEY_BYTES>().to_vec()).run(conn)?; // 0 rows: it is there
    statement(READ)
        .tuples::<Binary, Vec<u8>>(conn)?
        .pop()
        .ok_or_else(|| DbError::Corrupt("there is no key for cookies".into()))
}
