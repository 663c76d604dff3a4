//! The database's side of `sql` jobs (G4): the job's statements and its completion in one transaction.
//!
//! ```text
//! BEGIN ─▶ begin_sql (about this job only) ─▶ execute_sql (the job's own login role, inside a function: no COMMIT)
//!       ─▶ finish_sql (fence compared) ─▶ COMMIT
//! ```
//! A worker blocks in the statement, so a watcher beside it cancels the backend when the work has to stop.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::{CacheSize, SimpleConnection};
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};
use diesel::{Connection, PgConnection, QueryableByName};

use super::work::{Failure, JobContext, Outcome, Report, Stop};
use crate::base::db::{DbError, Tx, statement, transaction, url};
use crate::base::random;

/// Most idle connections that are kept.
const IDLE_MAX: usize = 8;
/// How often the watcher looks at the timeout.
const LOOK: Duration = Duration::from_secs(1);

/// Connections of the role that `sql` jobs log in as.
pub struct SqlConnections {
    url: String,
    idle: Mutex<Vec<PgConnection>>,
}

impl SqlConnections {
    /// Makes connections over `url`, which must log in as the jobs' own role.
    pub fn new(database_url: &str) -> Self {
        Self { url: url::with_limits(database_url), idle: Mutex::default() }
    }

    fn take(&self) -> Result<PgConnection, DbError> {
        if let Some(conn) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(conn);
        }
        let mut conn = PgConnection::establish(&self.url).map_err(|error| refused(error.to_string()))?;
        // a job's own DEALLOCATE, and ours after it, would leave a cache that names statements that are gone
        conn.set_prepared_statement_cache_size(CacheSize::Disabled);
        Ok(conn)
    }

    /// Keeps a connection for the next job, without anything that this one left in the session.
    fn give_back(&self, mut conn: PgConnection) {
        if conn.batch_execute("DISCARD ALL").is_ok() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE_MAX {
                idle.push(conn);
            }
        }
    }

    /// Runs the statements of one attempt and its completion in one transaction.
    ///
    /// `statements` refer to the values as `($1::text[])[n]`.
    pub fn run(&self, job: &JobContext, statements: &str, values: &[Option<String>]) -> Report {
        let mut conn = match self.take() {
            Ok(conn) => conn,
            // nothing of the job has run: the server's want must not use its attempts up
            Err(DbError::Unable(_)) => return Report::plain(Ok(Outcome::Snooze(want_pause()))),
            Err(error) => return Report::plain(Err(Failure::new(error.to_string()))),
        };
        match self.attempt(&mut conn, job, statements, values) {
            Ok(()) => {
                self.give_back(conn);
                Report { settled: true, ..Report::plain(Ok(Outcome::Done)) }
            }
            Err(error) => Report::plain(failure(job, error)),
        }
    }

    /// Adds the row (job, attempt, fence) to `table` and commits it at once, whatever becomes of the attempt: so that a
    /// test can count how often an effect outside the job's own transaction happened.
    ///
    /// # Errors
    /// There is no such table, or the role may not write to it.
    pub fn leave_effect(&self, job: &JobContext, table: &str) -> Result<(), DbError> {
        const NAME: &str = "-- queue::sql_jobs::effect_table\nSELECT $1::regclass::text";
        let mut conn = self.take()?;
        let names = statement(NAME).bind::<Text, _>(table).tuples::<Text, String>(&mut conn)?;
        for name in names {
            let (id, attempt, fence) = (job.job(), job.attempt(), job.fence().0);
            // the server itself has spelled the name
            let insert = format!("INSERT INTO {name} (job, attempt, fence) VALUES ({}, {attempt}, {fence})", id.0);
            conn.batch_execute(&insert)?;
        }
        self.give_back(conn);
        Ok(())
    }

    fn attempt(
        &self,
        conn: &mut PgConnection,
        job: &JobContext,
        statements: &str,
        values: &[Option<String>],
    ) -> Result<(), DbError> {
        let name = format!("SET application_name = 'millrace job {}'", job.job());
        conn.batch_execute(&name)?;
        let backend = backend_id(conn)?;
        let done = super::work::StopSignal::default();
        std::thread::scope(|scope| {
            scope.spawn(|| self.watch(job, &done, backend));
            let result = transaction(conn, "sql-job", |tx| work(tx, job, statements, values));
            done.raise(Stop::Draining); // only ends the watcher
            result
        })
    }

    /// Cancels the backend once the work has to stop.
    fn watch(&self, job: &JobContext, done: &super::work::StopSignal, backend: i32) {
        let readable = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut polls = [readable(job.stop_descriptor()), readable(done.descriptor())];
        while done.reason().is_none() {
            let wait = job.time_left().unwrap_or(LOOK).min(LOOK).as_millis() as libc::c_int + 1;
            // SAFETY: two valid pollfd structures whose descriptors live as long as this scope.
            unsafe { libc::poll(polls.as_mut_ptr(), 2, wait) };
            if done.reason().is_none() && job.check().is_err() {
                if let Err(error) = self.cancel(backend) {
                    tracing::warn!(job = %job.job(), %error, "an sql job could not be cancelled");
                }
                done.sleep(Duration::from_millis(500)).unwrap_or_default(); // then once more, if it goes on
            }
        }
    }

    fn cancel(&self, backend: i32) -> Result<(), DbError> {
        let mut conn = self.take()?;
        statement("-- queue::sql_jobs::cancel\nSELECT pg_cancel_backend($1)")
            .bind::<Integer, _>(backend)
            .run(&mut conn)?;
        self.give_back(conn);
        Ok(())
    }
}

