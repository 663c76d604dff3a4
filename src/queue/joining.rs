//! The remains of joined jobs: keys that have lapsed, debounces whose job no longer waits. Joining itself stands in the functions
//! of the schema (`create_joining`), because jobs come in there.

use crate::base::db::{DbError, PgConnection, statement};

/// Most rows that are forgotten at once.
pub const FORGET_MAX: i64 = 1_000;

/// Removes unique keys that have lapsed, at most 1,000, and tells how many. What is being changed is not waited for.
///
/// # Errors
/// Database failures.
pub fn forget_lapsed_keys(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::joining::lapsed
DELETE FROM millrace.unique_keys WHERE key = ANY(ARRAY(
    SELECT k.key FROM millrace.unique_keys k WHERE k.until < (SELECT clock_timestamp()) ORDER BY k.until LIMIT 1000 FOR UPDATE SKIP LOCKED))";
    statement(SQL).run(conn)
}

/// Removes debounces whose job became due a minute ago, at most 1,000, and tells how many. What comes now begins anew.
///
/// # Errors
/// Database failures.
pub fn forget_debounces(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::joining::debounces
DELETE FROM millrace.debounces WHERE key = ANY(ARRAY(
    SELECT d.key FROM millrace.debounces d WHERE d.due < (SELECT clock_timestamp() - interval '1 min') ORDER BY d.due LIMIT 1000 FOR UPDATE SKIP LOCKED))";
    statement(SQL).run(conn)
}
