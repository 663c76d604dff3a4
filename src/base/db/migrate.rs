//! Applies the schema. Several nodes may start on an empty database at once: one migrates, the others wait for it.

use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationName, MigrationSource};
use diesel::pg::Pg;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{DbError, functions};

/// Every migration, compiled in.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// A number that no other program of the organisation is likely to lock: "millrace" in ASCII.
const LOCK: i64 = 0x6d69_6c6c_7261_6365;

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database refused.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A migration failed; nothing of it was kept.
    #[error("a migration failed: {0}")]
    Migration(String),
}

/// Brings the schema up to date and tells the names of the migrations that were applied.
///
/// # Errors
/// [`MigrateError::Migration`] with the database's message; migrations before the failed one stay applied.
pub fn migrate(conn: &mut PgConnection) -> Result<Vec<String>, MigrateError> {
    alone(conn, |conn| {
        prepare(conn)?;
        apply(conn)
    })
}

/// Does `work` while no other node changes the schema. Whatever it creates must be created in here: `IF NOT EXISTS` does not see
/// what another transaction is about to commit, and fails.
fn alone<T>(
    conn: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection) -> Result<T, MigrateError>,
) -> Result<T, MigrateError> {
    conn.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).map_err(DbError::from)?;
    let done = work(conn);
    conn.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})")).map_err(DbError::from)?;
    done
}

/// Postgres lets everybody execute a new function, and a default of one schema cannot take that away.
fn apply(conn: &mut PgConnection) -> Result<Vec<String>, MigrateError> {
    let applied = conn
        .run_pending_migrations(MIGRATIONS)
        .map(|versions| versions.iter().map(ToString::to_string).collect())
        .map_err(|error| MigrateError::Migration(error.to_string()))?;
    if knows_all(conn)? {
        functions::apply(conn)?;
    }
    conn.batch_execute("REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA millrace FROM PUBLIC").map_err(DbError::from)?;
    Ok(applied)
}

/// Tells the names of migrations that are compiled in but not applied yet.
///
/// # Errors
/// [`MigrateError`] when the database cannot be asked.
pub fn pending(conn: &mut PgConnection) -> Result<Vec<String>, MigrateError> {
    let found = alone(conn, |conn| {
        prepare(conn)?;
        conn.pending_migrations(MIGRATIONS).map_err(|error| MigrateError::Migration(error.to_string()))
    })?;
    Ok(found.iter().map(|migration| migration.name().to_string()).collect())
}

/// Tells the names of migrations that are compiled in but not applied yet, without the rights of the schema's owner.
///
/// # Errors
/// [`MigrateError`] when the database cannot be asked, or has no schema at all.
pub fn missing(conn: &mut PgConnection) -> Result<Vec<String>, MigrateError> {
    const SQL: &str = "-- migrate::missing
SELECT version FROM millrace.__diesel_schema_migrations";
    let applied: Vec<String> = super::statement(SQL).tuples::<diesel::sql_types::Text, String>(conn)?;
    let is_missing = |name: &dyn MigrationName| applied.iter().all(|version| name.version() != version.as_str().into());
    Ok(compiled()?.iter().map(|one| one.name()).filter(|name| is_missing(*name)).map(ToString::to_string).collect())
}

fn compiled() -> Result<Vec<Box<dyn Migration<Pg>>>, MigrateError> {
    MIGRATIONS.migrations().map_err(|error| MigrateError::Migration(error.to_string()))
}

/// Tells whether no migration was applied that this program does not have: a newer one then rules, and its functions stay.
fn knows_all(conn: &mut PgConnection) -> Result<bool, MigrateError> {
    let applied = conn.applied_migrations().map_err(|error| MigrateError::Migration(error.to_string()))?;
    let compiled = compiled()?;
    Ok(applied.iter().all(|version| compiled.iter().any(|one| one.name().version() == *version)))
}

/// The list of applied migrations stands in our schema too, so that a shared database stays tidy.
fn prepare(conn: &mut PgConnection) -> Result<(), DbError> {
    Ok(conn.batch_execute(
        "SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS millrace; SET search_path = millrace, pg_temp",
    )?)
}
