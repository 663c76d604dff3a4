//! Transactions that can be seen: a name in `pg_stat_activity`, a type in the signature.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use diesel::PgConnection;
use diesel::connection::{AnsiTransactionManager, TransactionManager};

use super::DbError;

/// Proof that a transaction is open. Functions that need atomicity ask for one.
pub struct Tx<'c>(&'c mut PgConnection);

impl Tx<'_> {
    /// Runs `work` within the transaction; when it fails, what it did is undone and the transaction goes on.
    ///
    /// # Errors
    /// What `work` gives, or that the connection is lost.
    pub fn attempt<T, E: From<DbError>>(&mut self, work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        AnsiTransactionManager::begin_transaction(self.0).map_err(DbError::from)?;
        match work(&mut Tx(self.0)) {
            Ok(value) => {
                AnsiTransactionManager::commit_transaction(self.0).map_err(DbError::from)?;
                Ok(value)
            }
            Err(error) => {
                AnsiTransactionManager::rollback_transaction(self.0).map_err(DbError::from)?;
                Err(error)
            }
        }
    }
}

impl Deref for Tx<'_> {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        self.0
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.0
    }
}

/// Runs `work` in one transaction called `name` (`feature::act`): committed when `work` gives `Ok`, rolled back else.
///
/// # Errors
/// What `work` gives, or the failure of BEGIN or COMMIT. After [`DbError::Lost`] at COMMIT the outcome is not known.
pub fn transaction<T, E: From<DbError>>(
    conn: &mut PgConnection,
    name: &'static str,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    run(conn, name, "", work)
}

/// Like [`transaction`], but its COMMIT does not wait for the disk: a crash of the server may undo it until a later
/// [`transaction`] of any connection has been committed. Only for what counts for nothing before that.
///
/// # Errors
/// As [`transaction`].
pub fn unflushed<T, E: From<DbError>>(
    conn: &mut PgConnection,
    name: &'static str,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    run(conn, name, "; SET LOCAL synchronous_commit = off", work)
}

/// Like [`transaction`], for reading what nobody waits longer for: a statement that takes `most` is stopped.
///
/// # Errors
/// As [`transaction`]; [`DbError::TimedOut`] when a statement was stopped.
pub fn within<T, E: From<DbError>>(
    conn: &mut PgConnection,
    name: &'static str,
    most: Duration,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    run(conn, name, &format!("; SET LOCAL statement_timeout = {}", most.as_millis()), work)
}

fn run<T, E: From<DbError>>(
    conn: &mut PgConnection,
    name: &'static str,
    settings: &str,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    begin(conn, name, settings).map_err(E::from)?;
    match work(&mut Tx(conn)) {
        Ok(value) => {
            AnsiTransactionManager::commit_transaction(conn).map_err(DbError::from)?;
            Ok(value)
        }
        Err(error) => {
            if let Err(lost) = AnsiTransactionManager::rollback_transaction(conn) {
                tracing::debug!(transaction = name, error = %lost, "rollback could not be sent; the server rolls back by itself");
            }
            Err(error)
        }
    }
}

/// BEGIN and the name in one round trip. A transaction inside a transaction is refused by Postgres with a warning, so we
/// refuse it ourselves: it would commit half.
fn begin(conn: &mut PgConnection, name: &str, settings: &str) -> Result<(), DbError> {
    debug_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-')), "{name}");
    let sql = format!("BEGIN; SET LOCAL application_name = 'millrace {name}'{settings}");
    Ok(AnsiTransactionManager::begin_transaction_sql(conn, &sql)?)
}
