//! A fresh database of the running cluster, dropped afterwards.

use std::sync::atomic::{AtomicU32, Ordering};

use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};

use super::BenchError;
use crate::base::db::{DbError, PgConnection, migrate, statement, url::with_limits};

/// A database of our own; gone with this value.
pub(super) struct Place {
    cluster: String,
    name: String,
    url: String,
    /// It stays when this value goes.
    stays: bool,
}

impl Place {
    /// Creates an empty database and flushes what came before, so that rounds begin alike.
    pub(super) fn bare(cluster: &str) -> Result<Self, BenchError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("millrace_bench_{}_{number}", std::process::id());
        let mut conn = connect(cluster)?;
        execute(&mut conn, &format!("CREATE DATABASE {name}"))?;
        let place = Self { cluster: cluster.to_owned(), url: with_database(cluster, &name), name, stays: false };
        if let Err(error) = execute(&mut conn, "CHECKPOINT") {
            tracing::debug!(%error, "not allowed to checkpoint; the first round may pay for what came before");
        }
        Ok(place)
    }

    /// Creates a database with the whole schema.
    pub(super) fn migrated(cluster: &str) -> Result<Self, BenchError> {
        let place = Self::bare(cluster)?;
        migrate::migrate(&mut place.connect()?)?;
        Ok(place)
    }

    /// Opens the database of this name, which stays; makes it with the whole schema when it is not there.
    pub(super) fn kept(cluster: &str, name: &str) -> Result<Self, BenchError> {
        let mut conn = connect(cluster)?;
        const SQL: &str = "-- bench::place::kept
SELECT count(*) FROM pg_database WHERE datname = $1";
        let known = statement(SQL).bind::<Text, _>(name).tuples::<BigInt, i64>(&mut conn)?;
        if known.first() != Some(&1) {
            execute(&mut conn, &format!("CREATE DATABASE {name}"))?;
        }
        let url = with_database(cluster, name);
        migrate::migrate(&mut connect(&url)?)?;
        Ok(Self { cluster: cluster.to_owned(), url, name: name.to_owned(), stays: true })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn connect(&self) -> Result<PgConnection, DbError> {
        connect(&self.url)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        let dropped = connect(&self.cluster)
            .and_then(|mut conn| execute(&mut conn, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)));
        if let Err(error) = dropped {
            tracing::error!(%error, database = self.name, "the measured database was left behind");
        }
    }
}

/// Opens a connection as the engine's are set up.
pub(super) fn connect(url: &str) -> Result<PgConnection, DbError> {
    let mut conn = PgConnection::establish(&with_limits(url)).map_err(|e| DbError::Unavailable(e.to_string()))?;
    execute(
        &mut conn,
        "SET application_name = 'millrace bench'; SET timezone = 'UTC'; SET lc_messages = 'C'; SET client_min_messages = warning",
    )?;
    Ok(conn)
}

/// Runs SQL without parameters.
pub(super) fn execute(conn: &mut PgConnection, sql: &str) -> Result<(), DbError> {
    Ok(conn.batch_execute(sql)?)
}

/// Puts another database into a libpq URL.
fn with_database(url: &str, database: &str) -> String {
    let (front, query) = url.split_once('?').map_or((url, None), |(front, query)| (front, Some(query)));
    let (scheme, rest) = front.split_once("://").unwrap_or(("postgresql", front));
    let authority = rest.split('/').next().unwrap_or_default();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{authority}/{database}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_changes() {
        let cases = [
            ("postgresql://m@/old?host=%2Frun&port=1", "postgresql://m@/new?host=%2Frun&port=1"),
            ("postgres://a:b@db:5432", "postgres://a:b@db:5432/new"),
            ("postgres://a@db/old", "postgres://a@db/new"),
        ];
        for (url, wanted) in cases {
            assert_eq!(with_database(url, "new"), wanted);
        }
    }
}
