//! Pools of connections, each with its own limits.

use std::sync::Arc;
use std::time::Duration;

use diesel::r2d2::{ConnectionManager, CustomizeConnection, PooledConnection};
use diesel::{Connection as _, PgConnection, connection::SimpleConnection};

use super::DbError;

/// A connection lent by a pool.
pub type Connection = PooledConnection<ConnectionManager<PgConnection>>;

/// How a pool is made.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// Shown in `pg_stat_activity` between transactions.
    pub name: &'static str,
    /// Most connections at once.
    pub connections_max: u32,
    /// How long a caller waits for one.
    pub wait: Duration,
    /// Longest a statement may run.
    pub statement: Duration,
}

/// A database that can be asked for connections. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: r2d2::Pool<ConnectionManager<PgConnection>>,
    made: Arc<Made>,
}

/// What it was made from.
struct Made {
    url: String,
    settings: PoolSettings,
}

impl Db {
    /// Makes a pool over `url`; connections are opened when first asked for.
    pub fn new(url: &str, settings: PoolSettings) -> Self {
        let pool = r2d2::Pool::builder()
            .max_size(settings.connections_max)
            .min_idle(Some(0))
            .connection_timeout(settings.wait)
            .test_on_check_out(false) // 0.4 us instead of 20 us; the first statement after a restart fails and is retried
            .error_handler(Box::new(Quiet))
            .connection_customizer(Box::new(Session(settings.clone())))
            .build_unchecked(ConnectionManager::new(super::url::with_limits(url)));
        Self { pool, made: Arc::new(Made { url: url.to_owned(), settings }) }
    }

    /// Makes another pool over the same URL. Connections of this one are closed as they come back.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self::new(&self.made.url, self.made.settings.clone())
    }

    /// Tells whether both are the same pool.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.made, &other.made)
    }

    /// Gives how long a caller waits for a connection.
    pub fn wait_max(&self) -> Duration {
        self.made.settings.wait
    }

    /// Gives the longest time that a statement may run.
    pub fn statement_max(&self) -> Duration {
        self.made.settings.statement
    }

    /// Asks for a connection beside the pool and tells whether a server answered, be it with a refusal.
    pub fn is_heard(&self) -> bool {
        match PgConnection::establish(&super::url::with_limits(&self.made.url)) {
            Ok(_) => true,
            Err(error) => error.to_string().contains("FATAL"),
        }
    }

    /// Lends a connection.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when none is free within the pool's wait.
    pub fn get(&self) -> Result<Connection, DbError> {
        self.pool.get().map_err(|error| DbError::Unavailable(error.to_string()))
    }

    /// Tells how many connections are open and how many of them are idle.
    pub fn usage(&self) -> (u32, u32) {
        let state = self.pool.state();
        (state.connections, state.idle_connections)
    }
}

/// r2d2 would log each failed attempt at error level, several a second while Postgres is away; callers say it themselves.
#[derive(Debug)]
struct Quiet;

impl r2d2::HandleError<diesel::r2d2::Error> for Quiet {
    fn handle_error(&self, error: diesel::r2d2::Error) {
        tracing::debug!(%error, "a database connection could not be opened");
    }
}

#[derive(Debug)]
struct Session(PoolSettings);

impl CustomizeConnection<PgConnection, diesel::r2d2::Error> for Session {
    fn on_acquire(&self, conn: &mut PgConnection) -> Result<(), diesel::r2d2::Error> {
        let settings = &self.0;
        conn.set_instrumentation(super::watch::follow);
        let sql = format!(
            "SET application_name = 'millrace {}'; SET statement_timeout = {}; SET timezone = 'UTC'; \
             DO $$ BEGIN SET lc_messages = 'C'; EXCEPTION WHEN insufficient_privilege THEN NULL; END $$; \
             SET idle_in_transaction_session_timeout = 60000; SET search_path = millrace, pg_temp;",
            settings.name,
            settings.statement.as_millis(),
        );
        conn.batch_execute(&sql).map_err(diesel::r2d2::Error::QueryError)
    }
}
