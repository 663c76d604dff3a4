//! Services are synchronous; pages are not. This is the bridge: work runs on actix's blocking threads.

use std::time::{Duration, Instant};

use actix_web::web;

use crate::base::db::{Connection, Db, DbError, PgConnection};

/// A pool whose work runs on blocking threads. Cheap to clone.
#[derive(Clone)]
pub struct Database(Db);

/// Broken connections are exchanged for others so long at most: each may take the pool's whole wait.
const EXCHANGE_MAX: Duration = Duration::from_secs(2);

impl Database {
    /// Wraps the pool of pages. Its `wait` bounds how long a request waits for a connection.
    pub fn new(db: Db) -> Self {
        Self(db)
    }

    /// Gives the pool itself, for code that is already on a blocking thread.
    pub fn pool(&self) -> &Db {
        &self.0
    }

    /// Runs `work` once, on a connection that answered a moment ago: after Postgres was restarted every pooled one is dead,
    /// and finding that out in the middle of a change would leave its outcome unknown.
    ///
    /// # Errors
    /// What `work` gives; [`DbError::Unavailable`] when no connection could be had or the server is shutting down.
    pub async fn run<T, E>(&self, work: impl FnOnce(&mut PgConnection) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let db = self.0.clone();
        let done = web::block(move || work(&mut *live_connection(&db)?)).await;
        done.unwrap_or_else(|_| Err(E::from(DbError::Unavailable("the server is shutting down".into()))))
    }
}

impl Database {
    /// Runs `work`, which may be repeated: on any connection, and again on another one when that turns out to be dead. Spares
    /// what reads on every request the question whether its connection answers.
    ///
    /// # Errors
    /// As [`Database::run`].
    pub async fn look<T>(
        &self,
        work: impl Fn(&mut PgConnection) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, DbError>
    where
        T: Send + 'static,
    {
        let db = self.0.clone();
        let done = web::block(move || {
            let begun = Instant::now();
            loop {
                match work(&mut *db.get()?) {
                    Err(DbError::Lost(_)) if begun.elapsed() < EXCHANGE_MAX => {} // dropped broken, so the pool makes another one
                    done => return done,
                }
            }
        });
        done.await.unwrap_or_else(|_| Err(DbError::Unavailable("the server is shutting down".into())))
    }
}

/// Takes a connection that answers.
fn live_connection(db: &Db) -> Result<Connection, DbError> {
    let begun = Instant::now();
    loop {
        let mut conn = db.get()?;
        match crate::base::db::statement("SELECT 1").run(&mut conn) {
            Ok(_) => return Ok(conn),
            Err(error) if begun.elapsed() >= EXCHANGE_MAX => return Err(error),
            Err(_) => {} // dropped broken, so the pool makes another one
        }
    }
}
