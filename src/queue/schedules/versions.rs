//! A version of a schedule, read by itself: for backfills, for runs by hand, for pages.

use diesel::sql_types::{Array, Integer, Jsonb, Text};
use serde_json::Value;

use super::plans::{Known, told};
use super::values::ScheduleId;
use crate::base::db::{DbError, PgConnection, statement};
use crate::timing::calendar::Calendar;
use crate::timing::document::Calendars;
use crate::timing::schedule::Schedule;

/// Reads a version and makes it ready to be followed; the error is why it cannot be.
///
/// # Errors
/// Database failures.
pub fn known(conn: &mut PgConnection, id: ScheduleId, version: i32) -> Result<Result<Known, String>, DbError> {
    const SQL: &str = "-- queue::schedules::version
SELECT v.spec FROM millrace.schedule_versions v WHERE v.schedule_id = $1 AND v.version = $2";
    let read = statement(SQL).bind::<Integer, _>(id.0).bind::<Integer, _>(version).tuples::<Jsonb, Value>(conn)?.pop();
    let Some(spec) = read else { return Ok(Err(format!("version {version} is gone"))) };
    let spec: Schedule = match serde_json::from_value(spec) {
        Ok(spec) => spec,
        Err(error) => return Ok(Err(format!("version {version} cannot be read: {error}"))),
    };
    let calendars = calendars_named(conn, &spec.timing().calendars())?;
    Ok(Known::of(spec, &calendars).map_err(|faults| told(&faults)))
}

/// Reads the calendars of these names that there are.
///
/// # Errors
/// Database failures.
pub fn calendars_named(conn: &mut PgConnection, names: &[&str]) -> Result<Calendars, DbError> {
    const SQL: &str = "-- queue::schedules::calendars_named
SELECT c.name, c.spec FROM millrace.calendars c WHERE c.name = ANY ($1)";
    if names.is_empty() {
        return Ok(Calendars::new());
    }
    let rows = statement(SQL).bind::<Array<Text>, _>(names).tuples::<(Text, Jsonb), (String, Value)>(conn)?;
    let ready = |(name, spec): (String, Value)| {
        let calendar: Calendar = serde_json::from_value(spec).ok()?;
        Some((name, std::sync::Arc::new(calendar.days().ok()?)))
    };
    Ok(rows.into_iter().filter_map(ready).collect())
}
