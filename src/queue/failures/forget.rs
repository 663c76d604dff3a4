//! Forgetting: counts are kept for 90 days, groups as long as they have any or somebody wrote about them. A duty.

use diesel::sql_types::BigInt;

use crate::base::db::{DbError, PgConnection, statement};

/// Most rows that go at once.
pub const FORGET_MAX: i64 = 5_000;

/// Removes counts older than 90 days and groups that did not fail for 90 days and that nobody ever touched; tells how many of the
/// longer list.
///
/// # Errors
/// Database failures.
pub fn forget_old(conn: &mut PgConnection) -> Result<usize, DbError> {
    const COUNTS: &str = "-- queue::failures::forget_counts
DELETE FROM millrace.failure_counts WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM millrace.failure_counts WHERE hour < (SELECT clock_timestamp() - interval '90 days') ORDER BY hour LIMIT $1))";
    const GROUPS: &str = "-- queue::failures::forget_groups
DELETE FROM millrace.failure_groups WHERE fingerprint = ANY(ARRAY(
    SELECT fingerprint FROM millrace.failure_groups WHERE last_seen < (SELECT clock_timestamp() - interval '90 days') AND touched_at IS NULL
    ORDER BY last_seen LIMIT $1)) AND last_seen < (SELECT clock_timestamp() - interval '90 days')";
    let counts = statement(COUNTS).bind::<BigInt, _>(FORGET_MAX).run(conn)?;
    let groups = statement(GROUPS).bind::<BigInt, _>(FORGET_MAX).run(conn)?;
    Ok(counts.max(groups))
}
