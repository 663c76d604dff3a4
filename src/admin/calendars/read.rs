//! Reading calendars and who minds them.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::timing::calendar::{BusinessDays, Calendar};

/// Most calendars that there may be.
pub const CALENDARS_MAX: i64 = 1_000;
/// Most schedules that are named beside a calendar.
pub const USERS_MAX: i32 = 200;

/// A calendar.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct CalendarRow {
    /// Row id.
    #[diesel(sql_type = Integer)]
    pub id: i32,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Raised by each change.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// The document.
    #[diesel(sql_type = Jsonb)]
    pub spec: Value,
    /// When it was changed last.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: Time,
    /// By whom.
    #[diesel(sql_type = Text)]
    pub updated_by: String,
    /// Schedules that mind it.
    #[diesel(sql_type = BigInt)]
    pub schedules: i64,
}

impl CalendarRow {
    /// Reads what it says; `None` when this program does not understand it.
    pub fn calendar(&self) -> Option<Calendar> {
        serde_json::from_value(self.spec.clone()).ok()
    }

    /// Makes it ready to be asked.
    pub fn days(&self) -> Option<Arc<BusinessDays>> {
        Some(Arc::new(self.calendar()?.days().ok()?))
    }
}

/// Lists calendars by name, or the one called `name`.
///
/// # Errors
/// Database failures.
pub fn list(conn: &mut PgConnection, name: Option<&str>) -> Result<Vec<CalendarRow>, DbError> {
    const SQL: &str = "-- admin::calendars::list
SELECT c.id, c.name, c.version, c.spec, c.updated_at, c.updated_by, count(sc.schedule_id) AS schedules
FROM millrace.calendars c LEFT JOIN millrace.schedule_calendars sc ON sc.calendar_id = c.id
WHERE $1 IS NULL OR c.name = $1 GROUP BY c.id ORDER BY c.name LIMIT $2";
    statement(SQL)
        .bind::<Nullable<Text>, _>(name.map(|name| name.replace('\0', "")))
        .bind::<BigInt, _>(CALENDARS_MAX)
        .rows(conn)
}

/// Names the schedules that mind a calendar, by name, at most [`USERS_MAX`].
///
/// # Errors
/// Database failures.
pub fn users(conn: &mut PgConnection, id: i32) -> Result<Vec<String>, DbError> {
    const SQL: &str = "-- admin::calendars::users
SELECT s.name FROM millrace.schedule_calendars sc JOIN millrace.schedules s ON s.id = sc.schedule_id
WHERE sc.calendar_id = $1 ORDER BY s.name LIMIT $2";
    statement(SQL).bind::<Integer, _>(id).bind::<Integer, _>(USERS_MAX).tuples::<Text, String>(conn)
}
