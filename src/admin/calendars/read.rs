//! Reading calendars and who minds them.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
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

/// The schedules that are in scope: `$1` everything is, `$2` its queues.
macro_rules! in_scope {
    () => {
        "($1 OR EXISTS (SELECT FROM millrace.schedule_versions v JOIN millrace.templates t ON t.id = s.template_id
        JOIN millrace.template_versions tv ON tv.template_id = t.id AND tv.version = coalesce((v.spec ->> 'version')::integer, t.active_version)
        WHERE v.schedule_id = s.id AND v.version = s.version AND tv.queue = ANY ($2)))"
    };
}

/// Lists calendars by name, or those of `names`; only schedules in scope are counted.
///
/// # Errors
/// Database failures.
pub fn list(conn: &mut PgConnection, scope: &Scope, names: Option<&[String]>) -> Result<Vec<CalendarRow>, DbError> {
    const SQL: &str = concat!(
        "-- admin::calendars::list
SELECT c.id, c.name, c.version, c.spec, c.updated_at, c.updated_by, count(s.id) AS schedules
FROM millrace.calendars c LEFT JOIN millrace.schedule_calendars sc ON sc.calendar_id = c.id
LEFT JOIN millrace.schedules s ON s.id = sc.schedule_id AND ",
        in_scope!(),
        "
WHERE $3 IS NULL OR c.name = ANY ($3) GROUP BY c.id ORDER BY c.name LIMIT $4"
    );
    statement(SQL)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Nullable<Array<Text>>, _>(names)
        .bind::<BigInt, _>(CALENDARS_MAX)
        .rows(conn)
}

/// Gives the names of all calendars, in order.
///
/// # Errors
/// Database failures.
pub fn names(conn: &mut PgConnection) -> Result<Vec<String>, DbError> {
    const SQL: &str = "-- admin::calendars::names
SELECT c.name FROM millrace.calendars c ORDER BY c.name LIMIT $1";
    statement(SQL).bind::<BigInt, _>(CALENDARS_MAX).tuples::<Text, String>(conn)
}

/// Names the schedules in scope that mind a calendar, by name, at most [`USERS_MAX`].
///
/// # Errors
/// Database failures.
pub fn users(conn: &mut PgConnection, scope: &Scope, id: i32) -> Result<Vec<String>, DbError> {
    const SQL: &str = concat!(
        "-- admin::calendars::users
SELECT s.name FROM millrace.schedule_calendars sc JOIN millrace.schedules s ON s.id = sc.schedule_id
WHERE ",
        in_scope!(),
        " AND sc.calendar_id = $3 ORDER BY s.name LIMIT $4"
    );
    statement(SQL)
        .bind::<Bool, _>(scope.is_everything())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Integer, _>(id)
        .bind::<Integer, _>(USERS_MAX)
        .tuples::<Text, String>(conn)
}
