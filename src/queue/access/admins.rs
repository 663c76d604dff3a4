//! Whom somebody can ask who lacks a permission.

use diesel::sql_types::{BigInt, Text};

use crate::base::db::{DbError, PgConnection, statement};

/// Names up to `most` admins who can sign in, those first who were here last. Needs no permission itself.
///
/// # Errors
/// Database failures.
pub fn names(conn: &mut PgConnection, most: i64) -> Result<Vec<String>, DbError> {
    const SQL: &str = "-- queue::access::admins::names
SELECT name FROM millrace.people WHERE role = 'admin' AND disabled_at IS NULL ORDER BY last_seen_at DESC NULLS LAST, name, id LIMIT $1";
    statement(SQL).bind::<BigInt, _>(most).tuples::<Text, String>(conn)
}