/// Tells a server that has no connection left, or is starting or stopping, from one that will never let us in.
fn refused(message: String) -> DbError {
    const PASSING: [&str; 7] = [
        "too many clients",
        "connection slots are reserved",
        "too many connections for",
        "the database system is ",
        "server closed the connection",
        "Connection refused",
        "timeout expired",
    ];
    if PASSING.iter().any(|part| message.contains(part)) {
        DbError::Unable(message)
    } else {
        DbError::Unavailable(message)
    }
}

/// How long a job waits for a server that is in want: one to two seconds, so that not all come back at once.
pub fn want_pause() -> Duration {
    Duration::from_secs(1).mul_f64(1.0 + random::unit())
}

fn backend_id(conn: &mut PgConnection) -> Result<i32, DbError> {
    #[derive(QueryableByName)]
    struct Backend {
        #[diesel(sql_type = Integer)]
        id: i32,
    }
    let row: Option<Backend> = statement("-- queue::sql_jobs::backend\nSELECT pg_backend_pid() AS id").row(conn)?;
    Ok(row.map_or(0, |row| row.id))
}

fn work(tx: &mut Tx<'_>, job: &JobContext, statements: &str, values: &[Option<String>]) -> Result<(), DbError> {
    const EXECUTE: &str = "-- queue::sql_jobs::execute
SELECT millrace.execute_sql($1, $2) AS affected FROM millrace.begin_sql($3, $4)"; // FROM comes first
    const FINISH: &str = "-- queue::sql_jobs::finish
SELECT millrace.finish_sql($1, $2, $3, $4, $5), millrace.end_turn($1)";
    #[derive(QueryableByName)]
    struct Affected {
        #[diesel(sql_type = BigInt)]
        affected: i64,
    }
    let facts = job.facts();
    let row: Option<Affected> = statement(EXECUTE)
        .bind::<Text, _>(statements)
        .bind::<Array<Nullable<Text>>, _>(values)
        .bind::<BigInt, _>(facts.job)
        .bind::<BigInt, _>(facts.fence)
        .row(tx)?;
    statement(FINISH)
        .bind::<BigInt, _>(facts.job)
        .bind::<BigInt, _>(facts.fence)
        .bind::<Timestamptz, _>(facts.started_at)
        .bind::<Timestamptz, _>(facts.waiting_since)
        .bind::<BigInt, _>(row.map_or(0, |row| row.affected))
        .run(tx)?;
    Ok(())
}

/// What a rolled back attempt answers.
fn failure(job: &JobContext, error: DbError) -> super::work::Ended {
    job.check()?; // cancelled, timed out, draining: that is why the statement failed
    if matches!(&error, DbError::Refused { code: Some(code), .. } if code == "lease-lost") {
        return Err(Stop::LeaseLost.into());
    }
    // After a lost connection at COMMIT the outcome is not known. The failure that is settled now finds its lease gone when
    // the transaction was committed, and is then dropped: the job stays succeeded.
    Err(Failure::new(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_in_want_is_told_from_one_that_does_not_let_us_in() {
        let of = |told: &str| refused(format!("connection to server on socket \"/x\" failed: {told}"));

        for want in ["FATAL:  sorry, too many clients already", "FATAL:  the database system is starting up"] {
            assert!(matches!(of(want), DbError::Unable(_)), "{want}");
        }
        for never in ["FATAL:  password authentication failed for user \"x\"", "FATAL:  role \"x\" does not exist"] {
            assert!(matches!(of(never), DbError::Unavailable(_)), "{never}");
        }
    }
}
