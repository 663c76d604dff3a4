//! How busy the worker threads of all nodes were at most, hour by hour: written by the duty that looks at the database, read by the
//! dashboard.

use diesel::QueryableByName;
use diesel::sql_types::{Integer, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement};

/// How long peaks are kept: a week and the day before it.
const KEPT_DAYS: i32 = 8;
/// Most hours removed at once.
const FORGET_MAX: i32 = 200;
/// Hours looked at for the peak of a day.
const HOURS_MAX: i32 = 25;

/// The busiest moment of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Peak {
    /// Worker threads at work.
    #[diesel(sql_type = Integer)]
    pub busy: i32,
    /// Worker threads there were.
    #[diesel(sql_type = Integer)]
    pub slots: i32,
    /// When it was.
    #[diesel(sql_type = Timestamptz)]
    pub at: Time,
}

/// Notes how busy the nodes are now, if no moment of this hour was busier, and forgets what is old.
///
/// # Errors
/// Database failures.
pub(super) fn note(tx: &mut Tx<'_>) -> Result<(), DbError> {
    const NOTE: &str = "-- admin::health::note_slots
INSERT INTO millrace.slot_peaks AS p (hour, busy, slots, at)
SELECT date_trunc('hour', now()), sum(n.busy)::integer, sum(n.slots)::integer, now() FROM millrace.nodes n WHERE n.state <> 'down' HAVING sum(n.slots) > 0
ON CONFLICT (hour) DO UPDATE SET busy = excluded.busy, slots = excluded.slots, at = excluded.at
WHERE excluded.busy::bigint * p.slots > p.busy::bigint * excluded.slots";
    const FORGET: &str = "-- admin::health::forget_slots
DELETE FROM millrace.slot_peaks WHERE hour = ANY(ARRAY(
    SELECT hour FROM millrace.slot_peaks WHERE hour < (SELECT clock_timestamp()) - $1 * interval '1 day' ORDER BY hour LIMIT $2))";
    statement(NOTE).run(tx)?;
    statement(FORGET).bind::<Integer, _>(KEPT_DAYS).bind::<Integer, _>(FORGET_MAX).run(tx)?;
    Ok(())
}

/// Reads the busiest moment of the last 24 hours, the newest of equals; `None` = no node was up.
///
/// # Errors
/// Database failures.
pub fn peak(conn: &mut PgConnection) -> Result<Option<Peak>, DbError> {
    const SQL: &str = "-- admin::health::peak
SELECT p.busy, p.slots, p.at FROM (
    SELECT busy, slots, at FROM millrace.slot_peaks WHERE hour > (SELECT clock_timestamp() - interval '25 hours') ORDER BY hour DESC LIMIT $1
) AS p WHERE p.at > (SELECT clock_timestamp() - interval '24 hours') ORDER BY p.busy::float8 / p.slots DESC, p.at DESC LIMIT 1";
    statement(SQL).bind::<Integer, _>(HOURS_MAX).row(conn)
}
