//! What Postgres says about itself.

use diesel::sql_types::{Array, BigInt, Bool, Text, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};

#[derive(diesel::QueryableByName)]
struct NamesRow {
    #[diesel(sql_type = Array<Text>)]
    names: Vec<String>,
}

pub(super) fn missing_roles(conn: &mut PgConnection, wanted: &[&str]) -> Result<Vec<String>, DbError> {
    const SQL: &str = "-- health::missing_roles
SELECT coalesce(array_agg(wanted ORDER BY wanted), '{}') AS names FROM unnest($1::text[]) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)";
    let row: Option<NamesRow> = statement(SQL).bind::<Array<Text>, _>(wanted).row(conn)?;
    Ok(row.map(|row| row.names).unwrap_or_default())
}

#[derive(Debug, Clone, diesel::QueryableByName)]
pub(super) struct Strength {
    #[diesel(sql_type = Text)]
    pub(super) role: String,
    #[diesel(sql_type = Bool)]
    pub(super) superuser: bool,
    #[diesel(sql_type = Bool)]
    pub(super) changes_audit: bool,
    #[diesel(sql_type = Bool)]
    pub(super) changes_schema: bool,
}

/// What the connection's role may do beyond what the running program needs.
pub(super) fn strength(conn: &mut PgConnection) -> Result<Strength, DbError> {
    const SQL: &str = "-- health::strength
SELECT current_user::text AS role,
    coalesce((SELECT rolsuper FROM pg_roles WHERE rolname = current_user), false) AS superuser,
    coalesce(has_table_privilege(to_regclass('millrace.audit'), 'UPDATE, DELETE'), false) AS changes_audit,
    coalesce(has_schema_privilege(to_regnamespace('millrace'), 'CREATE'), false) AS changes_schema";
    statement(SQL).row(conn)?.ok_or(DbError::Other(diesel::result::Error::NotFound))
}

#[derive(diesel::QueryableByName)]
struct TimeRow {
    #[diesel(sql_type = Timestamptz)]
    at: Time,
}

pub(super) fn database_time(conn: &mut PgConnection) -> Result<Time, DbError> {
    const SQL: &str = "-- health::database_time
SELECT clock_timestamp() AS at";
    let row: Option<TimeRow> = statement(SQL).row(conn)?;
    row.map(|row| row.at).ok_or(DbError::Other(diesel::result::Error::NotFound))
}

#[derive(diesel::QueryableByName)]
struct FlagRow {
    #[diesel(sql_type = Bool)]
    flag: bool,
}

/// Whether connections of this login can act as `role`.
pub(super) fn may_act_as(conn: &mut PgConnection, role: &str) -> Result<bool, DbError> {
    const SQL: &str = "-- health::may_act_as
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1 AND pg_has_role(current_user, oid, 'MEMBER')) AS flag";
    let row: Option<FlagRow> = statement(SQL).bind::<Text, _>(role).row(conn)?;
    Ok(row.is_some_and(|row| row.flag))
}

/// What a queue has done since it was first used, as far as rollups are kept.
#[derive(Debug, Clone, PartialEq, diesel::QueryableByName)]
pub(super) struct Totals {
    #[diesel(sql_type = Text)]
    pub(super) queue: String,
    #[diesel(sql_type = BigInt)]
    pub(super) enqueued: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) succeeded: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) failed: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) attempts_failed: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) wait_us: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) run_us: i64,
}

/// Sums of the days: a row per day, template, queue and node, so that this stays small for years.
pub(super) fn totals(conn: &mut PgConnection) -> Result<Vec<Totals>, DbError> {
    const SQL: &str = "-- health::totals
SELECT q.name AS queue, sum(r.enqueued)::bigint AS enqueued, sum(r.succeeded)::bigint AS succeeded, sum(r.failed)::bigint AS failed,
    sum(r.attempts_failed)::bigint AS attempts_failed, sum(r.wait_us)::bigint AS wait_us, sum(r.run_us)::bigint AS run_us
FROM millrace.rollups r JOIN millrace.queues q ON q.id = r.queue_id WHERE r.step_s = 86400 GROUP BY q.name ORDER BY q.name";
    statement(SQL).rows(conn)
}
