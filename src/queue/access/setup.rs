//! The one-time link that makes the first admin. It works for 15 min, once, and only while there is no admin.

use chrono::TimeDelta;
use diesel::sql_types::{Bool, Bytea, Timestamptz};

use super::{hash, secret};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement};

/// How long a link works.
pub const MINUTES_VALID: i64 = 15;

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// Tells whether there is an admin who can sign in.
///
/// # Errors
/// Database failures.
pub fn admin_exists(conn: &mut PgConnection) -> Result<bool, DbError> {
    const SQL: &str = "-- queue::access::setup::admin_exists
SELECT EXISTS (SELECT FROM millrace.people WHERE role = 'admin' AND disabled_at IS NULL) AS found";
    Ok(statement(SQL).row::<Found>(conn)?.is_some_and(|row| row.found))
}

/// Tells whether there is anybody at all, so that signing in can be asked for.
///
/// # Errors
/// Database failures.
pub fn anybody_exists(conn: &mut PgConnection) -> Result<bool, DbError> {
    const SQL: &str = "-- queue::access::setup::anybody_exists
SELECT EXISTS (SELECT FROM millrace.people) AS found";
    Ok(statement(SQL).row::<Found>(conn)?.is_some_and(|row| row.found))
}

/// What becomes of links that were made before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// They work no longer: somebody asked for a new one.
    Void,
    /// They work until their time: another node, started at the same time, has shown its own.
    Keep,
}

/// Makes a new link secret. `None` when there is an admin already.
///
/// # Errors
/// Database failures.
pub fn create(tx: &mut Tx<'_>, now: Time, earlier: Earlier) -> Result<Option<String>, DbError> {
    const SQL: &str = "-- queue::access::setup::create
WITH earlier AS (DELETE FROM millrace.setup_links WHERE expires_at <= $1 OR $2)
INSERT INTO millrace.setup_links (token_hash, expires_at) VALUES ($3, $4)";
    if !claim(tx)? {
        return Ok(None);
    }
    let text = secret::random_text();
    statement(SQL)
        .bind::<Timestamptz, _>(now)
        .bind::<Bool, _>(earlier == Earlier::Void)
        .bind::<Bytea, _>(hash(&text).to_vec())
        .bind::<Timestamptz, _>(now + TimeDelta::minutes(MINUTES_VALID))
        .run(tx)?;
    Ok(Some(text))
}

/// Tells whether a link still works, without using it up.
///
/// # Errors
/// Database failures.
pub fn is_valid(conn: &mut PgConnection, text: &str, now: Time) -> Result<bool, DbError> {
    const SQL: &str = "-- queue::access::setup::is_valid
SELECT EXISTS (SELECT FROM millrace.setup_links WHERE token_hash = $1 AND expires_at > $2)
   AND NOT EXISTS (SELECT FROM millrace.people WHERE role = 'admin' AND disabled_at IS NULL) AS found";
    let row: Option<Found> =
        statement(SQL).bind::<Bytea, _>(hash(text).to_vec()).bind::<Timestamptz, _>(now).row(conn)?;
    Ok(row.is_some_and(|row| row.found))
}

/// Uses the link up, and tells whether the first admin may be made in this transaction.
///
/// # Errors
/// Database failures.
pub fn redeem(tx: &mut Tx<'_>, text: &str, now: Time) -> Result<bool, DbError> {
    const SQL: &str = "-- queue::access::setup::redeem
DELETE FROM millrace.setup_links WHERE token_hash = $1 AND expires_at > $2";
    lock(tx)?;
    let redeemed = statement(SQL).bind::<Bytea, _>(hash(text).to_vec()).bind::<Timestamptz, _>(now).run(tx)?;
    Ok(redeemed == 1 && !admin_exists(tx)?)
}

/// Claims the right to make the first admin without a link (settings, command line): `false` when there is one already.
///
/// # Errors
/// Database failures.
pub fn claim(tx: &mut Tx<'_>) -> Result<bool, DbError> {
    lock(tx)?;
    Ok(!admin_exists(tx)?)
}

/// Two nodes, or two people with the same link, must not both find that there is no admin.
fn lock(tx: &mut Tx<'_>) -> Result<(), DbError> {
    const SQL: &str = "-- queue::access::setup::lock
SELECT true AS found FROM pg_advisory_xact_lock(hashtext('millrace.first_admin'))";
    statement(SQL).row::<Found>(tx)?;
    Ok(())
}
