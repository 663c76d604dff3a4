//! One connection of one thread, opened again when it breaks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection as _, PgConnection};

use super::watch::Call;
use super::{DbError, url};

/// Longest wait between two attempts to connect.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How a link prepares a fresh connection.
type Prepare = Box<dyn Fn(&mut PgConnection) -> Result<(), DbError> + Send>;

/// A connection that belongs to one thread: reserved, so that a pool exhausted by others cannot starve it.
pub struct Link {
    url: String,
    setup: String,
    prepare: Option<Prepare>,
    pause_max: Duration,
    conn: Option<PgConnection>,
    failures: u32,
    retry_at: Option<Instant>,
    call: Arc<Call>,
}

impl Link {
    /// Makes a link that shows as `name` and whose statements may run for `statement`.
    pub fn new(url: &str, name: &str, statement: Duration) -> Self {
        let setup = format!(
            "SET application_name = 'millrace {name}'; SET statement_timeout = {}; SET timezone = 'UTC'; \
             DO $$ BEGIN SET lc_messages = 'C'; EXCEPTION WHEN insufficient_privilege THEN NULL; END $$; \
             SET idle_in_transaction_session_timeout = 30000; SET search_path = millrace, pg_temp",
            statement.as_millis()
        );
        Self {
            url: url::with_limits(url),
            setup,
            prepare: None,
            pause_max: PAUSE_MAX,
            conn: None,
            failures: 0,
            retry_at: None,
            call: Arc::new(Call::new()),
        }
    }

    /// Tries to connect again at the latest after `pause_max`.
    #[must_use]
    pub fn pausing_at_most(self, pause_max: Duration) -> Self {
        Self { pause_max: pause_max.min(PAUSE_MAX), ..self }
    }

    /// Runs `prepare` on every fresh connection.
    #[must_use]
    pub fn prepared(self, prepare: impl Fn(&mut PgConnection) -> Result<(), DbError> + Send + 'static) -> Self {
        Self { prepare: Some(Box::new(prepare)), ..self }
    }

    /// Runs `work` on the connection, opening it when needed. After a failure the connection is dropped.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] while the database is away, else what `work` gives.
    pub fn with<T>(&mut self, work: impl FnOnce(&mut PgConnection) -> Result<T, DbError>) -> Result<T, DbError> {
        let call = Arc::clone(&self.call);
        call.during(|| self.with_unwatched(work))
    }

    fn with_unwatched<T>(&mut self, work: impl FnOnce(&mut PgConnection) -> Result<T, DbError>) -> Result<T, DbError> {
        if self.conn.is_none() {
            self.open()?;
        }
        let Some(conn) = self.conn.as_mut() else { return Err(DbError::Unavailable("no connection".into())) };
        let result = work(conn);
        if matches!(&result, Err(error) if breaks(error)) {
            self.conn = None; // the next call opens a new one
        }
        result
    }

    /// Gives how long to wait before the next attempt; zero while all is well. Grows to 5 s, with jitter, so that many
    /// nodes do not come back as a herd.
    pub fn pause(&self) -> Duration {
        self.retry_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }

    fn open(&mut self) -> Result<(), DbError> {
        if !self.pause().is_zero() {
            return Err(DbError::Unavailable("waiting before the next attempt to connect".into()));
        }
        match self.connect() {
            Ok(conn) => {
                (self.conn, self.failures, self.retry_at) = (Some(conn), 0, None);
                Ok(())
            }
            Err(error) => {
                self.failures = (self.failures + 1).min(16);
                let base = Duration::from_millis(50 << self.failures.min(7)).min(self.pause_max);
                self.retry_at = Some(Instant::now() + base.mul_f64(0.5 + crate::base::random::unit() / 2.0));
                Err(error)
            }
        }
    }

    fn connect(&self) -> Result<PgConnection, DbError> {
        let away = |error: diesel::ConnectionError| DbError::Unavailable(error.to_string());
        let mut conn = PgConnection::establish(&self.url).map_err(away)?;
        conn.batch_execute(&self.setup)?;
        if let Some(prepare) = &self.prepare {
            prepare(&mut conn)?;
        }
        Ok(conn)
    }
}

/// Whether a connection may not be used after this error. Anything unknown counts: a fresh one costs little.
fn breaks(error: &DbError) -> bool {
    !matches!(error, DbError::Constraint { .. } | DbError::Refused { .. } | DbError::Conflict(_) | DbError::TimedOut)
}
